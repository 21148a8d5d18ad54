//! `pillarbox restore`: the database anew from a backup.

use super::backup::refuse_in_use;
use super::exit::{Code, Error};
use super::unfinished::{LOGS, Unfinished, log_beside, place, unwritable, with_ending};
use super::{Command, arguments, database, print};
use crate::store::StoreError;
use crate::store::sqlite::{self, Sqlite};
use std::fs::{self, File, OpenOptions};
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
    require_file(backup)?;
    let target = &place(target)?;
    if matches!((backup.canonicalize(), target.canonicalize()), (Ok(one), Ok(other)) if one == other) {
        return Err(Error::usage(format!("{backup:?} is the database itself")));
    }
    let made = make(backup, target)?;
    if target.exists() {
        refuse_in_use(target, "the server")?;
    }
    let kept = keep_old(target)?;
    if let Err(error) = made.become_file(target) {
        bring_back(target, kept.as_deref());
        return Err(unwritable(target, &error));
    }
    match kept {
        Some(kept) => print(&format!("restored; the database before is {}\n", kept.display())),
        None => print("restored\n"),
    }
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
fn make(backup: &Path, target: &Path) -> Result<Unfinished, Error> {
    let made = Unfinished::beside(target).map_err(|error| unwritable(target, &error))?;
    copy(backup, made.path())?;
    let failed = |error| not_restored(&made, backup, &error);
    Sqlite::verify_backup(made.path()).map_err(failed)?;
    renew(made.path()).map_err(failed)?;
    if let Some(fault) = Sqlite::verify_copy(made.path()).map_err(failed)?.first() {
        return Err(Error::new(Code::Data, format!("{backup:?} has faults, so nothing was restored: {fault}")));
    }
    if let Ok(old) = fs::metadata(target) {
        let what = format!("the new database cannot be given to the owner of {target:?}");
        made.belong_like(&old).map_err(|error| Error::file(what, &error, Code::CantCreate))?;
    }
    Ok(made)
}

/// The contents alone: the backup's permissions are its own business.
fn copy(backup: &Path, to: &Path) -> Result<(), Error> {
    let mut from = File::open(backup).map_err(|error| unreadable(backup, &error))?;
    let copied = OpenOptions::new().write(true).open(to).and_then(|mut to| io::copy(&mut from, &mut to));
    copied.map(drop).map_err(|error| Error::file(format_args!("cannot copy {backup:?}"), &error, Code::CantCreate))
}

/// What cannot be understood is no backup.
fn not_restored(made: &Unfinished, backup: &Path, error: &StoreError) -> Error {
    match error {
        StoreError::Internal(text) => Error::new(Code::Data, format!("{backup:?} is no backup: {text}")),
        _ => made.failure(format_args!("restore from {backup:?}"), error),
    }
}

/// Brings the copy to the newest schema, and removes what that keeps of the older one.
fn renew(copy: &Path) -> Result<(), StoreError> {
    let renewed = Sqlite::renew(copy);
    let _ = fs::remove_file(with_ending(copy, &format!(".before-v{}", sqlite::newest_version())));
    renewed
}

/// Gives the old database, and what is left of its log, a second name. It keeps its first one until the new
/// database takes it, so that there is one at every moment: `init` would make an empty one. Its keys and
/// certificate stay: they fit both.
fn keep_old(target: &Path) -> Result<Option<PathBuf>, Error> {
    let kept = free_name(target);
    let mut any = false;
    for ending in LOGS {
        any |= done(fs::rename(with_ending(target, ending), with_ending(&kept, ending)), target)?;
    }
    // Without a log it says nothing, and with the wrong one it would lie.
    done(fs::remove_file(with_ending(target, "-shm")), target)?;
    // Not every file system knows a second name.
    let linked = fs::hard_link(target, &kept).or_else(|_| fs::rename(target, &kept));
    any |= done(linked, target)?;
    Ok(any.then_some(kept))
}

/// `false`: there is no such file.
fn done(outcome: io::Result<()>, target: &Path) -> Result<bool, Error> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::file(format_args!("cannot rename {target:?}"), &error, Code::CantCreate)),
    }
}

/// Undoes [`keep_old`]; the error that made it necessary says more than another one.
fn bring_back(target: &Path, kept: Option<&Path>) {
    let Some(kept) = kept else { return };
    let _ = if target.exists() { fs::remove_file(kept) } else { fs::rename(kept, target) };
    for ending in LOGS {
        let _ = fs::rename(with_ending(kept, ending), with_ending(target, ending));
    }
}

fn free_name(target: &Path) -> PathBuf {
    let first = with_ending(target, ".before-restore");
    let taken = |name: &Path| name.exists() || log_beside(name).is_some();
    let mut name = first.clone();
    for number in 2.. {
        if !taken(&name) {
            break;
        }
        name = with_ending(&first, &format!("-{number}"));
    }
    name
}
