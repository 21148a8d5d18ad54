//! A bounded pool of worker threads.
//!
//! What lives here: threads that are made on demand up to a bound and retire when they are idle. What
//! must not be known here: what a job does.
//!
//! * A job never waits in a queue: it has a worker or it is given back.
//! * `idle` counts workers that wait and have not been promised a job. [`Pool::submit`] lowers it and
//!   sends under the lock, and a worker that retires lowers it under the same lock, so there
//!   are never more jobs in the channel than workers bound to take one.
//! * A panic costs one job: the worker logs it and takes the next.
//! * Where the system gives no thread, [`Pool::release_idle`] of another pool gives back what it holds for later.

use crate::lock::IgnorePoison;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// The usual stack of a worker, octets: reserved, not used, until something goes deep.
pub const STACK: usize = 256 * 1024;
/// After so long without a job a worker retires.
const RETIRE: Duration = Duration::from_secs(20);

/// What a worker runs.
pub type Job = Box<dyn FnOnce() + Send>;

/// What comes to a worker.
enum Message {
    Run(Job),
    Retire,
}

/// Why a job has no worker, and the job.
pub enum Refusal {
    /// As many jobs as allowed run already, or the pool has been closed.
    Full(Job),
    /// The system gave no thread.
    NoThread(Job, io::Error),
}

/// A bounded pool of threads. Dropped, it lets running jobs finish.
pub struct Pool {
    shared: Arc<Shared>,
    name: String,
    stack: usize,
    jobs: Receiver<Message>,
}

struct Shared {
    state: Mutex<PoolState>,
    /// Some worker ended.
    ended: Condvar,
    retire: Duration,
}

struct PoolState {
    max: usize,
    threads: usize,
    idle: usize,
    /// Taken away when the pool closes, which sends the idle workers home.
    queue: Option<Sender<Message>>,
}

impl PoolState {
    fn busy(&self) -> usize {
        self.threads - self.idle
    }
}

impl Pool {
    /// At most `max` jobs at a time, each in a thread with a stack of `stack` octets ([`STACK`]).
    /// `name` is for thread names and the log.
    pub fn new(name: &str, max: usize, stack: usize) -> Self {
        Self::with_retirement(name, max, stack, RETIRE)
    }

    fn with_retirement(name: &str, max: usize, stack: usize, retire: Duration) -> Self {
        let (queue, jobs) = unbounded();
        let state = Mutex::new(PoolState { max, threads: 0, idle: 0, queue: Some(queue) });
        let shared = Arc::new(Shared { state, ended: Condvar::new(), retire });
        Self { shared, name: name.to_owned(), stack, jobs }
    }

    /// Gives the job to an idle worker or a new one; never waits.
    ///
    /// # Errors
    /// [`Refusal`], with the job.
    pub fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Refusal> {
        self.submit_boxed(Box::new(job))
    }

    /// [`Pool::submit`] of a job that came back.
    ///
    /// # Errors
    /// [`Refusal`], with the job.
    pub fn submit_boxed(&self, job: Job) -> Result<(), Refusal> {
        let mut state = self.shared.lock();
        let Some(queue) = state.queue.clone() else { return Err(Refusal::Full(job)) };
        if state.busy() >= state.max {
            return Err(Refusal::Full(job));
        }
        if state.idle > 0 {
            state.idle -= 1;
        } else {
            if let Err(error) = self.spawn() {
                return Err(Refusal::NoThread(job, error));
            }
            state.threads += 1;
        }
        queue.send(Message::Run(job)).map_err(|refused| match refused.0 {
            Message::Run(job) => Refusal::Full(job),
            Message::Retire => Refusal::Full(Box::new(|| ())),
        })
    }

    /// Sends the idle workers home; says how many.
    pub fn release_idle(&self) -> usize {
        let mut state = self.shared.lock();
        let Some(queue) = state.queue.clone() else { return 0 };
        let idle = std::mem::take(&mut state.idle);
        for _ in 0..idle {
            // Promised to somebody who waits.
            let _ = queue.send(Message::Retire);
        }
        idle
    }

    /// Changes the bound; running jobs are never ended by it.
    pub fn set_max(&self, max: usize) {
        self.shared.lock().max = max;
    }

    /// Jobs that run now.
    pub fn busy(&self) -> usize {
        self.shared.lock().busy()
    }

    /// Takes no more jobs and waits for the running ones, until `deadline`. Says how many still run.
    pub fn join(&self, deadline: Instant) -> usize {
        let mut state = self.shared.lock();
        state.queue = None;
        while state.threads > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.shared.ended.wait_timeout(state, left).ignore_poison().0;
        }
        state.busy()
    }

    /// A new worker; it counts as busy from the start, with a job that is about to be sent.
    fn spawn(&self) -> io::Result<()> {
        let (shared, jobs) = (Arc::clone(&self.shared), self.jobs.clone());
        let name = self.name.clone();
        thread::Builder::new().name(name.clone()).stack_size(self.stack).spawn(move || shared.work(&name, &jobs))?;
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().queue = None;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().ignore_poison()
    }

    /// A worker's life.
    fn work(&self, name: &str, jobs: &Receiver<Message>) {
        loop {
            match jobs.recv_timeout(self.retire) {
                Ok(Message::Retire) => return self.end(self.lock()),
                Ok(Message::Run(job)) => {
                    run(name, job);
                    self.lock().idle += 1;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let mut state = self.lock();
                    // None idle: every worker that waits, this one too, has been promised a job.
                    if state.idle > 0 {
                        state.idle -= 1;
                        return self.end(state);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let mut state = self.lock();
                    state.idle -= 1;
                    return self.end(state);
                }
            }
        }
    }

    fn end(&self, mut state: MutexGuard<'_, PoolState>) {
        state.threads -= 1;
        self.ended.notify_all();
    }
}

/// Runs a job; what it panics with goes to the log.
fn run(name: &str, job: Job) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(job)) {
        log::error!("{name}: a job panicked: {}", text(&*panic));
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

#[cfg(test)]
mod tests;
