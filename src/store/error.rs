//! What a store can answer instead of doing what it was asked for.

use std::fmt;

/// What a store can answer instead of doing what it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreError {
    /// The mailbox does not exist (any more).
    NoSuchMailbox,
    /// The message does not exist any more.
    NoSuchMessage,
    /// The mailbox would exceed its `ProhibitSendReceiveQuota`.
    OverQuota,
    /// The message is larger than `MaxReceiveSize` octets.
    TooBig,
    /// Somebody else holds the database's write lock: try again later.
    Busy(String),
    /// The disk is full or failed.
    Io(String),
    /// A name or value was refused by the schema; the text names it.
    Refused(String),
    /// Anything else; the text is for the log.
    Internal(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchMailbox => f.write_str("no such mailbox"),
            Self::NoSuchMessage => f.write_str("no such message"),
            Self::OverQuota => f.write_str("mailbox is over its quota"),
            Self::TooBig => f.write_str("message is larger than MaxReceiveSize"),
            Self::Busy(text) | Self::Io(text) | Self::Refused(text) | Self::Internal(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StoreError {}
