//! What goes wrong over and over is logged once a minute.

use std::ops::Add;
use std::time::Duration;

/// How often the same complaint is logged.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

/// Complaints of the last minute; `Moment` is of whatever clock their owner has.
#[derive(Debug)]
pub struct Complaints<What, Moment>(Vec<(What, Moment)>);

impl<What, Moment> Default for Complaints<What, Moment> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<What: PartialEq, Moment: Copy + PartialOrd + Add<Duration, Output = Moment>> Complaints<What, Moment> {
    /// Whether it is time to log this.
    pub fn is_due(&mut self, what: What, now: Moment) -> bool {
        self.0.retain(|(_, since)| now < *since + REPEAT_AFTER);
        let due = self.0.iter().all(|(other, _)| *other != what);
        if due {
            self.0.push((what, now));
        }
        due
    }

    /// These are over: the next one is logged at once.
    pub fn forget(&mut self, over: impl Fn(&What) -> bool) {
        self.0.retain(|(what, _)| !over(what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_once_a_minute_and_another_at_once() {
        let (mut complaints, now) = (Complaints::default(), Duration::from_secs(7));
        let mut due = |what, after| complaints.is_due(what, now + after);
        assert!(due("one", Duration::ZERO));
        assert!(!due("one", REPEAT_AFTER / 2));
        assert!(due("other", REPEAT_AFTER / 2));
        assert!(!due("one", REPEAT_AFTER - Duration::from_nanos(1)));
        assert!(due("one", REPEAT_AFTER));
        assert!(!due("other", REPEAT_AFTER));
    }

    #[test]
    fn what_was_over_is_new() {
        let (mut complaints, now) = (Complaints::default(), Duration::ZERO);
        assert!(complaints.is_due("one", now) && complaints.is_due("other", now));
        complaints.forget(|what| *what == "one");
        assert!(complaints.is_due("one", now) && !complaints.is_due("other", now));
    }
}
