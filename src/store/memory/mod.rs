//! The second engine: everything in memory, behind one lock.
//!
//! It is the interface's plain reading, for tests and for comparison; the contract suite holds both
//! engines to the same words. Nothing here is fast or bounded, nothing outlives the process.

mod accounts;
mod admin;
mod mail;
mod maintenance;
mod presence;
mod statistics;

use super::{CertificateFiles, Envelope, MailboxId, Scheme, SessionStart, StoreError, UserId};
use crate::clock::{Clock, Stamp, Stamps, SystemClock, latest};
use crate::lock::IgnorePoison;
use crate::secret::Secret;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// A store that forgets everything when it is dropped.
pub struct Memory {
    state: Mutex<Contents>,
    stamps: Stamps,
}

#[derive(Default)]
struct Contents {
    /// Only what differs from the defaults.
    settings: BTreeMap<String, String>,
    certificates: BTreeMap<String, CertificateFiles>,
    users: BTreeMap<UserId, User>,
    mailboxes: BTreeMap<MailboxId, Mailbox>,
    deleted_mailboxes: Vec<DeletedMailbox>,
    /// Address and mailbox, in lower case.
    aliases: Vec<(String, String)>,
    /// Delegate and principal, in lower case.
    delegates: HashSet<(String, String)>,
    bodies: HashMap<i64, Arc<Vec<u8>>>,
    /// Bodies that go at a moment, if nothing refers to them then.
    purge: Vec<(i64, i64)>,
    /// Where unique-ids go on under a name that was used before.
    retired: HashMap<String, u64>,
    /// Who is on.
    on: Vec<SessionStart>,
    /// Name, address, mechanism; the last moment and how many.
    logins: BTreeMap<(String, String, String), (i64, i64)>,
    /// The same of logins that failed.
    failures: BTreeMap<(String, String, String), (i64, i64)>,
    /// Sessions that an administrator has ended.
    dismissed: HashSet<u64>,
    counted: statistics::Counted,
    /// The latest date of anything that was stored or deleted.
    latest_at: i64,
    /// Last id of anything; none is used twice.
    last_id: i64,
    /// Moves with every change from outside.
    changes: i64,
}

struct User {
    name: String,
    password: Option<Secret>,
    pop_enabled: bool,
    ntlm: bool,
    generation: i64,
    last_login: Option<i64>,
    verifiers: HashMap<Scheme, Secret>,
}

struct Mailbox {
    name: String,
    quota: Option<u64>,
    warning: Option<u64>,
    /// Since the mailbox crossed its warning quota: when the next warning is due.
    warning_due: Option<i64>,
    retain_read: Option<u32>,
    retain_unread: Option<u32>,
    hold: bool,
    site: Option<String>,
    exact: Option<bool>,
    next_uid: u64,
    /// Numbers below were given out under this name before.
    floor: u64,
    /// Unique-ids that clients were shown.
    shown: HashSet<String>,
    messages: BTreeMap<u64, Message>,
    /// With the moment of deletion.
    deleted: BTreeMap<u64, (Message, i64)>,
}

/// A mailbox that can still be brought back.
struct DeletedMailbox {
    id: MailboxId,
    mailbox: Mailbox,
    aliases: Vec<String>,
    deleted_at: i64,
}

#[derive(Clone)]
struct Message {
    body: i64,
    octets: u64,
    dotted: bool,
    read: bool,
    /// Where the age counts from.
    stored_at: i64,
    envelope: Envelope,
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_clock(Arc::new(SystemClock::default()))
    }
}

impl Memory {
    /// An empty store that dates mail by this clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), stamps: Stamps::new(clock) }
    }

    /// For what is stored or deleted now.
    fn stamp(&self, state: &mut Contents) -> Stamp {
        let Stamp { now, date } = self.stamps.stamp();
        state.latest_at = latest(date, state.latest_at);
        Stamp { now, date: state.latest_at }
    }

    fn state(&self) -> MutexGuard<'_, Contents> {
        self.state.lock().ignore_poison()
    }
}

impl Contents {
    fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    fn setting(&self, name: &str, default: u64) -> u64 {
        self.settings.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    fn user_named(&self, name: &str) -> Option<(UserId, &User)> {
        self.users.iter().find(|(_, user)| user.name.eq_ignore_ascii_case(name)).map(|(id, user)| (*id, user))
    }

    fn mailbox_named(&self, name: &str) -> Option<(MailboxId, &Mailbox)> {
        self.mailboxes
            .iter()
            .find(|(_, mailbox)| mailbox.name.eq_ignore_ascii_case(name))
            .map(|(id, found)| (*id, found))
    }

    fn mailbox(&self, id: MailboxId) -> Result<&Mailbox, StoreError> {
        self.mailboxes.get(&id).ok_or(StoreError::NoSuchMailbox)
    }

    fn mailbox_mut(&mut self, id: MailboxId) -> Result<&mut Mailbox, StoreError> {
        self.mailboxes.get_mut(&id).ok_or(StoreError::NoSuchMailbox)
    }
}
