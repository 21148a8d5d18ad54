//! Folders of others, read without being led away: nothing in them is followed if it is a link, or opened if it is
//! no regular file.
//!
//! An import may run as root over folders that their owner can change meanwhile. So every step is taken from the
//! folder that was opened first (openat), with O_NOFOLLOW, and what was opened is asked what it is.

use super::{ImportError, Result, file_error};
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// A folder that was named on the command line.
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

/// What a path leads to.
pub enum Opened {
    /// A folder.
    Folder(Folder),
    /// A regular file.
    File(File),
}

/// What is in a folder, each sorted by name.
#[derive(Default)]
pub struct Entries {
    /// Names of regular files.
    pub files: Vec<OsString>,
    /// Names of folders.
    pub folders: Vec<OsString>,
    /// Links, devices, pipes: how many.
    pub others: usize,
}

/// Opens what was named: a link is followed, unless root is asked to.
///
/// # Errors
/// There is nothing, or neither a regular file nor a folder.
pub fn open(path: &Path) -> Result<Opened> {
    let root = nix::unistd::geteuid().is_root();
    // A slash at the end would lead through the link.
    let bare: PathBuf = path.components().collect();
    let flags = if root { OFlag::O_NOFOLLOW } else { OFlag::empty() };
    let opened = nix::fcntl::open(&bare, flags | READ, Mode::empty());
    let wrong = |what: &str| ImportError::Data(format!("{path:?} is {what}"));
    let fd = opened.map_err(|errno| match errno {
        Errno::ELOOP if root => wrong("a link, which root does not follow: give the path it points to"),
        Errno::ENXIO | Errno::ENODEV => wrong("neither a file nor a directory"),
        errno => file_error(path)(errno.into()),
    })?;
    let file = File::from(fd);
    let kind = file.metadata().map_err(file_error(path))?.file_type();
    if kind.is_dir() {
        Ok(Opened::Folder(Folder { fd: file.into(), path: path.to_owned() }))
    } else if kind.is_file() {
        Ok(Opened::File(file))
    } else {
        Err(wrong("neither a file nor a directory"))
    }
}

/// A pipe would wait for somebody to write.
const READ: OFlag = OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC).union(OFlag::O_NOCTTY);

impl Folder {
    /// Its path, for people.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in it, for people.
    pub fn place(&self, inside: &Path) -> PathBuf {
        if inside.as_os_str().is_empty() { self.path.clone() } else { self.path.join(inside) }
    }

    /// What is in the folder `inside` of it; empty: in itself.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn entries(&self, inside: &Path) -> Result<Entries> {
        let place = self.place(inside);
        let failed = |errno: Errno| file_error(&place)(errno.into());
        let fd = self.step(&inside.join("."), OFlag::O_DIRECTORY).map_err(failed)?;
        let mut entries = Entries::default();
        let mut folder = Dir::from_fd(fd).map_err(failed)?;
        for entry in folder.iter() {
            let entry = entry.map_err(failed)?;
            let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
            if name == "." || name == ".." {
                continue;
            }
            match entry.file_type().or_else(|| self.kind(&inside.join(&name))) {
                Some(Type::File) => entries.files.push(name),
                Some(Type::Directory) => entries.folders.push(name),
                _ => entries.others += 1,
            }
        }
        entries.files.sort();
        entries.folders.sort();
        Ok(entries)
    }

    /// Whether there is a folder of this name in it, and no link to one.
    pub fn has_folder(&self, inside: &Path) -> bool {
        self.kind(inside) == Some(Type::Directory)
    }

    /// Whether there is a regular file of this name in it, and no link to one.
    pub fn has_file(&self, inside: &Path) -> bool {
        self.kind(inside) == Some(Type::File)
    }

    /// Opens a regular file in it.
    ///
    /// # Errors
    /// It cannot be opened, or is something else.
    pub fn file(&self, inside: &Path) -> Result<File> {
        let place = self.place(inside);
        let other = || ImportError::File(place.clone(), io::Error::other("not a regular file"));
        let file = match self.step(inside, OFlag::O_NOFOLLOW) {
            Ok(fd) => File::from(fd),
            Err(Errno::ELOOP | Errno::ENXIO | Errno::ENODEV) => return Err(other()),
            Err(errno) => return Err(file_error(&place)(errno.into())),
        };
        if file.metadata().map_err(file_error(&place))?.is_file() { Ok(file) } else { Err(other()) }
    }

    /// What is known of a file, without opening it.
    ///
    /// # Errors
    /// There is none.
    pub fn metadata(&self, inside: &Path) -> Result<Metadata> {
        let known = self.step(inside, OFlag::O_PATH).map_err(io::Error::from).and_then(|fd| File::from(fd).metadata());
        known.map_err(file_error(&self.place(inside)))
    }

    /// What a name stands for, without opening it.
    fn kind(&self, inside: &Path) -> Option<Type> {
        let kind = self.metadata(inside).ok()?.file_type();
        match kind {
            kind if kind.is_file() => Some(Type::File),
            kind if kind.is_dir() => Some(Type::Directory),
            _ => None,
        }
    }

    /// Opens a path one name after the other, so that none of them can be a link.
    fn step(&self, inside: &Path, last: OFlag) -> nix::Result<OwnedFd> {
        let mut names: Vec<_> = inside.components().filter(|it| matches!(it, Component::Normal(_))).collect();
        let Some(name) = names.pop() else { return openat(&self.fd, ".", READ | last, Mode::empty()) };
        let mut at: Option<OwnedFd> = None;
        for name in names {
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            at = Some(openat(at.as_ref().unwrap_or(&self.fd), name.as_os_str(), flags, Mode::empty())?);
        }
        openat(at.as_ref().unwrap_or(&self.fd), name.as_os_str(), READ | OFlag::O_NOFOLLOW | last, Mode::empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folder(path: &Path) -> Folder {
        match open(path).unwrap() {
            Opened::Folder(folder) => folder,
            Opened::File(_) => panic!("{path:?} is a file"),
        }
    }

    #[test]
    fn links_and_pipes_are_left_alone() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::fs::create_dir(inside.path().join("sub")).unwrap();
        std::fs::write(inside.path().join("sub/file"), "y").unwrap();
        symlink(outside.path(), inside.path().join("away")).unwrap();
        symlink(outside.path().join("secret"), inside.path().join("link")).unwrap();
        nix::unistd::mkfifo(&inside.path().join("pipe"), Mode::S_IRWXU).unwrap();
        let folder = folder(inside.path());
        let entries = folder.entries(Path::new("")).unwrap();
        assert_eq!((entries.files.len(), entries.others), (0, 3));
        assert_eq!(entries.folders, ["sub"]);
        assert_eq!(folder.entries(Path::new("sub")).unwrap().files, ["file"]);
        assert!(folder.file(Path::new("sub/file")).is_ok());
        for name in ["link", "pipe", "sub", "away", "away/secret", "none"] {
            assert!(folder.file(Path::new(name)).is_err(), "{name}");
            assert!(!folder.has_file(Path::new(name)), "{name}");
        }
        assert!(folder.entries(Path::new("away")).is_err() && !folder.has_folder(Path::new("away")));
        assert!(folder.has_folder(Path::new("sub")) && folder.has_file(Path::new("sub/file")));
    }

    #[test]
    fn what_is_named_may_be_a_link_but_not_for_root() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("file"), "x").unwrap();
        symlink(place.path().join("file"), place.path().join("link")).unwrap();
        symlink(place.path(), place.path().join("here")).unwrap();
        let root = nix::unistd::geteuid().is_root();
        for name in ["link", "here", "here/"] {
            assert_eq!(open(&place.path().join(name)).is_err(), root, "{name}");
        }
        assert!(open(&place.path().join("file")).is_ok());
        assert!(matches!(open(Path::new("/dev/null")), Err(ImportError::Data(_))));
        assert!(matches!(open(&place.path().join("missing")), Err(ImportError::File(..))));
    }
}
