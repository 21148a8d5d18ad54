//! The live sockets, so that the end of the process can wake those who wait for a client.

use crate::net::tls::Handle;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Every connection that is being served.
#[derive(Default)]
pub struct Connections {
    next: AtomicU64,
    stopping: AtomicBool,
    sockets: Mutex<HashMap<u64, Handle>>,
}

/// One connection's place; leaves when dropped.
pub struct Entry<'a> {
    connections: &'a Connections,
    id: u64,
}

impl Connections {
    /// Enters a socket until the answer is dropped. Its id names the connection in the log.
    pub fn enter(&self, socket: Handle) -> Entry<'_> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.sockets().insert(id, socket.clone());
        if self.is_stopping() {
            socket.shutdown_read();
        }
        Entry { connections: self, id }
    }

    /// Whether sessions shall end after the command that runs.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Wakes everybody who waits for a client: reads end as if the client had closed, what is
    /// being written goes on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for socket in self.sockets().values() {
            socket.shutdown_read();
        }
    }

    /// Connections being served.
    pub fn len(&self) -> usize {
        self.sockets().len()
    }

    /// Nobody is being served.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn sockets(&self) -> MutexGuard<'_, HashMap<u64, Handle>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry<'_> {
    /// Names the connection in the log.
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.connections.sockets().remove(&self.id);
    }
}
