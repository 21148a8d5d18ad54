//! A backup becomes a database again.

use super::{Sqlite, connection, migrate};
use crate::store::Result;
use rusqlite::{Connection, params};
use std::path::Path;

/// How far next unique-ids are raised: more than a mailbox can have given out since the backup was made.
const LEAP: i64 = 1 << 32;

/// The highest next unique-id (2^53 − 1).
const HIGHEST: i64 = 9_007_199_254_740_991;

impl Sqlite {
    /// Makes a copy of a backup ready to be served: the newest schema, and next unique-ids that no
    /// client can have been shown, so that what was given out after the backup is not given again
    /// (RFC 1939 section 7). Mailboxes that come later start there too: their names may have been in use.
    ///
    /// # Errors
    /// It is no database of this program, or cannot be written.
    pub fn renew(copy: &Path) -> Result<()> {
        migrate::create_or_migrate(copy)?;
        let opened = connection::writer(copy, &super::Options::default())?;
        leap(&opened).map_err(|error| connection::named(copy, error))
    }

    /// Whether another process has the database open; `false` too if it is none that can be opened.
    pub fn is_in_use(path: &Path) -> bool {
        let Ok(opened) = connection::writer(path, &super::Options::default()) else { return false };
        // Only somebody who is alone can leave the log mode; closing would bring it back anyway.
        let alone = opened
            .busy_timeout(std::time::Duration::ZERO)
            .and_then(|()| opened.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)));
        let in_use = !matches!(&alone, Ok(mode) if mode == "delete");
        if !in_use {
            let _ = opened.pragma_update(None, "journal_mode", "WAL");
        }
        in_use
    }
}

fn leap(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    for sql in [
        "UPDATE usage SET next_uid = min(next_uid + ?1, ?2)",
        "UPDATE retired SET next_uid = min(next_uid + ?1, ?2)",
        "UPDATE counters SET first_uid = min(first_uid + ?1, ?2)",
    ] {
        transaction.execute(sql, params![LEAP, HIGHEST])?;
    }
    transaction.commit()?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
