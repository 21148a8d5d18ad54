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
