//! What the writer's thread does all day: what waits, and cutting the log.

use super::batch::STEP;
use super::queue::Next;
use super::{Lane, Request, Shared};
use crate::store::{Result, StoreError};
use rusqlite::Connection;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Pause between attempts to truncate the log.
const SCRUB_PAUSE: Duration = Duration::from_millis(500);
/// Attempts at the end of the program, if a secret was replaced: two seconds.
const LAST_SCRUBS: usize = 20;
/// Pause between those.
const LAST_SCRUB_PAUSE: Duration = Duration::from_millis(100);

/// Moves the log into the database and cuts it to nothing; `false`: a reader was in the way.
///
/// Waits for nobody: a checkpoint that waits holds up all who write, and some readers (Litestream, a shell
/// left open) stay.
pub fn truncate_log(connection: &Connection) -> Result<bool> {
    connection.busy_timeout(Duration::ZERO)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(STEP)?;
    match busy {
        Ok(busy) => Ok(busy == 0),
        Err(error) => match StoreError::from(error) {
            StoreError::Busy(_) => Ok(false),
            error => Err(error),
        },
    }
}

/// The thread.
pub struct Thread {
    shared: Arc<Shared>,
    /// The last attempt to cut the log failed, and that was logged.
    complained: bool,
    /// The next attempt, if the log is to be cut.
    scrub_due: Instant,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.shared.queue.abandon();
    }
}

impl Thread {
    /// Before it runs.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, complained: false, scrub_due: Instant::now() }
    }

    /// Until the queue is closed and nothing waits.
    pub fn run(mut self) {
        let shared = self.shared.clone();
        loop {
            let scrub = shared.scrub.load(Ordering::Relaxed);
            let timeout = scrub.then(|| self.scrub_due.saturating_duration_since(Instant::now()));
            let next = shared.queue.wait(timeout);
            // What waits stays in the queue until it is our turn, so that nobody else takes that.
            let connection = shared.turn();
            match next {
                Next::Orders => shared.execute(&connection),
                Next::Nothing => {}
                Next::End => return self.last_scrub(&connection),
            }
            self.scrub_if_due(&connection);
        }
    }

    /// If a secret is in the log, it is cut at the end, too. Otherwise whoever leaves last takes it away.
    fn last_scrub(&mut self, connection: &Connection) {
        for _ in 0..LAST_SCRUBS {
            if self.shared.scrub.load(Ordering::Relaxed) && !self.try_scrub(connection) {
                std::thread::sleep(LAST_SCRUB_PAUSE);
            }
        }
    }

    /// However busy the thread is: an attempt waits for nobody.
    fn scrub_if_due(&mut self, connection: &Connection) {
        if self.shared.scrub.load(Ordering::Relaxed) && Instant::now() >= self.scrub_due {
            self.try_scrub(connection);
            self.scrub_due = Instant::now() + SCRUB_PAUSE;
        }
    }

    /// One attempt to cut the log; says whether that is done.
    pub fn try_scrub(&mut self, connection: &Connection) -> bool {
        let outcome = truncate_log(connection);
        if let (Err(error), false) = (&outcome, self.complained) {
            log::warn!("store: the log was not truncated, which is tried again: {error}");
        }
        self.complained = outcome.is_err();
        let done = matches!(outcome, Ok(true));
        if done {
            self.shared.scrub.store(false, Ordering::Relaxed);
        }
        done
    }
}

impl Shared {
    fn turn(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is first, mail before upkeep, and what else waits.
    fn execute(&self, connection: &Connection) {
        match self.queue.try_next(Lane::Mail).or_else(|| self.queue.try_next(Lane::Maintenance)) {
            Some(Request::Alone(work)) => work(connection),
            Some(Request::Job { octets, job }) => self.batch(connection, octets, job),
            None => {}
        }
    }
}
