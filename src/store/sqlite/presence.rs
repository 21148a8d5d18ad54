//! Who is on and who was, for administrators: kept in memory, written in batches.
//!
//! A session that ends before its batch is written leaves no trace in `session`; its login is counted all the same.

use crate::lock::lock;
use crate::store::shared::sessions::{self, Batch, LOGINS, Logins};
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::writer::Lane;
use crate::store::{FAILURES, LoginFailure, Presence, Result, SessionStart, StoreError, UserId};
use rusqlite::{Connection, params};
use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

/// How long the start of a server waits for the sessions of a crashed one to be forgotten.
const RESET_TIMEOUT: Duration = Duration::from_secs(2);

impl Presence for Sqlite {
    fn login(&self, arrival: SessionStart) {
        lock(&self.sessions).login(arrival);
    }

    fn logout(&self, session: u64) {
        lock(&self.sessions).logout(session);
    }

    fn login_failed(&self, failure: LoginFailure) {
        lock(&self.sessions).login_failed(failure);
    }

    fn known_addresses(&self) -> Result<Vec<(String, IpAddr)>> {
        let rows: Vec<(String, String)> = self.readers.with(|connection| {
            let mut select = connection.prepare("SELECT DISTINCT name, address FROM recent_login")?;
            Ok(select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
        })?;
        Ok(sessions::addresses(rows))
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
        Ok(sessions.on().filter(|session| rows.contains(&row_id(*session))).collect())
    }

    fn sessions_elsewhere(&self, _: UserId) -> Result<usize> {
        Ok(0)
    }

    fn flush_presence(&self) -> Result<()> {
        sessions::flush(&self.sessions, |batch| {
            self.writer.write(Lane::Maintenance, 0, move |connection| write(connection, &batch))
        })
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
        deleted.unwrap_or_else(|| Err(StoreError::Busy("the sessions of a crashed server are removed later".into())))
    }
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
