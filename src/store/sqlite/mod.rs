//! The SQLite engine: all SQL of the program lives in this folder, in `schema.sql` and in `migrations/`.
//!
//! What must not be known here: sockets, replies, how a password is hashed.
//!
//! # Locking
//!
//! One connection writes, that of whoever's turn it is ([`writer`]); a pool of `query_only`
//! connections is lent for one query each ([`readers`]). Nobody holds a connection, a statement or
//! a transaction between two calls, so a slow client can neither hold back the log nor block a delivery.
//!
//! # Durability
//!
//! WAL with `synchronous=FULL`: a call that changes mail returns after the commit's fsync. Jobs
//! that wait together share a commit; each has a savepoint of its own. Then it is looked whether the file
//! that was written still has its name ([`place`]).
//!
//! # Dates
//!
//! What is stored and deleted here is dated by [`Options::clock`], what the shell deletes by SQLite's; neither
//! goes back ([`date`]).
//!
//! # Residue
//!
//! The writer runs with `secure_delete=ON`; [`Upkeep::scrub`](super::Upkeep::scrub) clears what pages do not use
//! ([`sweep`]) and truncates the log. After a password was replaced the writer tries the latter by itself, until it
//! succeeds. An attempt never waits for a reader: one that stays would hold up every delivery, again and again.

mod accounts;
mod bodies;
mod body;
mod cell;
mod check;
mod connection;
mod copy;
mod date;
mod fault;
mod free;
mod mail;
mod migrate;
mod pace;
mod page;
mod place;
mod presence;
mod purge;
mod readers;
mod reap;
mod residue;
mod restore;
mod snapshots;
mod sweep;
mod upkeep;
mod upload;
mod warnings;
mod writer;

use super::{MessageId, Result};
use crate::clock::{Clock, Stamps, SystemClock};
use bodies::Bodies;
use pace::Pace;
use place::Place;
use presence::Board;
use readers::Readers;
use reap::Reaper;
use residue::Residue;
use snapshots::Snapshots;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use writer::Writer;

pub use migrate::{APPLICATION_ID, newest_version};

/// How an engine is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections that read; 0: twice the cores, at least 4.
    pub readers: usize,
    /// How long a write waits for somebody else's lock before it is [`super::StoreError::Busy`].
    pub busy_timeout: Duration,
    /// Memory for snapshots that may be asked for again, octets.
    pub snapshot_memory: usize,
    /// What dates mail that is stored and deleted through this engine.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 0,
            busy_timeout: Duration::from_secs(10),
            snapshot_memory: 64 << 20,
            clock: Arc::new(SystemClock::default()),
        }
    }
}

impl Options {
    fn reader_count(&self) -> usize {
        match self.readers {
            0 => (2 * std::thread::available_parallelism().map_or(2, usize::from)).max(4),
            n => n,
        }
    }
}

/// A store in one SQLite database.
pub struct Sqlite {
    path: PathBuf,
    place: Place,
    // In this order they are dropped: the readers must be gone when the writer truncates the log.
    readers: Readers,
    writer: Writer,
    bodies: Bodies,
    snapshots: Mutex<Snapshots>,
    marks: Mutex<HashSet<MessageId>>,
    reaper: Mutex<Reaper>,
    purging: Mutex<Pace>,
    residue: Mutex<Residue>,
    board: Mutex<Board>,
    stamps: Stamps,
}

impl Sqlite {
    /// Makes the database, or brings it to the newest schema (`pillarbox init`); idempotent.
    ///
    /// # Errors
    /// [`super::StoreError::Refused`] for a file that is another program's or newer than this one.
    pub fn create_or_migrate(path: &Path) -> Result<()> {
        migrate::create_or_migrate(path)
    }

    /// Opens a database of the newest schema.
    ///
    /// # Errors
    /// [`super::StoreError::Refused`] when it does not exist, is another program's, or has another schema.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        connection::require_file(path)?;
        let place = Place::new(path)?;
        let (writer, readers) = (connection::writer(path, &options)?, options.reader_count());
        migrate::require_newest(&writer, path)?;
        connection::use_log(&writer, path)?;
        Ok(Self {
            path: path.to_owned(),
            place: place.opened(),
            readers: Readers::new(path, &options, readers)?,
            writer: Writer::start(writer, options.busy_timeout)?,
            bodies: Bodies::default(),
            snapshots: Mutex::new(Snapshots::new(options.snapshot_memory)),
            marks: Mutex::default(),
            reaper: Mutex::default(),
            purging: Mutex::default(),
            residue: Mutex::default(),
            board: Mutex::default(),
            stamps: Stamps::new(options.clock),
        })
    }

    /// Verifies the database: SQLite's own integrity, counters, orphans. One line per fault.
    pub fn check(&self) -> Result<Vec<String>> {
        self.readers.with(check::faults)
    }
}

/// A poisoned lock guards nothing that a panic could have left half done.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
