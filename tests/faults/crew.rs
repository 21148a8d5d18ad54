//! Runs cases on all processors and gathers what went wrong, so that one failure hides no other.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once};

/// How many failures are shown.
const SHOWN: usize = 60;

thread_local! {
    /// A panic of this thread is a case's failure, which is shown at the end.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What came of all cases.
#[derive(Default)]
pub struct Report {
    counts: Mutex<BTreeMap<String, usize>>,
    failures: Mutex<Vec<String>>,
}

impl Report {
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
    pub fn finish(self, what: &str) {
        let (counts, mut failures) = (self.counts.into_inner().unwrap(), self.failures.into_inner().unwrap());
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

/// Does each task, some at a time.
pub fn run<T: Send>(tasks: Vec<T>, work: impl Fn(T) + Sync) {
    let queue = Mutex::new(VecDeque::from(tasks));
    let threads = std::thread::available_parallelism().map_or(2, |number| number.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some(task) = next else { break };
                    work(task);
                }
            });
        }
    });
}
