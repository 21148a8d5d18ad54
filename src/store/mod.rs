//! The store's narrow interface, in the words of the protocol.
//!
//! What lives here: the three traits an engine implements and the values they exchange. What must
//! not be known here: SQL, sockets, POP3 replies.
//!
//! * [`Mail`]: maildrops as a session and a delivery see them.
//! * [`Accounts`]: who may log in, and where mail for an address goes.
//! * [`Maintenance`]: the small batches of the maintenance thread.
//! * [`Presence`]: who is on and who was, for administrators.
//! * [`Statistics`]: what the store holds and what was done with it.
//!
//! # Promises every engine keeps (the contract suite in `tests/store_contract` checks them)
//!
//! * Nothing is locked and no transaction is open between two calls: a snapshot is a list.
//! * A call that changes mail returns after the change is durable, all of it or none of it.
//! * Unique-ids are given out in the writing transaction, grow, and are never given again.
//! * The octets and the unique-id of a message never change.
//! * What is stored and deleted is dated by the engine's [`crate::clock::Clock`], and these dates do not go back.

mod error;
mod listing;
pub mod memory;
pub mod sqlite;
mod statistics;

pub use error::StoreError;
pub use listing::{Entry, Form, Memory, ScanListing, Shows, storage_size};
pub use statistics::{Figures, Hour, LAST_UIDS, Large, LastHour, STATISTICS_KEPT, Sample, Statistics};

use crate::secret::Secret;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The store's own name of a mailbox; never given to another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MailboxId(pub i64);

/// A mailbox that mail is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mailbox {
    /// The store's own name of it.
    pub id: MailboxId,
    /// Its name as an administrator wrote it.
    pub name: String,
}

/// The store's own name of a user; never given to another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UserId(pub i64);

/// A message's decimal unique-id within its mailbox ([MS-STANXPOP3] C0007).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Uid(pub u64);

impl Uid {
    /// The greatest that is given out (2^53 − 1): a double holds it exactly.
    pub const GREATEST: Self = Self((1 << 53) - 1);
    /// The greatest that an import may bring (2^52), so that half of all numbers is left for mail that comes.
    pub const GREATEST_IMPORTED: Self = Self(1 << 52);
    /// The greatest that [`Mail::skip_to`] goes to.
    pub const GREATEST_SKIPPED: Self = Self((1 << 52) + (1 << 32));

    /// The number that an imported unique-id stands for: a decimal one without leading zero, up to
    /// [`Uid::GREATEST_IMPORTED`]. Any other is plain text.
    pub fn imported(unique_id: &str) -> Option<Self> {
        Self::decimal(unique_id).filter(|uid| *uid <= Self::GREATEST_IMPORTED)
    }

    /// The uid that is shown like this.
    pub fn decimal(shown: &str) -> Option<Self> {
        let decimal = !shown.starts_with('0') && shown.bytes().all(|octet| octet.is_ascii_digit());
        let uid = shown.parse().ok().filter(|_| decimal).map(Self);
        uid.filter(|uid| *uid <= Self::GREATEST)
    }
}

/// The store's own name of one message of one mailbox; never shown to a client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MessageId {
    /// The mailbox that holds it.
    pub mailbox: MailboxId,
    /// Its decimal unique-id.
    pub uid: Uid,
    /// Where its octets are; an engine's own number.
    pub body: i64,
}

/// What an engine answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What a session knows of its maildrop from its beginning on.
#[derive(Clone, Debug)]
pub struct Maildrop {
    /// The snapshot that it keeps until its end.
    pub listing: Arc<ScanListing>,
    /// See [`Maintenance::exact_sizes`].
    pub exact_sizes: Option<bool>,
    /// See [`Maintenance::retention`].
    pub expire: Expire,
}

/// Maildrops, as sessions and deliveries see them.
pub trait Mail: Maintenance {
    /// The snapshot that a session keeps until its end.
    fn open(&self, mailbox: MailboxId) -> Result<Arc<ScanListing>>;

    /// All that a login wants to know of a maildrop; an engine may know how to find it out in one go.
    fn maildrop(&self, mailbox: MailboxId) -> Result<Maildrop> {
        Ok(Maildrop {
            listing: self.open(mailbox)?,
            exact_sizes: self.exact_sizes(mailbox)?,
            expire: self.retention(mailbox)?,
        })
    }

    /// Gives `take` the first chunk of each of these messages, in their order and all of one moment;
    /// a message of at most 64 KiB has no other.
    /// `take` must not wait for anything: the store is being read while it runs.
    ///
    /// # Errors
    /// None of its own: what cannot be read is given to `take` as an error, as [`Mail::read`] says.
    fn first_chunks(&self, messages: &[MessageId], take: &mut dyn FnMut(usize, Result<&[u8]>));

    /// Replaces the content of `chunk` by chunk number `number` (from 0) of a message, without an
    /// open transaction afterwards. An empty chunk is the end.
    ///
    /// # Errors
    /// Chunk 0 is [`StoreError::NoSuchMessage`] once the message was deleted; later chunks of a
    /// transfer already begun stay readable for at least an hour.
    fn read(&self, message: MessageId, number: u32, chunk: &mut Vec<u8>) -> Result<()>;

    /// What is known of a message beside its octets.
    fn envelope(&self, message: MessageId) -> Result<Envelope>;

    /// Notes that RETR has sent these whole. Never waits for the disk: written in a later batch.
    fn mark_retrieved(&self, message: MessageId);

    /// UPDATE (RFC 1939 section 6): deletes these messages of one mailbox, all or none, durably.
    /// Messages that are gone already are no error.
    fn commit(&self, mailbox: MailboxId, messages: &[Uid]) -> Result<()>;

    /// The message that UIDL showed this unique-id for, if it was deleted and can be brought back.
    fn deleted(&self, mailbox: MailboxId, unique_id: &str) -> Result<Option<Uid>>;

    /// Replaces `chunk` by chunk number `number` (from 0) of such a message; an empty one is the end.
    ///
    /// # Errors
    /// [`StoreError::NoSuchMessage`] if it is not there to be brought back.
    fn read_deleted(&self, mailbox: MailboxId, uid: Uid, number: u32, chunk: &mut Vec<u8>) -> Result<()>;

    /// The next message gets this decimal unique-id at least, durably, but not more than
    /// [`Uid::GREATEST_SKIPPED`] for this reason. The numbers that are passed over were
    /// shown to nobody: an imported message may still come with one of them.
    fn skip_to(&self, mailbox: MailboxId, next: Uid) -> Result<()>;

    /// Octets of storage that the mailbox has left until its `ProhibitSendReceiveQuota`; `u64::MAX` without one.
    fn room(&self, mailbox: MailboxId) -> Result<u64>;

    /// Starts taking in one message of `limit` octets at most, all that is pushed counted.
    fn upload(&self, limit: u64) -> Box<dyn Upload + '_>;
}

/// What is known of a message beside its octets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Envelope {
    /// The reverse path (RFC 5321 section 3.3); empty for the null sender.
    pub sender: String,
    /// When it was received, seconds since 1970 UTC; now if absent. Retention never counts from it.
    pub received_at: Option<i64>,
    /// The unique-id it was imported with, 1 to 70 characters of 0x21 to 0x7E (RFC 1939 section 7).
    /// Refused, mailbox by mailbox, where another message has or had it.
    pub unique_id: Option<String>,
    /// It was read where it was imported from.
    pub read: bool,
    /// It was imported without a unique-id; one with a unique-id shows it by that.
    pub imported: bool,
    /// It was received as internationalized (RFC 6531): outside of UTF8 mode it is sent downgraded.
    pub internationalized: bool,
}

/// One message on its way in. Dropped without [`Upload::deliver`], nothing of it stays.
pub trait Upload {
    /// Takes more octets: CRLF lines, unstuffed (see `dot::Normaliser`).
    ///
    /// # Errors
    /// [`StoreError::TooBig`] beyond the limit, [`StoreError::Abandoned`] after a day without progress. Each error
    /// holds from then on: the message is not stored.
    fn push(&mut self, octets: &[u8]) -> Result<()>;

    /// Stores one copy in each mailbox; one answer each, in order, after all of it is durable.
    /// A refused copy does not touch the others.
    fn deliver(self: Box<Self>, to: &[MailboxId], envelope: &Envelope) -> Result<Vec<Result<Uid>>>;

    /// The same with lines of its own in front of each copy; they count for no limit.
    fn deliver_each(self: Box<Self>, copies: &[(MailboxId, String)], envelope: &Envelope) -> Result<Vec<Result<Uid>>>;
}

/// What the door needs to know of a user.
#[derive(Clone, Debug)]
pub struct Account {
    /// Never given to another user.
    pub user: UserId,
    /// As stored, so that every spelling of a login counts as the same user.
    pub name: String,
    /// `users.password` as stored: plain text or a hash. May be absent.
    pub password: Option<Secret>,
    /// `users.pop_enabled`.
    pub pop_enabled: bool,
    /// `users.ntlm`.
    pub ntlm: bool,
    /// Grows with each new password, but not with another form of the same one.
    pub generation: i64,
    /// The mailbox of the same name.
    pub mailbox: Option<MailboxId>,
    /// `mailboxes.site` of that mailbox.
    pub site: Option<String>,
}

/// A mailbox that a delegate asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// Its id.
    pub mailbox: MailboxId,
    /// Its name as stored.
    pub name: String,
    /// `mailboxes.site`.
    pub site: Option<String>,
    /// Its user may use POP3 (`users.pop_enabled`; a mailbox without a user may).
    pub pop_enabled: bool,
    /// `delegates` has a row for the delegate that was asked about.
    pub delegated: bool,
}

/// What decides whether a session may go on.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Of the user who logged in, as at a login.
    pub account: Account,
    /// The mailbox that was opened; absent if it is gone.
    pub principal: Option<Principal>,
}

/// A verifier that stands beside `users.password`, made for one mechanism.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// `salt,iterations,StoredKey,ServerKey` of RFC 5802 with SHA-256 (RFC 7677).
    ScramSha256,
    /// The sealed NT hash ([MS-NLMP] 3.3.1); kept only while `users.ntlm` is 1.
    NtHash,
}

/// A plain-text password that waits to be replaced by its verifiers.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Whose it is.
    pub user: UserId,
    /// The name, for salted verifiers and the log.
    pub name: String,
    /// What was written.
    pub password: Secret,
    /// `users.ntlm`.
    pub ntlm: bool,
}

/// What replaces a plain-text password.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// Whose it is.
    pub user: UserId,
    /// What must still stand there.
    pub expected: Secret,
    /// For `users.password`.
    pub hash: Secret,
    /// Beside it.
    pub others: Vec<(Scheme, Secret)>,
}

/// Who may log in, and where mail for an address goes.
pub trait Accounts: Send + Sync {
    /// The user of the first of these names that exists. Names compare as in interface.md §2.
    fn account(&self, names: &[String]) -> Result<Option<Account>>;

    /// The mailbox behind the first of these names (mailbox, alias or address) that leads to one.
    fn principal(&self, delegate: UserId, names: &[String]) -> Result<Option<Principal>>;

    /// What a user and a mailbox have become that somebody is using; none: there is no such user any more.
    fn standing(&self, user: UserId, mailbox: MailboxId) -> Result<Option<Standing>>;

    /// The mailboxes that the first known of these names leads to: mailbox names, then aliases.
    fn recipients(&self, names: &[String]) -> Result<Vec<Mailbox>>;

    /// All names of mailboxes and all aliases that lead to one, each once.
    fn recipient_names(&self) -> Result<Vec<String>>;

    /// A stored verifier of a user, as [`Accounts::set_password`] was given it.
    fn verifier(&self, user: UserId, scheme: Scheme) -> Result<Option<Secret>>;

    /// Stores a verifier beside the password, if `users.password` still is `password`.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if somebody else's lock is in the way: a login does not wait for it. It may be stored later.
    fn add_verifier(&self, user: UserId, password: &Secret, scheme: Scheme, verifier: &Secret) -> Result<bool>;

    /// Replaces `users.password` and all verifiers, durably and without the old ones staying in the file; only
    /// if it still is `expected`, where given: then it is another form of the same password, and [`Account::generation`]
    /// stays. Says whether it was replaced.
    ///
    /// # Errors
    /// With `expected` as [`Accounts::add_verifier`].
    fn set_password(
        &self,
        user: UserId,
        expected: Option<&Secret>,
        hash: &Secret,
        verifiers: &[(Scheme, Secret)],
    ) -> Result<bool>;

    /// Makes a user and the mailbox of the same name.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a bad or taken name.
    fn create_user(&self, name: &str) -> Result<UserId>;
}

/// The shortest time that a message is kept, for CAPA's EXPIRE (RFC 2449 section 6.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Expire {
    /// Nothing is deleted by age.
    #[default]
    Never,
    /// The least number of days, the same for everybody.
    Days(u32),
    /// The least number of days that holds for somebody.
    DaysUser(u32),
}

/// Which verifiers there are, for what CAPA may offer: clients try the strongest mechanism first,
/// unasked, and some give up when it fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usable {
    /// Somebody who may log in has an NT hash.
    pub ntlm: bool,
    /// Everybody who may log in has a SCRAM verifier.
    pub scram: bool,
}

/// Seconds between two warnings of a mailbox that stays at or over its `IssueWarningQuota`.
pub const WARNING_INTERVAL: i64 = 86_400;

/// A mailbox whose owner is to be warned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overfull {
    /// Which one.
    pub mailbox: MailboxId,
    /// Its name as stored.
    pub name: String,
    /// Storage size of its messages, octets.
    pub bytes: u64,
    /// `IssueWarningQuota` as it holds for this mailbox, octets.
    pub warning: u64,
    /// `ProhibitSendReceiveQuota` as it holds for this mailbox, octets; 0: none.
    pub limit: u64,
}

/// The small batches of the maintenance thread.
pub trait Maintenance: Send + Sync {
    /// A number that differs after anybody else changed the database (a shell, another process).
    fn change_mark(&self) -> Result<i64>;

    /// What was done to the database, and to which file, if what is written to it will not be found again: it
    /// was removed or replaced under our hands.
    fn lost(&self) -> Result<Option<String>>;

    /// All rows of `settings`, name and value; in an old database a value may be no UTF-8.
    fn settings(&self) -> Result<Vec<(String, Vec<u8>)>>;

    /// All rows of `certificates`, by name.
    fn certificates(&self) -> Result<Vec<CertificateFiles>>;

    /// What CAPA may promise before login.
    fn shortest_retention(&self) -> Result<Expire>;

    /// What CAPA may promise the owner of this mailbox.
    fn retention(&self, mailbox: MailboxId) -> Result<Expire>;

    /// Whether STAT and LIST show this mailbox's owner exact octets; nothing: as `EnableExactRFC822Size` says.
    fn exact_sizes(&self, mailbox: MailboxId) -> Result<Option<bool>>;

    /// Which verifiers there are.
    fn usable(&self) -> Result<Usable>;

    /// Plain-text passwords that wait for their verifiers, the oldest user first, at most `limit`.
    fn pending(&self, limit: usize) -> Result<Vec<Pending>>;

    /// How many wait.
    fn pending_count(&self) -> Result<usize>;

    /// Replaces passwords and all verifiers as [`Accounts::set_password`] does, durably and all at once, behind whoever waits for
    /// an answer. One answer each, in order: whether the expected password still stood there. One that is refused keeps no other from it.
    fn replace_passwords(&self, made: &[Replacement]) -> Result<Vec<Result<bool>>>;

    /// Erases verifiers that no user wants any more (`users.ntlm` went back to 0).
    fn drop_unwanted_verifiers(&self) -> Result<usize>;

    /// Erases verifiers that do not begin with `mark`: they were sealed with another key file. Says how many.
    fn drop_foreign_verifiers(&self, mark: &str) -> Result<usize>;

    /// A number that differs after something was done that may shut somebody out of a session.
    fn revocations(&self) -> Result<i64>;

    /// Writes the read marks that wait.
    fn flush_marks(&self) -> Result<()>;

    /// The end of the program is near: from now on nothing waits for somebody else's lock.
    fn shutdown(&self);

    /// The last thing that is done: tells whether what closing has to make durable is so. Nothing may be written after it.
    ///
    /// # Errors
    /// A sync failed, now or before.
    fn finish(&self) -> Result<()>;

    /// Deletes at most `limit` messages whose age at `now` (seconds since 1970 UTC) is that of
    /// `RetainReadDays` or `RetainUnreadDays`; they stay recoverable. Age counts from the moment a
    /// message was stored here. Says how much was done, looking included, so that 0 is the end.
    fn reap(&self, now: i64, limit: usize) -> Result<usize>;

    /// Mailboxes whose owners are to be warned at `now`, at most `limit`: usage is at or over
    /// `IssueWarningQuota`, which is not under half of the limit, and no warning is younger than
    /// [`WARNING_INTERVAL`] seconds.
    fn overfull(&self, now: i64, limit: usize) -> Result<Vec<Overfull>>;

    /// Delivers a warning however full the mailbox is, durably; `false`: it is not due any more, or no unique-id is
    /// left for it.
    fn warn(&self, mailbox: MailboxId, message: &[u8], now: i64) -> Result<bool>;

    /// Frees at most `limit` chunks of messages that nobody can want any more at `now` (seconds
    /// since 1970 UTC); says how many, so that 0 is the end.
    fn purge(&self, now: i64, limit: usize) -> Result<usize>;
}

/// A row of `certificates`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFiles {
    /// The host name, or `*.` and a domain.
    pub name: String,
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Somebody who has logged in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionStart {
    /// Names the session until it ends; not used twice while the process lives.
    pub session: u64,
    /// Who logged in.
    pub name: String,
    /// Whose mailbox was opened.
    pub principal: String,
    /// The client's address.
    pub address: IpAddr,
    /// Whether the session is under TLS.
    pub tls: bool,
    /// How they proved who they are: a SASL mechanism; USER and PASS count as PLAIN.
    pub mechanism: &'static str,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

/// A login that failed for wrong credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoginFailure {
    /// Whom the client claimed to be; need not exist.
    pub name: String,
    /// The client's address.
    pub address: IpAddr,
    /// As in [`SessionStart::mechanism`].
    pub mechanism: &'static str,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

/// How many rows of failed logins are kept.
pub const FAILURES: usize = 1000;

/// Who is on and who was: what administrators look at. Nobody waits for the disk but
/// [`Presence::flush_presence`], and what it cannot write is not missed.
pub trait Presence: Send + Sync {
    /// Somebody has logged in.
    fn login(&self, arrival: SessionStart);

    /// The session has ended.
    fn logout(&self, session: u64);

    /// Somebody has failed to log in. The last [`FAILURES`] by name, address and mechanism are kept.
    fn login_failed(&self, failure: LoginFailure);

    /// Who has logged in lately, and from where.
    fn known_addresses(&self) -> Result<Vec<(String, IpAddr)>>;

    /// Sessions of this process that an administrator has ended and that are still on.
    fn dismissed(&self) -> Result<Vec<u64>>;

    /// Writes what has changed since the last time. What could not be written is tried again.
    fn flush_presence(&self) -> Result<()>;

    /// Forgets the sessions of a server that has crashed. For the start of a server only.
    fn reset_presence(&self) -> Result<()>;
}

/// Everything an engine is.
pub trait Store: Mail + Accounts + Maintenance + Presence + Statistics {}
impl<T: Mail + Accounts + Maintenance + Presence + Statistics> Store for T {}
