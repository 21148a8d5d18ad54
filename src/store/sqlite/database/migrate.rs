//! The schema's versions: an append-only list, applied in one transaction after a copy was made.

use crate::files::atomic::{AtomicFile, Directory};
use crate::files::path::{directory, with_suffix};
use crate::store::sqlite::Options;
use crate::store::sqlite::database::companions::COMPANIONS;
use crate::store::sqlite::database::recovery::{self, Leftover};
use crate::store::sqlite::database::{closing, connection};
use crate::store::{Result, StoreError};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The steps from the first release's schema on. After release 1.0: never change one, append.
const MIGRATIONS: &[&str] = &[include_str!("../../../../migrations/sqlite/0100_initial.sql")];

/// `PRAGMA user_version` of the first step's schema; each further one counts up. Lower ones were never released.
const FIRST_VERSION: i32 = 100;

/// `user_version` of a database that is being filled by `pillarbox copy`.
pub const UNFINISHED: i32 = -100;

/// "Pbox": how file(1) and we know our databases.
pub const APPLICATION_ID: i32 = 0x5062_6f78;

/// The version that this program works with.
pub fn newest_version() -> i32 {
    version_after(MIGRATIONS)
}

/// The version that these steps lead to.
fn version_after(steps: &[&str]) -> i32 {
    FIRST_VERSION - 1 + steps.len() as i32
}

/// See [`super::Sqlite::create_or_migrate`].
pub fn create_or_migrate(path: &Path) -> Result<()> {
    migrate(path, MIGRATIONS)
}

/// An empty database of the newest schema, in memory.
///
/// # Errors
/// SQLite's own: no memory.
pub fn fresh() -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    for step in MIGRATIONS {
        connection.execute_batch(step)?;
    }
    Ok(connection)
}

/// Refuses anything but a database of the newest schema.
pub fn require_newest(connection: &Connection, path: &Path) -> Result<()> {
    require(connection, path, newest_version())
}

fn require(connection: &Connection, path: &Path, newest: i32) -> Result<()> {
    let refused = |why| Err(StoreError::Refused(format!("{}: {why}", path.display())));
    match state(connection, path, newest)? {
        SchemaState::Empty => refused("empty database; run pillarbox init".into()),
        SchemaState::Version(found) if found < newest => {
            refused(format!("schema version {found}, this program needs {newest}; run pillarbox init"))
        }
        SchemaState::Version(_) => Ok(()),
    }
}

/// Refuses what is not a database of this program, or a newer one.
pub fn require_ours(connection: &Connection, path: &Path) -> Result<()> {
    match state(connection, path, newest_version())? {
        SchemaState::Version(_) => Ok(()),
        SchemaState::Empty => Err(connection::not_ours(path)),
    }
}

enum SchemaState {
    Empty,
    /// From the first that was released to the newest.
    Version(i32),
}

/// Makes the tables of an empty database that is to be filled by a copy, and does `last` in the same transaction.
///
/// # Errors
/// [`StoreError::Refused`] for what is neither empty nor of the newest schema nor an unfinished copy.
pub fn create_for_copy(connection: &mut Connection, path: &Path, last: &Last) -> Result<()> {
    if is_unfinished(connection).map_err(|error| connection::named(path, error))? {
        return Ok(());
    }
    match state(connection, path, newest_version())? {
        SchemaState::Empty => {
            lay_out(connection, path)?;
            apply(connection, path, MIGRATIONS, last)
        }
        SchemaState::Version(_) => require_newest(connection, path),
    }
}

/// A copy into it has begun and not ended.
///
/// # Errors
/// It cannot be read.
pub fn is_unfinished(connection: &Connection) -> rusqlite::Result<bool> {
    let version: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(version == UNFINISHED)
}

/// What is done behind the steps of a migration.
type Last = dyn Fn(&Connection) -> Result<()>;

fn migrate(path: &Path, steps: &[&str]) -> Result<()> {
    let newest = version_after(steps);
    make_private(path)?;
    let leftover = Leftover::look(path)?;
    let mut connection = open(path)?;
    let found = state(&connection, path, newest)?;
    if let SchemaState::Empty = found {
        lay_out(&connection, path)?;
    }
    leftover.settle(&connection)?;
    recovery::sync_directory(path)?;
    match found {
        SchemaState::Version(found) if found == newest => return Ok(()),
        SchemaState::Version(_) => copy_before(&connection, path, newest)?,
        SchemaState::Empty => {}
    }
    apply(&mut connection, path, steps, &|_| Ok(()))?;
    match closing::settle(&connection).map_err(|error| connection::named(path, error)) {
        Err(error @ StoreError::Sync(_)) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// All pending steps in one transaction. Another `init` may have come first: only then is the version known.
fn apply(connection: &mut Connection, path: &Path, steps: &[&str], last: &Last) -> Result<()> {
    let named = |error| connection::named(path, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(named)?;
    let found: i32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(named)?;
    for (version, step) in (FIRST_VERSION..).zip(steps).filter(|(version, _)| *version > found) {
        transaction.execute_batch(step).map_err(named)?;
        transaction.pragma_update(None, "user_version", version).map_err(named)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(named)?;
    last(&transaction)?;
    transaction.commit().map_err(named)
}

/// Settings of the file itself, which must precede the first table.
fn lay_out(connection: &Connection, path: &Path) -> Result<()> {
    connection
        .execute_batch("PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL;")
        .map_err(|error| connection::named(path, error))?;
    connection::switch_to_log(connection).map_err(|error| error.of(path))
}

fn open(path: &Path) -> Result<Connection> {
    let named = |error| connection::named(path, error);
    let connection =
        Connection::open_with_flags(path, connection::flags() | OpenFlags::SQLITE_OPEN_CREATE).map_err(named)?;
    connection::prepare(&connection, &Options::default()).map_err(named)?;
    connection.execute_batch("PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;").map_err(named)?;
    Ok(connection)
}

/// What the file is; anything else than a database that can be brought to the version `newest` is refused.
fn state(connection: &Connection, path: &Path, newest: i32) -> Result<SchemaState> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i32>(0));
    let read = || {
        Ok((
            number("PRAGMA application_id")?,
            number("PRAGMA user_version")?,
            number("SELECT count(*) FROM sqlite_schema")?,
        ))
    };
    match read().map_err(|error| connection::named(path, error))? {
        (0, 0, 0) => Ok(SchemaState::Empty),
        (APPLICATION_ID, version, _) if (FIRST_VERSION..=newest).contains(&version) => {
            Ok(SchemaState::Version(version))
        }
        (APPLICATION_ID, version, _) => Err(foreign_version(path, version, newest)),
        _ => Err(connection::not_ours(path)),
    }
}

fn foreign_version(path: &Path, found: i32, newest: i32) -> StoreError {
    let why = if found > newest {
        format!("is newer than {newest}, the newest that this program supports")
    } else if found == UNFINISHED {
        "belongs to an unfinished copy: run pillarbox copy again".into()
    } else {
        format!("was made by an unreleased version; the first released one is {FIRST_VERSION}")
    };
    StoreError::Refused(format!("{}: schema version {found} {why}", path.display()))
}

/// Makes the file, readable by its owner only, if there is none; -wal and -shm take its mode over. Its name is durable
/// before anything is in it: SQLite tells nobody if it cannot sync a directory.
pub fn make_private(path: &Path) -> Result<()> {
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
