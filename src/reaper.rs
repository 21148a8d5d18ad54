//! The maintenance thread: what must happen by itself, in small batches, while the server runs.
//!
//! What lives here: *when* each batch is due. What a batch does is the store's business. What must not be
//! known here: SQL, sockets, how verifiers are computed, what time it is (a [`Clock`] says it).
//!
//! [`expiry`] says when old mail goes, [`warning`] what owners of full mailboxes are told.
//!
//! A batch that fails is logged and tried again when it is due anew; nobody waits for it.

mod expiry;
mod warning;

use crate::clock::{Calendar, Clock, Moment};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::store::{Expire, Pending, Result, Scheme, Store, StoreError, Usable, UserId};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often we look for changes that a shell made; they must act within 2 seconds.
const LOOK: Duration = Duration::from_millis(500);
/// How often read marks are written.
const SECOND: Duration = Duration::from_secs(1);
/// Plain-text passwords made into verifiers before we look for changes again: argon2 takes its time.
const PASSWORDS: usize = 16;
/// What is left to deliveries between two steps of the reaper; they never wait for more than one.
const PAUSE: Duration = Duration::from_millis(25);
/// How often what is only kept in memory is tidied.
const TIDY: Duration = LOOK;
/// How often the same complaint is logged.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

/// What replaces a plain-text password: its hash, and the verifiers of the mechanisms that need their own.
pub struct Verifiers {
    /// For `users.password`.
    pub hash: Secret,
    /// Beside it.
    pub others: Vec<(Scheme, Secret)>,
}

/// Computes a user's verifiers; an error is for the log.
pub type MakeVerifiers = dyn Fn(&Pending) -> std::result::Result<Verifiers, String> + Send;

/// Hears of settings.
pub type Listener = dyn FnMut(&Arc<Settings>) + Send;

/// What the rest of the program does for the maintenance.
pub struct Hooks {
    /// Computes a user's verifiers; an error is for the log.
    pub verifiers: Box<MakeVerifiers>,
    /// Called with the settings at the first look, and whenever they or something else that CAPA shows
    /// ([`crate::store::Maintenance::shortest_retention`], [`crate::store::Maintenance::usable`]) changed.
    pub changed: Box<Listener>,
    /// Called every few seconds: drops what need not stay in memory, tries again what was missing.
    pub tidy: Box<dyn FnMut() + Send>,
    /// Called once with what [`crate::store::Maintenance::lost`] says: nothing can be promised any more.
    pub lost: Box<dyn FnMut(String) + Send>,
}

/// The maintenance of one store.
pub struct Reaper {
    store: Arc<dyn Store>,
    hooks: Hooks,
    overrides: Vec<(String, String)>,
    settings: Arc<Settings>,
    /// The shortest retention when we last looked.
    expire: Option<Expire>,
    /// The verifiers there were when we last looked.
    usable: Option<Usable>,
    /// The store's mark when we last looked; `None`: never.
    mark: Option<i64>,
    /// Users written since then may wait for their verifiers.
    passwords: bool,
    /// Users whose verifiers cannot be made, with the password at fault; so that they hide nobody else.
    hopeless: Vec<(UserId, Secret)>,
    passwords_due: Duration,
    usable_due: Duration,
    /// When we look whether the database still is there; `None`: it is not, and that has been told.
    lost_due: Option<Duration>,
    marks_due: Duration,
    /// The last step of the reaper; `None`: never.
    reaped_at: Option<Duration>,
    /// That step found something to do.
    reaping: bool,
    calendar: Calendar,
    tidy_due: Duration,
    complaints: Vec<(&'static str, Duration, String)>,
}

impl Reaper {
    /// Maintenance of `store`; `settings` are those in force, `overrides` (`serve --set`) what stays above
    /// the rows of the table.
    pub fn new(store: Arc<dyn Store>, settings: Arc<Settings>, overrides: Vec<(String, String)>, hooks: Hooks) -> Self {
        Self {
            store,
            hooks,
            overrides,
            settings,
            expire: None,
            usable: None,
            mark: None,
            passwords: true,
            hopeless: Vec::new(),
            passwords_due: Duration::ZERO,
            usable_due: Duration::ZERO,
            lost_due: Some(Duration::ZERO),
            marks_due: Duration::ZERO,
            reaped_at: None,
            reaping: false,
            calendar: Calendar::default(),
            tidy_due: Duration::ZERO,
            complaints: Vec::new(),
        }
    }

    /// Deals with every plain-text password that waits, before the first client may come in. Says how many.
    ///
    /// # Errors
    /// What the store answers. A user whose verifiers cannot be made is logged and keeps the plain text.
    pub fn process_pending(&mut self) -> Result<usize> {
        let mut replaced = 0;
        loop {
            let batch = self.replace_passwords()?;
            replaced += batch;
            if batch == 0 {
                return Ok(replaced);
            }
        }
    }

    /// Does what is due at `now`; says how long the thread may sleep, [`LOOK`] at most.
    pub fn round(&mut self, now: Moment) -> Duration {
        let at = now.steady;
        if self.lost_due.is_some_and(|due| at >= due) {
            self.lost_due = Some(at + SECOND);
            let found = self.find_lost();
            self.log_failure("look whether the database is there", at, found);
        }
        let looked = self.look();
        self.log_failure("look for changes", at, looked);
        if self.passwords && at >= self.passwords_due {
            let replaced = self.replace_passwords();
            self.passwords = !matches!(replaced, Ok(0));
            self.passwords_due = at + if replaced.is_err() { SECOND } else { Duration::ZERO };
            self.log_failure("replace plain-text passwords", at, replaced);
        }
        if at >= self.usable_due {
            self.usable_due = at + SECOND;
            let watched = self.watch_usable();
            self.log_failure("look for verifiers", at, watched);
        }
        if at >= self.marks_due {
            self.marks_due = at + SECOND;
            let flushed = self.store.flush_marks();
            self.log_failure("write read marks", at, flushed);
            let flushed = self.store.flush_presence();
            self.log_failure("write who is on", at, flushed);
        }
        if at >= self.tidy_due {
            self.tidy_due = at + TIDY;
            (self.hooks.tidy)();
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
        self.passwords = true;
        self.hopeless.clear();
        self.reload()?;
        self.store.drop_unwanted_verifiers()?;
        // Only now: what failed above is tried again at the next look.
        self.mark = Some(mark);
        Ok(())
    }

    fn reload(&mut self) -> Result<()> {
        let expire = Some(self.store.shortest_retention()?);
        let usable = Some(self.store.usable()?);
        let settings = self.read_settings()?;
        if settings != *self.settings {
            let said = self.settings.warnings();
            settings.warnings().iter().filter(|it| !said.contains(it)).for_each(|warning| log::warn!("{warning}"));
        } else if (expire, usable) == (self.expire, self.usable) {
            return Ok(());
        }
        (self.settings, self.expire, self.usable) = (Arc::new(settings), expire, usable);
        (self.hooks.changed)(&self.settings);
        Ok(())
    }

    /// Logins of this process make verifiers too, which does not count as a change by somebody else.
    fn watch_usable(&mut self) -> Result<()> {
        let usable = Some(self.store.usable()?);
        if usable != self.usable {
            self.usable = usable;
            (self.hooks.changed)(&self.settings);
        }
        Ok(())
    }

    /// The settings as they are now; one that cannot be used stays as it is, as asking again would not mend it.
    fn read_settings(&self) -> Result<Settings> {
        let present = Settings::clone(&self.settings);
        let (settings, errors) = present.changed_by(&self.store.settings()?, &self.overrides);
        errors.iter().for_each(|error| log::error!("{error}: it stays as it is in force"));
        Ok(settings)
    }

    /// One batch; says how many passwords were dealt with, so that 0 is the end.
    fn replace_passwords(&mut self) -> Result<usize> {
        let mut replaced = 0;
        for pending in self.store.pending(PASSWORDS + self.hopeless.len())? {
            if self.hopeless.iter().any(|(user, password)| *user == pending.user && *password == pending.password) {
                continue;
            }
            match (self.hooks.verifiers)(&pending) {
                Ok(made) => {
                    let expected = Some(&pending.password);
                    let done = self.store.set_password(pending.user, expected, &made.hash, &made.others)?;
                    replaced += usize::from(done);
                }
                Err(error) => {
                    log::error!("the password of user {:?} stays plain text: {error}", pending.name);
                    self.hopeless.push((pending.user, pending.password));
                    replaced += 1;
                }
            }
        }
        Ok(replaced)
    }

    fn find_lost(&mut self) -> Result<()> {
        if let Some(text) = self.store.lost()? {
            self.lost_due = None;
            (self.hooks.lost)(text);
        }
        Ok(())
    }

    fn sleep(&self, at: Duration) -> Duration {
        let passwords = if self.passwords { self.passwords_due } else { at + LOOK };
        passwords.min(self.reap_due()).min(at + LOOK).saturating_sub(at)
    }

    /// Logs a failure, the same one once a minute.
    fn log_failure<T>(&mut self, what: &'static str, at: Duration, outcome: Result<T>) {
        let Err(error) = outcome else { return self.complaints.retain(|(other, ..)| *other != what) };
        if matches!(error, StoreError::Sync(_)) {
            // That is the end, and said as such.
            return;
        }
        let text = error.to_string();
        let known = |(other, since, last): &(&'static str, Duration, String)| {
            *other == what && *last == text && at < *since + REPEAT_AFTER
        };
        if !self.complaints.iter().any(known) {
            log::warn!("maintenance could not {what}: {text}");
            self.complaints.retain(|(other, ..)| *other != what);
            self.complaints.push((what, at, text));
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
                log::error!("the maintenance panicked; it goes on");
                SECOND
            });
            if !matches!(stop.recv_timeout(sleep), Err(RecvTimeoutError::Timeout)) {
                break;
            }
        }
        let flushed = reaper.store.flush_marks().and_then(|()| reaper.store.flush_presence());
        if let Err(error) = flushed {
            log::warn!("maintenance could not write what waited: {error}");
        }
    };
    std::thread::Builder::new().name("reaper".into()).spawn(work)
}

#[cfg(test)]
mod tests;
