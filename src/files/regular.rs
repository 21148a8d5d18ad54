//! Files that a setting names: opened without waiting for anybody, read up to a bound.
//!
//! A path may lead to a pipe that nobody writes to or to a device without an end; who opened that as a file would
//! never come back. What must not be known here: what is in the files.

use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Opens for reading what must be a regular file.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub fn open(path: &Path) -> Result<File> {
    open_with(OpenOptions::new().read(true), path)
}

/// The same for any way of opening.
///
/// # Errors
/// As [`open`].
pub fn open_with(options: &mut OpenOptions, path: &Path) -> Result<File> {
    flagged(options, OFlag::empty(), path)
}

/// The same, but a link is not followed: where others may write, a name that can be foretold may be one.
///
/// # Errors
/// As [`open`]; it is a link.
pub fn open_no_link(options: &mut OpenOptions, path: &Path) -> Result<File> {
    flagged(options, OFlag::O_NOFOLLOW, path)
}

fn flagged(options: &mut OpenOptions, flags: OFlag, path: &Path) -> Result<File> {
    // A pipe would wait for its other end at once, or, opened for writing, answer ENXIO now.
    let opened = options.custom_flags((flags | OFlag::O_NONBLOCK).bits()).open(path);
    match opened.and_then(|file| Ok((file.metadata()?.is_file(), file))) {
        Ok((true, file)) => Ok(file),
        Ok((false, _)) => Err(Error::other("not a regular file")),
        Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => Err(Error::other("not a regular file")),
        Err(error) if error.raw_os_error() == Some(Errno::ELOOP as i32) => Err(Error::other("a link")),
        Err(error) => Err(error),
    }
}

/// Reads the rest of a file, wiped when it is dropped: it may be a key.
///
/// # Errors
/// It cannot be read, or has more than `longest` octets.
pub fn rest(file: &File, longest: u64) -> Result<Zeroizing<Vec<u8>>> {
    // With room for all of it nothing is copied, and no copy stays behind.
    let size = file.metadata()?.len().min(longest) as usize;
    let mut octets = Zeroizing::new(Vec::with_capacity(size + 64));
    file.take(longest.saturating_add(1)).read_to_end(&mut octets)?;
    if octets.len() as u64 > longest {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("more than {longest} octets")));
    }
    Ok(octets)
}

/// [`open`] and [`rest`].
///
/// # Errors
/// As these.
pub fn read(path: &Path, longest: u64) -> Result<Zeroizing<Vec<u8>>> {
    rest(&open(path)?, longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [&pipe, directory.path(), Path::new("/dev/zero")] {
            assert_eq!(read(path, 10).unwrap_err().to_string(), "not a regular file", "{path:?}");
        }
        let append = open_with(OpenOptions::new().append(true), &pipe);
        assert_eq!(append.unwrap_err().to_string(), "not a regular file");
        let _reader = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
        let append = open_with(OpenOptions::new().append(true), &pipe);
        assert_eq!(append.unwrap_err().to_string(), "not a regular file", "with somebody at the other end");
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0123456789").unwrap();
        assert_eq!(*read(file.path(), 10).unwrap(), b"0123456789");
        assert_eq!(read(file.path(), 9).unwrap_err().to_string(), "more than 9 octets");
        assert_eq!(read(&file.path().with_extension("missing"), 9).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
