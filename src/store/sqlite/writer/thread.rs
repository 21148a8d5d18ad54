//! What the writer's thread does all day: batches, transactions, and the log cut when it is idle.

use super::queue::{Next, QUEUE, Queue};
use super::{Job, Lane, Order};
use crate::store::{Result, StoreError};
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Jobs in a batch.
const BATCH_JOBS: usize = 64;
/// Octets in a batch, as its jobs weigh themselves.
const BATCH_OCTETS: usize = 4 << 20;
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

/// The thread's own things.
pub struct Thread {
    pub connection: Connection,
    pub queue: Arc<Queue>,
    /// The log is to be cut soon.
    pub scrub: Arc<AtomicBool>,
    /// `busy_timeout` of the connection.
    pub patience: Duration,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}

impl Thread {
    /// Until the queue is closed and nothing waits.
    pub fn run(self) {
        loop {
            let patience = self.scrub.load(Ordering::Relaxed).then_some(SCRUB_PAUSE);
            match self.queue.next(patience) {
                Next::Order(Order::Alone(work)) => work(&self.connection),
                Next::Order(Order::Job { octets, job }) => self.batch(octets, job),
                Next::Nothing => self.try_scrub(),
                Next::End => return self.last_scrub(),
            }
        }
    }

    /// At the end the log is cut, too; with some patience if a secret is in it.
    fn last_scrub(&self) {
        let attempts = if self.scrub.load(Ordering::Relaxed) { LAST_SCRUBS } else { 1 };
        for _ in 0..attempts {
            match truncate_log(&self.connection, self.patience) {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => return log::warn!("store: the log was not truncated at the end: {error}"),
            }
        }
    }

    /// Takes what else waits and writes it all in one transaction.
    fn batch(&self, mut octets: usize, first: Box<dyn Job>) {
        let (mut jobs, mut after) = (vec![first], None);
        while jobs.len() < BATCH_JOBS && octets < BATCH_OCTETS && after.is_none() {
            match self.queue.try_next(Lane::Mail) {
                Some(Order::Job { octets: more, job }) => {
                    octets += more;
                    jobs.push(job);
                }
                Some(Order::Alone(work)) => after = Some(work),
                None => break,
            }
        }
        if after.is_none() {
            // One a batch, so that upkeep goes on however busy the mail is.
            match self.queue.try_next(Lane::Upkeep) {
                Some(Order::Job { job, .. }) => jobs.push(job),
                Some(Order::Alone(work)) => after = Some(work),
                None => {}
            }
        }
        let lost = self.transact(&mut jobs).err();
        if matches!(lost, Some(StoreError::Busy(_))) {
            // They would wait as long again, one batch after the other: "try again later" is due now.
            self.take_waiting(&mut jobs);
        }
        for job in jobs {
            job.answer(lost.as_ref());
        }
        if let Some(work) = after {
            work(&self.connection);
        }
    }

    fn take_waiting(&self, jobs: &mut Vec<Box<dyn Job>>) {
        for _ in 0..QUEUE {
            match self.queue.try_next(Lane::Mail) {
                Some(Order::Job { job, .. }) => jobs.push(job),
                Some(Order::Alone(work)) => work(&self.connection),
                None => return,
            }
        }
    }

    /// One transaction; an error is that of all jobs that had succeeded until then.
    fn transact(&self, jobs: &mut [Box<dyn Job>]) -> Result<()> {
        self.execute("BEGIN IMMEDIATE")?;
        let done = jobs.iter_mut().try_for_each(|job| self.run_job(job.as_mut()));
        let done = done.and_then(|()| self.execute("COMMIT"));
        if done.is_err() && !self.connection.is_autocommit() {
            // What fails here was rolled back by SQLite, or is by the next BEGIN's error.
            let _ = self.execute("ROLLBACK");
        }
        done
    }

    fn run_job(&self, job: &mut dyn Job) -> Result<()> {
        self.execute("SAVEPOINT job")?;
        if !job.run(&self.connection) {
            if self.connection.is_autocommit() {
                // A full disk or an I/O error takes the whole transaction back.
                return Err(StoreError::Io("the disk is full or failed: the transaction was rolled back".into()));
            }
            self.execute("ROLLBACK TO job")?;
        }
        self.execute("RELEASE job")
    }

    fn execute(&self, sql: &str) -> Result<()> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    fn try_scrub(&self) {
        match truncate_log(&self.connection, self.patience) {
            Ok(true) => self.scrub.store(false, Ordering::Relaxed),
            Ok(false) => {}
            Err(error) => {
                log::warn!("store: the log was not truncated: {error}");
                self.scrub.store(false, Ordering::Relaxed);
            }
        }
    }
}
