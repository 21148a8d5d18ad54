//! `pillarbox restore`: the database anew from a backup.

use super::backup::Unfinished;
use super::exit::{Code, Error};
use super::{Command, arguments, database, print};
use crate::store::StoreError;
use crate::store::sqlite::{self, Sqlite};
use nix::sys::stat::{Mode, umask};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(super) const COMMAND: Command = Command {
    name: "restore",
    arguments: "FILE",
    summary: "makes the database anew from a backup; no server may run on it",
    notes: "Next unique-ids are raised, so that ids given out after the backup are not given again. A database that\n\
            is there already is kept beside the new one, with .before-restore behind its name. Exit 75: it is in use.",
    options: |_| {},
    run: |matches| {
        let [backup] = arguments(matches, "FILE")?;
        restore(Path::new(&backup), &database::path(matches))
    },
};

fn restore(backup: &Path, target: &Path) -> Result<(), Error> {
    let unreadable = |error| Error::file(format_args!("cannot read {backup:?}"), &error, Code::Io);
    let metadata = fs::metadata(backup).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Error::new(Code::Data, format!("{backup:?} is no file")));
    }
    database::creatable(target)?;
    if matches!((backup.canonicalize(), target.canonicalize()), (Ok(one), Ok(other)) if one == other) {
        return Err(Error::usage(format!("{backup:?} is the database itself")));
    }
    umask(Mode::from_bits_truncate(0o077));
    let unfinished = Unfinished::beside(target);
    fs::copy(backup, unfinished.path())
        .map_err(|error| Error::file(format_args!("cannot copy {backup:?}"), &error, Code::CantCreate))?;
    Sqlite::verify_backup(unfinished.path()).map_err(|error| not_restored(backup, &error))?;
    renew(unfinished.path()).map_err(|error| not_restored(backup, &error))?;
    let faults = Sqlite::verify_copy(unfinished.path()).map_err(|error| not_restored(backup, &error))?;
    if let Some(fault) = faults.first() {
        return Err(Error::new(Code::Data, format!("{backup:?} has faults, so nothing was restored: {fault}")));
    }
    let kept = set_aside(target)?;
    unfinished
        .become_file(target)
        .map_err(|error| Error::file(format_args!("cannot write {target:?}"), &error, Code::CantCreate))?;
    match kept {
        Some(kept) => print(&format!("restored; the database before is {}\n", kept.display())),
        None => print("restored\n"),
    }
}

/// What cannot be understood is no backup.
fn not_restored(backup: &Path, error: &StoreError) -> Error {
    match error {
        StoreError::Internal(text) => Error::new(Code::Data, format!("{backup:?} is no backup: {text}")),
        _ => Error::store(format_args!("restore from {backup:?}"), error),
    }
}

/// Brings the copy to the newest schema, and removes what that keeps of older ones.
fn renew(copy: &Path) -> Result<(), StoreError> {
    let renewed = Sqlite::renew(copy);
    for version in 1..=sqlite::newest_version() {
        let _ = fs::remove_file(with_ending(copy, &format!(".before-v{version}")));
    }
    renewed
}

/// Moves the old database out of the way, with its log. Its keys and certificate stay: they fit both.
fn set_aside(target: &Path) -> Result<Option<PathBuf>, Error> {
    if !target.exists() {
        return Ok(None);
    }
    if Sqlite::is_in_use(target) {
        return Err(Error::new(Code::TempFail, format!("{target:?} is in use: stop the server first")));
    }
    let aside = free_name(target);
    for ending in ["-wal", "-shm", ""] {
        match fs::rename(with_ending(target, ending), with_ending(&aside, ending)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Error::file(format_args!("cannot rename {target:?}"), &error, Code::CantCreate));
            }
            Ok(()) => {}
        }
    }
    Ok(Some(aside))
}

fn free_name(target: &Path) -> PathBuf {
    let first = with_ending(target, ".before-restore");
    let mut name = first.clone();
    for number in 2.. {
        if !name.exists() {
            break;
        }
        name = with_ending(&first, &format!("-{number}"));
    }
    name
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
