//! `pillarbox backup`: a consistent copy, also while the server runs.

use super::exit::{Code, Error};
use super::unfinished::{AtomicFile, log_beside, place, unwritable, with_ending};
use super::{Command, arguments, database};
use crate::store::sqlite::Sqlite;
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
        backup(&database::path(matches), Path::new(&target))
    },
};

fn backup(from: &Path, target: &Path) -> Result<(), Error> {
    let store = database::open(from)?;
    let target = &place(target)?;
    if same_file(from, target) {
        return Err(Error::usage(format!("{target:?} is the database itself")));
    }
    clear_logs(target)?;
    let copy = AtomicFile::beside(target).map_err(|error| unwritable(target, &error))?;
    let failed = |error| copy.failure(format_args!("cannot write {target:?}"), &error);
    store.backup(copy.path()).map_err(failed)?;
    if let Some(fault) = Sqlite::verify_copy(copy.path()).map_err(failed)?.first() {
        let text = format!("the copy has faults, so {target:?} was not written: {fault}");
        return Err(Error::new(Code::Data, text));
    }
    copy.become_file(target).map_err(|error| unwritable(target, &error))
}

/// The log of an older copy, if somebody was killed who had it open, would be taken for one of the new copy.
fn clear_logs(target: &Path) -> Result<(), Error> {
    if target.exists() && with_ending(target, "-wal").exists() {
        refuse_in_use(target, "its server")?;
        let _ = fs::remove_file(with_ending(target, "-shm"));
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
