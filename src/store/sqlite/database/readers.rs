//! Connections that read, lent for one query each.

use crate::lock::IgnorePoison;
use crate::lock::lock;
use crate::store::sqlite::Options;
use crate::store::sqlite::database::connection;
use crate::store::{Result, StoreError};
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// A query takes milliseconds: who waits longer than this for a connection is told to come again.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The pool: what is not lent. The one that came back last goes first, because what it has read is still at hand.
pub struct Readers {
    state: Mutex<State>,
    back: Condvar,
}

struct State {
    idle: Vec<Connection>,
    /// How many wait for one. (Waking costs a system call, whether somebody waits or not.)
    waiters: usize,
}

impl Readers {
    /// Opens `count` connections.
    pub fn new(path: &Path, options: &Options, count: usize) -> Result<Self> {
        let idle = (0..count).map(|_| connection::reader(path, options)).collect::<Result<Vec<_>>>()?;
        Ok(Self { state: Mutex::new(State { idle, waiters: 0 }), back: Condvar::new() })
    }

    /// Runs one query. A panic in it costs the pool nothing: the connection comes back either way.
    pub fn with<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let lent = Lent { connection: self.borrow(), pool: self };
        match &lent.connection {
            Some(connection) => query(connection),
            None => Err(StoreError::Busy("no reader of the database became free".into())),
        }
    }

    fn borrow(&self) -> Option<Connection> {
        let mut state = lock(&self.state);
        if state.idle.is_empty() {
            state.waiters += 1;
            state = self.back.wait_timeout_while(state, TIMEOUT, |state| state.idle.is_empty()).ignore_poison().0;
            state.waiters -= 1;
        }
        state.idle.pop()
    }
}

struct Lent<'a> {
    connection: Option<Connection>,
    pool: &'a Readers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let mut state = lock(&self.pool.state);
            state.idle.push(connection);
            let wanted = state.waiters > 0;
            drop(state);
            if wanted {
                self.pool.back.notify_one();
            }
        }
    }
}
