//! What a store can answer instead of doing what it was asked for.

use std::fmt;
use std::path::Path;

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
    /// A sync failed: what was written may not be on the disk, whatever a later sync says. Nothing is promised any more.
    Sync(String),
    /// The database is damaged, or cannot be read: SQLite says the same of both.
    Damaged(String),
    /// The database server cannot be reached, or its client library is missing.
    Unavailable(String),
    /// The database server does not let us in.
    Denied(String),
    /// A name or value was refused by the schema; the text names it.
    Refused(String),
    /// Anything else; the text is for the log.
    Internal(String),
}

impl StoreError {
    /// What the failure of a sync means.
    pub fn sync(error: &dyn fmt::Display) -> Self {
        Self::Sync(format!("written data cannot be made durable ({error}): check the disk"))
    }

    /// How loud it is said to whom it happens: an engine tells itself when its server goes and when it is back, once.
    pub fn severity(&self) -> log::Level {
        if matches!(self, Self::Unavailable(_)) { log::Level::Debug } else { log::Level::Warn }
    }

    /// The same error, with a file's name in front of its text.
    pub fn of(self, path: &Path) -> Self {
        let name = |text: String| format!("{}: {text}", path.display());
        match self {
            Self::Busy(text) => Self::Busy(name(text)),
            Self::Io(text) => Self::Io(name(text)),
            Self::Sync(text) => Self::Sync(name(text)),
            Self::Damaged(text) => Self::Damaged(name(text)),
            Self::Unavailable(text) => Self::Unavailable(name(text)),
            Self::Denied(text) => Self::Denied(name(text)),
            Self::Refused(text) => Self::Refused(name(text)),
            Self::Internal(text) => Self::Internal(name(text)),
            other => other,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchMailbox => f.write_str("no such mailbox"),
            Self::NoSuchMessage => f.write_str("no such message"),
            Self::OverQuota => f.write_str("mailbox is over its quota"),
            Self::TooBig => f.write_str("message is larger than MaxReceiveSize"),
            Self::OutOfUids => f.write_str("mailbox has given out all of its unique-ids"),
            Self::Abandoned => f.write_str("the rest of the message did not arrive within a day"),
            Self::Busy(text)
            | Self::Io(text)
            | Self::Sync(text)
            | Self::Damaged(text)
            | Self::Unavailable(text)
            | Self::Denied(text)
            | Self::Refused(text)
            | Self::Internal(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StoreError {}
