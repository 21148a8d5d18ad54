//! What the writer's thread does all day: what waits, and the log.

use super::queue::Next;
use super::trace::Trace;
use super::{Lane, Request, Shared};
use crate::lock::IgnorePoison;
use rusqlite::Connection;
use std::sync::{Arc, MutexGuard};

/// The thread.
pub struct Thread {
    shared: Arc<Shared>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.shared.queue.abandon();
    }
}

impl Thread {
    /// Before it runs.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Until the queue is closed and nothing waits.
    pub fn run(self) {
        let shared = &self.shared;
        loop {
            let next = shared.queue.wait(shared.wal_due());
            // What waits stays in the queue until it is our turn, so that nobody else takes that.
            let connection = shared.turn();
            match next {
                Next::Orders => shared.execute(&connection),
                Next::Nothing => {}
                Next::End => return shared.truncate_at_end(&connection),
            }
            shared.tend_wal(&connection);
        }
    }
}

impl Shared {
    fn turn(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().ignore_poison()
    }

    /// What is first, mail before maintenance, and what else waits.
    fn execute(&self, connection: &Connection) {
        match self.queue.try_next(Lane::Mail).or_else(|| self.queue.try_next(Lane::Maintenance)) {
            Some(Request::Alone(work)) => {
                let mut trace = Trace::start();
                work(connection);
                trace.step("work");
                trace.end(format_args!("work between two transactions"));
            }
            Some(Request::Job { octets, job }) => self.batch(connection, octets, job),
            None => {}
        }
    }
}
