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
    /// The mailbox has given out all unique-ids that there are.
    OutOfUids,
    /// The message took longer than a day from one chunk to the next; what there was of it is gone.
    Abandoned,
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
            Self::OutOfUids => f.write_str("mailbox has given out all of its unique-ids"),
            Self::Abandoned => f.write_str("nothing more of the message came for a day, so it was given up"),
            Self::Busy(text) | Self::Io(text) | Self::Refused(text) | Self::Internal(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StoreError {}
