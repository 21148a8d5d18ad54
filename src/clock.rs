//! What time it is, and which date counts while the clock of the machine cannot be trusted.
//!
//! Everything that gets old here goes by dates, and a clock that is set a day forward or back by mistake
//! must neither delete early now nor when it is put right. Three rules see to that:
//!
//! * A jump is believed only after it has lasted for a day ([`Calendar`]). Until then two dates are possible:
//!   what is deleted goes by the earlier one, what is stored gets the later one.
//! * The date of what is stored does not go back ([`latest`]). The database keeps it (`counters.latest_at`), for
//!   those who have not seen the jump: other processes, the shell, a server that has been restarted.
//! * More than [`FAR`] ahead is no date to wait for: a clock was wildly wrong once, and is put right now.
//!
//! What must not be known here: what dates are for. Tests bring a [`Clock`] of their own.

mod calendar;

pub use calendar::{Calendar, Dates};

use crate::lock::IgnorePoison;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How far ahead a date may lie to be waited for, seconds. The triggers of the schema know it too.
pub const FAR: i64 = 2 * 86_400;

/// A moment, on both clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// Time since some fixed moment; never jumps. All intervals are measured with it.
    pub steady: Duration,
    /// Seconds since 1970 UTC; may jump.
    pub unix: i64,
}

/// Says what time it is.
pub trait Clock: Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Moment;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { steady: self.0.elapsed(), unix: since_1970.as_secs() as i64 }
    }
}

/// What something that is stored now is stamped with, in seconds since 1970 UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// What the clock says, for people.
    pub now: i64,
    /// Where the age counts from, once [`latest`] has seen it.
    pub date: i64,
}

/// Stamps what is stored.
#[derive(Debug)]
pub struct Stamps {
    clock: Arc<dyn Clock>,
    calendar: Mutex<Calendar>,
}

impl Stamps {
    /// By this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, calendar: Mutex::default() }
    }

    /// The clock that never jumps.
    pub fn steady(&self) -> Duration {
        self.clock.now().steady
    }

    /// For what is stored now.
    pub fn stamp(&self) -> Stamp {
        let now = self.clock.now();
        let mut calendar = self.calendar.lock().ignore_poison();
        Stamp { now: now.unix, date: calendar.dates(now).latest }
    }
}

/// The date of what is stored at `date`, where `before` was the latest one until now.
pub fn latest(date: i64, before: i64) -> i64 {
    if (date..=date + FAR).contains(&before) { before } else { date }
}

/// Whether a date is noted by `before`. It is noted once a minute: a delivery shall not write a page for it.
pub fn is_noted(date: i64, before: i64) -> bool {
    (before..before + 60).contains(&date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_date_holds_unless_it_is_far_ahead() {
        let dates = [0, 999, 1000, 1001, 1000 + FAR, 1001 + FAR].map(|before| latest(1000, before));
        assert_eq!(dates, [1000, 1000, 1000, 1001, 1000 + FAR, 1000]);
    }
}
