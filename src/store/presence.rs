//! Who is on, and who was.

use super::{Result, UserId};
use std::net::IpAddr;

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

    /// How many sessions a user has on other nodes, as far as these have written them: a second ago. None where only
    /// one server can have the database.
    fn sessions_elsewhere(&self, user: UserId) -> Result<usize>;

    /// Writes what has changed since the last time. What could not be written is tried again.
    fn flush_presence(&self) -> Result<()>;

    /// Forgets the sessions of a server that has crashed. For the start of a server only.
    fn reset_presence(&self) -> Result<()>;
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
