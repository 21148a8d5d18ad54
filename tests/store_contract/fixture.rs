//! What a promise is tried on: an engine, an administrator beside it, and short words for mail.

use pillarbox::clock::{Clock, Moment, SystemClock};
use pillarbox::store::memory::Memory;
use pillarbox::store::sqlite::{Options, Sqlite};
use pillarbox::store::{
    CertificateFiles, Engine, Envelope, MailboxId, MessageId, Result, Store, StoreError, Uid, Upload,
};
use rusqlite::{Connection, params};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// What administrators do from outside.
pub enum Change<'a> {
    Setting(&'a str, &'a str),
    Password(&'a str, &'a str),
    Pop(&'a str, bool),
    Ntlm(&'a str, bool),
    Quota(&'a str, Option<u64>),
    Warning(&'a str, Option<u64>),
    Retention(&'a str, Option<u32>, Option<u32>, bool),
    Site(&'a str, Option<&'a str>),
    /// `mailboxes.exact_rfc822_size`.
    ExactSizes(&'a str, Option<bool>),
    /// Host name, certificate file, key file.
    Certificate(&'a str, &'a str, &'a str),
    Mailbox(&'a str),
    Alias(&'a str, &'a str),
    Delegate(&'a str, &'a str),
    DeleteUser(&'a str),
    DeleteMessage(&'a str, u64),
    BringBack(&'a str, u64),
    /// `DELETE FROM deleted_mailboxes`.
    PurgeMailbox(MailboxId),
    /// Of a deleted user.
    BringBackMailbox(&'a str),
    NextUid(&'a str, u64),
    Dismiss(&'a str),
}

pub trait Fixture {
    fn store(&self) -> &dyn Store;
    /// What the store dates mail by.
    fn clock(&self) -> &SetClock;
    fn change(&self, change: Change<'_>);
    /// The view `sessions`: name, principal, address, TLS.
    fn sessions(&self) -> Vec<(String, String, String, bool)>;
    /// The view `recent_logins` by name: name, address, mechanism, count.
    fn recent_logins(&self) -> Vec<(String, String, String, i64)>;
    /// The view `recent_failures` by name: name, address, mechanism, count.
    fn recent_failures(&self) -> Vec<(String, String, String, i64)>;
    /// `users.last_login`.
    fn last_login(&self, user: &str) -> Option<i64>;
    /// Closes and opens the store, and does to its file what administrators do to files.
    fn reopen(&mut self);
    fn finish(&self);
}

pub fn on_sqlite(promise: fn(&mut dyn Fixture)) {
    let directory = tempfile::tempdir().unwrap();
    Sqlite::create_or_migrate(&directory.path().join("mail.db")).unwrap();
    let mut fixture = OnSqlite { store: None, directory, clock: Arc::default() };
    fixture.reopen();
    promise(&mut fixture);
    fixture.finish();
}

pub fn on_memory(promise: fn(&mut dyn Fixture)) {
    let clock = Arc::<SetClock>::default();
    let mut fixture = OnMemory(Memory::with_clock(clock.clone()), clock);
    promise(&mut fixture);
    fixture.finish();
}

/// The machine's clock, until a test sets it.
#[derive(Default, Debug)]
pub struct SetClock {
    machine: SystemClock,
    passed: AtomicU64,
    jumped: AtomicI64,
}

impl SetClock {
    /// So many seconds go by.
    pub fn pass(&self, seconds: u64) {
        self.passed.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Somebody sets the clock by so many seconds.
    pub fn jump(&self, seconds: i64) {
        self.jumped.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Moment {
        let (machine, passed) = (self.machine.now(), self.passed.load(Ordering::Relaxed));
        Moment {
            steady: machine.steady + Duration::from_secs(passed),
            unix: machine.unix + passed as i64 + self.jumped.load(Ordering::Relaxed),
        }
    }
}

struct OnSqlite {
    store: Option<Sqlite>,
    directory: tempfile::TempDir,
    clock: Arc<SetClock>,
}

impl OnSqlite {
    fn shell(&self) -> Connection {
        Connection::open(self.directory.path().join("mail.db")).unwrap()
    }
}

impl Fixture for OnSqlite {
    fn store(&self) -> &dyn Store {
        self.store.as_ref().unwrap()
    }

    fn clock(&self) -> &SetClock {
        &self.clock
    }

    fn change(&self, change: Change<'_>) {
        let shell = self.shell();
        let flag = i64::from;
        let done = match change {
            Change::Setting(name, value) => shell.execute("UPDATE settings SET value = ?2 WHERE name = ?1", [name, value]),
            Change::Password(user, text) => shell.execute("UPDATE users SET password = ?2 WHERE name = ?1", [user, text]),
            Change::Pop(user, on) => {
                shell.execute("UPDATE users SET pop_enabled = ?2 WHERE name = ?1", params![user, flag(on)])
            }
            Change::Ntlm(user, on) => shell.execute("UPDATE users SET ntlm = ?2 WHERE name = ?1", params![user, flag(on)]),
            Change::Quota(mailbox, quota) => shell.execute(
                "UPDATE mailboxes SET prohibit_send_receive_quota = ?2 WHERE name = ?1",
                params![mailbox, quota.map(|quota| quota as i64)],
            ),
            Change::Warning(mailbox, quota) => shell.execute(
                "UPDATE mailboxes SET issue_warning_quota = ?2 WHERE name = ?1",
                params![mailbox, quota.map(|quota| quota as i64)],
            ),
            Change::Retention(mailbox, read, unread, hold) => shell.execute(
                "UPDATE mailboxes SET retain_read_days = ?2, retain_unread_days = ?3, retention_hold = ?4 WHERE name = ?1",
                params![mailbox, read, unread, flag(hold)],
            ),
            Change::ExactSizes(mailbox, exact) => {
                shell.execute("UPDATE mailboxes SET exact_rfc822_size = ?2 WHERE name = ?1", params![mailbox, exact])
            }
            Change::Certificate(name, file, key) => {
                shell.execute("INSERT INTO certificates VALUES (?1, ?2, ?3)", params![name, file, key])
            }
            Change::Site(mailbox, site) => {
                shell.execute("UPDATE mailboxes SET site = ?2 WHERE name = ?1", params![mailbox, site])
            }
            Change::Mailbox(name) => shell.execute("INSERT INTO mailboxes (name) VALUES (?1)", [name]),
            Change::Alias(address, mailbox) => shell.execute("INSERT INTO aliases VALUES (?1, ?2)", [address, mailbox]),
            Change::Delegate(delegate, principal) => {
                shell.execute("INSERT INTO delegates VALUES (?1, ?2)", [delegate, principal])
            }
            Change::DeleteUser(name) => shell.execute("DELETE FROM users WHERE name = ?1", [name]),
            Change::Dismiss(name) => shell.execute("DELETE FROM sessions WHERE name = ?1", [name]).map(|_| 1),
            // What triggers of a view do is not counted.
            Change::DeleteMessage(mailbox, uid) => shell
                .execute("DELETE FROM messages WHERE mailbox = ?1 AND uid = ?2", params![mailbox, uid as i64])
                .map(|_| 1),
            Change::BringBack(mailbox, uid) => shell
                .execute(
                    "UPDATE recoverable SET deleted_at = NULL WHERE mailbox = ?1 AND uid = ?2",
                    params![mailbox, uid as i64],
                )
                .map(|_| 1),
            Change::PurgeMailbox(id) => shell.execute("DELETE FROM deleted_mailboxes WHERE id = ?1", [id.0]).map(|_| 1),
            Change::BringBackMailbox(name) => shell
                .execute("UPDATE deleted_mailboxes SET deleted_at = NULL WHERE name = ?1", [name])
                .map(|_| 1),
            Change::NextUid(mailbox, next) => shell.execute(
                "UPDATE usage SET next_uid = ?2 WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = ?1)",
                params![mailbox, next as i64],
            ),
        };
        assert_eq!(done.unwrap(), 1);
    }

    fn sessions(&self) -> Vec<(String, String, String, bool)> {
        let shell = self.shell();
        let mut select = shell.prepare("SELECT name, principal, address, tls FROM sessions").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    fn recent_logins(&self) -> Vec<(String, String, String, i64)> {
        let shell = self.shell();
        let mut select =
            shell.prepare("SELECT name, address, mechanism, count FROM recent_logins ORDER BY 1, 2, 3").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    fn recent_failures(&self) -> Vec<(String, String, String, i64)> {
        let shell = self.shell();
        let mut select =
            shell.prepare("SELECT name, address, mechanism, count FROM recent_failures ORDER BY 1, 2, 3").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    fn last_login(&self, user: &str) -> Option<i64> {
        self.shell().query_row("SELECT last_login FROM users WHERE name = ?1", [user], |row| row.get(0)).unwrap()
    }

    fn reopen(&mut self) {
        self.store = None;
        self.shell().execute_batch("VACUUM").unwrap();
        let options = Options { readers: 3, clock: self.clock.clone(), ..Options::default() };
        self.store = Some(Sqlite::open(&self.directory.path().join("mail.db"), options).unwrap());
    }

    fn finish(&self) {
        let mut faults = self.store.as_ref().unwrap().check().unwrap();
        // Some tests want that.
        faults.retain(|fault| !fault.ends_with("unique-ids are left"));
        assert_eq!(faults, Vec::<String>::new());
    }
}

struct OnMemory(Memory, Arc<SetClock>);

impl Fixture for OnMemory {
    fn store(&self) -> &dyn Store {
        &self.0
    }

    fn clock(&self) -> &SetClock {
        &self.1
    }

    fn change(&self, change: Change<'_>) {
        match change {
            Change::Setting(name, value) => self.0.set(name, value),
            Change::Password(user, text) => self.0.write_password(user, text),
            Change::Pop(user, on) => self.0.enable_pop(user, on),
            Change::Ntlm(user, on) => self.0.enable_ntlm(user, on),
            Change::Quota(mailbox, quota) => self.0.set_quota(mailbox, quota),
            Change::Warning(mailbox, quota) => self.0.set_warning(mailbox, quota),
            Change::Retention(mailbox, read, unread, hold) => self.0.set_retention(mailbox, read, unread, hold),
            Change::ExactSizes(mailbox, exact) => self.0.set_exact_sizes(mailbox, exact),
            Change::Certificate(name, file, key) => self.0.add_certificate(CertificateFiles {
                name: name.into(),
                certificate: file.into(),
                key: key.into(),
            }),
            Change::Site(mailbox, site) => self.0.set_site(mailbox, site),
            Change::Mailbox(name) => self.0.add_mailbox(name),
            Change::Alias(address, mailbox) => self.0.add_alias(address, mailbox),
            Change::Delegate(delegate, principal) => self.0.add_delegate(delegate, principal),
            Change::DeleteUser(name) => self.0.delete_user(name),
            Change::DeleteMessage(mailbox, uid) => self.0.delete_message(mailbox, uid),
            Change::BringBack(mailbox, uid) => self.0.bring_back(mailbox, uid),
            Change::PurgeMailbox(id) => self.0.purge_mailbox(id),
            Change::BringBackMailbox(name) => self.0.bring_back_mailbox(name),
            Change::NextUid(mailbox, next) => self.0.set_next_uid(mailbox, next),
            Change::Dismiss(name) => self.0.dismiss(name),
        }
    }

    fn sessions(&self) -> Vec<(String, String, String, bool)> {
        self.0.sessions()
    }

    fn recent_logins(&self) -> Vec<(String, String, String, i64)> {
        self.0.recent_logins()
    }

    fn recent_failures(&self) -> Vec<(String, String, String, i64)> {
        self.0.recent_failures()
    }

    fn last_login(&self, user: &str) -> Option<i64> {
        self.0.last_login(user)
    }

    fn reopen(&mut self) {}

    fn finish(&self) {}
}

/// A user's mailbox.
pub fn user(fixture: &dyn Fixture, name: &str) -> MailboxId {
    fixture.store().create_user(name).unwrap();
    mailbox(fixture, name)
}

pub fn mailbox(fixture: &dyn Fixture, name: &str) -> MailboxId {
    match fixture.store().recipients(&names(&[name])).unwrap()[..] {
        [ref mailbox] => mailbox.id,
        ref other => panic!("{name} leads to {other:?}"),
    }
}

pub fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub fn uploaded<'a>(fixture: &'a dyn Fixture, octets: &[u8]) -> Box<dyn Upload + 'a> {
    let mut upload = fixture.store().upload(u64::MAX);
    upload.push(octets).unwrap();
    upload
}

/// Delivers to one mailbox.
pub fn deliver(fixture: &dyn Fixture, to: MailboxId, octets: &[u8]) -> Uid {
    uploaded(fixture, octets).deliver(&[to], &Envelope::default()).unwrap().remove(0).unwrap()
}

/// Imports with a unique-id.
pub fn import(fixture: &dyn Fixture, to: MailboxId, unique_id: &str) -> Result<Uid> {
    let envelope = Envelope { unique_id: Some(unique_id.into()), ..Envelope::default() };
    uploaded(fixture, b"imported\r\n").deliver(&[to], &envelope).unwrap().remove(0)
}

pub fn message(mailbox: MailboxId, fixture: &dyn Fixture, index: usize) -> MessageId {
    let entry = fixture.store().open(mailbox).unwrap().entries()[index];
    MessageId { mailbox, uid: entry.uid, body: entry.body }
}

/// All octets of a message.
pub fn octets(fixture: &dyn Fixture, message: MessageId) -> Result<Vec<u8>> {
    let (mut whole, mut chunk) = (Vec::new(), Vec::new());
    for number in 0.. {
        fixture.store().read(message, number, &mut chunk)?;
        if chunk.is_empty() {
            break;
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

pub fn uids(fixture: &dyn Fixture, mailbox: MailboxId) -> Vec<u64> {
    fixture.store().open(mailbox).unwrap().entries().iter().map(|entry| entry.uid.0).collect()
}

/// What UIDL would show.
pub fn unique_ids(fixture: &dyn Fixture, mailbox: MailboxId) -> Vec<String> {
    let listing = fixture.store().open(mailbox).unwrap();
    let id = |(index, entry): (usize, &pillarbox::store::Entry)| match listing.legacy_id(index) {
        Some(id) => id.to_owned(),
        None => entry.uid.0.to_string(),
    };
    listing.entries().iter().enumerate().map(id).collect()
}

/// Purges until there is nothing left to do.
pub fn purge_all(fixture: &dyn Fixture, now: i64) -> usize {
    let mut total = 0;
    loop {
        match fixture.store().purge(now, 10).unwrap() {
            0 => return total,
            done => total += done,
        }
        assert!(total < 1_000_000, "purge does not end");
    }
}

/// Reaps until there is nothing left to do.
pub fn reap_all(fixture: &dyn Fixture, now: i64) {
    let mut steps = 0;
    while fixture.store().reap(now, 10).unwrap() > 0 {
        steps += 1;
        assert!(steps < 10_000, "reaping does not end");
    }
}

/// What the machine's clock says, which no test sets.
pub fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(result: Result<T>, part: &str) {
    match result {
        Err(StoreError::Refused(text)) => assert!(text.contains(part), "{text:?} does not name {part:?}"),
        other => panic!("{other:?} is not a refusal"),
    }
}
