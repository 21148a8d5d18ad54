//! Files that take their place only when they are whole and on the disk.
//!
//! What lives here: the temporary file ([`AtomicFile`]), the place that it is for ([`place`]), and what
//! SQLite keeps beside a database: a file of an old name and a new log, or the other way round, is damage.

use super::database;
use super::exit::{self, Code, Error};
use crate::store::StoreError;
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Links that lead to a file at most, as Linux has it.
const LINKS: usize = 40;

/// What holds a part of a database's contents, beside it.
pub(super) const LOGS: [&str; 2] = ["-wal", "-journal"];

/// Where a file of this name is to be made: links lead to it, and stay.
///
/// # Errors
/// As [`database::creatable`].
pub(super) fn place(path: &Path) -> Result<PathBuf, Error> {
    database::creatable(path)?;
    let mut place = path.to_owned();
    for _ in 0..LINKS {
        let Ok(to) = fs::read_link(&place) else { break };
        place = database::folder(&place).join(to);
    }
    database::creatable(&place)?;
    // SQLite follows no links where it is to make a file.
    match (database::folder(&place).canonicalize(), place.file_name()) {
        (Ok(folder), Some(name)) => Ok(folder.join(name)),
        _ => Ok(place),
    }
}

/// A log with something in it beside a database, if there is one.
pub(super) fn log_beside(database: &Path) -> Option<PathBuf> {
    let mut logs = LOGS.iter().map(|ending| with_ending(database, ending));
    logs.find(|log| fs::metadata(log).is_ok_and(|log| log.len() > 0))
}

/// The path with something behind its name.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// A file of a temporary name; gone when dropped.
pub(super) struct AtomicFile(PathBuf);

impl AtomicFile {
    /// An empty file, readable by its owner only. What killed processes have left there goes.
    pub(super) fn beside(target: &Path) -> io::Result<Self> {
        let mut start = OsString::from(".");
        start.push(target.file_name().unwrap_or_default());
        start.push(".");
        remove_abandoned(database::folder(target), &start);
        start.push(format!("{}.tmp", std::process::id()));
        let path = target.with_file_name(start);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self(path))
    }

    /// Where it is for now.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A failure of the store to work on it; people know it under another name only.
    pub(super) fn failure(&self, what: impl std::fmt::Display, error: &StoreError) -> Error {
        let text = error.to_string().replace(&format!("{}: ", self.0.display()), "");
        Error::new(exit::code_of(error), format!("{what}: {text}"))
    }

    /// Gives it the owner, the group and the permissions of the file it is to replace.
    pub(super) fn belong_like(&self, old: &fs::Metadata) -> io::Result<()> {
        let own = fs::metadata(&self.0)?;
        if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
            chown(&self.0, Some(old.uid()), Some(old.gid()))?;
        }
        fs::set_permissions(&self.0, Permissions::from_mode(old.mode() & 0o777))
    }

    /// Makes it durable under its final name.
    pub(super) fn become_file(self, target: &Path) -> io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        fs::rename(&self.0, target)?;
        File::open(database::folder(target))?.sync_all()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // SQLite takes these away itself, unless it failed.
        for ending in ["", "-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(with_ending(&self.0, ending));
        }
    }
}

/// Removes `START` PID `.tmp`, and what lies beside it, of processes that are no more.
fn remove_abandoned(folder: &Path, start: &OsStr) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.as_bytes().strip_prefix(start.as_bytes()).and_then(owner);
        if owner.is_some_and(|pid| pid == Pid::this() || kill(pid, None) == Err(Errno::ESRCH)) {
            // The file that is to be made needs the room, but may do without.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whose file it is: PID `.tmp` and perhaps more.
fn owner(name: &[u8]) -> Option<Pid> {
    let (pid, rest) = std::str::from_utf8(name).ok()?.split_once('.')?;
    let pid: u32 = pid.parse().ok()?;
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0)?;
    rest.starts_with("tmp").then_some(Pid::from_raw(pid))
}

/// "cannot write FILE".
pub(super) fn unwritable(target: &Path, error: &io::Error) -> Error {
    Error::file(format_args!("cannot write {target:?}"), error, Code::CantCreate)
}
