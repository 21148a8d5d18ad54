//! The rows of uploads that come chunk by chunk, and how they get old.
//!
//! How long one has waited is added up ([`crate::store::shared::upload_watch`]); each chunk sets that back. A process that
//! was stopped for too long finds its row gone, and says so.

use crate::store::shared::upload_watch::ABANDONED;
use crate::store::sqlite::messages::body_ids::body_id;
use crate::store::{Result, StoreError};
use rusqlite::Connection;
use std::ops::Range;

/// A body id of its own, with its row.
pub fn begin(connection: &Connection, at_hand: Option<i64>) -> Result<(i64, Range<i64>)> {
    let (body, rest) = body_id(connection, at_hand)?;
    connection.prepare_cached("INSERT INTO staging (body_id) VALUES (?1)")?.execute([body])?;
    Ok((body, rest))
}

/// Another chunk comes.
///
/// # Errors
/// [`StoreError::Abandoned`]: the row is gone, and chunks with it.
pub fn go_on(connection: &Connection, body: i64) -> Result<()> {
    require_one(connection.prepare_cached("UPDATE staging SET seen = 0, idle = 0 WHERE body_id = ?1")?.execute([body])?)
}

/// All has come.
///
/// # Errors
/// As [`go_on`].
pub fn end(connection: &Connection, body: i64) -> Result<()> {
    require_one(connection.prepare_cached("DELETE FROM staging WHERE body_id = ?1")?.execute([body])?)
}

fn require_one(rows: usize) -> Result<()> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Abandoned) }
}

/// No more will come: what there is can be purged at once.
pub fn abandon(connection: &Connection, body: i64) -> Result<()> {
    connection
        .execute("INSERT INTO purge (body_id, not_before) SELECT body_id, 0 FROM staging WHERE body_id = ?1", [body])?;
    connection.execute("DELETE FROM staging WHERE body_id = ?1", [body])?;
    Ok(())
}

/// A server has looked on for so many seconds since it did so last. What is idle for too long is given up.
pub fn age(connection: &Connection, seconds: i64) -> Result<()> {
    let aged = connection
        .prepare_cached("UPDATE staging SET idle = CASE seen WHEN 1 THEN idle + ?1 ELSE 0 END, seen = 1")?
        .execute([seconds])?;
    if aged > 0 {
        connection.execute(
            "INSERT INTO purge (body_id, not_before) SELECT body_id, 0 FROM staging WHERE idle >= ?1",
            [ABANDONED],
        )?;
        connection.execute("DELETE FROM staging WHERE idle >= ?1", [ABANDONED])?;
    }
    Ok(())
}
