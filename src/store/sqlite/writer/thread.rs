//! What the writer's thread does all day: what waits, and the log cut when nothing does.

use super::queue::Next;
use super::{Desk, Lane, Order};
use crate::store::{Result, StoreError};
use rusqlite::Connection;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a truncating checkpoint waits for readers. It blocks the writer, so: hardly.
const SCRUB_PATIENCE: Duration = Duration::from_millis(100);
/// Attempts at the end of the program, if a secret was replaced: two seconds.
const LAST_SCRUBS: usize = 20;
/// Pause between attempts to truncate the log.
const SCRUB_PAUSE: Duration = Duration::from_millis(500);

/// Moves the log into the database and cuts it to nothing; `false`: a reader was in the way.
pub fn truncate_log(connection: &Connection, patience: Duration) -> Result<bool> {
    connection.busy_timeout(SCRUB_PATIENCE)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(patience)?;
    match busy {
        Ok(busy) => Ok(busy == 0),
        Err(error) => match StoreError::from(error) {
            StoreError::Busy(_) => Ok(false),
            error => Err(error),
        },
    }
}

/// The thread.
pub struct Thread(pub Arc<Desk>);

impl Drop for Thread {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}

impl Thread {
    /// Until the queue is closed and nothing waits.
    pub fn run(self) {
        loop {
            let patience = self.0.scrub.load(Ordering::Relaxed).then_some(SCRUB_PAUSE);
            let next = self.0.queue.wait(patience);
            // What waits stays in the queue until it is our turn, so that nobody else takes that.
            let connection = self.0.turn();
            match next {
                Next::Orders => self.0.obey(&connection),
                Next::Nothing => self.0.try_scrub(&connection),
                Next::End => return self.0.last_scrub(&connection),
            }
        }
    }
}

impl Desk {
    fn turn(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is first, mail before upkeep, and what else waits.
    fn obey(&self, connection: &Connection) {
        match self.queue.try_next(Lane::Mail).or_else(|| self.queue.try_next(Lane::Upkeep)) {
            Some(Order::Alone(work)) => work(connection),
            Some(Order::Job { octets, job }) => self.batch(connection, octets, job),
            None => {}
        }
    }

    /// At the end the log is cut, too; with some patience if a secret is in it.
    fn last_scrub(&self, connection: &Connection) {
        let attempts = if self.scrub.load(Ordering::Relaxed) { LAST_SCRUBS } else { 1 };
        for _ in 0..attempts {
            match truncate_log(connection, self.patience) {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => return log::warn!("store: the log was not truncated at the end: {error}"),
            }
        }
    }

    fn try_scrub(&self, connection: &Connection) {
        match truncate_log(connection, self.patience) {
            Ok(true) => self.scrub.store(false, Ordering::Relaxed),
            Ok(false) => {}
            Err(error) => {
                log::warn!("store: the log was not truncated: {error}");
                self.scrub.store(false, Ordering::Relaxed);
            }
        }
    }
}
