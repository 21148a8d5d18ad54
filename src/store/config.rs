//! What administrators decide.

use super::{MailboxId, Result};
use std::path::PathBuf;

/// What administrators decide, and whether they have decided anew.
pub trait Config: Send + Sync {
    /// A number that differs after anybody else changed the database (a shell, another process).
    fn change_mark(&self) -> Result<i64>;

    /// A number that differs after something was done that may shut somebody out of a session.
    fn revocations(&self) -> Result<i64>;

    /// All rows of `settings`, name and value; in an old database a value may be no UTF-8.
    fn settings(&self) -> Result<Vec<(String, Vec<u8>)>>;

    /// All rows of `certificates`, by name.
    fn certificates(&self) -> Result<Vec<CertificateFiles>>;

    /// What CAPA may promise before login, all of one moment. It is asked for each second.
    fn advertised(&self) -> Result<Advertised>;

    /// What CAPA may promise the owner of this mailbox.
    fn retention(&self, mailbox: MailboxId) -> Result<Expire>;

    /// Whether STAT and LIST show this mailbox's owner exact octets; nothing: as `EnableExactRFC822Size` says.
    fn exact_sizes(&self, mailbox: MailboxId) -> Result<Option<bool>>;
}

/// What CAPA may promise before login.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Advertised {
    /// The shortest time that anybody's messages are kept.
    pub expire: Expire,
    /// Which verifiers there are.
    pub usable: Usable,
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

impl Expire {
    /// What so many days mean; 0: for ever.
    pub fn of(days: u32) -> Self {
        if days == 0 { Self::Never } else { Self::Days(days) }
    }

    /// Of many mailboxes: the least number of days, where one is not for ever, and whether it is not that of all.
    pub fn shortest(days: Option<u32>, differs: bool) -> Self {
        match days {
            None => Self::Never,
            Some(days) if differs => Self::DaysUser(days),
            Some(days) => Self::Days(days),
        }
    }
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
