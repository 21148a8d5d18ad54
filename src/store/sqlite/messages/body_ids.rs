//! The ids of bodies: reserved in blocks, given out from memory, never given again.
//!
//! A block is reserved in the transaction of the message that finds none, and is used by others only after
//! that was committed. A process that ends wastes what is left of its block: there are 2^51.

use crate::lock::lock;
use crate::store::Result;
use rusqlite::Connection;
use std::ops::Range;
use std::sync::Mutex;

/// Ids in a block.
const BLOCK: i64 = 64;

/// Ids that were reserved durably.
#[derive(Default)]
pub struct Bodies(Mutex<Range<i64>>);

impl Bodies {
    /// One of them.
    pub fn take(&self) -> Option<i64> {
        lock(&self.0).next()
    }

    /// Adds the rest of a block, once its reservation was committed.
    pub fn put(&self, rest: Range<i64>) {
        if !rest.is_empty() {
            *lock(&self.0) = rest;
        }
    }
}

/// An id for a body: the one at hand, else the first of a new block. With it comes the rest of that block.
pub fn body_id(connection: &Connection, at_hand: Option<i64>) -> Result<(i64, Range<i64>)> {
    if let Some(body) = at_hand {
        return Ok((body, 0..0));
    }
    let block = reserve(connection, BLOCK)?;
    Ok((block.start, block.start + 1..block.end))
}

/// So many ids, for this transaction.
pub fn reserve(connection: &Connection, ids: i64) -> Result<Range<i64>> {
    let mut select = connection.prepare_cached("SELECT next_body_id FROM counters")?;
    let first = select.query_row([], |row| row.get(0))?;
    connection.prepare_cached("UPDATE counters SET next_body_id = next_body_id + ?1")?.execute([ids])?;
    Ok(first..first + ids)
}
