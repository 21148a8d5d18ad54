//! The reaper: warnings, deletion by age, purge ([MS-STANXPOP3] E0004, E0005), a step of each at a time.

use super::{PAUSE, Reaper, warning};
use crate::clock::Moment;
use crate::store::{Result, StoreError};
use std::time::Duration;

/// Messages deleted in one step at most. The store does less where the disk is slow.
const MESSAGES: usize = 64;
/// Pieces freed in one step at most.
const CHUNKS: usize = 64;
/// Warnings between two steps.
const WARNINGS: usize = 16;

impl Reaper {
    /// When the next step is due: soon, while there is something to do.
    pub(super) fn reap_due(&self) -> Duration {
        let pause = if self.reaping { PAUSE } else { self.snapshot.settings.reaper_interval };
        self.reaped_at.map_or(Duration::ZERO, |at| at + pause)
    }

    /// One step of each kind; what fails does not keep the others from being done.
    pub(super) fn reap(&mut self, now: Moment) {
        let dates = self.calendar.dates(now);
        if let Some(jump) = dates.jump {
            log::warn!(
                "reaper: the clock has jumped by {jump} seconds; it is trusted after a day, so that no mail is deleted early"
            );
        }
        let date = dates.earliest;
        let warned = self.warn(date);
        let reaped = self.store.reap(date, MESSAGES);
        let freed = self.store.purge(date, CHUNKS);
        let more = |outcome: &Result<usize>| matches!(outcome, Ok(done) if *done > 0);
        self.reaping = more(&warned) || more(&reaped) || more(&freed);
        self.reaped_at = Some(now.steady);
        self.log_failure("warn about full mailboxes", now.steady, warned);
        self.log_failure("delete by age", now.steady, reaped);
        self.log_failure("free deleted messages", now.steady, freed);
    }

    /// Says how many were warned. A mailbox that takes no message, its numbers may be used up, keeps nobody else
    /// from it; nothing more is tried where the database is held.
    fn warn(&self, date: i64) -> Result<usize> {
        let domain = self.snapshot.settings.domains.first().map_or("localhost", String::as_str);
        let (mut warned, mut failed) = (0, None);
        for overfull in self.store.overfull(date, WARNINGS)? {
            let message = warning::message(&overfull, domain, date);
            match self.store.warn(overfull.mailbox, &message, date) {
                Ok(true) => {
                    log::info!(
                        "reaper: mailbox {:?}: quota warning sent: {} octets in use",
                        overfull.name,
                        overfull.bytes
                    );
                    warned += 1;
                }
                Ok(false) => {}
                Err(StoreError::Refused(text)) => {
                    let named = format!("mailbox {:?}: {text}", overfull.name);
                    failed.get_or_insert(StoreError::Refused(named));
                }
                Err(error) => return Err(error),
            }
        }
        failed.map_or(Ok(warned), Err)
    }
}
