//! Deletion by age ([MS-STANXPOP3] E0005), a small step at a time.
//!
//! `reaping` says which mailboxes are due, so that nobody looks through all of them. A visit to a mailbox looks for old
//! messages on a connection that reads, some thousand rows at a time; the writer only deletes what was found, and asks
//! again whether it may. One node at a time does that.

use super::Postgres;
use super::engine::{ids, lock};
use super::libpq::{Connection, statement};
use super::maintenance::{lease, lock_all};
use super::writer::Lane;
use crate::clock::latest;
use crate::store::Result;
use crate::store::shared::batch_size::BatchSize;
use std::collections::VecDeque;
use std::time::Instant;

const DAY: i64 = 86_400;
/// Rows looked at in one step.
const ROWS: usize = 10_000;

/// The visits that have begun. Lost in a crash, they begin again.
#[derive(Default)]
pub struct Expiry {
    visits: VecDeque<Visit>,
    pace: BatchSize,
}

#[derive(Clone, Debug)]
struct Visit {
    mailbox: i64,
    /// Days that it keeps messages that were read and that were not; 0: for ever.
    days: (i64, i64),
    /// The last uid that was looked at.
    after: i64,
    /// When the next visit is due, as far as is known: in a day at most.
    due_at: i64,
}

impl Visit {
    /// When a message gets old, if it does.
    fn end(&self, stored_at: i64, read: bool) -> Option<i64> {
        let days = if read { self.days.0 } else { self.days.1 };
        (days > 0).then_some(stored_at + days * DAY)
    }
}

/// What one look has found.
#[derive(Clone, Default)]
struct Found {
    old: Vec<(Visit, Vec<i64>)>,
    /// Visits that have come to their end.
    ended: Vec<Visit>,
}

/// See [`crate::store::Maintenance::reap`].
pub fn step(store: &Postgres, now: i64, limit: usize) -> Result<usize> {
    // Only the maintenance thread comes here.
    let mut reaper = lock(&store.reaper);
    if reaper.visits.is_empty() {
        if !store.pool.with(|connection| is_anything_due(connection, now))? {
            return Ok(0);
        }
        let node = store.node()?;
        let visits = store.writer.write(Lane::Maintenance, move |connection| {
            if lease(connection, "reap", node)? { take_up(connection, now).map(Some) } else { Ok(None) }
        })?;
        // Another node is at it.
        let Some(visits) = visits else { return Ok(0) };
        reaper.visits.extend(visits);
        return Ok(1);
    }
    let done = reaper.go_on(store, now, limit);
    if done.is_err() {
        // They are due still, and begin again.
        reaper.visits.clear();
    }
    done
}

impl Expiry {
    fn go_on(&mut self, store: &Postgres, now: i64, limit: usize) -> Result<usize> {
        let limit = self.pace.limit(limit);
        let visits = &mut self.visits;
        let found = store.pool.with(|connection| look(connection, visits, now, limit))?;
        let deleted = found.old.iter().map(|(_, uids)| uids.len()).sum::<usize>();
        if deleted == 0 && found.ended.is_empty() {
            return Ok(1);
        }
        let (stamp, node) = (store.stamps.stamp(), store.node()?);
        let began = store.writer.write(Lane::Maintenance, move |connection| {
            let began = Instant::now();
            if lease(connection, "reap", node)? {
                delete(connection, &found, now, stamp.date)?;
            }
            Ok(began)
        })?;
        self.pace.took(began);
        Ok(deleted.max(1))
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
        let (mailbox, days) = (row.int(0)?, (row.int(1)?, row.int(2)?));
        if days != (0, 0) {
            visits.push(Visit { mailbox, days, after: 0, due_at: now + DAY });
        }
    }
    Ok(visits)
}

/// Looks at [`ROWS`] messages, or as many as it takes to find `limit` that are old.
fn look(connection: &mut Connection, visits: &mut VecDeque<Visit>, now: i64, limit: usize) -> Result<Found> {
    let (mut found, mut rows_left, mut old_left) = (Found::default(), ROWS, limit);
    let sql = "SELECT uid, stored_at, read_at IS NOT NULL FROM message WHERE mailbox_id = $1 AND uid > $2 ORDER BY uid LIMIT $3";
    while let Some(visit) = visits.front_mut() {
        let mut uids = Vec::new();
        let which = [visit.mailbox.into(), visit.after.into(), (rows_left as i64).into()];
        let rows = connection.query(sql, which)?;
        for row in rows.iter() {
            if old_left == 0 {
                break;
            }
            rows_left -= 1;
            visit.after = row.int(0)?;
            match visit.end(row.int(1)?, row.is(2)?) {
                Some(end) if end <= now => {
                    uids.push(visit.after);
                    old_left -= 1;
                }
                Some(end) => visit.due_at = visit.due_at.min(end),
                None => {}
            }
        }
        if !uids.is_empty() {
            found.old.push((visit.clone(), uids));
        }
        if rows_left == 0 || old_left == 0 {
            return Ok(found);
        }
        found.ended.extend(visits.pop_front());
    }
    Ok(found)
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
        let (read, unread) = visit.days;
        let which = [visit.mailbox.into(), ids(uids), read.into(), unread.into(), now.into(), date.into()];
        all.push(statement(DELETE, which));
        all.push(statement("SELECT reconsider_overfull($1)", [visit.mailbox.into()]));
    }
    for visit in &found.ended {
        let sql = "UPDATE reaping SET due_at = $2 WHERE mailbox_id = $1 AND due_at = -1";
        all.push(statement(sql, [visit.mailbox.into(), visit.due_at.into()]));
    }
    if !found.old.is_empty() && !(before..before + 60).contains(&date) {
        all.push(statement("UPDATE site SET latest_at = $1", [date.into()]));
    }
    connection.run(&all)?;
    Ok(())
}
