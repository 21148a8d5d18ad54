//! The schema's versions: an append-only list, applied in one transaction after a copy was made.

use crate::files::atomic::{AtomicFile, Directory};
use crate::files::path::{directory, with_suffix};
use crate::store::sqlite::Options;
use crate::store::sqlite::database::companions::COMPANIONS;
use crate::store::sqlite::database::connection;
use crate::store::sqlite::database::recovery::{self, Leftover};
use crate::store::{Result, StoreError};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The steps; `PRAGMA user_version` counts those that were applied. Never change one: append.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../../migrations/0001_initial.sql"),
    include_str!("../../../../migrations/0002_mail_in.sql"),
    include_str!("../../../../migrations/0003_oauth.sql"),
    include_str!("../../../../migrations/0004_retention.sql"),
    include_str!("../../../../migrations/0005_refusals.sql"),
    include_str!("../../../../migrations/0006_dates.sql"),
    include_str!("../../../../migrations/0007_usable.sql"),
    include_str!("../../../../migrations/0008_purged_ids.sql"),
    include_str!("../../../../migrations/0009_gssapi_exact_case.sql"),
];

/// "Pbox": how file(1) and we know our databases.
pub const APPLICATION_ID: i32 = 0x5062_6f78;

/// The version that this program works with.
pub fn newest_version() -> i32 {
    MIGRATIONS.len() as i32
}

/// See [`super::Sqlite::create_or_migrate`].
pub fn create_or_migrate(path: &Path) -> Result<()> {
    migrate(path, MIGRATIONS)
}

/// Refuses anything but a database of the newest schema.
pub fn require_newest(connection: &Connection, path: &Path) -> Result<()> {
    match state(connection, path)? {
        State::Empty => Err(StoreError::Refused(format!("{}: empty database; run pillarbox init", path.display()))),
        State::Version(found) if found > newest_version() => Err(newer(path, found, newest_version())),
        State::Version(found) if found < newest_version() => Err(StoreError::Refused(format!(
            "{}: schema version {found}, this program needs {}; run pillarbox init",
            path.display(),
            newest_version()
        ))),
        State::Version(_) => Ok(()),
    }
}

/// Refuses what is not a database of this program, or a newer one.
pub fn require_ours(connection: &Connection, path: &Path) -> Result<()> {
    match state(connection, path)? {
        State::Version(found) if found <= newest_version() => Ok(()),
        State::Version(found) => Err(newer(path, found, newest_version())),
        State::Empty => Err(connection::not_ours(path)),
    }
}

enum State {
    Empty,
    Version(i32),
}

fn migrate(path: &Path, steps: &[&str]) -> Result<()> {
    let newest = steps.len() as i32;
    make_private(path)?;
    let leftover = Leftover::look(path);
    let mut connection = open(path)?;
    let found = match state(&connection, path)? {
        State::Empty => lay_out(&connection, path)?,
        State::Version(found) => found,
    };
    leftover.settle(&connection)?;
    recovery::sync_directory(path)?;
    if found > newest {
        return Err(newer(path, found, newest));
    }
    if found == newest {
        return Ok(());
    }
    if found > 0 {
        copy_before(&connection, path, newest)?;
    }
    apply(&mut connection, path, steps)
}

/// All pending steps in one transaction. Another `init` may have come first: only then is the version known.
fn apply(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<()> {
    let named = |error| connection::named(path, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(named)?;
    let found: i32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(named)?;
    for (version, step) in (1..).zip(steps).skip(found.max(0) as usize) {
        transaction.execute_batch(step).map_err(named)?;
        transaction.pragma_update(None, "user_version", version).map_err(named)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(named)?;
    transaction.commit().map_err(named)
}

/// Settings of the file itself, which must precede the first table.
fn lay_out(connection: &Connection, path: &Path) -> Result<i32> {
    connection
        .execute_batch("PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;")
        .map_err(|error| connection::named(path, error))?;
    Ok(0)
}

fn open(path: &Path) -> Result<Connection> {
    let named = |error| connection::named(path, error);
    let connection =
        Connection::open_with_flags(path, connection::flags() | OpenFlags::SQLITE_OPEN_CREATE).map_err(named)?;
    connection::prepare(&connection, &Options::default()).map_err(named)?;
    connection.execute_batch("PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;").map_err(named)?;
    Ok(connection)
}

fn state(connection: &Connection, path: &Path) -> Result<State> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i32>(0));
    let read = || {
        Ok((
            number("PRAGMA application_id")?,
            number("PRAGMA user_version")?,
            number("SELECT count(*) FROM sqlite_schema")?,
        ))
    };
    match read() {
        Ok((0, 0, 0)) => Ok(State::Empty),
        Ok((APPLICATION_ID, version, _)) => Ok(State::Version(version)),
        Ok(_) => Err(connection::not_ours(path)),
        Err(error) => Err(connection::named(path, error)),
    }
}

fn newer(path: &Path, found: i32, newest: i32) -> StoreError {
    StoreError::Refused(format!(
        "{}: schema version {found} is newer than {newest}, the newest that this program knows",
        path.display()
    ))
}

/// Makes the file, readable by its owner only, if there is none; -wal and -shm take its mode over. Its name is durable
/// before anything is in it: SQLite tells nobody if it cannot sync a directory.
fn make_private(path: &Path) -> Result<()> {
    let io = |error: std::io::Error| StoreError::Io(format!("{}: {error}", path.display()));
    let directory = Directory::open(directory(path)).map_err(io)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => directory.sync().map_err(io),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io(error)),
    }
}

/// A consistent copy beside the database, on the disk before anything is changed.
fn copy_before(connection: &Connection, path: &Path, newest: i32) -> Result<()> {
    let target = with_suffix(path, &format!(".before-v{newest}"));
    let io = |error: std::io::Error| StoreError::Io(format!("{}: {error}", target.display()));
    let copy = AtomicFile::create(&target, 0o600).map_err(io)?.with_companions(COMPANIONS);
    let Some(name) = copy.path().to_str() else {
        return Err(StoreError::Refused(format!("{}: the path must be UTF-8", path.display())));
    };
    connection.execute("VACUUM INTO ?1", [name]).map_err(|error| connection::named(&target, error))?;
    copy.replace().map_err(|failure| io(failure.into()))
}

#[cfg(test)]
mod tests;
