//! `pillarbox backup`: a consistent copy, also while the server runs.

use super::exit::{Code, Error, code_of};
use super::{Command, arguments, database};
use crate::files::atomic::{AtomicFile, Failure};
use crate::files::path::with_suffix;
use crate::store::StoreError;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::companions::{COMPANIONS, log_beside};
use std::fmt;
use std::fs;
use std::path::Path;

pub(super) const COMMAND: Command = Command {
    name: "backup",
    arguments: "FILE",
    summary: "writes a consistent copy of the database, also while the server runs",
    notes: "The copy is verified and on the disk before it takes the place of an older FILE.",
    options: |_| {},
    run: |matches| {
        let [target] = arguments(matches, "FILE")?;
        backup(&database::file(matches, "pg_dump and pg_basebackup do it")?, Path::new(&target))
    },
};

fn backup(from: &Path, target: &Path) -> Result<(), Error> {
    let store = database::open_file(from)?;
    let target = &database::place(target)?;
    if same_file(from, target) {
        return Err(Error::usage(format!("{target:?} is the database itself")));
    }
    clear_logs(target)?;
    let copy = draft(target)?;
    let failed = |error| copy_failed(&copy, target, format_args!("cannot write {target:?}"), &error);
    store.backup(copy.path()).map_err(failed)?;
    if let Some(fault) = Sqlite::verify_copy(copy.path()).map_err(failed)?.first() {
        let text = format!("the copy has faults, so {target:?} was not written: {fault}");
        return Err(Error::new(Code::Data, text));
    }
    require_whole(&copy, target)?;
    copy.replace().map_err(|failure| database::unwritable(target, &failure))
}

/// A database on its way to `target`, readable by its owner only.
pub(super) fn draft(target: &Path) -> Result<AtomicFile, Error> {
    let made = AtomicFile::create(target, 0o600).map(|draft| draft.with_companions(COMPANIONS));
    made.map_err(|error| database::unwritable(target, &Failure::Unplaced(error)))
}

/// A failure of the store to work on a draft; people know it as `name` only.
pub(super) fn copy_failed(draft: &AtomicFile, name: &Path, what: impl fmt::Display, error: &StoreError) -> Error {
    let (draft, name) = (draft.path().display().to_string(), name.display().to_string());
    let text = error.to_string().replace(&format!("{draft}: "), "").replace(&draft, &name);
    Error::new(code_of(error), format!("{what}: {text}"))
}

/// SQLite does not say when the log of a database that is closed could not be brought into it.
pub(super) fn require_whole(draft: &AtomicFile, target: &Path) -> Result<(), Error> {
    match log_beside(draft.path()) {
        None => Ok(()),
        Some(_) => Err(Error::new(Code::Io, format!("cannot write {target:?}: the disk has failed"))),
    }
}

/// The log of an older copy, if somebody was killed who had it open, would be taken for one of the new copy.
fn clear_logs(target: &Path) -> Result<(), Error> {
    if target.exists() && with_suffix(target, "-wal").exists() {
        refuse_in_use(target, "its server")?;
        let _ = fs::remove_file(with_suffix(target, "-shm"));
    }
    match log_beside(target) {
        None => Ok(()),
        Some(log) => {
            let text = format!("{log:?} is in the way of {target:?}: it belongs to a file that is gone, remove it");
            Err(Error::new(Code::CantCreate, text))
        }
    }
}

/// Refuses what another process has open. What is left in the file's log comes into the file.
pub(super) fn refuse_in_use(file: &Path, whom: &str) -> Result<(), Error> {
    match Sqlite::is_in_use(file) {
        Ok(false) => Ok(()),
        Ok(true) => Err(Error::new(Code::TempFail, format!("{file:?} is in use: stop {whom} first"))),
        Err(error) => Err(Error::store(format_args!("cannot find out whether {file:?} is in use"), &error)),
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
