//! Who may log in, and where mail for an address goes.

use super::{Mailbox, MailboxId, Result, UserId};
use crate::secret::Secret;

/// Who may log in, and where mail for an address goes.
pub trait Accounts: Send + Sync {
    /// The user of the first of these names that exists. Names compare as in docs/interface.md §2.
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
    /// [`StoreError::Busy`](super::StoreError::Busy) if somebody else's lock is in the way: a login does not wait for it. It may be stored later.
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
    /// [`StoreError::Refused`](super::StoreError::Refused) for a bad or taken name.
    fn create_user(&self, name: &str) -> Result<UserId>;
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

impl Scheme {
    /// `verifiers.scheme`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::NtHash => "NT",
        }
    }
}
