//! Unix sockets: where they are, who may use them, and what was left there before.
//!
//! A socket gets its group and mode under a name of its own and is then moved to its place, so that
//! nobody finds it there with other permissions, and no moment is without one.

use crate::exit::{Code, Error};
use crate::files::socket_path::with_short_path;
use nix::unistd::Group;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A listening Unix socket; its file goes when it is dropped.
pub struct Bound {
    /// The socket.
    pub socket: UnixListener,
    /// Where it is.
    pub path: PathBuf,
    /// Which file it is: another server may have put its own in the place since.
    file: Option<(u64, u64)>,
}

impl Bound {
    /// A socket that somebody else has bound: its file stays.
    pub fn inherited(socket: UnixListener, path: PathBuf) -> Self {
        Self { socket, path, file: None }
    }
}

/// Binds a socket at `path` for `group` (empty: our own) with permissions `mode`.
///
/// # Errors
/// 69 if a server listens there or something else is there, 73 if nothing can be made there, 77 if that
/// is not allowed, 78 for a group that does not exist.
pub fn bind(path: &Path, mode: u32, group: &str) -> Result<Bound, Error> {
    let gid = gid(group)?;
    vacate(path)?;
    let draft = path.with_file_name(format!(".{}", std::process::id()));
    // Left by a process of the same number that was killed.
    let _ = fs::remove_file(&draft);
    let place = || {
        let socket = with_short_path(&draft, |draft| UnixListener::bind(draft))?;
        if let Some(gid) = gid {
            chown(&draft, None, Some(gid))?;
        }
        fs::set_permissions(&draft, fs::Permissions::from_mode(mode))?;
        fs::rename(&draft, path)?;
        Ok(socket)
    };
    let socket = place().map_err(|error: io::Error| {
        let _ = fs::remove_file(&draft);
        let what = format_args!("cannot listen on {path:?}, its directory must exist and be writable");
        Error::file(what, &error, Code::CantCreate)
    })?;
    Ok(Bound { socket, path: path.to_owned(), file: identity(path) })
}

fn gid(group: &str) -> Result<Option<u32>, Error> {
    if group.is_empty() {
        return Ok(None);
    }
    match Group::from_name(group) {
        Ok(Some(found)) => Ok(Some(found.gid.as_raw())),
        Ok(None) => Err(Error::new(Code::Config, format!("LmtpSocketGroup: no such group {group:?}"))),
        Err(errno) => Err(Error::new(Code::Config, format!("LmtpSocketGroup {group:?}: {}", errno.desc()))),
    }
}

/// Only a socket that nobody listens on may be replaced.
fn vacate(path: &Path) -> Result<(), Error> {
    let unavailable = |text: &str| Err(Error::new(Code::Unavailable, format!("listener {path:?}: {text}")));
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::file(format_args!("listener {path:?}"), &error, Code::CantCreate)),
        Ok(found) if !found.file_type().is_socket() => unavailable("the path exists and is not a socket"),
        Ok(_) => match with_short_path(path, |path| UnixStream::connect(path)) {
            Ok(_) => unavailable("another server listens there"),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => unavailable(&error.to_string()),
        },
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

impl Drop for Bound {
    fn drop(&mut self) {
        if self.file.is_some() && identity(&self.path) == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_has_its_mode_and_goes_with_the_server() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lmtp");
        let bound = bind(&path, 0o620, "").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o620);
        assert!(UnixStream::connect(&path).is_ok());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn only_a_dead_socket_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lmtp");
        // As a process that was killed leaves it.
        drop(UnixListener::bind(&path).unwrap());
        let first = bind(&path, 0o660, "").unwrap();
        assert_eq!(bind(&path, 0o660, "").err().unwrap().code, Code::Unavailable);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        assert_eq!(bind(&path, 0o660, "").err().unwrap().code, Code::Unavailable);
        // What is not ours stays.
        drop(first);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        assert_eq!(bind(&directory.path().join("no/lmtp"), 0o660, "").err().unwrap().code, Code::CantCreate);
        assert_eq!(bind(&path, 0o660, "no such group").err().unwrap().code, Code::Config);
    }
}
