//! The thread that writes: group commit, one savepoint per job.
//!
//! What lives here: queues, batches, transactions. What a job does is not known here.
//!
//! `recv` one job, `try_recv` what else waits (at most 64 jobs or 4 MiB), `BEGIN IMMEDIATE`, the
//! jobs, `COMMIT`, and only then the answers. No timer collects a batch: while one commit waits for
//! the disk, the next batch queues up. Upkeep comes through a queue of its own, one job a batch, so
//! that a delivery never waits for more than one.

use crate::store::{Result, StoreError};
use crossbeam_channel::{Receiver, Select, Sender, bounded};
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Jobs in a batch.
const BATCH_JOBS: usize = 64;
/// Octets in a batch, as its jobs weigh themselves.
const BATCH_OCTETS: usize = 4 << 20;
/// Jobs that may wait; who comes later waits for room.
const QUEUE: usize = 256;
/// How long a truncating checkpoint waits for readers. It blocks the writer, so: hardly.
const SCRUB_PATIENCE: Duration = Duration::from_millis(100);
/// Pause between attempts to truncate the log.
const SCRUB_PAUSE: Duration = Duration::from_millis(500);

/// The thread's handle; dropped, it ends the thread after what waits was written.
pub struct Writer {
    queues: Option<Queues<Sender<Order>>>,
    scrub: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Queues<T> {
    mail: T,
    upkeep: T,
}

/// Who waits longest for a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// A client.
    Mail,
    /// Nobody.
    Upkeep,
}

enum Order {
    Job { octets: usize, job: Box<dyn Job> },
    Alone(Box<dyn FnOnce(&Connection) + Send>),
}

trait Job: Send {
    /// Does the work inside its savepoint; `false`: take it back.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells who waits; `lost` is why the batch was not committed.
    fn answer(self: Box<Self>, lost: Option<&StoreError>);
}

struct Task<T, F> {
    work: Option<F>,
    result: Result<T>,
    reply: Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T> + Send> Job for Task<T, F> {
    fn run(&mut self, connection: &Connection) -> bool {
        if let Some(work) = self.work.take() {
            self.result = work(connection);
        }
        self.result.is_ok()
    }

    fn answer(self: Box<Self>, lost: Option<&StoreError>) {
        let result = match (self.result, lost) {
            (Ok(_), Some(lost)) => Err(lost.clone()),
            // Not run at all: the batch ended before.
            (Err(_), Some(lost)) if self.work.is_some() => Err(lost.clone()),
            (result, _) => result,
        };
        // Nobody waits for the end of an abandoned upload.
        let _ = self.reply.send(result);
    }
}

impl Writer {
    /// Starts the thread, which owns the connection from now on. `patience` is its `busy_timeout`.
    pub fn start(connection: Connection, patience: Duration) -> Result<Self> {
        let (mail, mail_queue) = bounded(QUEUE);
        let (upkeep, upkeep_queue) = bounded(QUEUE);
        let scrub = Arc::new(AtomicBool::new(false));
        let queues = Queues { mail: mail_queue, upkeep: upkeep_queue };
        let thread = Thread { connection, queues, scrub: scrub.clone(), patience };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || thread.run())
            .map_err(|error| StoreError::Internal(format!("writer thread: {error}")))?;
        Ok(Self { queues: Some(Queues { mail, upkeep }), scrub, thread: Some(thread) })
    }

    /// Runs `work` in a transaction and returns when that is durable.
    ///
    /// `octets` is about what it writes.
    pub fn write<T, F>(&self, lane: Lane, octets: usize, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let answer = self.submit(lane, octets, work)?;
        answer.recv().map_err(|_| ended())?
    }

    /// The same without waiting for the end of it.
    pub fn submit<T, F>(&self, lane: Lane, octets: usize, work: F) -> Result<Receiver<Result<T>>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = bounded(1);
        let job = Box::new(Task { work: Some(work), result: Err(ended()), reply });
        self.send(lane, Order::Job { octets, job })?;
        Ok(answer)
    }

    /// Runs `work` on the writer's connection between two transactions.
    pub fn alone<T, F>(&self, lane: Lane, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = bounded(1);
        let run = move |connection: &Connection| drop(reply.send(work(connection)));
        self.send(lane, Order::Alone(Box::new(run)))?;
        answer.recv().map_err(|_| ended())?
    }

    /// Has the log truncated soon: tried whenever the thread is idle, until it succeeds.
    pub fn scrub_soon(&self) {
        self.scrub.store(true, Ordering::Relaxed);
        // Wakes the thread, so that it looks.
        let _ = self.send(Lane::Upkeep, Order::Alone(Box::new(|_| ())));
    }

    fn send(&self, lane: Lane, order: Order) -> Result<()> {
        let queues = self.queues.as_ref().ok_or_else(ended)?;
        let queue = match lane {
            Lane::Mail => &queues.mail,
            Lane::Upkeep => &queues.upkeep,
        };
        queue.send(order).map_err(|_| ended())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queues = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported on stderr already.
            let _ = thread.join();
        }
    }
}

fn ended() -> StoreError {
    StoreError::Internal("the store's writer has ended".into())
}

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

struct Thread {
    connection: Connection,
    queues: Queues<Receiver<Order>>,
    scrub: Arc<AtomicBool>,
    patience: Duration,
}

impl Thread {
    fn run(self) {
        while let Some(order) = self.next() {
            match order {
                Order::Alone(work) => work(&self.connection),
                Order::Job { octets, job } => self.batch(octets, job),
            }
        }
        if let Err(error) = truncate_log(&self.connection, SCRUB_PATIENCE) {
            log::warn!("store: the log was not truncated at the end: {error}");
        }
    }

    /// What to do next, mail first. `None`: every sender is gone and nothing waits.
    fn next(&self) -> Option<Order> {
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

    fn wait(&self) {
        let mut select = Select::new();
        select.recv(&self.queues.mail);
        select.recv(&self.queues.upkeep);
        if !self.scrub.load(Ordering::Relaxed) {
            select.ready();
        } else if select.ready_timeout(SCRUB_PAUSE).is_err() {
            self.try_scrub();
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
