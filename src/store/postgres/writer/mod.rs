//! Who writes: two threads with a connection each, one for mail and logins, one for maintenance.
//!
//! What lives here: what waits, and who is answered. Batches of mail are in [`batch`].
//!
//! Deliveries and deletions that wait together share a transaction; no timer collects them. A commit that takes longer
//! than [`SLOW`] may wait for a standby that is away. It is never cancelled, because that would make it durable on one copy
//! only; whoever waits for it is told to try again, and so is everybody who comes until it has ended. So a node never has
//! more than these two connections hanging.

mod batch;
mod delivery;
mod import;
mod job;
mod lone;
mod lookup;
mod work;

pub use batch::is_taken;
pub use delivery::{Common, Copy, Deletion, Delivery, Locked};

use super::libpq::{Cancel, Connection};
use super::pool::Connector;
use crate::lock::IgnorePoison;
use crate::metrics::StoreMetrics;
pub use crate::store::shared::lane::Lane;
use crate::store::shared::oneshot::{Oneshot, ended, promise};
use crate::store::{Result, StoreError, Uid};
use job::{Closure, Job};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a commit may take before those who wait for it are told to try again.
pub const SLOW: Duration = Duration::from_secs(10);
/// Jobs in a batch.
const BATCH_JOBS: usize = 64;
/// Octets in a batch.
const BATCH_OCTETS: usize = 4 << 20;
/// Jobs that may wait; who comes later waits for room.
const QUEUE: usize = 256;
/// How often a transaction is tried that the server wants to have tried again, and how long the first wait is.
const TRIES: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// The threads.
pub struct Writer {
    mail: Arc<Shared>,
    maintenance: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What a thread and those who wait for it share.
struct Shared {
    connector: Arc<Connector>,
    metrics: Arc<StoreMetrics>,
    queue: Mutex<Queue>,
    arrived: Condvar,
    room: Condvar,
    /// A commit does not come back.
    stuck: AtomicBool,
    /// The end of the program is near.
    hurried: AtomicBool,
    /// Ends what is being written, unless it is being committed.
    cancel: Mutex<Option<Cancel>>,
    committing: AtomicBool,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(Instant, Job)>,
    closed: bool,
}

impl Writer {
    /// Starts the threads; `first` is a connection that is there already.
    ///
    /// # Errors
    /// A thread cannot be made.
    pub fn start(connector: &Arc<Connector>, metrics: &Arc<StoreMetrics>, first: Connection) -> Result<Self> {
        let shared = || {
            Arc::new(Shared {
                connector: connector.clone(),
                metrics: metrics.clone(),
                queue: Mutex::default(),
                arrived: Condvar::new(),
                room: Condvar::new(),
                stuck: AtomicBool::new(false),
                hurried: AtomicBool::new(false),
                cancel: Mutex::default(),
                committing: AtomicBool::new(false),
            })
        };
        let (mail, maintenance) = (shared(), shared());
        let start = |shared: &Arc<Shared>, name: &str, connection| {
            let thread = Thread { shared: shared.clone(), fresh: connection, connection: None };
            let made = std::thread::Builder::new().name(name.into()).spawn(move || thread.run());
            made.map_err(|error| StoreError::Internal(format!("cannot make a thread: {error}")))
        };
        let threads = vec![start(&mail, "store writer", Some(first))?, start(&maintenance, "store maintenance", None)?];
        Ok(Self { mail, maintenance, threads })
    }

    /// Stores a message; the answers are durable.
    ///
    /// # Errors
    /// Nothing of it was stored, or that is not known.
    pub fn deliver(&self, delivery: Delivery) -> Result<Vec<Result<Uid>>> {
        let (answer, waiting) = promise();
        self.mail.push(Job::Delivery(Box::new(delivery), answer))?;
        waiting.wait()
    }

    /// Deletes messages durably.
    ///
    /// # Errors
    /// As [`Writer::deliver`].
    pub fn delete(&self, deletion: Deletion) -> Result<()> {
        let (answer, waiting) = promise();
        self.mail.push(Job::Deletion(deletion, answer))?;
        waiting.wait()
    }

    /// Runs work in a transaction, which may be tried again.
    ///
    /// # Errors
    /// That of the work, or of the transaction.
    pub fn write<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnMut(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.submit(lane, work)?.wait()
    }

    /// The same without waiting for the answer, which is given there.
    ///
    /// # Errors
    /// It will not be run.
    pub fn submit<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnMut(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<Oneshot<T>> {
        let (answer, waiting) = promise();
        let shared = if lane == Lane::Mail { &self.mail } else { &self.maintenance };
        shared.push(Job::Work(Box::new(Closure { work, done: None, answer })))?;
        Ok(waiting)
    }

    /// From now on nothing waits for a server that is away, and what maintenance waits for is given up. A commit is not:
    /// that would make it durable on one copy only.
    pub fn shutdown(&self) {
        [&self.mail, &self.maintenance].iter().for_each(|shared| shared.hurried.store(true, Ordering::Relaxed));
        let cancel = self.maintenance.cancel.lock().ignore_poison();
        if let Some(cancel) = &*cancel
            && !self.maintenance.committing.load(Ordering::SeqCst)
        {
            cancel.cancel();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        for shared in [&self.mail, &self.maintenance] {
            shared.lock().closed = true;
            shared.arrived.notify_all();
            shared.room.notify_all();
        }
        for thread in self.threads.drain(..) {
            // A commit that hangs must not hold up the end of the program; a panic has been reported already.
            if !self.mail.stuck.load(Ordering::Relaxed) && !self.maintenance.stuck.load(Ordering::Relaxed) {
                let _ = thread.join();
            }
        }
    }
}

impl Shared {
    fn push(&self, mut job: Job) -> Result<()> {
        let mut queue = self.lock();
        while queue.jobs.len() >= QUEUE && !queue.closed && !self.stuck.load(Ordering::Relaxed) {
            queue = self.room.wait(queue).ignore_poison();
        }
        if queue.closed {
            return Err(ended());
        }
        if self.stuck.load(Ordering::Relaxed) {
            job.refuse(stuck());
            return Ok(());
        }
        queue.jobs.push_back((Instant::now(), job));
        drop(queue);
        self.arrived.notify_one();
        Ok(())
    }

    /// The commit does not come back: nobody waits for it any more.
    fn give_up(&self) {
        self.stuck.store(true, Ordering::Relaxed);
        log::error!("store: the database has not committed for {} s: is its standby away?", SLOW.as_secs());
        self.refuse_waiting();
    }

    /// Whoever waits is told to try again.
    fn refuse_waiting(&self) {
        let waiting = std::mem::take(&mut self.lock().jobs);
        self.room.notify_all();
        waiting.into_iter().for_each(|(_, mut job)| job.refuse(stuck()));
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().ignore_poison()
    }
}

struct Thread {
    shared: Arc<Shared>,
    /// One that was made before the thread was, and has written nothing.
    fresh: Option<Connection>,
    connection: Option<Connection>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.closed = true;
        let waiting = std::mem::take(&mut queue.jobs);
        drop(queue);
        self.shared.room.notify_all();
        drop(waiting);
    }
}

impl Thread {
    fn run(mut self) {
        while let Some(jobs) = self.next() {
            // A panic costs one batch: without this thread nobody could store anything until the next start.
            let done = catch_unwind(AssertUnwindSafe(|| self.execute(jobs)));
            if done.is_err() {
                log::error!("store: a batch of the writer panicked");
                self.connection = None;
            }
            self.shared.stuck.store(false, Ordering::Relaxed);
        }
    }

    /// What is to be done in one transaction; none once the queue is closed and empty.
    fn next(&self) -> Option<Vec<Job>> {
        let mut queue = self.shared.lock();
        while queue.jobs.is_empty() {
            if queue.closed {
                return None;
            }
            queue = self.shared.arrived.wait(queue).ignore_poison();
        }
        let (mut jobs, mut octets) = (Vec::new(), 0);
        while jobs.len() < BATCH_JOBS && octets < BATCH_OCTETS {
            let alone = |job: &Job| match job {
                Job::Work(_) => true,
                Job::Delivery(delivery, _) => delivery.is_import(),
                Job::Deletion(..) => false,
            };
            match queue.jobs.front() {
                Some((_, job)) if jobs.is_empty() || !alone(job) => {}
                _ => break,
            }
            let Some((since, job)) = queue.jobs.pop_front() else { break };
            self.shared.metrics.queue.observe(since.elapsed());
            octets += job.octets();
            let ends = alone(&job);
            jobs.push(job);
            if ends {
                break;
            }
        }
        drop(queue);
        self.shared.room.notify_all();
        Some(jobs)
    }

    fn execute(&mut self, mut jobs: Vec<Job>) {
        match jobs.as_mut_slice() {
            [Job::Work(work)] => {
                let done = self.work(&mut **work);
                work.answer(done.err());
            }
            _ => self.batch(jobs),
        }
    }
}

fn stuck() -> StoreError {
    StoreError::Busy("the database does not commit: its standby may be away".into())
}
