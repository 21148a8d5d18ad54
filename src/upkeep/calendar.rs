//! Which date deletion goes by: that of the machine, unless it has just jumped ahead.
//!
//! A clock that is set a day forward by mistake would age all mail by a day at once. Such a jump is
//! believed only after it has lasted for a day; until then the date goes on from before, by the clock that never
//! jumps. A date that is set back is believed at once: it can only delete later.

use super::Moment;
use std::time::Duration;

/// Clocks are adjusted by less all the time, seconds.
const SLACK: i64 = 300;
/// How long a jump ahead is doubted.
const DOUBT: Duration = Duration::from_secs(86_400);

/// The last date that was believed.
#[derive(Default)]
pub struct Calendar {
    believed: Option<Moment>,
    doubted_since: Option<Duration>,
}

impl Calendar {
    /// The date to go by, seconds since 1970 UTC.
    pub fn date(&mut self, now: Moment) -> i64 {
        let expected = self.believed.map(|then| then.unix + now.steady.saturating_sub(then.steady).as_secs() as i64);
        match expected {
            Some(expected) if now.unix > expected + SLACK => {
                let since = *self.doubted_since.get_or_insert_with(|| {
                    log::warn!(
                        "the clock has jumped {} seconds ahead: no mail is deleted by it for a day",
                        now.unix - expected
                    );
                    now.steady
                });
                if now.steady.saturating_sub(since) < DOUBT {
                    return expected;
                }
            }
            _ => {}
        }
        (self.believed, self.doubted_since) = (Some(now), None);
        now.unix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(steady: i64, unix: i64) -> Moment {
        Moment { steady: Duration::from_secs(steady as u64), unix }
    }

    #[test]
    fn a_steady_clock_is_believed() {
        let mut calendar = Calendar::default();
        let dates = [(0, 1000), (60, 1060), (120, 1119), (180, 1181 + SLACK - 10)];
        assert_eq!(dates.map(|(steady, unix)| calendar.date(at(steady, unix)) == unix), [true; 4]);
    }

    #[test]
    fn a_jump_ahead_is_believed_only_after_a_day() {
        let mut calendar = Calendar::default();
        calendar.date(at(0, 1000));
        assert_eq!(calendar.date(at(60, 1060 + DAY)), 1060);
        assert_eq!(calendar.date(at(120, 1120 + DAY)), 1120);
        assert_eq!(calendar.date(at(180, 1180)), 1180, "it was put right");
        assert_eq!(calendar.date(at(240, 1240 + DAY)), 1240);
        assert_eq!(calendar.date(at(239 + DAY, 1239 + 2 * DAY)), 1239 + DAY);
        assert_eq!(calendar.date(at(240 + DAY, 1240 + 2 * DAY)), 1240 + 2 * DAY, "it has lasted");
        assert_eq!(calendar.date(at(300 + DAY, 1300 + 2 * DAY)), 1300 + 2 * DAY);
    }

    #[test]
    fn a_jump_back_is_believed_at_once() {
        let mut calendar = Calendar::default();
        calendar.date(at(0, 10 * DAY));
        assert_eq!(calendar.date(at(60, 9 * DAY + 60)), 9 * DAY + 60);
        assert_eq!(calendar.date(at(120, 9 * DAY + 120)), 9 * DAY + 120);
    }
}
