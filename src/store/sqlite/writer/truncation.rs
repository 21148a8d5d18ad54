//! When the write-ahead log is cut to nothing: what was deleted or replaced may still be in it, so that is done after a password was
//! replaced or mail was purged.

use crate::lock::lock;
use crate::store::StoreError;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);
/// How many times what an attempt took the next one waits: on a slow disk it takes seconds, and holds up who delivers.
const REST: u32 = 4;
/// After so long we say that somebody is in the way.
const BLOCKED: Duration = Duration::from_secs(60);

/// When the log is to be truncated.
#[derive(Default)]
pub struct Truncation(Mutex<TruncationState>);

#[derive(Default)]
struct TruncationState {
    /// The next attempt; `None`: there is nothing to remove.
    due: Option<Instant>,
    /// None before this: the disk is also there for others.
    rest_until: Option<Instant>,
    /// The first attempt that did not succeed since one did.
    blocked_since: Option<Instant>,
    /// That somebody is in the way, or an error, has been said since then.
    complained: bool,
}

impl Truncation {
    /// At this moment, or before if that was asked for already.
    pub fn schedule(&self, at: Instant) {
        let mut state = lock(&self.0);
        let at = state.rest_until.map_or(at, |until| until.max(at));
        state.due = Some(state.due.map_or(at, |due| due.min(at)));
    }

    /// The next attempt.
    pub fn due(&self) -> Option<Instant> {
        lock(&self.0).due
    }

    /// What is deleted from now on is not in this attempt.
    pub fn begin(&self) {
        lock(&self.0).due = None;
    }

    /// An attempt succeeded at this moment, and took so long.
    pub fn done(&self, now: Instant, took: Duration) {
        let mut state = lock(&self.0);
        state.rest_until = Some(now + took * REST);
        (state.blocked_since, state.complained) = (None, false);
    }

    /// Tried again soon, and complained of once.
    pub fn failed(&self, error: Option<&StoreError>, now: Instant) {
        let mut state = lock(&self.0);
        state.due = Some(now + PAUSE);
        let since = *state.blocked_since.get_or_insert(now);
        if state.complained {
            return;
        }
        state.complained = true;
        match error {
            Some(error) => log::warn!("store: the WAL was not truncated, will be retried: {error}"),
            None if now - since >= BLOCKED => {
                log::info!(
                    "store: another program keeps reading the database: replaced or purged data may stay in the WAL"
                )
            }
            None => state.complained = false,
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
        truncation.begin();
        truncation.done(now, Duration::from_secs(2));
        truncation.schedule(now);
        assert_eq!(truncation.due(), Some(now + Duration::from_secs(8)));
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
        truncation.done(now, Duration::ZERO);
        assert!(!complained(BLOCKED * 2));
    }
}
