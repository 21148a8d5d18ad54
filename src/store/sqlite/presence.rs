//! Who is on and who was, for administrators: kept in memory, written in batches.
//!
//! A session that ends before its batch is written leaves no trace in `session`; its login is counted all the same.

use crate::store::sqlite::writer::Lane;
use crate::store::sqlite::{Sqlite, lock};
use crate::store::{FAILURES, LoginFailure, Presence, Result, SessionStart, StoreError};
use rusqlite::{Connection, params};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

/// Logins that are remembered: rows of `recent_login`.
const LOGINS: usize = 10_000;
/// New rows after which the oldest are looked for.
const PRUNE_AFTER: usize = 1000;
/// Ended sessions that wait for a batch; what is more stays on show until the next start.
const GONE: usize = 100_000;

/// How long the start of a server waits for the sessions of a crashed one to be forgotten.
const RESET_TIMEOUT: Duration = Duration::from_secs(2);

/// What is known, and what of it is written.
pub struct Sessions {
    on: HashMap<u64, Session>,
    /// Who has come since the last batch, whether still there or not.
    new: Vec<u64>,
    gone: Vec<u64>,
    logins: Logins,
    last: LastLogins,
    failures: Logins,
    unpruned: usize,
}

impl Default for Sessions {
    fn default() -> Self {
        // The last process may have left more than there shall be.
        Self {
            on: HashMap::new(),
            new: Vec::new(),
            gone: Vec::new(),
            logins: Logins::new(),
            last: LastLogins::new(),
            failures: Logins::new(),
            unpruned: PRUNE_AFTER,
        }
    }
}

struct Session {
    arrival: SessionStart,
    written: bool,
}

/// By name, address and mechanism: the last moment, and how many.
type Logins = HashMap<(String, String, &'static str), (i64, i64)>;

/// For `users.last_login`. Not bounded like [`Logins`]: there are no more names than users, and none may be missed.
type LastLogins = HashMap<String, i64>;

/// One batch.
#[derive(Clone, Default)]
struct Batch {
    new: Vec<SessionStart>,
    gone: Vec<u64>,
    logins: Logins,
    last: LastLogins,
    failures: Logins,
    prune: bool,
}

impl Presence for Sqlite {
    fn login(&self, arrival: SessionStart) {
        let mut sessions = lock(&self.sessions);
        let key = (arrival.name.clone(), arrival.address.to_canonical().to_string(), arrival.mechanism);
        count(&mut sessions.logins, LOGINS, key, arrival.at, 1);
        note_last(&mut sessions.last, arrival.name.clone(), arrival.at);
        sessions.new.push(arrival.session);
        sessions.on.insert(arrival.session, Session { arrival, written: false });
    }

    fn logout(&self, session: u64) {
        let mut sessions = lock(&self.sessions);
        if sessions.on.remove(&session).is_some_and(|session| session.written) && sessions.gone.len() < GONE {
            sessions.gone.push(session);
        }
    }

    fn login_failed(&self, failure: LoginFailure) {
        let LoginFailure { name, address, mechanism, at } = failure;
        let key = (name, address.to_canonical().to_string(), mechanism);
        count(&mut lock(&self.sessions).failures, FAILURES, key, at, 1);
    }

    fn known_addresses(&self) -> Result<Vec<(String, IpAddr)>> {
        let rows: Vec<(String, String)> = self.readers.with(|connection| {
            let mut select = connection.prepare("SELECT DISTINCT name, address FROM recent_login")?;
            Ok(select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
        })?;
        Ok(rows.into_iter().filter_map(|(name, address)| Some((name, address.parse().ok()?))).collect())
    }

    fn dismissed(&self) -> Result<Vec<u64>> {
        let rows: HashSet<i64> = self.readers.with(|connection| {
            let mut select = connection.prepare_cached("SELECT id FROM session_end")?;
            Ok(select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
        })?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let sessions = lock(&self.sessions);
        Ok(sessions.on.keys().copied().filter(|session| rows.contains(&row_id(*session))).collect())
    }

    fn flush_presence(&self) -> Result<()> {
        let Some(batch) = lock(&self.sessions).take() else { return Ok(()) };
        let copy = batch.clone();
        let written = self.writer.write(Lane::Maintenance, 0, move |connection| write(connection, &copy));
        if written.is_err() {
            lock(&self.sessions).put_back(batch);
        }
        written
    }

    fn reset_presence(&self) -> Result<()> {
        let none = self.readers.with(|connection| {
            Ok(connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM session)", [], |row| row.get::<_, bool>(0))?)
        })?;
        if none {
            return Ok(());
        }
        let delete = |connection: &Connection| {
            connection.execute("DELETE FROM session", [])?;
            Ok(())
        };
        // Nothing that is written later overtakes it.
        let deleted = self.writer.submit(Lane::Maintenance, 0, delete)?.wait_for(RESET_TIMEOUT);
        deleted.unwrap_or_else(|| Err(StoreError::Busy("who was on when a server crashed is forgotten later".into())))
    }
}

impl Sessions {
    fn take(&mut self) -> Option<Batch> {
        let mut new = Vec::new();
        for id in std::mem::take(&mut self.new) {
            let Some(session) = self.on.get_mut(&id).filter(|session| !session.written) else { continue };
            // Who leaves from now on must be removed from the table.
            session.written = true;
            new.push(session.arrival.clone());
        }
        let (gone, logins) = (std::mem::take(&mut self.gone), std::mem::take(&mut self.logins));
        let (last, failures) = (std::mem::take(&mut self.last), std::mem::take(&mut self.failures));
        if new.is_empty() && gone.is_empty() && logins.is_empty() && failures.is_empty() {
            return None;
        }
        self.unpruned += logins.len();
        let prune = self.unpruned >= PRUNE_AFTER;
        if prune {
            self.unpruned = 0;
        }
        Some(Batch { new, gone, logins, last, failures, prune })
    }

    fn put_back(&mut self, batch: Batch) {
        for arrival in batch.new {
            if let Some(session) = self.on.get_mut(&arrival.session) {
                session.written = false;
                self.new.push(arrival.session);
            }
        }
        self.gone.extend(batch.gone.into_iter().take(GONE.saturating_sub(self.gone.len())));
        for (key, (at, more)) in batch.logins {
            count(&mut self.logins, LOGINS, key, at, more);
        }
        for (name, at) in batch.last {
            note_last(&mut self.last, name, at);
        }
        for (key, (at, more)) in batch.failures {
            count(&mut self.failures, FAILURES, key, at, more);
        }
        self.unpruned += if batch.prune { PRUNE_AFTER } else { 0 };
    }
}

fn count(logins: &mut Logins, most: usize, key: (String, String, &'static str), at: i64, more: i64) {
    let room = logins.len() < most;
    match logins.entry(key) {
        Entry::Occupied(mut known) => {
            let (last, count) = known.get_mut();
            (*last, *count) = (at.max(*last), *count + more);
        }
        Entry::Vacant(new) if room => drop(new.insert((at, more))),
        Entry::Vacant(_) => {}
    }
}

fn note_last(last: &mut LastLogins, name: String, at: i64) {
    let known = last.entry(name).or_insert(at);
    *known = at.max(*known);
}

fn write(connection: &Connection, batch: &Batch) -> Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM session WHERE id = ?1")?;
    for session in &batch.gone {
        delete.execute([row_id(*session)])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO session (id, name, principal, address, tls, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for SessionStart { session, name, principal, address, tls, at, .. } in &batch.new {
        insert.execute(params![row_id(*session), name, principal, address.to_canonical().to_string(), tls, at])?;
    }
    let mut upsert = connection.prepare_cached(
        "INSERT INTO recent_login (name, address, mechanism, at, count) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET at = excluded.at, count = count + excluded.count",
    )?;
    for ((name, address, mechanism), (at, count)) in &batch.logins {
        upsert.execute(params![name, address, mechanism, at, count])?;
    }
    let mut last = connection.prepare_cached(
        "UPDATE users SET last_login = ?2 WHERE name = ?1 AND (last_login IS NULL OR last_login < ?2)",
    )?;
    for (name, at) in &batch.last {
        last.execute(params![name, at])?;
    }
    write_failures(connection, &batch.failures)?;
    if batch.prune {
        let oldest =
            "DELETE FROM recent_login WHERE at < (SELECT at FROM recent_login ORDER BY at DESC LIMIT 1 OFFSET ?1)";
        connection.prepare_cached(oldest)?.execute([LOGINS as i64 - 1])?;
    }
    Ok(())
}

fn write_failures(connection: &Connection, failures: &Logins) -> Result<()> {
    if failures.is_empty() {
        return Ok(());
    }
    let mut upsert = connection.prepare_cached(
        "INSERT INTO recent_failure (name, address, mechanism, at, count) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET at = excluded.at, count = count + excluded.count",
    )?;
    for ((name, address, mechanism), (at, count)) in failures {
        upsert.execute(params![name, address, mechanism, at, count])?;
    }
    let oldest = "DELETE FROM recent_failure WHERE (name, address, mechanism) IN (
        SELECT name, address, mechanism FROM recent_failure ORDER BY at DESC LIMIT -1 OFFSET ?1)";
    connection.prepare_cached(oldest)?.execute([FAILURES as i64])?;
    Ok(())
}

/// Two servers of one database do not get into each other's way.
fn row_id(session: u64) -> i64 {
    i64::from(std::process::id()) << 32 | (session & 0xffff_ffff) as i64
}
