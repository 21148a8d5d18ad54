//! The write-ahead log as the writer keeps it: when it is cut to nothing.
//!
//! What was deleted or replaced may still be in the log, so it is truncated after a password was replaced or mail
//! was purged. An attempt waits for nobody: a checkpoint that waits holds up all who write, and some readers
//! (Litestream, a shell left open) stay.

use super::Shared;
use super::batch::STEP;
use crate::store::sqlite::lock;
use crate::store::{Result, StoreError};
use rusqlite::Connection;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);
/// After so long we say that somebody is in the way.
const BLOCKED: Duration = Duration::from_secs(60);
/// How long the end of the program waits for readers.
const END: Duration = Duration::from_secs(2);
/// Pause between attempts then.
const END_PAUSE: Duration = Duration::from_millis(100);

/// Moves the log into the database and cuts it to nothing; `false`: a reader was in the way.
pub fn truncate(connection: &Connection) -> Result<bool> {
    connection.busy_timeout(Duration::ZERO)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(STEP)?;
    match busy {
        Ok(busy) => Ok(busy == 0),
        Err(error) => match StoreError::from(error) {
            StoreError::Busy(_) => Ok(false),
            error => Err(error),
        },
    }
}

/// When the log is to be truncated.
#[derive(Default)]
pub struct Truncation(Mutex<State>);

#[derive(Default)]
struct State {
    /// The next attempt; `None`: there is nothing to remove.
    due: Option<Instant>,
    /// The first attempt that did not succeed since one did.
    blocked_since: Option<Instant>,
    /// That somebody is in the way, or an error, has been said since then.
    complained: bool,
}

impl Truncation {
    /// At this moment, or before if that was asked for already.
    pub fn schedule(&self, at: Instant) {
        let mut state = lock(&self.0);
        state.due = Some(state.due.map_or(at, |due| due.min(at)));
    }

    /// The next attempt.
    pub fn due(&self) -> Option<Instant> {
        lock(&self.0).due
    }

    /// What is deleted from now on is not in this attempt.
    fn begin(&self) {
        lock(&self.0).due = None;
    }

    fn done(&self) {
        let mut state = lock(&self.0);
        (state.blocked_since, state.complained) = (None, false);
    }

    /// Tried again soon, and complained of once.
    fn failed(&self, error: Option<&StoreError>, now: Instant) {
        let mut state = lock(&self.0);
        state.due = Some(now + PAUSE);
        let since = *state.blocked_since.get_or_insert(now);
        if state.complained {
            return;
        }
        state.complained = true;
        match error {
            Some(error) => log::warn!("store: the log was not truncated, which is tried again: {error}"),
            None if now - since >= BLOCKED => log::info!(
                "another program keeps reading the database: what was replaced or purged may stay in its log"
            ),
            None => state.complained = false,
        }
    }
}

impl Shared {
    /// However busy the writer is: an attempt waits for nobody.
    pub fn truncate_if_due(&self, connection: &Connection) {
        if self.truncation.due().is_some_and(|due| Instant::now() >= due) {
            self.try_truncate(connection);
        }
    }

    /// One attempt.
    pub fn try_truncate(&self, connection: &Connection) {
        self.truncation.begin();
        match truncate(connection) {
            Ok(true) => self.truncation.done(),
            Ok(false) => self.truncation.failed(None, Instant::now()),
            Err(error) => self.truncation.failed(Some(&error), Instant::now()),
        }
    }

    /// If there is something to remove from the log at the end, it is, too. Otherwise whoever leaves last takes the log away.
    pub fn truncate_at_end(&self, connection: &Connection) {
        let until = Instant::now() + END;
        while self.truncation.due().is_some() {
            self.try_truncate(connection);
            if self.truncation.due().is_none() || Instant::now() >= until {
                break;
            }
            std::thread::sleep(END_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_moment_counts_and_a_failure_is_tried_again() {
        let (truncation, now) = (Truncation::default(), Instant::now());
        assert_eq!(truncation.due(), None);
        truncation.schedule(now + Duration::from_secs(5));
        truncation.schedule(now + Duration::from_secs(9));
        assert_eq!(truncation.due(), Some(now + Duration::from_secs(5)));
        truncation.schedule(now);
        assert_eq!(truncation.due(), Some(now));
        truncation.begin();
        assert_eq!(truncation.due(), None);
        truncation.failed(None, now);
        assert_eq!(truncation.due(), Some(now + PAUSE));
    }

    #[test]
    fn somebody_in_the_way_is_said_after_a_minute_and_once() {
        let (truncation, now) = (Truncation::default(), Instant::now());
        let complained = |after| {
            truncation.failed(None, now + after);
            lock(&truncation.0).complained
        };
        assert!(!complained(Duration::ZERO));
        assert!(!complained(BLOCKED - PAUSE));
        assert!(complained(BLOCKED));
        truncation.done();
        assert!(!complained(BLOCKED * 2));
    }
}
