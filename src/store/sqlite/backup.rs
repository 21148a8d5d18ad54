//! A consistent copy of a database that others go on using.
//!
//! `VACUUM INTO` reads one snapshot and writes a compacted file; SQLite's step-wise backup would start anew at
//! each commit of the server.

use super::{Options, Sqlite, connection};
use crate::store::{Result, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

impl Sqlite {
    /// Writes a copy of the database at `from` to `to`, which must not exist yet. It is a whole database
    /// in one file, but not on the disk before the caller syncs it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a path that is not UTF-8; else what reading or writing answers.
    pub fn copy(from: &Path, to: &Path) -> Result<()> {
        let name = to.to_str().ok_or_else(|| StoreError::Refused(format!("{to:?}: the path must be UTF-8")))?;
        let source = connection::writer(from, &Options::default())?;
        source.execute("VACUUM INTO ?1", [name]).map_err(|error| connection::named(to, error))?;
        keep_log_mode(to).map_err(|error| connection::named(to, error))
    }
}

/// The copy has a rollback journal; the mode is part of a database, and ours is WAL. Closing it takes the log away.
fn keep_log_mode(copy: &Path) -> rusqlite::Result<()> {
    let copy = Connection::open_with_flags(copy, connection::flags() | OpenFlags::SQLITE_OPEN_NOFOLLOW)?;
    copy.pragma_update(None, "journal_mode", "WAL")
}
