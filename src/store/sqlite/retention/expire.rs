//! Deletion by age ([MS-STANXPOP3] E0005), a small step at a time.
//!
//! `reaping` says which mailboxes are due, so that nobody looks through all of them. A visit to a
//! mailbox looks for old messages on a connection that reads, some thousand rows at a time; the writer only
//! deletes what was found, and asks again whether it may. A visit that ends notes when the next is due: when the
//! first of the messages that are left gets old, or in a day, before what arrives from now on can.

use crate::store::Result;
use crate::store::shared::batch_size::BatchSize;
use crate::store::sqlite::date;
use crate::store::sqlite::messages::maildrop::uid_list;
use crate::store::sqlite::writer::Lane;
use crate::store::sqlite::{Sqlite, lock};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::VecDeque;
use std::time::Instant;

const DAY: i64 = 86_400;
/// `reaping.due_at` of a mailbox that keeps everything.
const NEVER: i64 = 9_007_199_254_740_991;
/// `reaping.due_at` while a visit lasts: whoever changes it meanwhile has the mailbox visited again.
const VISITED: i64 = -1;
/// No visit is further away than a day; one that is was noted by a clock that has been set back since.
const DUE: &str = "(due_at <= ?1 OR (due_at > ?2 AND due_at < ?3))";
/// Mailboxes taken up at once.
const VISITS: i64 = 64;
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
    days: Days,
    /// The last uid that was looked at.
    after: i64,
    /// When the next visit is due, as far as is known: in a day at most.
    due_at: i64,
}

/// Days that a mailbox keeps messages, 0: for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Days {
    read: i64,
    unread: i64,
}

impl Days {
    /// When a message gets old, if it does.
    fn end(self, stored_at: i64, read: bool) -> Option<i64> {
        let days = if read { self.read } else { self.unread };
        (days > 0).then_some(stored_at + days * DAY)
    }
}

/// What one look has found.
#[derive(Default)]
struct Found {
    old: Vec<(Visit, Vec<i64>)>,
    /// Visits that have come to their end.
    ended: Vec<Visit>,
}

/// See [`crate::store::Maintenance::reap`].
pub fn step(store: &Sqlite, now: i64, limit: usize) -> Result<usize> {
    // Only the maintenance thread comes here.
    let mut reaper = lock(&store.reaper);
    if reaper.visits.is_empty() {
        if !store.readers.with(|connection| is_anything_due(connection, now))? {
            return Ok(0);
        }
        let visits = store.writer.write(Lane::Maintenance, 0, move |connection| take_up(connection, now))?;
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
    fn go_on(&mut self, store: &Sqlite, now: i64, limit: usize) -> Result<usize> {
        let limit = self.pace.limit(limit);
        let found = store.readers.with(|connection| look(connection, &mut self.visits, now, limit))?;
        let deleted = found.old.iter().map(|(_, uids)| uids.len()).sum::<usize>();
        if deleted == 0 && found.ended.is_empty() {
            return Ok(1);
        }
        let stamp = store.stamps.stamp();
        let began = store.writer.write(Lane::Maintenance, 0, move |connection| {
            let began = Instant::now();
            if deleted > 0 {
                date::deleting(connection, stamp.date, || delete(connection, &found.old, now))?;
            }
            end(connection, &found.ended)?;
            Ok(began)
        })?;
        self.pace.took(began);
        Ok(deleted.max(1))
    }
}

fn is_anything_due(connection: &Connection, now: i64) -> Result<bool> {
    let mut select = connection.prepare_cached(&format!("SELECT EXISTS (SELECT 1 FROM reaping WHERE {DUE})"))?;
    Ok(select.query_row(params![now, now + DAY, NEVER], |row| row.get(0))?)
}

/// Begins the next visits; mailboxes that keep everything need none.
fn take_up(connection: &Connection, now: i64) -> Result<Vec<Visit>> {
    let mut select = connection
        .prepare_cached(&format!("SELECT mailbox_id FROM reaping WHERE {DUE} ORDER BY due_at LIMIT {VISITS}"))?;
    let due =
        select.query_map(params![now, now + DAY, NEVER], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut update = connection.prepare_cached("UPDATE reaping SET due_at = ?2 WHERE mailbox_id = ?1")?;
    let mut visits = Vec::new();
    for mailbox in due {
        let days = days(connection, mailbox)?.filter(|days| days.read > 0 || days.unread > 0);
        update.execute([mailbox, if days.is_some() { VISITED } else { NEVER }])?;
        visits.extend(days.map(|days| Visit { mailbox, days, after: 0, due_at: now + DAY }));
    }
    Ok(visits)
}

/// What holds for a mailbox, if there is one.
fn days(connection: &Connection, mailbox: i64) -> Result<Option<Days>> {
    let mut select =
        connection.prepare_cached("SELECT read_days, unread_days FROM mailbox_retention WHERE mailbox_id = ?1")?;
    Ok(select.query_row([mailbox], |row| Ok(Days { read: row.get(0)?, unread: row.get(1)? })).optional()?)
}

/// Looks at [`ROWS`] messages, or as many as it takes to find `limit` that are old.
fn look(connection: &Connection, visits: &mut VecDeque<Visit>, now: i64, limit: usize) -> Result<Found> {
    let (mut found, mut rows_left, mut old_left) = (Found::default(), ROWS, limit);
    let mut select = connection.prepare_cached(
        "SELECT uid, stored_at, read_at IS NOT NULL FROM message WHERE mailbox_id = ?1 AND uid > ?2 ORDER BY uid LIMIT ?3",
    )?;
    while let Some(visit) = visits.front_mut() {
        let (mut uids, asked) = (Vec::new(), rows_left);
        let mut rows = select.query(params![visit.mailbox, visit.after, asked as i64])?;
        while old_left > 0
            && let Some(row) = rows.next()?
        {
            rows_left -= 1;
            visit.after = row.get(0)?;
            match visit.days.end(row.get(1)?, row.get(2)?) {
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

/// Deletes what was found. The administrator may have changed the mailbox's days or brought a message back since.
fn delete(connection: &Connection, old: &[(Visit, Vec<i64>)], now: i64) -> Result<()> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM message WHERE mailbox_id = ?1 AND uid IN (SELECT value FROM json_each(?2))
            AND stored_at + 86400 * nullif(CASE WHEN read_at IS NULL THEN ?3 ELSE ?4 END, 0) <= ?5",
    )?;
    for (visit, uids) in old {
        if days(connection, visit.mailbox)? != Some(visit.days) {
            continue;
        }
        let uids = uid_list(uids.iter().map(|uid| *uid as u64));
        delete.execute(params![visit.mailbox, uids, visit.days.unread, visit.days.read, now])?;
    }
    Ok(())
}

/// Notes when the next visits are due.
fn end(connection: &Connection, visits: &[Visit]) -> Result<()> {
    let mut end = connection.prepare_cached("UPDATE reaping SET due_at = ?2 WHERE mailbox_id = ?1 AND due_at = ?3")?;
    for visit in visits {
        end.execute([visit.mailbox, visit.due_at, VISITED])?;
    }
    Ok(())
}
