//! The engine: one database, its connections, and what is kept in memory.

use crate::clock::Stamps;
use crate::metrics::StoreMetrics;
use crate::store::Result;
use crate::store::shared::batch_size::BatchSize;
use crate::store::shared::expiry::Expiry;
use crate::store::shared::listing_cache::ListingCache;
use crate::store::shared::read_marks::ReadMarks;
use crate::store::shared::sessions::Sessions;
use crate::store::shared::upload_watch::UploadWatch;
use crate::store::sqlite::backup::check;
use crate::store::sqlite::backup::objects;
use crate::store::sqlite::database::identity::FileIdentity;
use crate::store::sqlite::database::readers::Readers;
use crate::store::sqlite::database::recovery::{self, Leftover};
use crate::store::sqlite::database::{connection, migrate};
use crate::store::sqlite::maintenance::KnownAdvertised;
use crate::store::sqlite::messages::body_ids::Bodies;
use crate::store::sqlite::statistics::Known;
use crate::store::sqlite::writer::Writer;
use crate::store::{Engine, Objects, Options};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A store in one SQLite database.
pub struct Sqlite {
    pub(super) path: PathBuf,
    pub(super) identity: Arc<FileIdentity>,
    // In this order they are dropped: the readers must be gone when the writer truncates the log.
    pub(super) readers: Readers,
    pub(super) figures: Mutex<Option<Known>>,
    pub(super) writer: Writer,
    pub(super) bodies: Bodies,
    pub(super) snapshots: Mutex<ListingCache>,
    pub(super) marks: Mutex<ReadMarks>,
    pub(super) advertised: Mutex<Option<KnownAdvertised>>,
    pub(super) reaper: Mutex<Expiry>,
    pub(super) purging: Mutex<BatchSize>,
    pub(super) watch: Mutex<UploadWatch>,
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
        let (identity, leftover) = (FileIdentity::new(path)?, Leftover::look(path)?);
        let (writer, readers) = (connection::writer(path, &options)?, options.reader_count());
        migrate::require_newest(&writer, path)?;
        connection::use_log(&writer, path)?;
        leftover.settle(&writer)?;
        recovery::sync_directory(path)?;
        let identity = Arc::new(identity.opened());
        Ok(Self {
            path: path.to_owned(),
            identity: identity.clone(),
            readers: Readers::new(path, &options, readers)?,
            figures: Mutex::default(),
            writer: Writer::start(writer, identity, options.busy_timeout, options.metrics.clone())?,
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
}

impl Engine for Sqlite {
    fn check(&self) -> Result<Vec<String>> {
        self.readers.with(check::faults_and_shortages)
    }

    fn objects(&self) -> Result<Objects> {
        self.readers.with(|connection| Ok(objects::compare(connection)?))
    }
}
