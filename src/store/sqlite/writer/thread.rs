//! What the writer's thread does all day: batches, transactions, and cutting the log.

use super::{Job, Order, QUEUE, Queues};
use crate::store::{Result, StoreError};
use crossbeam_channel::{Receiver, Select};
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Jobs in a batch.
const BATCH_JOBS: usize = 64;
/// Octets in a batch, as its jobs weigh themselves.
const BATCH_OCTETS: usize = 4 << 20;
/// Pause between attempts to truncate the log.
const SCRUB_PAUSE: Duration = Duration::from_millis(500);
/// Attempts at the end of the program, if a secret was replaced: two seconds.
const LAST_SCRUBS: usize = 20;
/// Pause between those.
const LAST_SCRUB_PAUSE: Duration = Duration::from_millis(100);

/// Moves the log into the database and cuts it to nothing; `false`: a reader was in the way.
///
/// Waits for nobody: a checkpoint that waits holds up all who write, and some readers (Litestream, a shell
/// left open) stay. `patience` is the connection's `busy_timeout` for everything else.
pub fn truncate_log(connection: &Connection, patience: Duration) -> Result<bool> {
    connection.busy_timeout(Duration::ZERO)?;
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
    pub queues: Queues<Receiver<Order>>,
    /// The log is to be cut soon.
    pub scrub: Arc<AtomicBool>,
    /// `busy_timeout` of the connection.
    pub patience: Duration,
    /// The last attempt to cut the log failed, and that was logged.
    complained: bool,
    /// The next attempt, if the log is to be cut.
    scrub_due: Instant,
}

impl Thread {
    /// Before it runs.
    pub fn new(
        connection: Connection,
        queues: Queues<Receiver<Order>>,
        scrub: Arc<AtomicBool>,
        patience: Duration,
    ) -> Self {
        Self { connection, queues, scrub, patience, complained: false, scrub_due: Instant::now() }
    }

    /// Until every sender is gone.
    pub fn run(mut self) {
        while let Some(order) = self.next() {
            match order {
                Order::Alone(work) => work(&self.connection),
                Order::Job { octets, job } => self.batch(octets, job),
            }
            self.scrub_if_due();
        }
        self.last_scrub();
    }

    /// If a secret is in the log, it is cut at the end, too. Otherwise whoever leaves last takes it away.
    fn last_scrub(&mut self) {
        for _ in 0..LAST_SCRUBS {
            if self.scrub.load(Ordering::Relaxed) && !self.try_scrub() {
                std::thread::sleep(LAST_SCRUB_PAUSE);
            }
        }
    }

    /// What to do next, mail first. `None`: every sender is gone and nothing waits.
    fn next(&mut self) -> Option<Order> {
        loop {
            let mail = match self.queues.mail.try_recv() {
                Ok(order) => return Some(order),
                Err(error) => error,
            };
            match self.queues.upkeep.try_recv() {
                Ok(order) => return Some(order),
                Err(upkeep) if upkeep.is_disconnected() && mail.is_disconnected() => return None,
                Err(_) => self.wait(),
            }
        }
    }

    /// Until there is something to do; meanwhile the log is cut if it is to be.
    fn wait(&mut self) {
        let mut select = Select::new();
        select.recv(&self.queues.mail);
        select.recv(&self.queues.upkeep);
        if !self.scrub.load(Ordering::Relaxed) {
            select.ready();
        } else if select.ready_deadline(self.scrub_due).is_err() {
            self.scrub_if_due();
        }
    }

    /// Takes what else waits and writes it all in one transaction.
    fn batch(&self, mut octets: usize, first: Box<dyn Job>) {
        let (mut jobs, mut after) = (vec![first], None);
        while jobs.len() < BATCH_JOBS && octets < BATCH_OCTETS && after.is_none() {
            match self.queues.mail.try_recv() {
                Ok(Order::Job { octets: more, job }) => {
                    octets += more;
                    jobs.push(job);
                }
                Ok(Order::Alone(work)) => after = Some(work),
                Err(_) => break,
            }
        }
        if after.is_none() {
            // One a batch, so that upkeep goes on however busy the mail is.
            match self.queues.upkeep.try_recv() {
                Ok(Order::Job { job, .. }) => jobs.push(job),
                Ok(Order::Alone(work)) => after = Some(work),
                Err(_) => {}
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
            match self.queues.mail.try_recv() {
                Ok(Order::Job { job, .. }) => jobs.push(job),
                Ok(Order::Alone(work)) => work(&self.connection),
                Err(_) => return,
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

    /// However busy the thread is: an attempt waits for nobody.
    fn scrub_if_due(&mut self) {
        if self.scrub.load(Ordering::Relaxed) && Instant::now() >= self.scrub_due {
            self.try_scrub();
            self.scrub_due = Instant::now() + SCRUB_PAUSE;
        }
    }

    /// One attempt to cut the log; says whether that is done.
    pub fn try_scrub(&mut self) -> bool {
        let outcome = truncate_log(&self.connection, self.patience);
        if let (Err(error), false) = (&outcome, self.complained) {
            log::warn!("store: the log was not truncated, which is tried again: {error}");
        }
        self.complained = outcome.is_err();
        let done = matches!(outcome, Ok(true));
        if done {
            self.scrub.store(false, Ordering::Relaxed);
        }
        done
    }
}
