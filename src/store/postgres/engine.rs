//! The engine: its connections, and what is kept in memory.

use super::body_ids::BodyIds;
use super::check;
use super::config::KnownAdvertised;
use super::libpq::{Conninfo, ints};
use super::pool::{Connector, Pool};
use super::read_ahead::ReadAhead;
use super::writer::{Lane, Writer};
use crate::clock::Stamps;
use crate::metrics::StoreMetrics;
use crate::store::shared::batch_size::BatchSize;
use crate::store::shared::expiry::Expiry;
use crate::store::shared::listing_cache::ListingCache;
use crate::store::shared::read_marks::ReadMarks;
use crate::store::shared::sessions::Sessions;
use crate::store::shared::upload_watch::UploadWatch;
use crate::store::{Engine, Objects, Options, Result};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};

/// A store in a database of a PostgreSQL server, shared with other nodes.
pub struct Postgres {
    pub(super) pool: Pool,
    pub(super) writer: Writer,
    pub(super) bodies: BodyIds,
    /// This node's number, once it is needed; never given again.
    number: OnceLock<i64>,
    /// The machine.
    pub(super) node_name: String,
    /// Of the database when it was opened.
    pub(super) instance: String,
    pub(super) advertised: Mutex<Option<KnownAdvertised>>,
    /// How often this node has written verifiers.
    pub(super) verifiers: AtomicU64,
    pub(super) snapshots: Mutex<ListingCache>,
    pub(super) ahead: Mutex<ReadAhead>,
    pub(super) marks: Mutex<ReadMarks>,
    pub(super) reaper: Mutex<Expiry>,
    pub(super) purging: Mutex<BatchSize>,
    pub(super) watch: Mutex<UploadWatch>,
    pub(super) sessions: Mutex<Sessions>,
    pub(super) stamps: Stamps,
    pub(super) metrics: Arc<StoreMetrics>,
    pub(super) counts_deliveries: bool,
}

/// What names the database, wherever it is: a dump that was read in elsewhere is another one.
pub(super) const INSTANCE: &str =
    "SELECT instance::text || '/' || (SELECT system_identifier FROM pg_control_system()) FROM site";

impl Postgres {
    /// Opens the database that a connection string leads to.
    ///
    /// # Errors
    /// [`crate::store::StoreError::Unavailable`] where there is no library or no server,
    /// [`crate::store::StoreError::Denied`] where it does not let us in, and
    /// [`crate::store::StoreError::Refused`] where it will not do.
    pub fn open(text: &str, options: Options) -> Result<Self> {
        let host = host();
        let connector = Arc::new(Connector::new(Conninfo::parse(text, &host)?));
        let mut first = connector.connect()?;
        let instance = first.query(INSTANCE, [])?.only()?.text(0)?;
        Ok(Self {
            pool: Pool::new(connector.clone(), options.reader_count()),
            writer: Writer::start(&connector, &options.metrics, first)?,
            bodies: BodyIds::default(),
            number: OnceLock::new(),
            advertised: Mutex::default(),
            verifiers: AtomicU64::default(),
            node_name: host,
            instance,
            snapshots: Mutex::new(ListingCache::new(options.snapshot_memory)),
            ahead: Mutex::default(),
            marks: Mutex::default(),
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

impl Postgres {
    /// A number that nobody else has or will have, durably.
    fn epoch(&self) -> Result<i64> {
        self.writer.write(Lane::Mail, |connection| {
            let sql = "UPDATE site SET next_epoch = next_epoch + 1 RETURNING next_epoch - 1";
            connection.query(sql, [])?.only()?.int(0)
        })
    }

    /// This node's number. A command that only reads needs none, and writes nothing.
    pub(super) fn node(&self) -> Result<i64> {
        match self.number.get() {
            Some(number) => Ok(*number),
            None => {
                let epoch = self.epoch()?;
                Ok(*self.number.get_or_init(|| epoch))
            }
        }
    }

    /// That number, if there is one yet.
    pub(super) fn known_node(&self) -> Option<i64> {
        self.number.get().copied()
    }

    /// So many ids for bodies, the first of them.
    pub(super) fn new_bodies(&self, number: i64) -> Result<i64> {
        self.bodies.take(number, || self.epoch())
    }
}

fn host() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "unknown".into())
}

impl Engine for Postgres {
    fn check(&self) -> Result<Vec<String>> {
        self.pool.with(check::faults)
    }

    fn objects(&self) -> Result<Objects> {
        self.pool.with(check::objects)
    }
}

/// An array of ids.
pub(super) fn ids(all: &[i64]) -> super::libpq::Value<'static> {
    ints(all.iter().copied().map(Some))
}
