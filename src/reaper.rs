//! The maintenance thread: what must happen by itself, in small batches, while the server runs.
//!
//! What lives here: *when* each batch is due. What a batch does is the store's business. What must not be
//! known here: SQL, sockets, how verifiers are computed, what time it is (a [`Clock`] says it).
//!
//! [`pending`] replaces plain-text passwords, [`expiry`] says when old mail goes, [`warning`] what owners of full mailboxes are told.
//!
//! A batch that fails is logged and tried again when it is due anew; nobody waits for it.

mod expiry;
mod pending;
mod warning;

use crate::clock::{Calendar, Clock, Moment};
use crate::complaints::Complaints;
use crate::secret::Secret;
use crate::shared::snapshot::Snapshot;
use crate::store::{Pending, Result, Scheme, Store, StoreError};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often we look for changes that a shell made; they must act within 2 seconds.
const LOOK: Duration = Duration::from_millis(500);
/// How often read marks are written.
const SECOND: Duration = Duration::from_secs(1);
/// What is left to deliveries between two steps of the reaper; they never wait for more than one.
const PAUSE: Duration = Duration::from_millis(25);
/// How often what is only kept in memory is tidied.
const TIDY: Duration = LOOK;

/// What replaces a plain-text password: its hash, and the verifiers of the mechanisms that need their own.
pub struct Verifiers {
    /// For `users.password`.
    pub hash: Secret,
    /// Beside it.
    pub others: Vec<(Scheme, Secret)>,
}

/// What the rest of the program does for the maintenance.
pub trait Host: Send + Sync {
    /// Computes a user's verifiers, on several threads at once; an error is for the log.
    fn verifiers(&self, pending: &Pending) -> std::result::Result<Verifiers, String>;

    /// Called with what holds at the first look, and whenever something of it has changed.
    fn changed(&self, snapshot: &Snapshot);

    /// Called twice a second: drops what need not stay in memory, tries again what was missing.
    fn tidy(&self);

    /// Called once with what [`crate::store::Maintenance::lost`] says: nothing can be promised any more.
    fn lost(&self, text: String);
}

/// The maintenance of one store.
pub struct Reaper {
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
    overrides: Vec<(String, String)>,
    /// What held when we last looked.
    snapshot: Snapshot,
    /// The store's mark when we last looked; `None`: never.
    mark: Option<i64>,
    pending: pending::Queue,
    /// The sessions of a server that has crashed are forgotten.
    presence_reset: bool,
    advertised_due: Duration,
    /// When we look whether the database still is there; `None`: it is not, and that has been told.
    lost_due: Option<Duration>,
    marks_due: Duration,
    /// The last step of the reaper; `None`: never.
    reaped_at: Option<Duration>,
    /// That step found something to do.
    reaping: bool,
    calendar: Calendar,
    tidy_due: Duration,
    complaints: Complaints<(&'static str, String), Duration>,
}

impl Reaper {
    /// Maintenance of `store`; `snapshot` is what holds, `overrides` (`serve --set`) what stays above
    /// the rows of the table.
    pub fn new(
        store: Arc<dyn Store>,
        snapshot: Snapshot,
        overrides: Vec<(String, String)>,
        host: Arc<dyn Host>,
    ) -> Self {
        Self {
            store,
            host,
            overrides,
            snapshot,
            mark: None,
            pending: pending::Queue::new(),
            presence_reset: false,
            advertised_due: Duration::ZERO,
            lost_due: Some(Duration::ZERO),
            marks_due: Duration::ZERO,
            reaped_at: None,
            reaping: false,
            calendar: Calendar::default(),
            tidy_due: Duration::ZERO,
            complaints: Complaints::default(),
        }
    }

    /// Does what is due at `now`; says how long the thread may sleep, [`LOOK`] at most.
    pub fn round(&mut self, now: Moment) -> Duration {
        let at = now.steady;
        if self.lost_due.is_some_and(|due| at >= due) {
            self.lost_due = Some(at + SECOND);
            let found = self.find_lost();
            self.log_failure("check that the database is there", at, found);
        }
        let looked = self.look();
        self.log_failure("check for changes", at, looked);
        self.replace_pending(at);
        if at >= self.advertised_due {
            self.advertised_due = at + SECOND;
            let watched = self.watch_advertised();
            self.log_failure("check verifiers", at, watched);
        }
        if at >= self.marks_due {
            self.marks_due = at + SECOND;
            let flushed = self.store.flush_marks();
            self.log_failure("write read marks", at, flushed);
            let flushed = self.flush_presence();
            self.log_failure("write sessions", at, flushed);
        }
        if at >= self.tidy_due {
            self.tidy_due = at + TIDY;
            self.host.tidy();
        }
        if at >= self.reap_due() {
            self.reap(now);
        }
        self.sleep(at)
    }

    /// Did somebody else change the database?
    fn look(&mut self) -> Result<()> {
        let mark = self.store.change_mark()?;
        if self.mark == Some(mark) {
            return Ok(());
        }
        self.pending.changed();
        self.reload()?;
        self.store.drop_unwanted_verifiers()?;
        // Only now: what failed above is tried again at the next look.
        self.mark = Some(mark);
        Ok(())
    }

    /// A setting that cannot be used stays as it is, as asking again would not mend it.
    fn reload(&mut self) -> Result<()> {
        let (snapshot, errors) = self.snapshot.read(&*self.store, &self.overrides)?;
        errors.iter().for_each(|error| log::error!("settings: {error}; the old value stays in effect"));
        let said = self.snapshot.settings.warnings();
        let warnings = snapshot.settings.warnings();
        warnings.iter().filter(|it| !said.contains(it)).for_each(|warning| log::warn!("settings: {warning}"));
        if snapshot != self.snapshot || self.mark.is_none() {
            self.hand_on(snapshot);
        }
        Ok(())
    }

    /// Logins of this process make verifiers too, which does not count as a change by somebody else.
    fn watch_advertised(&mut self) -> Result<()> {
        let advertised = self.store.advertised()?;
        if advertised != self.snapshot.advertised {
            self.hand_on(Snapshot { advertised, ..self.snapshot.clone() });
        }
        Ok(())
    }

    fn hand_on(&mut self, snapshot: Snapshot) {
        self.snapshot = snapshot;
        self.host.changed(&self.snapshot);
    }

    /// What a crashed server has left goes first: it cannot be told from what is written here.
    fn flush_presence(&mut self) -> Result<()> {
        if !self.presence_reset {
            self.store.reset_presence()?;
            self.presence_reset = true;
        }
        self.store.flush_presence()
    }

    fn find_lost(&mut self) -> Result<()> {
        if let Some(text) = self.store.lost()? {
            self.lost_due = None;
            self.host.lost(text);
        }
        Ok(())
    }

    fn sleep(&self, at: Duration) -> Duration {
        self.pending.due().unwrap_or(at + LOOK).min(self.reap_due()).min(at + LOOK).saturating_sub(at)
    }

    /// Logs a failure, the same one once a minute.
    fn log_failure<T>(&mut self, what: &'static str, at: Duration, outcome: Result<T>) {
        match outcome {
            Ok(_) => self.complaints.forget(|(other, _)| *other == what),
            // That is the end, and said as such; and of its server the engine itself says when it goes and comes.
            Err(StoreError::Sync(_) | StoreError::Unavailable(_)) => {}
            Err(error) => {
                let text = error.to_string();
                if self.complaints.is_due((what, text.clone()), at) {
                    log::warn!("reaper: cannot {what}: {text}");
                }
            }
        }
    }
}

/// Starts the maintenance thread. It ends when `stop` receives something or is disconnected; what waits is
/// written first.
///
/// # Errors
/// The thread cannot be made.
pub fn spawn(mut reaper: Reaper, clock: impl Clock + 'static, stop: Receiver<()>) -> std::io::Result<JoinHandle<()>> {
    let work = move || {
        loop {
            // A panic costs one round, not the maintenance.
            let round = catch_unwind(AssertUnwindSafe(|| reaper.round(clock.now())));
            let sleep = round.unwrap_or_else(|_| {
                log::error!("reaper: panicked, continuing");
                SECOND
            });
            if !matches!(stop.recv_timeout(sleep), Err(RecvTimeoutError::Timeout)) {
                break;
            }
        }
        let flushed = reaper.store.flush_marks().and_then(|()| reaper.flush_presence());
        if let Err(error) = flushed {
            log::warn!("reaper: cannot write pending changes: {error}");
        }
    };
    std::thread::Builder::new().name("reaper".into()).spawn(work)
}

#[cfg(test)]
mod tests;
