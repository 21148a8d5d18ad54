//! The ids of bodies: the upper bits are of a node's start, the lower ones are counted in memory. None is given again,
//! whatever a failover makes of a sequence.

use super::engine::{epoch, lock};
use super::libpq::Connection;
use crate::store::Result;
use std::ops::Range;
use std::sync::Mutex;

/// Bits that are counted.
const BITS: u32 = 24;

/// What is left of the last epoch.
pub struct BodyIds(Mutex<Range<i64>>);

impl BodyIds {
    /// All of an epoch.
    pub fn new(epoch: i64) -> Self {
        Self(Mutex::new(all(epoch)))
    }

    /// So many; a new epoch is asked for where they do not suffice.
    ///
    /// # Errors
    /// What the server says.
    pub fn take(
        &self,
        number: i64,
        connect: impl FnOnce(&mut dyn FnMut(&mut Connection) -> Result<i64>) -> Result<i64>,
    ) -> Result<Range<i64>> {
        let mut left = lock(&self.0);
        if left.end - left.start < number {
            *left = all(connect(&mut epoch)?);
        }
        let first = left.start;
        left.start += number;
        Ok(first..first + number)
    }
}

fn all(epoch: i64) -> Range<i64> {
    epoch << BITS..(epoch + 1) << BITS
}
