//! Plain-text passwords become verifiers behind everything else: oldest first, on the cores that no login needs, a batch in one
//! transaction. Nobody waits for it, and nothing that fails here ends anything.

use super::{Host, Reaper, SECOND, Verifiers};
use crate::lock::IgnorePoison;
use crate::secret::Secret;
use crate::store::{Pending, Replacement, Result, UserId};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Passwords looked at in one batch.
pub(super) const PASSWORDS: usize = 64;
/// How long a batch takes before it is stored: a lone password shall be replaced within 2 seconds, and what else is due waits too.
const BATCH: Duration = Duration::from_millis(300);
/// How often we say how many are left.
const REPORT: Duration = Duration::from_secs(10);

/// What is known of the passwords that wait.
pub(super) struct Queue {
    /// Users written since the last batch may wait for their verifiers.
    waiting: bool,
    /// When the next batch is due.
    due: Duration,
    /// When we say how many are left; `None`: none were when we last looked.
    report: Option<Duration>,
    /// Users whose verifiers cannot be made, with the password at fault; so that they hide nobody else.
    hopeless: Vec<(UserId, Secret)>,
    /// Threads that hash at the same time.
    threads: usize,
}

impl Queue {
    /// Nothing is known yet, so some may wait.
    pub(super) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { waiting: true, due: Duration::ZERO, report: None, hopeless: Vec::new(), threads }
    }

    /// Somebody wrote to the database.
    pub(super) fn changed(&mut self) {
        self.waiting = true;
        self.hopeless.clear();
    }

    /// When the next batch is due, if one is.
    pub(super) fn due(&self) -> Option<Duration> {
        self.waiting.then_some(self.due)
    }

    fn is_hopeless(&self, pending: &Pending) -> bool {
        self.hopeless.iter().any(|(user, password)| *user == pending.user && *password == pending.password)
    }

    fn give_up(&mut self, pending: Pending, error: &str) {
        log::error!("reaper: user {:?}: cannot hash the plain-text password: {error}", pending.name);
        self.hopeless.push((pending.user, pending.password));
    }
}

impl Reaper {
    /// One batch, if one is due.
    pub(super) fn replace_pending(&mut self, at: Duration) {
        if self.pending.due().is_none_or(|due| at < due) {
            return;
        }
        let replaced = self.replace_batch();
        self.pending.waiting = !matches!(replaced, Ok(0));
        self.pending.due = at + if replaced.is_err() { SECOND } else { Duration::ZERO };
        let reported = self.report_pending(at);
        self.log_failure("replace plain-text passwords", at, replaced.and(reported));
    }

    /// Says how many passwords were dealt with, so that 0 is the end.
    fn replace_batch(&mut self) -> Result<usize> {
        let mut waiting = self.store.pending(PASSWORDS + self.pending.hopeless.len())?;
        waiting.retain(|pending| !self.pending.is_hopeless(pending));
        let (mut dealt_with, mut made, mut users) = (0, Vec::new(), Vec::new());
        for (pending, outcome) in hash(waiting, self.pending.threads, &*self.host) {
            match outcome {
                Ok(Verifiers { hash, others }) => {
                    made.push(Replacement { user: pending.user, expected: pending.password.clone(), hash, others });
                    users.push(pending);
                }
                Err(error) => {
                    self.pending.give_up(pending, &error);
                    dealt_with += 1;
                }
            }
        }
        if made.is_empty() {
            return Ok(dealt_with);
        }
        for (pending, outcome) in users.into_iter().zip(self.store.replace_passwords(&made)?) {
            match outcome {
                // Another one may stand there now, and is looked at next time.
                Ok(_) => {}
                Err(error) => self.pending.give_up(pending, &error.to_string()),
            }
            dealt_with += 1;
        }
        Ok(dealt_with)
    }

    /// One line every [`REPORT`].
    fn report_pending(&mut self, at: Duration) -> Result<()> {
        if !self.pending.waiting {
            self.pending.report = None;
            return Ok(());
        }
        let due = *self.pending.report.get_or_insert(at + REPORT);
        if at >= due {
            self.pending.report = Some(at + REPORT);
            let left = self.store.pending_count()?.saturating_sub(self.pending.hopeless.len());
            log::info!("reaper: {left} plain-text passwords are still to be hashed");
        }
        Ok(())
    }
}

/// What is made of these passwords in the time of a batch, at least one for each thread; in their order.
fn hash(
    waiting: Vec<Pending>,
    threads: usize,
    host: &dyn Host,
) -> Vec<(Pending, std::result::Result<Verifiers, String>)> {
    let (began, next, made) = (Instant::now(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(pending) = waiting.get(number) else { return };
            let outcome = host.verifiers(pending);
            made.lock().ignore_poison().push((number, outcome));
            if began.elapsed() >= BATCH {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(waiting.len()) {
            // Without another thread this one does it all.
            let _ = std::thread::Builder::new().name("passwords".into()).spawn_scoped(scope, work);
        }
        work();
    });
    let mut made = made.into_inner().ignore_poison();
    made.sort_by_key(|(number, _)| *number);
    let mut made = made.into_iter().peekable();
    let outcomes = waiting
        .into_iter()
        .enumerate()
        .filter_map(|(number, pending)| made.next_if(|(at, _)| *at == number).map(|(_, outcome)| (pending, outcome)));
    outcomes.collect()
}
