//! Which dates are possible after the clock of the machine has jumped.
//!
//! A clock that is set a day forward by mistake would age all mail by a day at once; one that is set back would
//! make new mail look a day older than it is, once that is mended. Neither jump is believed until it has lasted
//! for a day: until then the date that goes on from before, by the clock that never jumps, is possible too. A jump
//! back by more than [`FAR`] puts something right that was wildly wrong, and is believed at once.
//!
//! A limit: the first date after a start is believed at once, because mail that got old while the server was
//! down shall go, and a long time is all that could be seen of a wrong clock. What goes early then can be brought back.

use super::{FAR, Moment};
use std::time::Duration;

/// Clocks are adjusted by less all the time, seconds.
const SLACK: i64 = 300;
/// How long a jump is doubted.
const DOUBT: Duration = Duration::from_secs(86_400);

/// The last date that was believed.
#[derive(Default, Debug)]
pub struct Calendar {
    believed: Option<Moment>,
    doubted_since: Option<Duration>,
}

/// The dates that are possible, seconds since 1970 UTC: one and the same unless the clock has jumped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dates {
    /// For what is deleted.
    pub earliest: i64,
    /// For what is stored.
    pub latest: i64,
    /// A jump that is new, and doubted: its seconds.
    pub jump: Option<i64>,
}

impl Calendar {
    /// The dates that `now` may have.
    pub fn dates(&mut self, now: Moment) -> Dates {
        let jump = self.believed.map_or(0, |then| now.unix - date_after(then, now.steady));
        let known = self.doubted_since;
        let since = known.unwrap_or(now.steady);
        let lasted = now.steady.saturating_sub(since) >= DOUBT;
        if lasted || (-SLACK..=SLACK).contains(&jump) || jump < -FAR {
            (self.believed, self.doubted_since) = (Some(now), None);
            return Dates { earliest: now.unix, latest: now.unix, jump: None };
        }
        self.doubted_since = Some(since);
        let expected = now.unix - jump;
        Dates {
            earliest: now.unix.min(expected),
            latest: now.unix.max(expected),
            jump: known.is_none().then_some(jump),
        }
    }
}

/// The date that was `then`, gone on to `steady`.
fn date_after(then: Moment, steady: Duration) -> i64 {
    then.unix + steady.saturating_sub(then.steady).as_secs() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    /// What the calendar says of `unix` when the other clock has come to `steady`: earliest, latest.
    fn dates(calendar: &mut Calendar, steady: i64, unix: i64) -> (i64, i64) {
        let dates = calendar.dates(Moment { steady: Duration::from_secs(steady as u64), unix });
        (dates.earliest, dates.latest)
    }

    #[test]
    fn a_steady_clock_is_believed() {
        let mut calendar = Calendar::default();
        for (steady, unix) in [(0, 1000), (60, 1060), (120, 1119), (180, 1180 + SLACK - 2), (240, 1240)] {
            assert_eq!(dates(&mut calendar, steady, unix), (unix, unix));
        }
    }

    #[test]
    fn a_jump_ahead_is_believed_only_after_a_day() {
        let mut calendar = Calendar::default();
        dates(&mut calendar, 0, 1000);
        assert_eq!(dates(&mut calendar, 60, 1060 + DAY), (1060, 1060 + DAY));
        assert_eq!(dates(&mut calendar, 120, 1120 + DAY), (1120, 1120 + DAY));
        assert_eq!(dates(&mut calendar, 180, 1180), (1180, 1180), "it was put right");
        assert_eq!(dates(&mut calendar, 240, 1240 + 9 * DAY), (1240, 1240 + 9 * DAY));
        assert_eq!(dates(&mut calendar, 239 + DAY, 1239 + 10 * DAY), (1239 + DAY, 1239 + 10 * DAY));
        assert_eq!(dates(&mut calendar, 240 + DAY, 1240 + 10 * DAY), (1240 + 10 * DAY, 1240 + 10 * DAY), "it lasted");
        assert_eq!(dates(&mut calendar, 300 + DAY, 1300 + 10 * DAY), (1300 + 10 * DAY, 1300 + 10 * DAY));
    }

    #[test]
    fn a_jump_back_deletes_later_at_once_and_dates_earlier_after_a_day() {
        let mut calendar = Calendar::default();
        dates(&mut calendar, 0, 10 * DAY);
        assert_eq!(dates(&mut calendar, 60, 9 * DAY + 60), (9 * DAY + 60, 10 * DAY + 60));
        assert_eq!(dates(&mut calendar, 3600, 10 * DAY + 3600), (10 * DAY + 3600, 10 * DAY + 3600), "it was put right");
        assert_eq!(dates(&mut calendar, 7200, 9 * DAY), (9 * DAY, 10 * DAY + 7200));
        assert_eq!(dates(&mut calendar, 7200 + DAY, 10 * DAY), (10 * DAY, 10 * DAY), "it lasted");
    }

    #[test]
    fn a_far_jump_back_puts_something_right() {
        let mut calendar = Calendar::default();
        dates(&mut calendar, 0, 3650 * DAY);
        assert_eq!(dates(&mut calendar, 60, 10 * DAY), (10 * DAY, 10 * DAY));
    }

    #[test]
    fn a_jump_is_new_once() {
        let mut calendar = Calendar::default();
        let jumps = [(0, 1000), (60, 1060 + DAY), (120, 1120 + DAY), (180, 1180), (240, 1240 - DAY)]
            .map(|(steady, unix)| calendar.dates(Moment { steady: Duration::from_secs(steady), unix }).jump);
        assert_eq!(jumps, [None, Some(DAY), None, None, Some(-DAY)]);
    }
}
