//! Runs cases on all processors and gathers what went wrong, so that one failure hides no other.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

/// How many failures are shown.
const SHOWN: usize = 60;
/// How often it is said how far all has come.
const SAID: Duration = Duration::from_secs(60);

thread_local! {
    /// A panic of this thread is a case's failure, which is shown at the end.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What came of all cases.
pub struct Report {
    what: &'static str,
    counts: Mutex<BTreeMap<String, usize>>,
    failures: Mutex<Vec<String>>,
    said: Mutex<Instant>,
}

impl Report {
    pub fn on(what: &'static str) -> Report {
        let (counts, failures) = (Mutex::default(), Mutex::default());
        Report { what, counts, failures, said: Mutex::new(Instant::now()) }
    }

    /// Does each task, some at a time, and says now and then how many are left.
    pub fn run<T: Send>(&self, tasks: Vec<T>, work: impl Fn(T) + Sync) {
        let queue = Mutex::new(VecDeque::from(tasks));
        let threads = std::thread::available_parallelism().map_or(2, |number| number.get());
        let next = || {
            let mut queue = queue.lock().unwrap();
            self.progress(queue.len());
            queue.pop_front()
        };
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(task) = next() {
                        work(task);
                    }
                });
            }
        });
    }

    fn progress(&self, left: usize) {
        let mut said = self.said.lock().unwrap();
        if said.elapsed() >= SAID {
            let cases: usize = self.counts.lock().unwrap().values().sum();
            eprintln!("{}: {cases} cases, {left} left of what makes them", self.what);
            *said = Instant::now();
        }
    }

    /// One case of a group; a panic is its failure.
    pub fn case(&self, group: &str, name: impl FnOnce() -> String, body: impl FnOnce()) {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                if !QUIET.get() {
                    usual(info)
                }
            }));
        });
        *self.counts.lock().unwrap().entry(group.to_owned()).or_default() += 1;
        QUIET.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(body));
        QUIET.set(false);
        if let Err(panic) = outcome {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            self.failures.lock().unwrap().push(format!("{}: {}", name(), text.unwrap_or("a panic")));
        }
    }

    /// Says how many cases there were; panics if there were none, or if one failed.
    pub fn finish(self) {
        let (counts, mut failures) = (self.counts.into_inner().unwrap(), self.failures.into_inner().unwrap());
        let what = self.what;
        let total: usize = counts.values().sum();
        let list: Vec<String> = counts.iter().map(|(group, count)| format!("{group} {count}")).collect();
        eprintln!("{what}: {total} cases, {} failed: {}", failures.len(), list.join(", "));
        failures.sort();
        if let Ok(path) = std::env::var("PILLARBOX_FAULTS_REPORT") {
            let lines: String = failures.iter().map(|line| format!("{}\n", line.replace('\n', " "))).collect();
            std::fs::write(format!("{path}-{}", what.replace(' ', "-")), lines).unwrap();
        }
        assert!(total > 0, "{what}: there was nothing to try");
        let number = failures.len();
        failures.truncate(SHOWN);
        assert!(failures.is_empty(), "{number} of {total} failed:\n{}", failures.join("\n"));
    }
}
