//! Deletion by age ([MS-STANXPOP3] E0005).
//!
//! How it goes is in [`crate::store::shared::expiry`]; here are its questions to the database. One node at a time does that.

use super::Postgres;
use super::engine::ids;
use super::libpq::{Connection, statement};
use super::maintenance::{lease, lock_all};
use super::writer::Lane;
use crate::clock::{is_noted, latest};
use crate::store::Result;
use crate::store::shared::expiry::{Days, Expires, Found, Visit};
use std::collections::VecDeque;
use std::time::Instant;

impl Expires for Postgres {
    fn is_anything_due(&self, now: i64) -> Result<bool> {
        self.pool.with(|connection| is_anything_due(connection, now))
    }

    fn take_up(&self, now: i64) -> Result<Option<Vec<Visit>>> {
        let node = self.node()?;
        self.writer.write(Lane::Maintenance, move |connection| {
            if lease(connection, "reap", node)? { take_up(connection, now).map(Some) } else { Ok(None) }
        })
    }

    fn look(&self, visits: &mut VecDeque<Visit>, now: i64, limit: usize) -> Result<Found> {
        self.pool.with(|connection| look(connection, visits, now, limit))
    }

    fn delete(&self, found: Found, now: i64) -> Result<Instant> {
        let (stamp, node) = (self.stamps.stamp(), self.node()?);
        self.writer.write(Lane::Maintenance, move |connection| {
            let began = Instant::now();
            if lease(connection, "reap", node)? {
                delete(connection, &found, now, stamp.date)?;
            }
            Ok(began)
        })
    }
}

/// No visit is further away than a day; one that is was noted by a clock that has been set back since.
fn is_anything_due(connection: &mut Connection, now: i64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM reaping WHERE due_at <= $1 OR (due_at > $1 + 86400 AND due_at < 9007199254740991))";
    connection.query(sql, [now.into()])?.only()?.is(0)
}

/// Begins the next visits; mailboxes that keep everything need none.
fn take_up(connection: &mut Connection, now: i64) -> Result<Vec<Visit>> {
    let sql = "
      WITH due AS (
        SELECT mailbox_id FROM reaping WHERE due_at <= $1 OR (due_at > $1 + 86400 AND due_at < 9007199254740991)
         ORDER BY due_at LIMIT 64 FOR UPDATE),
      kept AS (SELECT d.mailbox_id, coalesce(r.read_days, 0) AS read_days, coalesce(r.unread_days, 0) AS unread_days
                 FROM due d LEFT JOIN mailbox_retention r USING (mailbox_id))
      UPDATE reaping r SET due_at = CASE WHEN k.read_days > 0 OR k.unread_days > 0 THEN -1 ELSE 9007199254740991 END
        FROM kept k WHERE r.mailbox_id = k.mailbox_id RETURNING k.mailbox_id, k.read_days, k.unread_days";
    let mut visits = Vec::new();
    for row in connection.query(sql, [now.into()])?.iter() {
        let days = Days { read: row.int(1)?, unread: row.int(2)? };
        if !days.keep_everything() {
            visits.push(Visit::new(row.int(0)?, days, now));
        }
    }
    Ok(visits)
}

fn look(connection: &mut Connection, visits: &mut VecDeque<Visit>, now: i64, limit: usize) -> Result<Found> {
    let sql = "SELECT uid, stored_at, read_at IS NOT NULL FROM message WHERE mailbox_id = $1 AND uid > $2 ORDER BY uid LIMIT $3";
    Found::look(visits, now, limit, |mailbox, after, limit, take| {
        let rows = connection.query(sql, [mailbox.into(), after.into(), (limit as i64).into()])?;
        for row in rows.iter() {
            if !take(row.int(0)?, row.int(1)?, row.is(2)?) {
                break;
            }
        }
        Ok(())
    })
}

/// The administrator may have changed the mailbox's days or brought a message back since.
const DELETE: &str = "
  WITH gone AS (
    DELETE FROM message m USING mailbox_retention r
     WHERE m.mailbox_id = $1 AND m.uid = ANY ($2) AND r.mailbox_id = m.mailbox_id AND r.read_days = $3 AND r.unread_days = $4
       AND m.stored_at + 86400 * nullif(CASE WHEN m.read_at IS NULL THEN r.unread_days ELSE r.read_days END, 0) <= $5
    RETURNING m.*),
  kept AS (
    INSERT INTO deleted (mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender, deleted_at)
    SELECT mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender, $6 FROM gone)
  UPDATE usage u SET messages = u.messages - g.messages, bytes = u.bytes - g.bytes, version = u.version + 1
    FROM (SELECT count(*) AS messages, coalesce(sum(storage_size(size)), 0)::bigint AS bytes FROM gone) AS g
   WHERE u.mailbox_id = $1 AND g.messages > 0";

/// Deletes what was found, and notes when the next visits are due.
fn delete(connection: &mut Connection, found: &Found, now: i64, date: i64) -> Result<()> {
    let locked = lock_all(found.old.iter().map(|(visit, _)| visit.mailbox).collect());
    let rows = connection.run(&[locked, statement("SELECT latest_at FROM site", [])])?;
    let before = rows[1].only()?.int(0)?;
    let date = latest(date, before);
    let mut all = Vec::new();
    for (visit, uids) in &found.old {
        let Days { read, unread } = visit.days;
        let which = [visit.mailbox.into(), ids(uids), read.into(), unread.into(), now.into(), date.into()];
        all.push(statement(DELETE, which));
        all.push(statement("SELECT reconsider_overfull($1)", [visit.mailbox.into()]));
    }
    for visit in &found.ended {
        let sql = "UPDATE reaping SET due_at = $2 WHERE mailbox_id = $1 AND due_at = -1";
        all.push(statement(sql, [visit.mailbox.into(), visit.due_at.into()]));
    }
    if !found.old.is_empty() && !is_noted(date, before) {
        all.push(statement("UPDATE site SET latest_at = $1", [date.into()]));
    }
    connection.run(&all)?;
    Ok(())
}
