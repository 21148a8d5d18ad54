//! Paths of Unix sockets that are longer than the kernel's 107 octets (unix(7)).

use nix::fcntl::OFlag;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// `sun_path` less its NUL.
const LONGEST_ADDRESS: usize = 107;

/// Binds or connects a socket at `path`: where that is too long for an address, by way of the open directory.
///
/// # Errors
/// Those of `act`; the directory cannot be opened; the file's name alone is too long.
pub fn with_short_path<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return act(path) };
    if path.as_os_str().as_bytes().len() <= LONGEST_ADDRESS {
        return act(path);
    }
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    // Without rights to read the directory, too.
    let directory = OpenOptions::new().read(true).custom_flags(flags.bits()).open(directory)?;
    act(&PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn a_socket_below_many_directories_is_reached() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("a".repeat(100)).join("b".repeat(200));
        std::fs::create_dir_all(&directory).unwrap();
        for name in ["s".to_owned(), "n".repeat(80)] {
            let path = directory.join(name);
            assert!(UnixListener::bind(&path).is_err(), "too long for an address");
            let _listener = with_short_path(&path, |path| UnixListener::bind(path)).unwrap();
            assert!(path.exists());
            with_short_path(&path, |path| UnixStream::connect(path)).unwrap();
        }
        let error = with_short_path(&directory.join("n".repeat(120)), |path| UnixListener::bind(path)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(with_short_path(&directory.join("none/s"), |path| UnixListener::bind(path)).is_err());
    }
}
