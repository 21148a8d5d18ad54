//! Batches and their transactions: who writes takes along what waits.

use super::queue::QUEUE;
use super::trace::Trace;
use super::{Job, Lane, Request, Shared};
use crate::store::{Result, StoreError};
use rusqlite::Connection;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Jobs in a batch.
const BATCH_JOBS: usize = 64;
/// Octets in a batch, as its jobs weigh themselves.
const BATCH_OCTETS: usize = 4 << 20;
/// How long SQLite waits for another process's lock before we look again whether that still makes sense.
pub const STEP: Duration = Duration::from_millis(200);

impl Shared {
    /// Takes what else waits and writes it all in one transaction.
    pub fn batch(&self, connection: &Connection, mut octets: usize, first: Box<dyn Job>) {
        let (mut jobs, mut after) = (vec![first], None);
        while jobs.len() < BATCH_JOBS && octets < BATCH_OCTETS && after.is_none() {
            match self.queue.try_next(Lane::Mail) {
                Some(Request::Job { octets: more, job }) => {
                    octets += more;
                    jobs.push(job);
                }
                Some(Request::Alone(work)) => after = Some(work),
                None => break,
            }
        }
        if after.is_none() {
            // One a batch, so that maintenance goes on however busy the mail is.
            match self.queue.try_next(Lane::Maintenance) {
                Some(Request::Job { job, .. }) => jobs.push(job),
                Some(Request::Alone(work)) => after = Some(work),
                None => {}
            }
        }
        let lost = self.transact(connection, &mut jobs).err();
        if let Some(error) = &lost {
            self.wal.commit_failed(connection, error);
        }
        // Once for all of them.
        let lost = lost.or_else(|| self.identity.check().err());
        if matches!(lost, Some(StoreError::Busy(_))) {
            // They would wait as long again, one batch after the other: "try again later" is due now.
            self.take_waiting(connection, &mut jobs);
        }
        for job in jobs {
            job.answer(lost.as_ref());
        }
        if let Some(work) = after {
            work(connection);
        }
    }

    fn take_waiting(&self, connection: &Connection, jobs: &mut Vec<Box<dyn Job>>) {
        for _ in 0..QUEUE {
            match self.queue.try_next(Lane::Mail) {
                Some(Request::Job { job, .. }) => jobs.push(job),
                Some(Request::Alone(work)) => work(connection),
                None => return,
            }
        }
    }

    /// One transaction; an error is that of all jobs that had succeeded until then.
    fn transact(&self, connection: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<()> {
        let (mut trace, number) = (Trace::start(), jobs.len());
        jobs.iter().for_each(|job| self.metrics.queue.observe(job.waited()));
        trace.before("waiting", jobs.iter().map(|job| job.waited()).max().unwrap_or_default());
        self.require_sound()?;
        if !connection.is_autocommit() {
            // Somebody was ended by a panic in the middle of it.
            execute(connection, "ROLLBACK")?;
        }
        self.begin(connection)?;
        trace.step("lock");
        let done = self.run(connection, jobs);
        trace.step("statements");
        let done = done.and_then(|()| {
            let done = execute(connection, "COMMIT");
            self.metrics.commit.observe(trace.step("commit"));
            done
        });
        trace.end(format_args!("a transaction of {number} jobs"));
        if done.is_err() && !connection.is_autocommit() {
            // What fails here was rolled back by SQLite, or is by the next BEGIN's error.
            let _ = execute(connection, "ROLLBACK");
        }
        done
    }

    /// The jobs one after the other. None has a savepoint, which costs a copy of each page that it writes: where one fails, which
    /// is rare, all of them are taken back, and done again with one each.
    fn run(&self, connection: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<()> {
        if jobs.iter_mut().all(|job| job.run(connection)) {
            return Ok(());
        }
        require_transaction(connection)?;
        execute(connection, "ROLLBACK")?;
        self.begin(connection)?;
        match jobs {
            // It has failed, and there is nobody else.
            [_] => Ok(()),
            many => many.iter_mut().try_for_each(|job| run_job(connection, job.as_mut())),
        }
    }

    /// Waits for another process's lock until the timeout.
    fn begin(&self, connection: &Connection) -> Result<()> {
        let start = Instant::now();
        loop {
            match execute(connection, "BEGIN IMMEDIATE") {
                Err(StoreError::Busy(_)) if start.elapsed() < self.timeout && !self.hurried.load(Ordering::Relaxed) => {
                    self.locked_out.store(true, Ordering::Relaxed);
                }
                done => {
                    self.locked_out.store(false, Ordering::Relaxed);
                    return done;
                }
            }
        }
    }
}

/// The job again, in a savepoint of its own.
fn run_job(connection: &Connection, job: &mut dyn Job) -> Result<()> {
    execute(connection, "SAVEPOINT job")?;
    if !job.run(connection) {
        require_transaction(connection)?;
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")
}

/// A full disk or an I/O error takes the whole transaction back.
fn require_transaction(connection: &Connection) -> Result<()> {
    if connection.is_autocommit() {
        return Err(StoreError::Io("the disk is full or failed: the transaction was rolled back".into()));
    }
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
