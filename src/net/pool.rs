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

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
            state = self.shared.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// Waits for what other threads are about to do; a test that hopes in vain fails.
    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = soon();
        while !holds() {
            assert!(Instant::now() < deadline, "never came: {what}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    impl Pool {
        fn threads(&self) -> usize {
            self.shared.lock().threads
        }

        /// A job that runs until the sender is dropped.
        fn hold(&self) -> Result<mpsc::Sender<()>, Refusal> {
            let (release, held) = mpsc::channel::<()>();
            self.submit(move || assert!(held.recv().is_err())).map(|()| release)
        }
    }

    #[test]
    fn no_more_jobs_than_allowed_and_none_lost() {
        let pool = Pool::new("test", 3, STACK);
        let mut held: Vec<_> = (0..3).map(|_| pool.hold().ok().unwrap()).collect();
        assert_eq!((pool.busy(), pool.threads()), (3, 3));
        let (done, ran) = mpsc::channel();
        let Err(Refusal::Full(job)) = pool.submit(move || done.send(7).unwrap()) else { panic!("a fourth job") };
        held.pop();
        until("a free worker", || pool.busy() == 2);
        assert!(pool.submit_boxed(job).is_ok());
        assert_eq!(ran.recv(), Ok(7));
        assert_eq!(pool.threads(), 3);
        drop(held);
        assert_eq!(pool.join(soon()), 0);
    }

    #[test]
    fn an_idle_worker_is_used_again() {
        let pool = Pool::new("test", 8, STACK);
        let (done, ran) = mpsc::channel();
        for _ in 0..5 {
            let done = done.clone();
            assert!(pool.submit(move || done.send(thread::current().id()).unwrap()).is_ok());
            until("an idle worker", || pool.busy() == 0);
        }
        drop(done);
        let ids: Vec<_> = ran.iter().collect();
        assert!(ids.len() == 5 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(pool.threads(), 1);
    }

    #[test]
    fn idle_workers_retire_and_come_back() {
        let pool = Pool::with_retirement("test", 4, STACK, Duration::from_millis(5));
        for _ in 0..3 {
            let held: Vec<_> = (0..4).map(|_| pool.hold().ok().unwrap()).collect();
            drop(held);
            until("retirement", || pool.threads() == 0);
            assert_eq!(pool.busy(), 0);
        }
    }

    /// Many submitters and workers that retire all the time: whatever was accepted runs, once, and never
    /// more than allowed at a time.
    #[test]
    fn nothing_is_lost_or_overdone_in_a_crowd() {
        const MAX: usize = 6;
        let pool = Pool::with_retirement("test", MAX, STACK, Duration::from_micros(20));
        let (running, most, ran) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let most = Arc::new(most);
        thread::scope(|scope| {
            for submitter in 0..8 {
                let (pool, running, most, ran) = (&pool, &running, &most, &ran);
                scope.spawn(move || {
                    for i in 0..500 {
                        let (running, most, ran) = (Arc::clone(running), Arc::clone(most), Arc::clone(ran));
                        let mut job: Job = Box::new(move || {
                            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            ran.fetch_add(1, Ordering::SeqCst);
                            running.fetch_sub(1, Ordering::SeqCst);
                        });
                        while let Err(refusal) = pool.submit_boxed(job) {
                            let Refusal::Full(back) = refusal else { panic!("no thread") };
                            job = back;
                            thread::yield_now();
                        }
                        assert!(pool.threads() <= MAX);
                        if (i + submitter) % 50 == 0 {
                            thread::sleep(Duration::from_micros(100));
                        }
                    }
                });
            }
        });
        assert_eq!(pool.join(soon()), 0);
        assert_eq!(ran.load(Ordering::SeqCst), 8 * 500);
        assert!(most.load(Ordering::SeqCst) <= MAX);
        assert_eq!((pool.threads(), pool.busy()), (0, 0));
    }

    #[test]
    fn a_panic_costs_one_job() {
        let pool = Pool::new("test", 1, STACK);
        for _ in 0..3 {
            assert!(pool.submit(|| panic!("on purpose")).is_ok());
            until("the worker to survive", || pool.busy() == 0);
            assert_eq!(pool.threads(), 1);
        }
        let (done, ran) = mpsc::channel();
        assert!(pool.submit(move || done.send(()).unwrap()).is_ok());
        assert_eq!(ran.recv(), Ok(()));
    }

    #[test]
    fn panics_have_a_text() {
        let of = |job: Job| catch_unwind(AssertUnwindSafe(job)).unwrap_err();
        assert_eq!(text(&*of(Box::new(|| panic!("literal")))), "literal");
        assert_eq!(text(&*of(Box::new(|| panic!("made of {}", 2)))), "made of 2");
        assert_eq!(text(&*of(Box::new(|| std::panic::panic_any(3)))), "no text");
    }

    #[test]
    fn the_bound_changes_live() {
        let pool = Pool::new("test", 1, STACK);
        let first = pool.hold().ok().unwrap();
        assert!(matches!(pool.hold(), Err(Refusal::Full(_))));
        pool.set_max(2);
        let second = pool.hold().ok().unwrap();
        pool.set_max(1);
        drop(first);
        until("one job less", || pool.busy() == 1);
        assert!(matches!(pool.hold(), Err(Refusal::Full(_))), "there is an idle worker, but no permission");
        drop(second);
        until("no job", || pool.busy() == 0);
        assert!(pool.hold().is_ok());
    }

    #[test]
    fn join_waits_no_longer_than_told_and_takes_nothing_more() {
        let pool = Pool::new("test", 2, STACK);
        let held = pool.hold().ok().unwrap();
        assert_eq!(pool.join(Instant::now()), 1);
        assert_eq!(pool.join(Instant::now() + Duration::from_millis(5)), 1);
        assert!(matches!(pool.submit(|| ()), Err(Refusal::Full(_))));
        drop(held);
        assert_eq!(pool.join(soon()), 0);
        assert_eq!(pool.threads(), 0);
    }

    #[test]
    fn idle_workers_go_home_when_they_are_told() {
        let pool = Pool::new("test", 4, STACK);
        let held: Vec<_> = (0..4).map(|_| pool.hold().ok().unwrap()).collect();
        assert_eq!(pool.release_idle(), 0, "all work");
        drop(held);
        until("idle workers", || pool.busy() == 0);
        let busy = pool.hold().ok().unwrap();
        assert_eq!(pool.release_idle(), 3);
        until("three less", || pool.threads() == 1);
        assert_eq!(pool.busy(), 1);
        drop(busy);
        assert_eq!(pool.join(soon()), 0);
        assert_eq!(pool.release_idle(), 0);
    }

    #[test]
    fn without_a_thread_the_job_comes_back() {
        let pool = Pool::new("test", 2, 1 << 60);
        let Err(Refusal::NoThread(job, _)) = pool.submit(|| ()) else { panic!("a stack of an exbibyte") };
        job();
        assert_eq!((pool.busy(), pool.threads()), (0, 0));
    }
}
