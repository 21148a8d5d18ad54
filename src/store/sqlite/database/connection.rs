//! How connections are opened: flags and pragmas, nothing else.

use crate::store::sqlite::Options;
use crate::store::{Result, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::{Duration, Instant};

/// Prepared statements kept per connection; more than this room has.
const STATEMENTS: usize = 64;

/// How long the log's files may be in nobody's reach.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two attempts.
const LOG_PAUSE: Duration = Duration::from_millis(20);

/// Opens an existing database for the thread that writes.
pub fn writer(path: &Path, options: &Options) -> Result<Connection> {
    let connection = existing(path, options)?;
    connection.execute_batch(
        "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;
         PRAGMA cache_size=-2000;",
    )?;
    limit_log(&connection).map_err(|error| named(path, error))?;
    Ok(connection)
}

/// Gives a database of ours its log, which copies by other means than ours come without.
pub fn use_log(connection: &Connection, path: &Path) -> Result<()> {
    switch_to_log(connection).map_err(|error| error.of(path))
}

/// SQLite names the mode that is left where it could not change it, and no error.
pub fn switch_to_log(connection: &Connection) -> Result<()> {
    let mut change = connection.prepare("PRAGMA journal_mode=WAL")?;
    // To its end: the commit comes behind the row.
    let modes = change.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mode = modes.concat();
    match mode.as_str() {
        "wal" => Ok(()),
        mode => Err(StoreError::Io(format!("the journal mode stays {mode}: the file cannot be written or synced"))),
    }
}

/// How long the log's file may stay when the log starts again at its beginning: writing over what is there
/// already makes a commit a quarter cheaper than a file that grows.
///
/// Not so if Litestream copies the log (the table is its own): it looks for the last page that it has read
/// where that was, and if it is still there it believes that it has missed nothing.
pub fn limit_log(connection: &Connection) -> rusqlite::Result<()> {
    let mut table = connection.prepare_cached("SELECT 1 FROM sqlite_schema WHERE name = '_litestream_seq'")?;
    let limit = if table.exists([])? { 0 } else { 64 << 20 };
    connection.query_row(&format!("PRAGMA journal_size_limit={limit}"), [], |_| Ok(()))
}

/// Opens an existing database for queries. Not read-only to SQLite: such a connection could not make the -shm file.
pub fn reader(path: &Path, options: &Options) -> Result<Connection> {
    let connection = existing(path, options)?;
    connection.execute_batch("PRAGMA query_only=ON; PRAGMA cache_size=-512;")?;
    // The connection that writes is the last one to be closed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(|error| named(path, error))?;
    Ok(connection)
}

/// Opens a database that nobody else has open, and keeps everybody else out until it is closed. (Who works with a log
/// keeps a lock for as long as the database is open, and who is to have it exclusively needs that one.) What is in its log comes
/// into the file at the end.
///
/// # Errors
/// [`StoreError::Busy`]: somebody has it open.
pub fn alone(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags()).map_err(|error| named(path, error))?;
    let alone = defend(&connection)
        .and_then(|()| connection.busy_timeout(Duration::ZERO))
        .and_then(|()| connection.execute_batch("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT"));
    alone.map(|()| connection).map_err(|error| named(path, error))
}

/// In words that SQLite's own error has not.
pub fn require_file(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(StoreError::Refused(format!("{}: no such database; run pillarbox init", path.display())))
        }
        Err(error) => Err(StoreError::Io(format!("{}: {error}", path.display()))),
        Ok(_) => Ok(()),
    }
}

fn existing(path: &Path, options: &Options) -> Result<Connection> {
    require_file(path)?;
    let connection = Connection::open_with_flags(path, flags()).map_err(|error| named(path, error))?;
    prepare(&connection, options).and_then(|()| open_log(&connection)).map_err(|error| named(path, error))?;
    Ok(connection)
}

/// Reads for the first time, which opens the log. Another process may be making or removing its files at the same moment: for
/// an instant those that root's shell makes are root's alone.
fn open_log(connection: &Connection) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        match connection.query_row("PRAGMA schema_version", [], |_| Ok(())) {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::CannotOpen)
                    && start.elapsed() < LOG_TIMEOUT =>
            {
                std::thread::sleep(LOG_PAUSE);
            }
            done => return done,
        }
    }
}

/// No mutex (a connection has one user at a time), no URI (a path is a path).
pub fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Statements that could damage the file are refused, whoever wrote them into a trigger or view. Extensions cannot be loaded:
/// that is never switched on.
pub fn defend(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).map(drop)
}

/// What every connection wants. `temp_store`: journals of savepoints hold mail, which is written nowhere but into the database's own
/// directory. SQLite's own checkpoints keep their errors to themselves; the writer makes them. Foreign keys are off, as in the
/// shell: the triggers hold the rules.
pub fn prepare(connection: &Connection, options: &Options) -> rusqlite::Result<()> {
    defend(connection)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without it a statement on a table with a partial index is compiled again whenever a bound
    // value differs: two thirds of what RETR of a small message cost.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        "PRAGMA foreign_keys=OFF; PRAGMA recursive_triggers=OFF; PRAGMA mmap_size=0;
         PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY;",
    )
}

/// The same error, with the database's name in front.
pub fn named(path: &Path, error: rusqlite::Error) -> StoreError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
        return not_ours(path);
    }
    StoreError::from(error).of(path)
}

/// A file of somebody else's.
pub fn not_ours(path: &Path) -> StoreError {
    StoreError::Refused(format!("{}: not a pillarbox database", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::Sqlite;

    /// What is in the way of the log's files for a moment is no reason to give up.
    #[test]
    fn a_log_that_cannot_be_opened_is_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mail.db");
        Sqlite::create_or_migrate(&path).unwrap();
        let log = directory.path().join("mail.db-wal");
        std::fs::create_dir(&log).unwrap();
        let error = format!("{:?}", Sqlite::open(&path, Options::default()).err());
        assert!(error.contains("mail.db: unable to open database file"), "{error}");
        std::thread::scope(|scope| {
            let opened = scope.spawn(|| Sqlite::open(&path, Options::default()).map(drop));
            std::thread::sleep(LOG_PAUSE * 2);
            std::fs::remove_dir(&log).unwrap();
            assert_eq!(opened.join().unwrap(), Ok(()));
        });
    }

    fn mode(path: &Path) -> String {
        Connection::open(path).unwrap().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap()
    }

    /// VACUUM INTO and a dump leave it out; with a rollback journal who reads would hold up who writes.
    #[test]
    fn a_database_of_ours_gets_a_log_and_no_other_is_touched() {
        let directory = tempfile::tempdir().unwrap();
        let [made, copy, other] = ["made", "copy", "other"].map(|name| directory.path().join(name));
        Sqlite::create_or_migrate(&made).unwrap();
        let into = format!("VACUUM INTO '{}'", copy.display());
        Connection::open(&made).unwrap().execute_batch(&into).unwrap();
        assert_eq!(mode(&copy), "delete");
        drop(Sqlite::open(&copy, Options::default()).unwrap());
        assert_eq!(mode(&copy), "wal");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
        assert!(Sqlite::open(&other, Options::default()).is_err());
        assert_eq!(mode(&other), "delete");
    }

    /// Of a mailbox's pages: the file would have no name, but be on some disk.
    #[test]
    fn a_savepoint_keeps_its_journal_in_memory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mail.db");
        Sqlite::create_or_migrate(&path).unwrap();
        let connection = writer(&path, &Options::default()).unwrap();
        let numbers = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)";
        let fill = format!("{numbers} INSERT INTO chunk (id, data) SELECT i * 4096, zeroblob(4000) FROM n");
        connection.execute_batch(&fill).unwrap();
        connection.execute_batch("BEGIN; SAVEPOINT job; DELETE FROM chunk").unwrap();
        let is_of_sqlite = |file: &str| file.contains("/#") || file.contains("/etilqs_");
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        let temporary = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        let temporary: Vec<_> = temporary.filter(|file| is_of_sqlite(&file.to_string_lossy())).collect();
        assert!(temporary.is_empty(), "{temporary:?}");
        connection.execute_batch("ROLLBACK").unwrap();
    }
}
