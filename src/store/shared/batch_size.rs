//! How much maintenance does in one step, so that nobody who delivers waits long for it.

use std::time::{Duration, Instant};

/// A step shall not hold the writer longer: who delivers waits for one step and a commit of their own.
const LONG: Duration = Duration::from_millis(10);
/// After a step shorter than this the next one does more.
const SHORT: Duration = Duration::from_millis(4);
/// Where it begins: what a slow disk takes in [`LONG`].
const START: usize = 32;
/// What any step does, so that maintenance ends on any disk.
const LEAST: usize = 4;
/// A disk that has been quick may be slow next time.
const MOST: usize = 128;

/// Follows the disk: halves what a step does after a long one, and does a little more after a short one.
pub struct BatchSize(usize);

impl Default for BatchSize {
    fn default() -> Self {
        Self(START)
    }
}

impl BatchSize {
    /// What the next step does, `most` at most.
    pub fn limit(&self, most: usize) -> usize {
        self.0.min(most)
    }

    /// A step that began then has been committed now. (The commit is most of a step.)
    pub fn took(&mut self, began: Instant) {
        self.adapt(began.elapsed());
    }

    fn adapt(&mut self, held: Duration) {
        if held > LONG {
            self.0 = (self.0 / 2).max(LEAST);
        } else if held < SHORT {
            self.0 = (self.0 + self.0 / 4).min(MOST);
        }
    }
}

/// What is left of a step.
pub struct Budget {
    /// Rows, messages, chunks.
    pub things: i64,
    /// Octets.
    pub octets: i64,
}

impl Budget {
    /// Nothing more shall be done.
    pub fn is_spent(&self) -> bool {
        self.things <= 0 || self.octets <= 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_steps_halve_short_ones_grow_and_both_have_an_end() {
        let mut batch_size = BatchSize::default();
        batch_size.adapt(Duration::from_millis(11));
        assert_eq!(batch_size.limit(1000), 16);
        batch_size.adapt(Duration::from_millis(10));
        batch_size.adapt(Duration::from_millis(4));
        assert_eq!(batch_size.limit(1000), 16);
        batch_size.adapt(Duration::from_millis(3));
        assert_eq!((batch_size.limit(1000), batch_size.limit(10)), (20, 10));
        (0..50).for_each(|_| batch_size.adapt(Duration::ZERO));
        assert_eq!(batch_size.limit(usize::MAX), MOST);
        (0..50).for_each(|_| batch_size.adapt(Duration::from_secs(1)));
        assert_eq!(batch_size.limit(usize::MAX), LEAST);
    }
}
