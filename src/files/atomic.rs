//! Files that take their place whole, and only once they are on the disk.
//!
//! There is one way to write a file that somebody relies on: a draft beside its place is written and synced,
//! renamed, and the directory is synced. The directory is opened before anything else, so that what cannot be
//! synced is not begun. Until the rename an error leaves everything as it was. After it nothing is undone: the new
//! file is whole and has its name, and only a power loss could still bring the old one back ([`Failure::Unsynced`]).

use crate::files::path::{directory, with_suffix};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Drafts that this process has made.
static DRAFTS: AtomicU32 = AtomicU32::new(0);

/// Why a file did not take its place durably.
#[derive(Debug)]
pub enum Failure {
    /// It has not: whatever was there before is there still.
    Unplaced(io::Error),
    /// It has, but its directory could not be synced: after a power loss what was there before may be back.
    Unsynced(io::Error),
}

impl Failure {
    /// What went wrong.
    pub fn error(&self) -> &io::Error {
        match self {
            Self::Unplaced(error) | Self::Unsynced(error) => error,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unplaced(error) => error.fmt(f),
            Self::Unsynced(error) => write!(f, "written, but may not survive a power loss: {error}"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.error())
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        Self::new(failure.error().kind(), failure)
    }
}

/// An error and what it is about.
#[derive(Debug)]
struct About(String, io::Error);

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0, self.1)
    }
}

impl Error for About {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.1)
    }
}

/// The same error with "`what`: " before its text.
pub fn about(what: impl fmt::Display, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), About(what.to_string(), error))
}

/// A directory that is open for syncing.
#[derive(Clone, Debug)]
pub struct Directory(Arc<File>);

impl Directory {
    /// Opens it.
    ///
    /// # Errors
    /// It cannot be read, so it cannot be synced either.
    pub fn open(path: &Path) -> io::Result<Self> {
        let opened = OpenOptions::new().read(true).custom_flags(nix::fcntl::OFlag::O_DIRECTORY.bits()).open(path);
        opened.map(|opened| Self(Arc::new(opened))).map_err(|error| about(format_args!("directory {path:?}"), error))
    }

    /// Makes durable which names it holds. A file system that has nothing to sync there says so (EINVAL).
    ///
    /// # Errors
    /// The disk has failed.
    pub fn sync(&self) -> io::Result<()> {
        self.0.sync_all().or_else(|error| if error.kind() == io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) })
    }
}

/// A file under a temporary name; dropped before it is placed, it goes.
#[derive(Debug)]
pub struct AtomicFile {
    draft: PathBuf,
    target: PathBuf,
    /// Open from the beginning: a later one might not hear of a write that has failed.
    file: File,
    directory: Directory,
    /// What else goes with the draft: suffixes of its name.
    companions: &'static [&'static str],
    placed: bool,
}

impl AtomicFile {
    /// An empty draft in the directory of `target`. What killed processes have left there of the same target goes.
    ///
    /// # Errors
    /// The directory cannot be opened, or no file made in it.
    pub fn create(target: &Path, mode: u32) -> io::Result<Self> {
        let directory = Directory::open(directory(target))?;
        let mut start = OsString::from(".");
        start.push(target.file_name().unwrap_or_default());
        start.push(".");
        remove_abandoned(crate::files::path::directory(target), &start);
        let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
        start.push(format!("{}-{number}.tmp", std::process::id()));
        let draft = target.with_file_name(start);
        // One of this name is left from a process that had our number.
        let _ = fs::remove_file(&draft);
        Self::draft(draft, target, directory, mode)
    }

    /// An empty draft of this name, which is on the file system of `target` and must not exist.
    ///
    /// # Errors
    /// As [`AtomicFile::create`].
    pub fn create_as(draft: PathBuf, target: &Path, mode: u32) -> io::Result<Self> {
        let directory = Directory::open(directory(target))?;
        Self::draft(draft, target, directory, mode)
    }

    fn draft(draft: PathBuf, target: &Path, directory: Directory, mode: u32) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(&draft)?;
        Ok(Self { draft, target: target.to_owned(), file, directory, companions: &[], placed: false })
    }

    /// Files with these suffixes, which another library makes beside the draft, go with it.
    pub fn with_companions(mut self, suffixes: &'static [&'static str]) -> Self {
        self.companions = suffixes;
        self
    }

    /// Where it is for now.
    pub fn path(&self) -> &Path {
        &self.draft
    }

    /// The draft, for writing.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The directory of its place.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Gives it an owner and a group.
    ///
    /// # Errors
    /// That is not allowed.
    pub fn give_to(&self, owner: &fs::Metadata) -> io::Result<()> {
        let own = self.file.metadata()?;
        if (own.uid(), own.gid()) == (owner.uid(), owner.gid()) {
            return Ok(());
        }
        fchown(&self.file, Some(owner.uid()), Some(owner.gid()))
    }

    /// Gives it the owner, the group and the permissions of the file that it is to replace.
    ///
    /// # Errors
    /// That is not allowed.
    pub fn belong_like(&self, old: &fs::Metadata) -> io::Result<()> {
        self.give_to(old)?;
        self.file.set_permissions(Permissions::from_mode(old.mode() & 0o777))
    }

    /// Takes its place durably, whatever is there.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn replace(self) -> Result<(), Failure> {
        self.rename().map_err(Failure::Unplaced)?.sync().map_err(Failure::Unsynced)
    }

    /// The same without syncing the directory, which the caller does: once for many files.
    ///
    /// # Errors
    /// It has not taken its place.
    pub fn rename(mut self) -> io::Result<Directory> {
        self.file.sync_all()?;
        fs::rename(&self.draft, &self.target)?;
        self.placed = true;
        Ok(self.directory.clone())
    }

    /// Takes its place durably if nothing is there.
    ///
    /// # Errors
    /// See [`Failure`]; [`io::ErrorKind::AlreadyExists`]: something is there.
    pub fn place_new(mut self) -> Result<(), Failure> {
        self.place_if_free().map_err(Failure::Unplaced)?;
        self.placed = true;
        self.directory.sync().map_err(Failure::Unsynced)
    }

    fn place_if_free(&self) -> io::Result<()> {
        self.file.sync_all()?;
        let renamed = renameat2(AT_FDCWD, &self.draft, AT_FDCWD, &self.target, RenameFlags::RENAME_NOREPLACE);
        match renamed {
            // Not every file system knows it; those that do not know a second name.
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
                fs::hard_link(&self.draft, &self.target)?;
                fs::remove_file(&self.draft)
            }
            renamed => Ok(renamed?),
        }
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.placed {
            let _ = fs::remove_file(&self.draft);
        }
        for suffix in self.companions {
            let _ = fs::remove_file(with_suffix(&self.draft, suffix));
        }
    }
}

/// Removes `START` PID `-` NUMBER `.tmp`, and what lies beside it, of processes that are no more.
fn remove_abandoned(directory: &Path, start: &OsStr) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.as_bytes().strip_prefix(start.as_bytes()).is_some_and(is_abandoned) {
            // The file that is to be made needs the room, but may do without.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether the rest of a draft's name is that of one that nobody works on any more.
fn is_abandoned(rest: &[u8]) -> bool {
    let Some((made_by, ending)) = str::from_utf8(rest).ok().and_then(|rest| rest.split_once('.')) else { return false };
    let (pid, number) = made_by.split_once('-').unwrap_or((made_by, "0"));
    let (Ok(pid), Ok(number)) = (pid.parse::<u32>(), number.parse::<u32>()) else { return false };
    let Some(pid) = i32::try_from(pid).ok().filter(|pid| *pid > 0) else { return false };
    let gone = match Pid::from_raw(pid) {
        // In a container every run has the same number.
        this if this == Pid::this() => number >= DRAFTS.load(Ordering::Relaxed),
        other => kill(other, None) == Err(Errno::ESRCH),
    };
    gone && ending.starts_with("tmp")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn written(target: &Path, text: &str) -> AtomicFile {
        let draft = AtomicFile::create(target, 0o600).unwrap();
        draft.file().write_all(text.as_bytes()).unwrap();
        draft
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_placed() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("file");
        drop(written(&target, "dropped"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let (one, other) = (written(&target, "one"), written(&target, "other"));
        assert!(!target.exists());
        one.replace().unwrap();
        let refused = other.place_new().unwrap_err();
        assert!(
            matches!(&refused, Failure::Unplaced(error) if error.kind() == io::ErrorKind::AlreadyExists),
            "{refused}"
        );
        assert_eq!(fs::read_to_string(&target).unwrap(), "one");
        written(&target, "new").replace().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no rests");
    }

    #[test]
    fn nothing_is_begun_where_it_cannot_be_placed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        written(&file, "").replace().unwrap();
        assert!(AtomicFile::create(&file.join("below"), 0o600).is_err());
        assert!(AtomicFile::create(&directory.path().join("no/file"), 0o600).is_err());
        fs::create_dir(directory.path().join("directory")).unwrap();
        let refused = written(&directory.path().join("directory"), "").replace().unwrap_err();
        assert!(matches!(refused, Failure::Unplaced(_)), "{refused}");
    }

    #[test]
    fn drafts_of_living_processes_stay() {
        let this = std::process::id();
        let ours = DRAFTS.fetch_add(1, Ordering::Relaxed);
        for (rest, gone) in [
            (format!("{}-7.tmp", i32::MAX), true),
            (format!("{}-7.tmp-journal", i32::MAX), true),
            (format!("{this}-{ours}.tmp"), false),
            (format!("{this}-{}.tmp", u32::MAX), true),
            (format!("{}-0.tmp", nix::unistd::getppid()), false),
            (format!("{}-0.txt", i32::MAX), false),
            ("-1-0.tmp".into(), false),
            ("x.tmp".into(), false),
        ] {
            assert_eq!(is_abandoned(rest.as_bytes()), gone, "{rest}");
        }
    }
}
