//! How long uploads wait for their next chunk.
//!
//! No clock is asked how old one is: those of two processes may be days apart, and one may jump. A server adds up how long
//! it has looked on without a new chunk, on a clock that only goes forward.

use std::time::Duration;

/// Seconds without a chunk after which an upload is given up: longer than any client may take.
pub const ABANDONED: i64 = 86_400;

/// Seconds between two looks at least.
const ROUND: u64 = 60;

/// When this process looked last, on a clock that only goes forward.
#[derive(Default)]
pub struct UploadWatch(Option<Duration>);

impl UploadWatch {
    /// How many seconds are to be added now, if it is time for that.
    pub fn round(&mut self, now: Duration) -> Option<i64> {
        let since = self.0.map(|last| now.saturating_sub(last).as_secs());
        if since.is_some_and(|since| since < ROUND) {
            return None;
        }
        self.0 = Some(now);
        Some(since.unwrap_or(0) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_looks_once_a_minute() {
        let mut watch = UploadWatch::default();
        let rounds = [0, 1, 59, 60, 100, 121, 10].map(|at| watch.round(Duration::from_secs(at)));
        assert_eq!(rounds, [Some(0), None, None, Some(60), None, Some(61), None]);
    }
}
