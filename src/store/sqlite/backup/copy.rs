//! Copies of a database that is in use.

use crate::store::Objects;
use crate::store::sqlite::backup::check;
use crate::store::sqlite::backup::objects;
use crate::store::sqlite::database::connection;
use crate::store::sqlite::database::migrate;
use crate::store::sqlite::{Options, Sqlite};
use crate::store::{Result, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

impl Sqlite {
    /// Writes a consistent, compact copy to `target`, which must not exist. Deliveries go on.
    ///
    /// # Errors
    /// The copy cannot be written; what there is of it is the caller's to remove.
    pub fn backup(&self, target: &Path) -> Result<()> {
        let Some(name) = target.to_str() else {
            return Err(StoreError::Refused(format!("{}: the name is not UTF-8", target.display())));
        };
        // A connection of its own: this takes long, and the readers are for sessions.
        let source = connection::writer(&self.path, &Options::default())?;
        source.execute("VACUUM INTO ?1", [name]).map_err(|error| connection::named(target, error))?;
        keep_log_mode(target).map_err(|error| error.of(target))
    }

    /// Whether a file is a database of this program at all, of this version or an older one.
    ///
    /// # Errors
    /// It is not.
    pub fn verify_backup(copy: &Path) -> Result<()> {
        migrate::require_ours(&connection::writer(copy, &Options::default())?, copy)
    }

    /// The faults of a copy that nobody else has open.
    ///
    /// # Errors
    /// It is no database of this program.
    pub fn verify_copy(copy: &Path) -> Result<Vec<String>> {
        let opened = connection::writer(copy, &Options::default())?;
        migrate::require_newest(&opened, copy)?;
        check::faults_of_copy(&opened)
    }
}

impl Sqlite {
    /// What of a copy's schema is not of this program.
    ///
    /// # Errors
    /// As [`Sqlite::verify_copy`].
    pub fn objects_of_copy(copy: &Path) -> Result<Objects> {
        Ok(objects::compare(&connection::writer(copy, &Options::default())?)?)
    }
}

/// A copy starts with a rollback journal; the mode is part of a database, and ours is WAL. Closing takes the log away.
fn keep_log_mode(copy: &Path) -> Result<()> {
    let copy = Connection::open_with_flags(copy, connection::flags() | OpenFlags::SQLITE_OPEN_NOFOLLOW)?;
    connection::defend(&copy)?;
    connection::switch_to_log(&copy)
}
