//! `pillarbox restore`: the database anew from a backup.

mod kept;

use super::backup::{copy_failed, draft, refuse_in_use, require_whole};
use super::exit::{Code, Error};
use super::{Command, arguments, database, print};
use crate::files::atomic::{AtomicFile, Failure};
use crate::files::path::with_suffix;
use crate::store::StoreError;
use crate::store::sqlite::companions::log_beside;
use crate::store::sqlite::{self, Sqlite};
use kept::Kept;
use std::fs::{self, File};
use std::io;
use std::path::Path;

pub(super) const COMMAND: Command = Command {
    name: "restore",
    arguments: "FILE",
    summary: "makes the database anew from a backup; no server may run on it",
    notes: "Next unique-ids are raised, so that ids given out after the backup are not given again. A database that\n\
            is there already is kept beside the new one, with .before-restore behind its name. Exit 75: it is in use.\n\
            74: the disk has failed; the line says which file is which.",
    options: |options| {
        options.optflag("", "force", "restore a backup whose triggers, views or indexes are not of this program, too");
    },
    run: |matches| {
        let [backup] = arguments(matches, "FILE")?;
        restore(
            Path::new(&backup),
            &database::file(matches, "pg_restore and pg_basebackup do it")?,
            matches.opt_present("force"),
        )
    },
};

fn restore(backup: &Path, target: &Path, force: bool) -> Result<(), Error> {
    require_file(backup)?;
    let target = &database::place(target)?;
    if matches!((backup.canonicalize(), target.canonicalize()), (Ok(one), Ok(other)) if one == other) {
        return Err(Error::usage(format!("{backup:?} is the database itself")));
    }
    let made = make(backup, target, force)?;
    if target.exists() {
        refuse_in_use(target, "the server")?;
    }
    let kept = Kept::keep(target, made.directory()).map_err(|error| cannot_keep(target, &error))?;
    match made.replace() {
        Ok(()) => match kept.name() {
            Some(kept) => print(&format!("restored; the database before is {}\n", kept.display())),
            None => print("restored\n"),
        },
        Err(failure @ Failure::Unplaced(_)) => {
            kept.bring_back();
            Err(database::unwritable(target, &failure))
        }
        Err(Failure::Unsynced(error)) => Err(may_be_lost(target, kept.name(), &error)),
    }
}

/// The new database has its name, the old one another: nothing is undone, both files are whole.
fn may_be_lost(target: &Path, kept: Option<&Path>, error: &io::Error) -> Error {
    let before = kept.map_or_else(String::new, |kept| format!("; the database before is {kept:?}"));
    let text = format!("{target:?} is the restored database, but may not survive a power loss: {error}{before}");
    Error::new(Code::Io, text)
}

fn cannot_keep(target: &Path, error: &io::Error) -> Error {
    Error::file(format_args!("cannot rename {target:?}"), error, Code::CantCreate)
}

/// A backup is one whole file. A database in use, or a copy of one, has its newest mail in a log beside it.
fn require_file(backup: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(backup).map_err(|error| unreadable(backup, &error))?;
    if !metadata.is_file() {
        return Err(Error::new(Code::Data, format!("{backup:?} is no file")));
    }
    match log_beside(backup) {
        None => Ok(()),
        Some(log) => {
            let text = format!("{backup:?} is no backup, {log:?} belongs to it: pillarbox backup -d makes one of both");
            Err(Error::new(Code::Data, text))
        }
    }
}

fn unreadable(backup: &Path, error: &io::Error) -> Error {
    Error::file(format_args!("cannot read {backup:?}"), error, Code::Io)
}

/// The new database, whole and verified, beside the old one and as private.
fn make(backup: &Path, target: &Path, force: bool) -> Result<AtomicFile, Error> {
    let made = draft(target)?;
    copy(backup, &made)?;
    let failed = |error| not_restored(&made, backup, &error);
    Sqlite::verify_backup(made.path()).map_err(failed)?;
    renew(made.path()).map_err(failed)?;
    if let Some(fault) = Sqlite::verify_copy(made.path()).map_err(failed)?.first() {
        return Err(Error::new(Code::Data, format!("{backup:?} has faults, so nothing was restored: {fault}")));
    }
    if let Some(fault) = Sqlite::objects_of_copy(made.path()).map_err(failed)?.faults.first().filter(|_| !force) {
        let text = format!("{backup:?} was changed, so nothing was restored (--force does it all the same): {fault}");
        return Err(Error::new(Code::Data, text));
    }
    require_whole(&made, target)?;
    if let Ok(old) = fs::metadata(target) {
        let what = format!("the new database cannot be given to the owner of {target:?}");
        made.belong_like(&old).map_err(|error| Error::file(what, &error, Code::CantCreate))?;
    }
    Ok(made)
}

/// The contents alone: the backup's permissions are its own business.
fn copy(backup: &Path, to: &AtomicFile) -> Result<(), Error> {
    let mut from = File::open(backup).map_err(|error| unreadable(backup, &error))?;
    let copied = io::copy(&mut from, &mut to.file());
    copied.map(drop).map_err(|error| Error::file(format_args!("cannot copy {backup:?}"), &error, Code::CantCreate))
}

/// What cannot be understood is no backup.
fn not_restored(made: &AtomicFile, backup: &Path, error: &StoreError) -> Error {
    match error {
        StoreError::Internal(_) | StoreError::Damaged(_) => {
            let error = copy_failed(made, backup, format_args!("{backup:?} is no backup"), error);
            Error { code: Code::Data, ..error }
        }
        _ => copy_failed(made, backup, format_args!("restore from {backup:?}"), error),
    }
}

/// Brings the copy to the newest schema, and removes what that keeps of the older one.
fn renew(copy: &Path) -> Result<(), StoreError> {
    let renewed = Sqlite::renew(copy);
    let _ = fs::remove_file(with_suffix(copy, &format!(".before-v{}", sqlite::newest_version())));
    renewed
}
