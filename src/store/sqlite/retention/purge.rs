//! Freeing the octets of messages that nobody can want any more, in small steps.
//!
//! A deleted message waits in `deleted` for `RetainDeletedItemsDays`, one that went with its mailbox included, then, like
//! uploads that never ended, in `purge`. Each row there is one reference to a body;
//! the last one takes the chunks along, and the reference to the body that it goes on in.

use crate::store::Result;
use crate::store::shared::batch_size::Budget;
use rusqlite::{Connection, OptionalExtension, params};

/// Seconds that octets stay after a deletion at least: a RETR that has begun reads on.
const IN_USE: i64 = 3600;

/// Free pages that the file keeps for what comes next.
const SPARE_PAGES: i64 = 512;

/// Octets freed in one step at most, one chunk at least: secure_delete writes over each page.
const OCTETS_AT_ONCE: i64 = 1 << 20;

/// At most `limit` chunks; says how many things were done, so that 0 is the end.
pub fn step(connection: &Connection, now: i64, limit: i64) -> Result<usize> {
    let mut budget = Budget { things: limit, octets: OCTETS_AT_ONCE };
    drop_waiting(connection, now, &mut budget)?;
    drop_expired(connection, now, &mut budget)?;
    drop_mailboxes(connection, now, &mut budget)?;
    match limit - budget.things {
        0 => give_back(connection, limit),
        done => Ok(done as usize),
    }
}

/// References that wait in `purge`.
fn drop_waiting(connection: &Connection, now: i64, budget: &mut Budget) -> Result<()> {
    let mut select = connection
        .prepare_cached("SELECT id, body_id FROM purge WHERE not_before <= ?1 ORDER BY not_before, id LIMIT 1")?;
    let mut delete = connection.prepare_cached("DELETE FROM purge WHERE id = ?1")?;
    while !budget.is_spent() {
        let next = select.query_row([now], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
        let Some((id, body)) = next else { break };
        if drop_reference(connection, body, budget)? {
            delete.execute([id])?;
        }
    }
    Ok(())
}

/// What can no longer be recovered. A body that is too much for this step goes on in `purge`.
fn drop_expired(connection: &Connection, now: i64, budget: &mut Budget) -> Result<()> {
    if budget.is_spent() {
        return Ok(());
    }
    let mut select = connection.prepare_cached(
        "SELECT mailbox_id, uid, body_id FROM deleted
          WHERE deleted_at <= ?1 - max(?2, 86400 * (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainDeletedItemsDays'))
          ORDER BY deleted_at LIMIT ?3",
    )?;
    let expired = select.query_map([now, IN_USE, budget.things], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let expired = expired.collect::<rusqlite::Result<Vec<(i64, i64, i64)>>>()?;
    let mut delete = connection.prepare_cached("DELETE FROM deleted WHERE mailbox_id = ?1 AND uid = ?2")?;
    let mut insert = connection.prepare_cached("INSERT INTO purge (body_id, not_before) VALUES (?1, 0)")?;
    for (mailbox, uid, body) in expired {
        if budget.is_spent() {
            break;
        }
        delete.execute([mailbox, uid])?;
        if !drop_reference(connection, body, budget)? {
            insert.execute([body])?;
        }
    }
    Ok(())
}

/// Mailboxes that can no longer be brought back, once their messages have gone.
fn drop_mailboxes(connection: &Connection, now: i64, budget: &mut Budget) -> Result<()> {
    if budget.is_spent() {
        return Ok(());
    }
    let mut delete = connection.prepare_cached(
        "DELETE FROM deleted_mailbox WHERE id IN (
           SELECT id FROM deleted_mailbox
            WHERE deleted_at <= ?1 - max(?2, 86400 * (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainDeletedItemsDays'))
              AND NOT EXISTS (SELECT 1 FROM deleted WHERE mailbox_id = deleted_mailbox.id)
            ORDER BY deleted_at LIMIT ?3)",
    )?;
    budget.things -= delete.execute([now, IN_USE, budget.things])? as i64;
    Ok(())
}

/// Drops one reference, or as many chunks of its body as there is room for; `false`: chunks are left.
fn drop_reference(connection: &Connection, body: i64, budget: &mut Budget) -> Result<bool> {
    budget.things -= 1;
    if copies(connection, body)?.is_some_and(|copies| copies > 1) {
        connection.prepare_cached("UPDATE shared SET copies = copies - 1 WHERE body_id = ?1")?.execute([body])?;
        return Ok(true);
    }
    let mut chunk = connection
        .prepare_cached("SELECT id, length(data) FROM chunk WHERE id BETWEEN ?1 * 4096 AND ?1 * 4096 + 4095 LIMIT 1")?;
    let mut delete = connection.prepare_cached("DELETE FROM chunk WHERE id = ?1")?;
    let mut first = true;
    while let Some((id, octets)) =
        chunk.query_row([body], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()?
    {
        if !first && budget.is_spent() {
            return Ok(false);
        }
        delete.execute([id])?;
        budget.things -= i64::from(!first);
        budget.octets -= octets;
        first = false;
    }
    connection.prepare_cached("DELETE FROM shared WHERE body_id = ?1")?.execute([body])?;
    connection.prepare_cached("DELETE FROM summary WHERE body_id = ?1")?.execute([body])?;
    let mut tail = connection.prepare_cached(
        "INSERT INTO purge (body_id, not_before) SELECT tail_id, 0 FROM continuation WHERE body_id = ?1",
    )?;
    if tail.execute([body])? > 0 {
        connection.prepare_cached("DELETE FROM continuation WHERE body_id = ?1")?.execute([body])?;
    }
    Ok(true)
}

fn copies(connection: &Connection, body: i64) -> Result<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT copies FROM shared WHERE body_id = ?1")?;
    Ok(select.query_row(params![body], |row| row.get(0)).optional()?)
}

/// Shortens the file, once there is nothing left to free.
fn give_back(connection: &Connection, limit: i64) -> Result<usize> {
    let free: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    if free <= SPARE_PAGES {
        return Ok(0);
    }
    let pages = (free - SPARE_PAGES).min(limit);
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = vacuum.query([])?;
    // One page for each row that is asked for; none where nothing can be given back.
    let mut given = 0;
    while rows.next()?.is_some() {
        given += 1;
    }
    Ok(given)
}
