//! What is done before a connection is closed that has written.
//!
//! The last one to leave a database moves the log into it and removes it. SQLite does so by itself, but tells nobody if a
//! sync fails meanwhile: what was acknowledged may be lost then. So it is done here before.

use crate::store::sqlite::database::recovery;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::path::Path;

/// Moves the log into the database, unless another process has that open. Where it could not all be moved the log is
/// kept, and closing does not try again.
///
/// # Errors
/// What kept it from being moved.
pub fn settle(connection: &Connection) -> rusqlite::Result<()> {
    let is_shared = connection.path().is_some_and(|path| recovery::is_open_elsewhere(Path::new(path)));
    keep_unless(connection, if is_shared { Ok(false) } else { move_log(connection) })
}

/// The same where nobody else can have it open ([`connection::alone`](super::connection::alone)).
///
/// # Errors
/// As [`settle`].
pub fn settle_alone(connection: &Connection) -> rusqlite::Result<()> {
    keep_unless(connection, move_log(connection))
}

fn keep_unless(connection: &Connection, moved: rusqlite::Result<bool>) -> rusqlite::Result<()> {
    if !matches!(moved, Ok(true)) {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    }
    moved.map(drop)
}

/// Whether all of it was.
fn move_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{Options, Sqlite};
    use crate::store::{Accounts, Maintenance};

    #[test]
    fn the_log_is_moved_before_it_is_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mail.db");
        Sqlite::create_or_migrate(&path).unwrap();
        let store = Sqlite::open(&path, Options::default()).unwrap();
        store.create_user("alice").unwrap();
        store.finish().unwrap();
        let copy = directory.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        assert!(Sqlite::open(&copy, Options::default()).unwrap().account(&["alice".into()]).unwrap().is_some());
        drop(store);
        assert!(!directory.path().join("mail.db-wal").exists(), "whoever leaves last removes it");
    }

    #[test]
    fn what_a_reader_keeps_from_being_moved_stays_in_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mail.db");
        Sqlite::create_or_migrate(&path).unwrap();
        let store = Sqlite::open(&path, Options::default()).unwrap();
        store.create_user("alice").unwrap();
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM users").unwrap();
        store.create_user("bob").unwrap();
        assert_eq!(store.finish(), Ok(()));
        drop((reader, store));
        let again = Sqlite::open(&path, Options::default()).unwrap();
        assert!(again.account(&["bob".into()]).unwrap().is_some());
    }
}
