//! Connections that read, lent for one query each.

use crate::store::sqlite::Options;
use crate::store::sqlite::database::connection;
use crate::store::{Result, StoreError};
use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;
use std::path::Path;
use std::time::Duration;

/// A query takes milliseconds: who waits longer than this for a connection is told to come again.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The pool: what is not lent waits in the channel.
pub struct Readers {
    idle: Receiver<Connection>,
    back: Sender<Connection>,
}

impl Readers {
    /// Opens `count` connections.
    pub fn new(path: &Path, options: &Options, count: usize) -> Result<Self> {
        let (back, idle) = bounded(count);
        for _ in 0..count {
            let connection = connection::reader(path, options)?;
            back.send(connection).map_err(|_| StoreError::Internal("the pool of readers is closed".into()))?;
        }
        Ok(Self { idle, back })
    }

    /// Runs one query. A panic in it costs the pool nothing: the connection comes back either way.
    pub fn with<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let connection = self
            .idle
            .recv_timeout(TIMEOUT)
            .map_err(|_| StoreError::Busy("no reader of the database became free".into()))?;
        let lent = Lent { connection: Some(connection), back: &self.back };
        match &lent.connection {
            Some(connection) => query(connection),
            None => Err(StoreError::Internal("no connection".into())),
        }
    }
}

struct Lent<'a> {
    connection: Option<Connection>,
    back: &'a Sender<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // The channel has room for every connection there is.
            let _ = self.back.try_send(connection);
        }
    }
}
