//! The thread that writes: group commit, one savepoint per job.
//!
//! What lives here: the queues and their jobs; batches and transactions are in [`thread`]. What a job does is not known here.
//!
//! `recv` one job, `try_recv` what else waits (at most 64 jobs or 4 MiB), `BEGIN IMMEDIATE`, the
//! jobs, `COMMIT`, and only then the answers. No timer collects a batch: while one commit waits for
//! the disk, the next batch queues up. Upkeep comes through a queue of its own, one job a batch, so
//! that a delivery never waits for more than one.

mod thread;

use crate::store::{Result, StoreError};
use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use thread::Thread;

pub use thread::truncate_log;

/// Jobs that may wait; who comes later waits for room.
const QUEUE: usize = 256;

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
            self.result = guarded(work, connection);
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
        let thread = Thread::new(connection, queues, scrub.clone(), patience);
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
        let run = move |connection: &Connection| drop(reply.send(guarded(work, connection)));
        self.send(lane, Order::Alone(Box::new(run)))?;
        answer.recv().map_err(|_| ended())?
    }

    /// Has the log truncated soon: tried twice a second, until it succeeds.
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

/// A panic costs one job: without this thread nobody could store anything until the next start.
fn guarded<T>(work: impl FnOnce(&Connection) -> Result<T>, connection: &Connection) -> Result<T> {
    // What it may have left half done goes with its savepoint.
    catch_unwind(AssertUnwindSafe(|| work(connection)))
        .unwrap_or_else(|_| Err(StoreError::Internal("a job of the store's writer was ended by a panic".into())))
}

fn ended() -> StoreError {
    StoreError::Internal("the store's writer has ended".into())
}

#[cfg(test)]
mod tests;
