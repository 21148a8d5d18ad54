//! The store's narrow interface, in the words of the protocol.
//!
//! What lives here: the traits an engine implements, a file each, and the values they exchange. What must
//! not be known here: SQL, sockets, POP3 replies.
//!
//! * [`Mail`]: maildrops as a session and a delivery see them.
//! * [`Accounts`]: who may log in, and where mail for an address goes.
//! * [`Config`]: what administrators decide.
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

mod accounts;
mod config;
mod error;
mod identity;
mod listing;
mod location;
mod mail;
mod maintenance;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
mod options;
pub mod password;
pub mod postgres;
mod presence;
mod shared;
pub mod sqlite;
mod statistics;
pub mod transfer;

pub use accounts::{Account, Accounts, Principal, Scheme, Standing};
pub use config::{Advertised, CertificateFiles, Config, Expire, Usable};
pub use error::StoreError;
pub use identity::{Mailbox, MailboxId, MessageId, Uid, UserId};
pub use listing::{Entry, Form, Memory, ScanListing, Shows, storage_size};
pub use location::{Database, Location};
pub use mail::{Envelope, LARGEST_TOGETHER, Mail, Maildrop, Upload};
pub use maintenance::{Maintenance, Overfull, Pending, Replacement, WARNING_INTERVAL};
pub use options::Options;
pub use presence::{FAILURES, LoginFailure, Presence, SessionStart};
pub use statistics::{Figures, Hour, LAST_UIDS, Large, LastHour, STATISTICS_KEPT, Sample, Statistics};

/// What an engine answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Everything that a server needs of an engine.
pub trait Store: Mail + Accounts + Config + Maintenance + Presence + Statistics {}
impl<T: Mail + Accounts + Config + Maintenance + Presence + Statistics> Store for T {}

/// What differs, as lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Objects {
    /// Objects on our tables that are not ours, and ours that are changed or missing.
    pub faults: Vec<String>,
    /// What else there is.
    pub notes: Vec<String>,
}

/// A store that outlives the process.
pub trait Engine: Store {
    /// Verifies what is stored: integrity, counters, orphans, and whether unique-ids are running out.
    fn check(&self) -> Result<Vec<String>>;

    /// What of the schema is not of this program.
    ///
    /// # Errors
    /// It cannot be read.
    fn objects(&self) -> Result<Objects>;
}
