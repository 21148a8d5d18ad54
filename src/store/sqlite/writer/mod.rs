//! Who writes: group commit.
//!
//! What lives here: orders and their answers; where they wait is in [`queue`], batches and transactions
//! are in [`batch`], the thread in [`thread`], the log in [`wal`]. What a job does is not known here.
//!
//! One job, what else waits (at most 64 jobs or 4 MiB), `BEGIN IMMEDIATE`, the
//! jobs, `COMMIT`, and only then the answers. No timer collects a batch: while one commit waits for
//! the disk, the next batch queues up. Maintenance waits in a lane of its own, one job a batch, so
//! that a delivery never waits for more than one.
//!
//! There is one connection that writes, and a thread for what waits. A client who comes while nobody writes
//! and nothing waits takes the connection and writes for himself: handing over to the thread and back
//! would cost two sleeps and two awakenings. With many clients there is always somebody, so the thread
//! does nearly all, and they share commits.

mod batch;
mod queue;
mod thread;
mod trace;
mod truncation;
mod wal;

use crate::metrics::StoreMetrics;
use crate::store::shared::oneshot::{Promised, ended, promise};
use crate::store::sqlite::database::identity::FileIdentity;
use crate::store::{Result, StoreError};
use batch::STEP;
use queue::Queue;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use thread::Thread;
use wal::Wal;

pub use crate::store::shared::lane::Lane;
pub use crate::store::shared::oneshot::Oneshot;

/// Dropped, it ends the thread after what waits was written.
pub struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and those who write for themselves share.
struct Shared {
    /// Whoever has locked it writes.
    connection: Mutex<Connection>,
    queue: Queue,
    wal: Wal,
    identity: Arc<FileIdentity>,
    metrics: Arc<StoreMetrics>,
    /// How long a write waits for another process's lock.
    timeout: Duration,
    /// Another process's lock is waited for.
    locked_out: AtomicBool,
    /// The end is near: nothing waits for another process's lock any more.
    hurried: AtomicBool,
}

impl Shared {
    fn new(
        connection: Connection,
        wal: Wal,
        identity: Arc<FileIdentity>,
        timeout: Duration,
        metrics: Arc<StoreMetrics>,
    ) -> Self {
        Self {
            connection: Mutex::new(connection),
            queue: Queue::default(),
            wal,
            identity,
            metrics,
            timeout,
            locked_out: AtomicBool::new(false),
            hurried: AtomicBool::new(false),
        }
    }

    /// Has the thread look after the log.
    fn wake(&self) {
        // A queue that is closed has a thread that looks a last time.
        let _ = self.queue.push(Lane::Maintenance, Request::Alone(Box::new(|_| ())));
    }
}

enum Request {
    Job { octets: usize, job: Box<dyn Job> },
    Alone(Box<dyn FnOnce(&Connection) + Send>),
}

trait Job: Send {
    /// Does the work; `false`: take it back. After that it may be run once more, in another transaction.
    fn run(&mut self, connection: &Connection) -> bool;
    /// How long it has waited.
    fn waited(&self) -> Duration;
    /// Tells who waits; `lost` is why the batch was not committed.
    fn answer(self: Box<Self>, lost: Option<&StoreError>);
}

struct Task<T, F> {
    since: Instant,
    work: F,
    /// None: the batch ended before.
    result: Option<Result<T>>,
    promised: Promised<T>,
}

impl<T, F> Task<T, F> {
    /// What is to be done, and where its answer comes.
    fn new(work: F) -> (Box<Self>, Oneshot<T>) {
        let (promised, answer) = promise();
        (Box::new(Self { since: Instant::now(), work, result: None, promised }), answer)
    }
}

impl<T: Send, F: FnMut(&Connection) -> Result<T> + Send> Job for Task<T, F> {
    fn run(&mut self, connection: &Connection) -> bool {
        let done = guarded(&mut self.work, connection);
        self.result.insert(done).is_ok()
    }

    fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    fn answer(mut self: Box<Self>, lost: Option<&StoreError>) {
        let result = match (self.result, lost) {
            (Some(Ok(_)) | None, Some(lost)) => Err(lost.clone()),
            (Some(result), _) => result,
            (None, None) => Err(ended()),
        };
        self.promised.give(result);
    }
}

impl Writer {
    /// Starts the thread, which owns the connection from now on. `identity` is where its database must still be after
    /// each commit; `timeout` is how long a write waits for another process's lock; `metrics` counts commits.
    pub fn start(
        mut connection: Connection,
        identity: Arc<FileIdentity>,
        timeout: Duration,
        metrics: Arc<StoreMetrics>,
    ) -> Result<Self> {
        connection.busy_timeout(STEP)?;
        let wal = Wal::default();
        wal.watch(&mut connection)?;
        let shared = Arc::new(Shared::new(connection, wal, identity, timeout, metrics));
        let thread = Thread::new(shared.clone());
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || thread.run())
            .map_err(|error| StoreError::Internal(format!("writer thread: {error}")))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Runs `work` in a transaction and returns when that is durable, and the database still where it was. It is run twice
    /// where it or another job of the transaction fails.
    ///
    /// `octets` is about what it writes.
    pub fn write<T, F>(&self, lane: Lane, octets: usize, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T> + Send + 'static,
    {
        let (job, answer) = Task::new(work);
        let turn = if lane == Lane::Mail { self.idle() } else { None };
        match turn {
            Some(connection) => {
                self.shared.batch(&connection, octets, job);
                drop(connection);
                if self.shared.wal.is_due() {
                    self.shared.wake();
                }
            }
            None => self.send(lane, Request::Job { octets, job })?,
        }
        answer.wait()
    }

    /// The connection, for a client who finds that nobody writes and nothing waits.
    pub fn idle(&self) -> Option<MutexGuard<'_, Connection>> {
        if self.shared.queue.is_taken() {
            return None;
        }
        match self.shared.connection.try_lock() {
            Ok(connection) => Some(connection),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The same without waiting for the end of it.
    pub fn submit<T, F>(&self, lane: Lane, octets: usize, work: F) -> Result<Oneshot<T>>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T> + Send + 'static,
    {
        let (job, answer) = Task::new(work);
        self.send(lane, Request::Job { octets, job })?;
        Ok(answer)
    }

    /// Runs `work` on the writer's connection between two transactions.
    pub fn alone<T, F>(&self, lane: Lane, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (mut promised, answer) = promise();
        let run = move |connection: &Connection| promised.give(guarded(work, connection));
        self.send(lane, Request::Alone(Box::new(run)))?;
        answer.wait()
    }

    /// Has the log truncated within this time: tried twice a second from then on, until it succeeds.
    pub fn truncate_wal_within(&self, time: Duration) {
        self.shared.wal.truncation.schedule(Instant::now() + time);
        self.shared.wake();
    }

    /// Why nothing is written any more: a sync has failed.
    pub fn failure(&self) -> Option<StoreError> {
        self.shared.wal.failure().cloned()
    }

    /// Whether what waits is waiting for another process's lock, and not for the disk.
    pub fn is_locked_out(&self) -> bool {
        self.shared.locked_out.load(Ordering::Relaxed)
    }

    /// From now on nothing waits for another process's lock, not even what waits already.
    pub fn shutdown(&self) {
        self.shared.hurried.store(true, Ordering::Relaxed);
    }

    /// What the log has to move when it is closed, told of its errors.
    ///
    /// # Errors
    /// A sync failed, now or before.
    pub fn finish(&self) -> Result<()> {
        let shared = self.shared.clone();
        self.alone(Lane::Maintenance, move |connection| shared.settle(connection))
    }

    fn send(&self, lane: Lane, order: Request) -> Result<()> {
        self.shared.queue.push(lane, order).map_err(|_| ended())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported on stderr already.
            let _ = thread.join();
        }
    }
}

/// A panic costs one job: without this thread nobody could store anything until the next start.
fn guarded<T>(work: impl FnOnce(&Connection) -> Result<T>, connection: &Connection) -> Result<T> {
    // What it may have left half done goes with its savepoint.
    catch_unwind(AssertUnwindSafe(|| work(connection)))
        .unwrap_or_else(|_| Err(StoreError::Internal("a job of the store's writer panicked".into())))
}

#[cfg(test)]
mod tests;
