//! Whether the database still is where it was opened.
//!
//! A file that is removed or replaced while it is open lives on without a name: SQLite goes on writing to it,
//! and all of that is gone with the last process that has it open.

use crate::store::{Result, StoreError};
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::canonicalize;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file under its name; the same as long as device and inode are.
struct Named {
    path: PathBuf,
    file: (u64, u64),
}

/// The database and its log, as they were opened.
pub struct FileIdentity {
    database: Named,
    /// SQLite makes it at the first query and keeps it as long as anybody has the database open.
    log: Option<Named>,
}

impl FileIdentity {
    /// To be called before the database is opened: what takes its name between the two is found, too.
    ///
    /// # Errors
    /// [`StoreError::Io`]: there is nothing.
    pub fn new(path: &Path) -> Result<Self> {
        let database = Named::new(path.to_owned()).map_err(|error| failed(path, &error))?;
        Ok(Self { database, log: None })
    }

    /// To be called when the database is open and has been read.
    pub fn opened(self) -> Self {
        // SQLite follows links before it appends to the name.
        let log = canonicalize(&self.database.path).map(|path| {
            let mut name = OsString::from(path);
            name.push("-wal");
            Named::new(name.into()).ok()
        });
        Self { log: log.ok().flatten(), ..self }
    }

    /// What was done to them, if one is not what it was.
    ///
    /// # Errors
    /// [`StoreError::Io`]: that cannot be found out.
    pub fn lost(&self) -> Result<Option<String>> {
        match (self.database.lost("the database")?, &self.log) {
            (None, Some(log)) => log.lost("the WAL of the database"),
            (lost, _) => Ok(lost),
        }
    }

    /// The same for those who promise that what they wrote will be found again.
    ///
    /// # Errors
    /// [`StoreError::Io`]: it will not, or who knows.
    pub fn check(&self) -> Result<()> {
        self.lost()?.map_or(Ok(()), |text| Err(StoreError::Io(text)))
    }
}

impl Named {
    fn new(path: PathBuf) -> std::io::Result<Self> {
        let file = identity(&path)?;
        Ok(Self { path, file })
    }

    fn lost(&self, what: &str) -> Result<Option<String>> {
        let lost = |how| Ok(Some(format!("{}: {what} was {how} while it was open", self.path.display())));
        match identity(&self.path) {
            Ok(found) if found == self.file => Ok(None),
            Ok(_) => lost("replaced"),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => lost("removed"),
            Err(error) => Err(failed(&self.path, &error)),
        }
    }
}

/// Device and inode, and nothing else is asked for: once somebody has asked for a file's times, the next write has to give it
/// new ones (Linux 6.13), and its sync has to write the inode as well.
fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    match statx(CWD, path, AtFlags::empty(), StatxFlags::INO) {
        Ok(found) => Ok((rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino)),
        // A sandbox that knows no statx.
        Err(Errno::NOSYS | Errno::PERM) => std::fs::metadata(path).map(|found| (found.dev(), found.ino())),
        Err(error) => Err(error.into()),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Io(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A database of text, and its log.
    fn directory() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let (database, log) = (directory.path().join("mail.db"), directory.path().join("mail.db-wal"));
        fs::write(&database, "x").unwrap();
        fs::write(&log, "x").unwrap();
        (directory, database, log)
    }

    fn text(identity: &FileIdentity) -> String {
        let text = identity.lost().unwrap().expect("both are there");
        assert_eq!(identity.check(), Err(StoreError::Io(text.clone())));
        text
    }

    #[test]
    fn what_is_removed_or_replaced_is_named() {
        let (directory, database, log) = directory();
        let identity = FileIdentity::new(&database).unwrap().opened();
        assert_eq!(identity.check(), Ok(()));
        fs::write(&database, "other content").unwrap();
        assert_eq!(identity.check(), Ok(()), "written, not replaced");
        fs::rename(&log, directory.path().join("old")).unwrap();
        assert_eq!(
            text(&identity),
            format!("{}: the WAL of the database was removed while it was open", log.display())
        );
        fs::write(&log, "x").unwrap();
        assert!(text(&identity).contains("the WAL of the database was replaced"));
        fs::rename(&log, &database).unwrap();
        assert_eq!(text(&identity), format!("{}: the database was replaced while it was open", database.display()));
    }

    #[test]
    fn a_link_is_followed() {
        let (directory, database, log) = directory();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&database, &link).unwrap();
        let identity = FileIdentity::new(&link).unwrap().opened();
        assert_eq!(identity.check(), Ok(()));
        fs::remove_file(log).unwrap();
        assert!(text(&identity).contains("mail.db-wal"));
        fs::remove_file(link).unwrap();
        assert!(text(&identity).contains("link: the database was removed"));
    }
}
