//! Who is on and who was, in memory, until an engine writes it in batches.

use crate::lock::lock;
use crate::store::{FAILURES, LoginFailure, Result, SessionStart};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Mutex;

/// Logins that are remembered: rows of `recent_login`.
pub const LOGINS: usize = 10_000;
/// New rows after which the oldest are looked for.
const PRUNE_AFTER: usize = 1000;
/// Ended sessions that wait for a batch; what is more stays on show until the next start.
const GONE: usize = 100_000;

/// What is known, and what of it is written.
pub struct Sessions {
    on: HashMap<u64, Session>,
    /// Who has come since the last batch, whether still there or not.
    new: Vec<u64>,
    gone: Vec<u64>,
    logins: Logins,
    last: LastLogins,
    failures: Logins,
    unpruned: usize,
}

impl Default for Sessions {
    fn default() -> Self {
        // The last process may have left more than there shall be.
        Self {
            on: HashMap::new(),
            new: Vec::new(),
            gone: Vec::new(),
            logins: Logins::new(),
            last: LastLogins::new(),
            failures: Logins::new(),
            unpruned: PRUNE_AFTER,
        }
    }
}

struct Session {
    arrival: SessionStart,
    written: bool,
}

/// By name, address and mechanism: the last moment, and how many.
pub type Logins = HashMap<(String, String, &'static str), (i64, i64)>;

/// For `users.last_login`. Not bounded like [`Logins`]: there are no more names than users, and none may be missed.
pub type LastLogins = HashMap<String, i64>;

/// One batch.
#[derive(Clone, Default)]
pub struct Batch {
    /// Sessions that began.
    pub new: Vec<SessionStart>,
    /// Sessions that ended.
    pub gone: Vec<u64>,
    /// Logins.
    pub logins: Logins,
    /// The last login of each user.
    pub last: LastLogins,
    /// Logins that failed.
    pub failures: Logins,
    /// It is time to look for the oldest logins.
    pub prune: bool,
}

impl Sessions {
    /// Somebody has logged in.
    pub fn login(&mut self, arrival: SessionStart) {
        let key = (arrival.name.clone(), arrival.address.to_canonical().to_string(), arrival.mechanism);
        count(&mut self.logins, LOGINS, key, arrival.at, 1);
        note_last(&mut self.last, arrival.name.clone(), arrival.at);
        self.new.push(arrival.session);
        self.on.insert(arrival.session, Session { arrival, written: false });
    }

    /// The session has ended.
    pub fn logout(&mut self, session: u64) {
        if self.on.remove(&session).is_some_and(|session| session.written) && self.gone.len() < GONE {
            self.gone.push(session);
        }
    }

    /// Somebody has failed to log in.
    pub fn login_failed(&mut self, failure: LoginFailure) {
        let LoginFailure { name, address, mechanism, at } = failure;
        let key = (name, address.to_canonical().to_string(), mechanism);
        count(&mut self.failures, FAILURES, key, at, 1);
    }

    /// Who is on.
    pub fn on(&self) -> impl Iterator<Item = u64> {
        self.on.keys().copied()
    }

    /// What was written of sessions is lost: all of them are written again.
    pub fn forget_written(&mut self) {
        self.on.values_mut().for_each(|session| session.written = false);
        self.new = self.on.keys().copied().collect();
    }

    /// What has changed since the last time.
    pub fn take(&mut self) -> Option<Batch> {
        let mut new = Vec::new();
        for id in std::mem::take(&mut self.new) {
            let Some(session) = self.on.get_mut(&id).filter(|session| !session.written) else { continue };
            // Who leaves from now on must be removed from the table.
            session.written = true;
            new.push(session.arrival.clone());
        }
        let (gone, logins) = (std::mem::take(&mut self.gone), std::mem::take(&mut self.logins));
        let (last, failures) = (std::mem::take(&mut self.last), std::mem::take(&mut self.failures));
        if new.is_empty() && gone.is_empty() && logins.is_empty() && failures.is_empty() {
            return None;
        }
        self.unpruned += logins.len();
        let prune = self.unpruned >= PRUNE_AFTER;
        if prune {
            self.unpruned = 0;
        }
        Some(Batch { new, gone, logins, last, failures, prune })
    }

    /// A batch that could not be written.
    pub fn put_back(&mut self, batch: Batch) {
        for arrival in batch.new {
            if let Some(session) = self.on.get_mut(&arrival.session) {
                session.written = false;
                self.new.push(arrival.session);
            }
        }
        self.gone.extend(batch.gone.into_iter().take(GONE.saturating_sub(self.gone.len())));
        for (key, (at, more)) in batch.logins {
            count(&mut self.logins, LOGINS, key, at, more);
        }
        for (name, at) in batch.last {
            note_last(&mut self.last, name, at);
        }
        for (key, (at, more)) in batch.failures {
            count(&mut self.failures, FAILURES, key, at, more);
        }
        self.unpruned += if batch.prune { PRUNE_AFTER } else { 0 };
    }
}

/// Writes what has changed; what could not be written waits on.
///
/// # Errors
/// That of `write`.
pub fn flush(sessions: &Mutex<Sessions>, write: impl FnOnce(Batch) -> Result<()>) -> Result<()> {
    let Some(batch) = lock(sessions).take() else { return Ok(()) };
    let written = write(batch.clone());
    if written.is_err() {
        lock(sessions).put_back(batch);
    }
    written
}

/// Names and addresses that were written as texts.
pub fn addresses(known: Vec<(String, String)>) -> Vec<(String, IpAddr)> {
    known.into_iter().filter_map(|(name, address)| Some((name, address.parse().ok()?))).collect()
}

fn count(logins: &mut Logins, most: usize, key: (String, String, &'static str), at: i64, more: i64) {
    let room = logins.len() < most;
    match logins.entry(key) {
        Entry::Occupied(mut known) => {
            let (last, count) = known.get_mut();
            (*last, *count) = (at.max(*last), *count + more);
        }
        Entry::Vacant(new) if room => drop(new.insert((at, more))),
        Entry::Vacant(_) => {}
    }
}

fn note_last(last: &mut LastLogins, name: String, at: i64) {
    let known = last.entry(name).or_insert(at);
    *known = at.max(*known);
}
