//! What is done with a log that was left behind, before anything is added to it, and the names of the files.
//!
//! A process that ends after a failed sync leaves the log as it is. The kernel may have marked what it could not write as
//! clean: then the files are whole in memory and not on the disk, and another sync says that all is well
//! (PostgreSQL met this in 2018). So whoever opens the database first writes the log over itself, syncs it, and moves it into the database
//! whole. What fails then is an error, and nothing was acknowledged on top of it.
//!
//! What the log holds is read from memory, which has all that was acknowledged: on the disk the last page of it may have gone with the
//! write that failed. Before it is written again it is dropped from memory, and so is all of the database: ext4 takes blocks
//! for written that hold nothing for as long as it has them in memory, and does not note otherwise when they are written again.
//!
//! # What holds beside other programs
//!
//! * Where somebody else has the database open, its log is theirs: it is in use, and not read again from the file.
//! * An administrator's `sqlite3` shares the log and its index. Its commits wait for the disk as ours do. What a failed commit of ours
//!   left in the log was never published in the index, and the next commit writes over it, whoever makes it.
//! * It makes checkpoints, too, at 1,000 pages and when it is the last to leave, and says nothing if one fails at the end of a
//!   commit. It tries again later, and that may succeed although the kernel has dropped what the first attempt wrote: then
//!   pages of the database are lost with the log that had them. Our next sync of the database is told of the same error, because
//!   each open file is told once, and the server ends; but what was lost by then is lost. Nobody can prevent that but who
//!   closes the shell: while mail comes in our own checkpoints come first, so that the shell rarely makes one.
//! * While such a shell stays open after the server has ended, the next start is not the first to open the database, and goes on with the
//!   log as it is in memory. Close the shell before the server is started again.

use crate::files::atomic::Directory;
use crate::files::path;
use crate::store::{Result, StoreError};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::stat::{major, minor};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Octets read, dropped and written at a time: what the kernel keeps together is at most half of this and lies in one of them.
const CHUNK: usize = 4 << 20;

/// The octet of the log's index on which whoever has the database open holds a lock (`UNIX_SHM_DMS` in SQLite's `os_unix.c`).
const OPEN_LOCK: &str = "128 128";

/// What there was before the database was opened.
pub struct Leftover {
    /// The database as it was named.
    database: PathBuf,
    /// Its log, if it holds something and nobody has the database open.
    log: Option<PathBuf>,
}

impl Leftover {
    /// To be called before the database is opened by this process.
    ///
    /// # Errors
    /// What the file system knows of the database's file cannot be made durable.
    pub fn look(database: &Path) -> Result<Self> {
        let log = beside(database, "-wal").filter(|log| log.metadata().is_ok_and(|found| found.len() > 0));
        let log = log.filter(|_| !is_open(database, |_| true));
        if log.is_some() {
            // Only where nobody has it open: closing it ends the locks that this process has on it.
            forget(database)?;
        }
        Ok(Self { database: database.to_owned(), log })
    }

    /// Makes the log durable and moves it into the database. To be called on the connection that writes, before anything else is
    /// written. Room that is missing in the database is no error: the log is on the disk.
    ///
    /// # Errors
    /// The log cannot be read, written or synced, or the database not be synced.
    pub fn settle(&self, connection: &Connection) -> Result<()> {
        let Some(log) = &self.log else { return Ok(()) };
        // Until this is done the log must not be moved by closing the connection.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        match connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from) {
            Ok(()) => {}
            // Somebody has come at the same moment, and does it.
            Err(StoreError::Busy(_)) => return self.leave(connection),
            Err(error) => return Err(self.named(error)),
        }
        rewrite(log)?;
        connection.execute_batch("COMMIT")?;
        let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        match moved.map_err(StoreError::from) {
            Ok(()) | Err(StoreError::Busy(_)) => {}
            Err(StoreError::Io(text)) => {
                log::warn!("store: {}: the WAL stays as it is for now: {text}", self.database.display())
            }
            Err(error) => return Err(self.named(error)),
        }
        self.leave(connection)
    }

    fn leave(&self, connection: &Connection) -> Result<()> {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        Ok(())
    }

    fn named(&self, error: StoreError) -> StoreError {
        error.of(&self.database)
    }
}

/// Syncs the directory in which the database and its log have their names. SQLite does that once, and ignores the error.
///
/// # Errors
/// The directory cannot be read or synced.
pub fn sync_directory(database: &Path) -> Result<()> {
    let io = |error: io::Error| StoreError::Io(format!("{}: {error}", database.display()));
    let database = database.canonicalize().map_err(io)?;
    let directory = path::directory(&database);
    Directory::open(directory).map_err(io)?.sync().map_err(|error| StoreError::sync(&error).of(directory))
}

/// A file that SQLite keeps beside the database; it follows links before it appends to the name.
fn beside(database: &Path, ending: &str) -> Option<PathBuf> {
    let mut name = OsString::from(database.canonicalize().ok()?);
    name.push(ending);
    Some(name.into())
}

/// Whether any process has the database open. Asked of the kernel's table: opening the index and closing it again would end
/// the locks that this process may hold. `by`: whose number counts. Where the table does not show it, nobody has; that costs time, not safety.
fn is_open(database: &Path, by: impl Fn(&str) -> bool) -> bool {
    let index = beside(database, "-shm").and_then(|index| index.metadata().ok());
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    index.is_some_and(|index| holders(&locks, &index).any(by))
}

/// The same of other processes than this one.
pub fn is_open_elsewhere(database: &Path) -> bool {
    let own = std::process::id().to_string();
    is_open(database, |holder| holder != own)
}

/// The numbers of the processes that have a database open with this index; see proc_locks(5).
fn holders<'a>(locks: &'a str, index: &Metadata) -> impl Iterator<Item = &'a str> {
    let file = format!("{:02x}:{:02x}:{} {OPEN_LOCK}", major(index.dev()), minor(index.dev()), index.ino());
    let holding = locks.lines().filter(move |line| line.ends_with(&file));
    holding.filter_map(|line| line.split_once(" READ ")?.1.split_whitespace().next())
}

/// Has the file system write anew what it knows of a file, and drops what it has of it in memory.
fn forget(path: &Path) -> Result<()> {
    let (file, io) = open(path)?;
    file.set_modified(SystemTime::now()).map_err(&io)?;
    file.sync_all().map_err(|error| StoreError::sync(&error).of(path))?;
    drop_memory(&file, 0, 0);
    Ok(())
}

/// Writes what memory has of a file over what the disk has, as if it had never been written.
fn rewrite(path: &Path) -> Result<()> {
    let (file, io) = open(path)?;
    let sync = || file.sync_all().map_err(|error| StoreError::sync(&error).of(path));
    // What is dirty would not be dropped.
    sync()?;
    let (mut chunk, mut at) = (vec![0; CHUNK], 0);
    loop {
        let read = read_full(&file, &mut chunk, at).map_err(&io)?;
        if read == 0 {
            return sync();
        }
        drop_memory(&file, at, CHUNK);
        file.write_all_at(&chunk[..read], at).map_err(&io)?;
        at += read as u64;
    }
}

fn open(path: &Path) -> Result<(File, impl Fn(io::Error) -> StoreError)> {
    let io = move |error: io::Error| StoreError::Io(format!("{}: {error}", path.display()));
    Ok((File::options().read(true).write(true).open(path).map_err(io)?, io))
}

/// Fewer octets only at the end of the file.
fn read_full(file: &File, chunk: &mut [u8], at: u64) -> io::Result<usize> {
    let mut full = 0;
    while full < chunk.len() {
        match file.read_at(&mut chunk[full..], at + full as u64)? {
            0 => break,
            read => full += read,
        }
    }
    Ok(full)
}

/// What is clean of these octets is read from the disk next time. Where a file system knows no such thing, it has nothing to drop.
fn drop_memory(file: &File, at: u64, octets: usize) {
    let (at, octets) = (at.cast_signed(), octets.cast_signed() as i64);
    let _ = posix_fadvise(file, at, octets, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Accounts;
    use crate::store::sqlite::{Options, Sqlite};

    fn database() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mail.db");
        Sqlite::create_or_migrate(&path).unwrap();
        (directory, path)
    }

    /// A copy of the files as a killed process leaves them.
    fn killed(path: &Path) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("mail.db");
        for ending in ["", "-wal", "-shm"] {
            let name = |path: &Path| format!("{}{ending}", path.display());
            std::fs::copy(name(path), name(&copy)).unwrap();
        }
        (directory, copy)
    }

    #[test]
    fn who_has_the_database_open_is_seen() {
        let (_directory, path) = database();
        assert!(!is_open(&path, |_| true));
        let store = Sqlite::open(&path, Options::default()).unwrap();
        store.create_user("alice").unwrap();
        assert!(is_open(&path, |_| true) && !is_open_elsewhere(&path));
        assert!(Leftover::look(&path).unwrap().log.is_none(), "its log is in use");
        let (_other, copy) = killed(&path);
        assert!(Leftover::look(&copy).unwrap().log.is_some(), "nobody's");
        drop(store);
        assert!(!is_open(&path, |_| true));
    }

    #[test]
    fn a_log_that_was_left_is_moved_whole_before_anything_else() {
        let (_directory, path) = database();
        let store = Sqlite::open(&path, Options::default()).unwrap();
        store.create_user("alice").unwrap();
        let (_other, copy) = killed(&path);
        let again = Sqlite::open(&copy, Options::default()).unwrap();
        assert_eq!(beside(&copy, "-wal").unwrap().metadata().unwrap().len(), 0);
        assert!(again.account(&["alice".into()]).unwrap().is_some());
        drop(again);
        assert!(!beside(&copy, "-wal").unwrap().exists(), "the last one to leave removes it");
    }

    #[test]
    fn a_log_that_cannot_be_made_durable_is_kept_and_the_database_is_not_opened() {
        let (_directory, path) = database();
        let store = Sqlite::open(&path, Options::default()).unwrap();
        store.create_user("alice").unwrap();
        let (_other, copy) = killed(&path);
        let before = std::fs::read(&copy).unwrap();
        let log = beside(&copy, "-wal").unwrap();
        let connection = Connection::open(&copy).unwrap();
        let leftover = Leftover { database: copy.clone(), log: Some(copy.join("no directory")) };
        assert!(matches!(leftover.settle(&connection), Err(StoreError::Io(_))));
        drop(connection);
        assert_eq!(std::fs::read(&copy).unwrap(), before);
        assert!(log.metadata().unwrap().len() > 0);
    }

    #[test]
    fn a_directory_that_cannot_be_synced_is_an_error() {
        let (directory, path) = database();
        assert_eq!(sync_directory(&path), Ok(()));
        assert!(matches!(sync_directory(&directory.path().join("no/mail.db")), Err(StoreError::Io(_))));
    }
}
