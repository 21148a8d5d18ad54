//! A backup becomes a database again.

use crate::store::sqlite::Sqlite;
use crate::store::sqlite::database::migrate;
use crate::store::sqlite::database::{closing, connection};
use crate::store::{Result, StoreError, Uid};
use rusqlite::{Connection, params};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// How far next unique-ids are raised at least: more than a mailbox can have given out since the backup was made.
const LEAP: i64 = 1 << 32;
/// And this much more for each millisecond since [`FIRST`]: the same backup may be restored twice, and mail
/// may have come in between.
const PER_MILLISECOND: i64 = 8;
/// 2026-01-01, milliseconds since 1970.
const FIRST: i64 = 1_767_225_600_000;

impl Sqlite {
    /// Makes a copy of a backup ready to be served: the newest schema, and next unique-ids that no
    /// client can have been shown, so that what was given out after the backup is not given again
    /// (RFC 1939 section 7). Mailboxes that come later start there too: their names may have been in use.
    ///
    /// # Errors
    /// It is no database of this program, or cannot be written.
    pub fn renew(copy: &Path) -> Result<()> {
        migrate::create_or_migrate(copy)?;
        let opened = connection::writer(copy, &crate::store::sqlite::Options::default())?;
        leap(&opened).map_err(|error| connection::named(copy, error))
    }

    /// Whether another process has the database open. What is in its log comes into the file if not, or is kept where
    /// there is no room for it.
    ///
    /// # Errors
    /// It cannot be opened, or a sync failed. A file that is no database, or damaged, is in nobody's use.
    pub fn is_in_use(path: &Path) -> Result<bool> {
        let settle = |connection| closing::settle_alone(&connection).map_err(|error| connection::named(path, error));
        match connection::alone(path).map(settle) {
            Err(StoreError::Busy(_)) => Ok(true),
            Err(StoreError::Io(text)) => Err(StoreError::Io(text)),
            Ok(Err(StoreError::Sync(text))) => Err(StoreError::Sync(text)),
            _ => Ok(false),
        }
    }
}

fn leap(connection: &Connection) -> rusqlite::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64);
    let leap = LEAP + PER_MILLISECOND * (now - FIRST).max(0);
    let transaction = connection.unchecked_transaction()?;
    // Half of what is left at most: no number goes back, none fails, and a mailbox near the end gets mail all the same.
    for (table, column) in [("usage", "next_uid"), ("retired", "next_uid"), ("counters", "first_uid")] {
        let sql = format!("UPDATE {table} SET {column} = {column} + max(0, min(?1, (?2 - {column}) / 2))");
        transaction.execute(&sql, params![leap, Uid::GREATEST.0 as i64])?;
    }
    transaction.commit()?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
