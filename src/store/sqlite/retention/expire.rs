//! Deletion by age ([MS-STANXPOP3] E0005).
//!
//! How it goes is in [`crate::store::shared::expiry`]; here are its questions to the database.

use crate::store::Result;
use crate::store::shared::expiry::{DAY, Days, Expires, Found, Visit};
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::date;
use crate::store::sqlite::messages::maildrop::uid_list;
use crate::store::sqlite::writer::Lane;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::VecDeque;
use std::time::Instant;

/// `reaping.due_at` of a mailbox that keeps everything.
const NEVER: i64 = 9_007_199_254_740_991;
/// `reaping.due_at` while a visit lasts: whoever changes it meanwhile has the mailbox visited again.
const VISITED: i64 = -1;
/// No visit is further away than a day; one that is was noted by a clock that has been set back since.
const DUE: &str = "(due_at <= ?1 OR (due_at > ?2 AND due_at < ?3))";
/// Mailboxes taken up at once.
const VISITS: i64 = 64;
impl Expires for Sqlite {
    fn is_anything_due(&self, now: i64) -> Result<bool> {
        self.readers.with(|connection| is_anything_due(connection, now))
    }

    fn take_up(&self, now: i64) -> Result<Option<Vec<Visit>>> {
        self.writer.write(Lane::Maintenance, 0, move |connection| take_up(connection, now)).map(Some)
    }

    fn look(&self, visits: &mut VecDeque<Visit>, now: i64, limit: usize) -> Result<Found> {
        self.readers.with(|connection| look(connection, visits, now, limit))
    }

    fn delete(&self, found: Found, now: i64) -> Result<Instant> {
        let stamp = self.stamps.stamp();
        self.writer.write(Lane::Maintenance, 0, move |connection| {
            let began = Instant::now();
            if !found.old.is_empty() {
                date::deleting(connection, stamp.date, || delete(connection, &found.old, now))?;
            }
            end(connection, &found.ended)?;
            Ok(began)
        })
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
        let days = days(connection, mailbox)?.filter(|days| !days.keep_everything());
        update.execute([mailbox, if days.is_some() { VISITED } else { NEVER }])?;
        visits.extend(days.map(|days| Visit::new(mailbox, days, now)));
    }
    Ok(visits)
}

/// What holds for a mailbox, if there is one.
fn days(connection: &Connection, mailbox: i64) -> Result<Option<Days>> {
    let mut select =
        connection.prepare_cached("SELECT read_days, unread_days FROM mailbox_retention WHERE mailbox_id = ?1")?;
    Ok(select.query_row([mailbox], |row| Ok(Days { read: row.get(0)?, unread: row.get(1)? })).optional()?)
}

fn look(connection: &Connection, visits: &mut VecDeque<Visit>, now: i64, limit: usize) -> Result<Found> {
    let mut select = connection.prepare_cached(
        "SELECT uid, stored_at, read_at IS NOT NULL FROM message WHERE mailbox_id = ?1 AND uid > ?2 ORDER BY uid LIMIT ?3",
    )?;
    Found::look(visits, now, limit, |mailbox, after, limit, take| {
        let mut rows = select.query(params![mailbox, after, limit as i64])?;
        while let Some(row) = rows.next()? {
            if !take(row.get(0)?, row.get(1)?, row.get(2)?) {
                break;
            }
        }
        Ok(())
    })
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
