//! The write-ahead log as the writer keeps it: moved into the database behind the answers, cut to nothing when that is due, and
//! left alone after a failed sync.
//!
//! SQLite's own checkpoints keep their errors to themselves, so ours are made here, on the connection that writes, when the log
//! has [`PAGES`] pages; another one in the background would starve. Whoever's commit it was has been answered by then.
//!
//! # A failed sync
//!
//! What a failed sync was to make durable may be lost although the next sync succeeds. So it is the last thing that is done:
//! nothing is written any more, everything that waits is told, closing moves nothing, and the process is to end ([`Shared::failed`]).
//! The log is kept, and [`recovery`](crate::store::sqlite::database::recovery) goes on with it, and says what holds beside others.
//! The same is done where a checkpoint cannot read the log: recovery would end at the place that cannot be read, so
//! that nothing must be added behind it. A full disk is no failed sync: room may come, and what was written is whole.
//!
//! An attempt waits for nobody: a checkpoint that waits holds up all who write, and some readers (Litestream, a shell left open) stay.

use super::Shared;
use super::batch::STEP;
use super::trace::Trace;
use super::truncation::Truncation;
use crate::store::sqlite::database::closing;
use crate::store::{Result, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, ffi};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Pages in the log that make a checkpoint due.
const PAGES: usize = 1000;
/// More pages after which an attempt is made again while a reader holds the log.
const MORE_PAGES: usize = 250;
/// How long the end of the program waits for readers when something is to be removed from the log.
const END: Duration = Duration::from_secs(2);
/// Pause between attempts then.
const END_PAUSE: Duration = Duration::from_millis(100);

/// What is known of the log.
#[derive(Default)]
pub struct Wal {
    /// When it is to be truncated.
    pub truncation: Truncation,
    /// Pages in it after the last commit.
    pages: Arc<AtomicUsize>,
    /// Pages in it at the last checkpoint, since it began anew.
    tried_at: AtomicUsize,
    /// A commit found no room: what the log holds may have room in the database.
    full: AtomicBool,
    /// The last checkpoint failed, and that was logged.
    complained: AtomicBool,
    /// Why nothing is written any more.
    failure: OnceLock<StoreError>,
}

impl Wal {
    /// Counts the pages that this connection's commits leave in the log.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn watch(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let pages = self.pages.clone();
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count: i32| {
            pages.store(usize::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Why nothing is written any more.
    pub fn failure(&self) -> Option<&StoreError> {
        self.failure.get()
    }

    /// Whether a checkpoint is due.
    pub fn is_due(&self) -> bool {
        let (pages, tried) = (self.pages.load(Ordering::Relaxed), self.tried_at.load(Ordering::Relaxed));
        // It began anew since.
        let tried = if pages < tried { 0 } else { tried };
        let due = if tried == 0 { PAGES } else { (tried + MORE_PAGES).max(PAGES) };
        self.failure.get().is_none() && (pages >= due || self.full.load(Ordering::Relaxed))
    }

    /// A commit failed: a failed sync is the end, and no room a reason to move the log.
    pub fn commit_failed(&self, connection: &Connection, error: &StoreError) {
        match error {
            StoreError::Sync(_) => self.fail(connection, error),
            StoreError::Io(_) => self.full.store(true, Ordering::Relaxed),
            _ => {}
        }
    }

    fn fail(&self, connection: &Connection, error: &StoreError) {
        // It fails for names of options that SQLite does not know only.
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        let _ = self.failure.set(error.clone());
    }

    /// Moves what it can of the log into the database.
    fn checkpoint(&self, connection: &Connection) {
        self.tried_at.store(self.pages.load(Ordering::Relaxed), Ordering::Relaxed);
        self.full.store(false, Ordering::Relaxed);
        let moved =
            connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)").and_then(|mut it| it.query_row([], |_| Ok(())));
        match moved.map_err(|error| self.failed_checkpoint(connection, error)) {
            Ok(()) | Err(StoreError::Busy(_)) => self.complained.store(false, Ordering::Relaxed),
            // Whoever ends the process says it.
            Err(StoreError::Sync(_)) => {}
            Err(error) => {
                if !self.complained.swap(true, Ordering::Relaxed) {
                    log::warn!("store: the checkpoint failed and will be retried: {error}");
                }
            }
        }
    }

    fn failed_checkpoint(&self, connection: &Connection, error: rusqlite::Error) -> StoreError {
        let unreadable = is_unreadable(&error);
        let error = match StoreError::from(error) {
            StoreError::Io(text) | StoreError::Damaged(text) if unreadable => {
                StoreError::Sync(format!("the WAL cannot be read ({text}): check the disk"))
            }
            error => error,
        };
        if matches!(error, StoreError::Sync(_)) {
            self.fail(connection, &error);
        }
        error
    }
}

/// Whether the log could not be read. A checkpoint looks at nothing that could be malformed: that is EIO, as a statement has it.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    const READS: [i32; 4] =
        [ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_SHORT_READ, ffi::SQLITE_IOERR_CORRUPTFS, ffi::SQLITE_IOERR_DATA];
    let code = error.sqlite_error();
    code.is_some_and(|code| code.code == ErrorCode::DatabaseCorrupt || READS.contains(&code.extended_code))
}

/// Moves the log into the database and cuts it to nothing; `false`: a reader was in the way.
pub fn truncate(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(Duration::ZERO)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(STEP)?;
    match busy {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
        busy => Ok(busy? == 0),
    }
}

impl Shared {
    /// Why nothing is written any more.
    ///
    /// # Errors
    /// That.
    pub fn require_sound(&self) -> Result<()> {
        self.wal.failure().cloned().map_or(Ok(()), Err)
    }

    /// When the thread is to look after the log, if nothing comes before.
    pub fn wal_due(&self) -> Option<Duration> {
        if self.wal.failure().is_some() {
            return None;
        }
        self.wal.truncation.due().map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// What is due. However busy the writer is: nobody is waited for.
    pub fn tend_wal(&self, connection: &Connection) {
        if self.wal.is_due() {
            let mut trace = Trace::start();
            self.wal.checkpoint(connection);
            trace.step("checkpoint");
            trace.end(format_args!("moving the log into the database"));
        }
        if self.wal.truncation.due().is_some_and(|due| Instant::now() >= due) {
            self.try_truncate(connection);
        }
    }

    /// One attempt.
    pub fn try_truncate(&self, connection: &Connection) {
        if self.wal.failure().is_some() {
            return;
        }
        self.wal.truncation.begin();
        let began = Instant::now();
        let mut trace = Trace::start();
        let truncated = truncate(connection);
        trace.step("checkpoint and truncation");
        trace.end(format_args!("removing what was deleted from the log"));
        match truncated.map_err(|error| self.wal.failed_checkpoint(connection, error)) {
            Ok(true) => self.wal.truncation.done(Instant::now(), began.elapsed()),
            Ok(false) => self.wal.truncation.failed(None, Instant::now()),
            Err(StoreError::Sync(_)) => {}
            Err(error) => self.wal.truncation.failed(Some(&error), Instant::now()),
        }
    }

    /// Moves the log into the database before it is closed, if nobody else has that open: SQLite would do it then, and keep
    /// the error to itself. What cannot be moved otherwise stays in the log, and the next start has it.
    ///
    /// # Errors
    /// A sync failed, now or before.
    pub fn settle(&self, connection: &Connection) -> Result<()> {
        self.require_sound()?;
        self.truncate_at_end(connection);
        self.require_sound()?;
        match closing::settle(connection).map_err(|error| self.wal.failed_checkpoint(connection, error)) {
            Err(error @ StoreError::Sync(_)) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// If there is something to remove from the log at the end, it is, too. Otherwise whoever leaves last takes the log away.
    pub fn truncate_at_end(&self, connection: &Connection) {
        let until = Instant::now() + END;
        while self.wal.truncation.due().is_some() && self.wal.failure().is_none() {
            self.try_truncate(connection);
            if self.wal.truncation.due().is_none() || Instant::now() >= until {
                break;
            }
            std::thread::sleep(END_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wal(pages: usize, tried_at: usize) -> Wal {
        Wal { pages: Arc::new(pages.into()), tried_at: tried_at.into(), ..Wal::default() }
    }

    #[test]
    fn a_checkpoint_is_due_at_a_thousand_pages_and_after_some_more() {
        for (pages, tried_at, due) in [
            (999, 0, false),
            (1000, 0, true),
            (1249, 1000, false),
            (1250, 1000, true),
            (999, 2000, false),
            (1000, 2000, true),
            (999, 10, false),
        ] {
            assert_eq!(wal(pages, tried_at).is_due(), due, "{pages} pages, tried at {tried_at}");
        }
    }

    #[test]
    fn a_failed_sync_is_the_end_and_a_full_disk_is_not() {
        let connection = Connection::open_in_memory().unwrap();
        let log = wal(5, 0);
        log.commit_failed(&connection, &StoreError::Io("full".into()));
        assert!(log.is_due() && log.failure().is_none());
        log.commit_failed(&connection, &StoreError::Sync("gone".into()));
        log.commit_failed(&connection, &StoreError::Sync("again".into()));
        assert_eq!(log.failure(), Some(&StoreError::Sync("gone".into())));
        assert!(!log.is_due());
    }

    #[test]
    fn only_what_was_not_read_is_unreadable() {
        let error = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        assert!(is_unreadable(&error(ffi::SQLITE_IOERR_READ)));
        assert!(is_unreadable(&error(ffi::SQLITE_CORRUPT)));
        assert!(!is_unreadable(&error(ffi::SQLITE_IOERR_WRITE)));
        assert!(!is_unreadable(&error(ffi::SQLITE_FULL)));
        assert!(matches!(StoreError::from(error(ffi::SQLITE_IOERR_FSYNC)), StoreError::Sync(_)));
        assert!(matches!(StoreError::from(error(ffi::SQLITE_IOERR_WRITE)), StoreError::Io(_)));
    }
}
