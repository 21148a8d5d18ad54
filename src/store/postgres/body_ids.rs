//! The ids of bodies: the upper bits are of a node's start, the lower ones are counted in memory. None is given again,
//! whatever a failover makes of a sequence.

use crate::lock::lock;
use crate::store::Result;
use std::ops::Range;
use std::sync::Mutex;

/// Bits that are counted.
const BITS: u32 = 24;

/// What is left of the last epoch; nothing at first.
#[derive(Default)]
pub struct BodyIds(Mutex<Range<i64>>);

impl BodyIds {
    /// The first of so many; a new epoch is asked for where they do not suffice.
    ///
    /// # Errors
    /// What the server says.
    pub fn take(&self, number: i64, epoch: impl FnOnce() -> Result<i64>) -> Result<i64> {
        let mut left = lock(&self.0);
        if left.end - left.start < number {
            let epoch = epoch()?;
            *left = epoch << BITS..(epoch + 1) << BITS;
        }
        let first = left.start;
        left.start += number;
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_used_up_before_the_next_is_asked_for() {
        let ids = BodyIds::default();
        assert_eq!(ids.take(2, || Ok(1)), Ok(1 << 24));
        assert_eq!(ids.take((1 << 24) - 2, || panic!("there are enough")), Ok((1 << 24) + 2));
        assert_eq!(ids.take(1, || Ok(7)), Ok(7 << 24));
    }
}
