//! How an engine is opened.

use crate::clock::{Clock, SystemClock};
use crate::metrics::StoreMetrics;
use std::sync::Arc;
use std::time::Duration;

/// How an engine is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections that read; 0: twice the cores, at least 4.
    pub readers: usize,
    /// How long a write waits for somebody else's lock before it is [`super::StoreError::Busy`].
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
    /// How many connections read.
    pub(super) fn reader_count(&self) -> usize {
        match self.readers {
            0 => (2 * std::thread::available_parallelism().map_or(2, usize::from)).max(4),
            n => n,
        }
    }
}
