//! What must happen by itself, in small batches.

use super::{MailboxId, Result, Scheme, UserId};
use crate::secret::Secret;

/// The small batches of the maintenance thread, and the end of the program.
pub trait Maintenance: Send + Sync {
    /// What was done to the database, and to which file, if what is written to it will not be found again: it
    /// was removed or replaced under our hands.
    fn lost(&self) -> Result<Option<String>>;

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
    ///
    /// # Errors
    /// [`StoreError::Refused`](super::StoreError::Refused) where other nodes have the database too, and another key file.
    fn drop_foreign_verifiers(&self, mark: &str) -> Result<usize>;

    /// Other nodes have said which key file it is: one that is made anew would be the wrong one.
    ///
    /// # Errors
    /// It cannot be read.
    fn has_seal(&self) -> Result<bool> {
        Ok(false)
    }

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
