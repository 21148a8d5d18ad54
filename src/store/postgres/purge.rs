//! Freeing the octets of messages that nobody can want any more, in small steps.
//!
//! A deleted message waits in `deleted` for `RetainDeletedItemsDays`, one that went with its mailbox included, then, like
//! uploads that never ended, in `purge`. Each row there is one reference to a body; the last one takes the pieces along,
//! and the reference to the body that it goes on in.

use super::engine::ids;
use super::libpq::{Connection, statement};
use crate::store::Result;
use crate::store::shared::batch_size::Budget;
use crate::store::shared::upload_watch::ABANDONED;

/// Octets freed in one step at most, one piece at least.
const OCTETS_AT_ONCE: i64 = 8 << 20;

/// Whether there may be something to do.
///
/// # Errors
/// What the server says.
pub fn is_anything_due(connection: &mut Connection, now: i64) -> Result<bool> {
    let sql = "
      SELECT EXISTS (SELECT 1 FROM purge WHERE not_before <= $1)
          OR EXISTS (SELECT 1 FROM deleted WHERE deleted_at <= $1 - greatest(3600, 86400 * setting_number('RetainDeletedItemsDays')))
          OR EXISTS (SELECT 1 FROM deleted_mailbox WHERE deleted_at <= $1 - greatest(3600, 86400 * setting_number('RetainDeletedItemsDays')))";
    connection.query(sql, [now.into()])?.only()?.is(0)
}

/// A node has looked on for so many seconds since it did so last. What is idle for too long is given up.
///
/// # Errors
/// What the server says.
pub fn age(connection: &mut Connection, seconds: i64) -> Result<()> {
    let aged = "UPDATE staging SET idle = CASE seen WHEN 1 THEN idle + $1 ELSE 0 END, seen = 1";
    if connection.query(aged, [seconds.into()])?.changed() > 0 {
        let given_up = "
          WITH gone AS (DELETE FROM staging WHERE idle >= $1 RETURNING body_id)
          INSERT INTO purge (body_id, not_before) SELECT body_id, 0 FROM gone";
        connection.query(given_up, [ABANDONED.into()])?;
    }
    Ok(())
}

/// At most `limit` pieces; says how many things were done, so that 0 is the end.
///
/// # Errors
/// What the server says.
pub fn step(connection: &mut Connection, now: i64, limit: i64) -> Result<usize> {
    let mut budget = Budget { things: limit, octets: OCTETS_AT_ONCE };
    drop_waiting(connection, now, &mut budget)?;
    drop_expired(connection, now, &mut budget)?;
    drop_mailboxes(connection, now, &mut budget)?;
    Ok((limit - budget.things).max(0) as usize)
}

/// References that wait in `purge`.
fn drop_waiting(connection: &mut Connection, now: i64, budget: &mut Budget) -> Result<()> {
    let sql =
        "SELECT id, body_id FROM purge WHERE not_before <= $1 ORDER BY not_before, id LIMIT $2 FOR UPDATE SKIP LOCKED";
    let rows = connection.query(sql, [now.into(), budget.things.into()])?;
    let mut done = Vec::new();
    for row in rows.iter() {
        if budget.is_spent() {
            break;
        }
        if drop_reference(connection, row.int(1)?, budget)? {
            done.push(row.int(0)?);
        }
    }
    connection.query("DELETE FROM purge WHERE id = ANY ($1)", [ids(&done)])?;
    Ok(())
}

/// Its unique-id was shown, so it is remembered as long as its mailbox is.
const EXPIRED: &str = "
  WITH gone AS (
    DELETE FROM deleted WHERE (mailbox_id, uid) IN (
      SELECT mailbox_id, uid FROM deleted
       WHERE deleted_at <= $1 - greatest(3600, 86400 * setting_number('RetainDeletedItemsDays'))
       ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING mailbox_id, unique_id, body_id),
  remembered AS (
    INSERT INTO purged_id (mailbox_id, unique_id) SELECT mailbox_id, unique_id FROM gone
     WHERE is_memorable(unique_id) AND (EXISTS (SELECT 1 FROM usage u WHERE u.mailbox_id = gone.mailbox_id)
                                        OR EXISTS (SELECT 1 FROM deleted_mailbox d WHERE d.id = gone.mailbox_id))
    ON CONFLICT DO NOTHING)
  SELECT body_id FROM gone";

/// What can no longer be recovered. A body that is too much for this step goes on in `purge`.
fn drop_expired(connection: &mut Connection, now: i64, budget: &mut Budget) -> Result<()> {
    if budget.is_spent() {
        return Ok(());
    }
    let expired = connection.query(EXPIRED, [now.into(), budget.things.into()])?;
    let mut left = Vec::new();
    for row in expired.iter() {
        let body = row.int(0)?;
        if budget.is_spent() || !drop_reference(connection, body, budget)? {
            left.push(body);
        }
    }
    connection.query("INSERT INTO purge (body_id, not_before) SELECT id, 0 FROM unnest($1) AS id", [ids(&left)])?;
    Ok(())
}

/// Mailboxes that can no longer be brought back, once their messages have gone.
fn drop_mailboxes(connection: &mut Connection, now: i64, budget: &mut Budget) -> Result<()> {
    if budget.is_spent() {
        return Ok(());
    }
    let sql = "
      DELETE FROM deleted_mailbox WHERE id IN (
        SELECT id FROM deleted_mailbox d
         WHERE deleted_at <= $1 - greatest(3600, 86400 * setting_number('RetainDeletedItemsDays'))
           AND NOT EXISTS (SELECT 1 FROM deleted WHERE mailbox_id = d.id)
         ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
    budget.things -= connection.query(sql, [now.into(), budget.things.into()])?.changed() as i64;
    Ok(())
}

/// Drops one reference, or as many pieces of its body as there is room for; `false`: pieces are left.
fn drop_reference(connection: &mut Connection, body: i64, budget: &mut Budget) -> Result<bool> {
    budget.things -= 1;
    let others = "UPDATE shared SET copies = copies - 1 WHERE body_id = $1 AND copies > 1";
    if connection.query(others, [body.into()])?.changed() > 0 {
        return Ok(true);
    }
    // One piece costs nothing more than the reference.
    let pieces = (budget.things + 1).clamp(1, (budget.octets >> 16).max(1));
    let sql = "
      WITH gone AS (
        DELETE FROM chunk WHERE body_id = $1
           AND piece IN (SELECT piece FROM chunk WHERE body_id = $1 ORDER BY piece LIMIT $2) RETURNING length(data) AS octets)
      SELECT count(*), coalesce(sum(octets), 0)::bigint FROM gone";
    let rows = connection.query(sql, [body.into(), pieces.into()])?;
    let (gone, octets) = (rows.only()?.int(0)?, rows.only()?.int(1)?);
    budget.things -= (gone - 1).max(0);
    budget.octets -= octets;
    if gone == pieces {
        let left = connection.query("SELECT EXISTS (SELECT 1 FROM chunk WHERE body_id = $1)", [body.into()])?;
        if left.only()?.is(0)? {
            return Ok(false);
        }
    }
    let tail = "
      WITH gone AS (DELETE FROM continuation WHERE body_id = $1 RETURNING tail_id)
      INSERT INTO purge (body_id, not_before) SELECT tail_id, 0 FROM gone";
    connection.run(&[
        statement("DELETE FROM shared WHERE body_id = $1", [body.into()]),
        statement("DELETE FROM summary WHERE body_id = $1", [body.into()]),
        statement(tail, [body.into()]),
    ])?;
    Ok(true)
}
