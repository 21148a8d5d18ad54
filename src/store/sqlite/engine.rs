//! The engine: one database, its connections, and what is kept in memory.

use crate::clock::{Clock, Stamps, SystemClock};
use crate::metrics::StoreMetrics;
use crate::store::Result;
use crate::store::sqlite::backup::check;
use crate::store::sqlite::backup::objects::{self, Objects};
use crate::store::sqlite::database::identity::FileIdentity;
use crate::store::sqlite::database::readers::Readers;
use crate::store::sqlite::database::recovery::{self, Leftover};
use crate::store::sqlite::database::{connection, migrate};
use crate::store::sqlite::maintenance::Advertised;
use crate::store::sqlite::messages::body_ids::Bodies;
use crate::store::sqlite::messages::listing_cache::ListingCache;
use crate::store::sqlite::messages::read_marks::ReadMarks;
use crate::store::sqlite::messages::upload::Watch;
use crate::store::sqlite::presence::Sessions;
use crate::store::sqlite::retention::batch_size::BatchSize;
use crate::store::sqlite::retention::expire::Expiry;
use crate::store::sqlite::statistics::Known;
use crate::store::sqlite::writer::Writer;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How an engine is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections that read; 0: twice the cores, at least 4.
    pub readers: usize,
    /// How long a write waits for somebody else's lock before it is [`crate::store::StoreError::Busy`].
    pub busy_timeout: Duration,
    /// Memory for snapshots that may be asked for again, octets.
    pub snapshot_memory: usize,
    /// Deliveries are counted in the database, in their own transaction. (A server counts in memory.)
    pub counts_deliveries: bool,
    /// What is counted of the engine's work.
    pub metrics: Arc<StoreMetrics>,
    /// What dates mail that is stored and deleted through this engine.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 0,
            busy_timeout: Duration::from_secs(10),
            snapshot_memory: 64 << 20,
            counts_deliveries: false,
            metrics: Arc::default(),
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
    pub(super) path: PathBuf,
    pub(super) place: FileIdentity,
    // In this order they are dropped: the readers must be gone when the writer truncates the log.
    pub(super) readers: Readers,
    pub(super) figures: Mutex<Option<Known>>,
    pub(super) writer: Writer,
    pub(super) bodies: Bodies,
    pub(super) snapshots: Mutex<ListingCache>,
    pub(super) marks: Mutex<ReadMarks>,
    pub(super) advertised: Mutex<Option<Advertised>>,
    pub(super) reaper: Mutex<Expiry>,
    pub(super) purging: Mutex<BatchSize>,
    pub(super) watch: Mutex<Watch>,
    pub(super) sessions: Mutex<Sessions>,
    pub(super) stamps: Stamps,
    pub(super) metrics: Arc<StoreMetrics>,
    pub(super) counts_deliveries: bool,
}

impl Sqlite {
    /// Makes the database, or brings it to the newest schema (`pillarbox init`); idempotent.
    ///
    /// # Errors
    /// [`crate::store::StoreError::Refused`] for a file that is another program's or newer than this one.
    pub fn create_or_migrate(path: &Path) -> Result<()> {
        migrate::create_or_migrate(path)
    }

    /// Opens a database of the newest schema.
    ///
    /// # Errors
    /// [`crate::store::StoreError::Refused`] when it does not exist, is another program's, or has another schema.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        connection::require_file(path)?;
        let (place, leftover) = (FileIdentity::new(path)?, Leftover::look(path)?);
        let (writer, readers) = (connection::writer(path, &options)?, options.reader_count());
        migrate::require_newest(&writer, path)?;
        connection::use_log(&writer, path)?;
        leftover.settle(&writer)?;
        recovery::sync_directory(path)?;
        Ok(Self {
            path: path.to_owned(),
            place: place.opened(),
            readers: Readers::new(path, &options, readers)?,
            figures: Mutex::default(),
            writer: Writer::start(writer, options.busy_timeout, options.metrics.clone())?,
            bodies: Bodies::default(),
            snapshots: Mutex::new(ListingCache::new(options.snapshot_memory)),
            marks: Mutex::default(),
            advertised: Mutex::default(),
            reaper: Mutex::default(),
            purging: Mutex::default(),
            watch: Mutex::default(),
            sessions: Mutex::default(),
            stamps: Stamps::new(options.clock),
            metrics: options.metrics,
            counts_deliveries: options.counts_deliveries,
        })
    }

    /// Verifies the database: SQLite's own integrity, counters, orphans, and whether unique-ids are running out. One line
    /// per fault.
    pub fn check(&self) -> Result<Vec<String>> {
        self.readers.with(check::faults_and_shortages)
    }

    /// What of the schema is not of this program.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn objects(&self) -> Result<Objects> {
        self.readers.with(|connection| Ok(objects::compare(connection)?))
    }
}
