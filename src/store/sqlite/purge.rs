//! Freeing the octets of messages that nobody can want any more, in small steps.
//!
//! A deleted message waits in `deleted` for `RetainDeletedItemsDays`, then, like the messages of a
//! mailbox that is gone and uploads that never ended, in `purge`. Each row there is one reference to a body;
//! the last one takes the pieces along.

use crate::store::Result;
use rusqlite::{Connection, OptionalExtension, params};

/// Seconds that octets stay after a deletion at least: a RETR that has begun reads on.
const IN_USE: i64 = 3600;

/// Free pages that the file keeps for what comes next.
const SPARE_PAGES: i64 = 512;

/// Pages given back to the file system in one step.
const PAGES_AT_ONCE: i64 = 256;

/// At most `limit` pieces; says how many things were done, so that 0 is the end.
pub fn step(connection: &Connection, now: i64, limit: i64) -> Result<usize> {
    expire_deleted(connection, now, limit)?;
    let mut done = 0;
    while done < limit {
        let Some((id, body)) = next(connection, now)? else { break };
        done += drop_reference(connection, id, body, limit - done)?;
    }
    match done {
        0 => give_back(connection),
        done => Ok(done as usize),
    }
}

/// Moves what can no longer be recovered to `purge`.
fn expire_deleted(connection: &Connection, now: i64, limit: i64) -> Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT mailbox_id, uid, body_id FROM deleted
          WHERE deleted_at <= ?1 - max(?2, 86400 * (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainDeletedItemsDays'))
          ORDER BY deleted_at LIMIT ?3",
    )?;
    let expired = select.query_map([now, IN_USE, limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let expired = expired.collect::<rusqlite::Result<Vec<(i64, i64, i64)>>>()?;
    let mut delete = connection.prepare_cached("DELETE FROM deleted WHERE mailbox_id = ?1 AND uid = ?2")?;
    let mut insert = connection.prepare_cached("INSERT INTO purge (body_id, not_before) VALUES (?1, 0)")?;
    for (mailbox, uid, body) in expired {
        delete.execute([mailbox, uid])?;
        insert.execute([body])?;
    }
    Ok(())
}

fn next(connection: &Connection, now: i64) -> Result<Option<(i64, i64)>> {
    let mut select = connection
        .prepare_cached("SELECT id, body_id FROM purge WHERE not_before <= ?1 ORDER BY not_before, id LIMIT 1")?;
    Ok(select.query_row([now], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// Drops one reference, or as many pieces of its body as there is room for.
fn drop_reference(connection: &Connection, id: i64, body: i64, limit: i64) -> Result<i64> {
    if let Some(copies) = copies(connection, body)?
        && copies > 1
    {
        connection.prepare_cached("UPDATE shared SET copies = copies - 1 WHERE body_id = ?1")?.execute([body])?;
        connection.prepare_cached("DELETE FROM purge WHERE id = ?1")?.execute([id])?;
        return Ok(1);
    }
    let mut pieces = connection.prepare_cached(
        "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE id BETWEEN ?1 * 4096 AND ?1 * 4096 + 4095 LIMIT ?2)",
    )?;
    let freed = pieces.execute([body, limit])? as i64;
    if freed < limit {
        connection.prepare_cached("DELETE FROM shared WHERE body_id = ?1")?.execute([body])?;
        connection.prepare_cached("DELETE FROM purge WHERE id = ?1")?.execute([id])?;
    }
    Ok(freed.max(1))
}

fn copies(connection: &Connection, body: i64) -> Result<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT copies FROM shared WHERE body_id = ?1")?;
    Ok(select.query_row(params![body], |row| row.get(0)).optional()?)
}

/// Shortens the file, once there is nothing left to free.
fn give_back(connection: &Connection) -> Result<usize> {
    let free: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    if free <= SPARE_PAGES {
        return Ok(0);
    }
    let pages = (free - SPARE_PAGES).min(PAGES_AT_ONCE);
    connection.execute_batch(&format!("PRAGMA incremental_vacuum({pages})"))?;
    Ok(1)
}
