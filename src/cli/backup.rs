//! `pillarbox backup`: a consistent copy, also while the server runs.

use super::exit::{Code, Error};
use super::{Command, arguments, database};
use crate::store::sqlite::Sqlite;
use nix::sys::stat::{Mode, umask};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

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
    database::creatable(target)?;
    if same_file(from, target) {
        return Err(Error::usage(format!("{target:?} is the database itself")));
    }
    // As private as the database.
    umask(Mode::from_bits_truncate(0o077));
    let unfinished = Unfinished::beside(target);
    store.backup(&unfinished.0).map_err(|error| Error::store("backup", &error))?;
    verify(&unfinished.0, target)?;
    unfinished.become_file(target).map_err(|error| failed(target, &error))
}

/// The copy must be a sound database itself.
fn verify(copy: &Path, target: &Path) -> Result<(), Error> {
    let faults = Sqlite::verify_copy(copy).map_err(|error| Error::store("backup", &error))?;
    match faults.first() {
        None => Ok(()),
        Some(fault) => {
            Err(Error::new(Code::Data, format!("the copy has faults, so {target:?} was not written: {fault}")))
        }
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn failed(target: &Path, error: &io::Error) -> Error {
    Error::file(format_args!("cannot write {target:?}"), error, Code::CantCreate)
}

/// A file of a temporary name; gone when dropped.
pub(super) struct Unfinished(PathBuf);

impl Unfinished {
    pub(super) fn beside(target: &Path) -> Self {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{}.tmp", std::process::id()));
        let path = target.with_file_name(name);
        // Left by a process of the same number that was killed.
        let _ = fs::remove_file(&path);
        Self(path)
    }

    /// Where it is for now.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it durable under its final name.
    pub(super) fn become_file(self, target: &Path) -> io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        fs::rename(&self.0, target)?;
        File::open(database::folder(target))?.sync_all()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // SQLite takes these away itself, unless it failed.
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name = self.0.clone().into_os_string();
            name.push(suffix);
            let _ = fs::remove_file(name);
        }
    }
}
