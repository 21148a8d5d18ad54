//! What the store holds and what was done with it, for those who watch over it.

use super::Result;

/// Seconds that rows of statistics are kept.
pub const STATISTICS_KEPT: i64 = 400 * 86_400;

/// Uids from here on are near the end of a mailbox's numbers (2^53): nine tenths are used up.
pub const LAST_UIDS: u64 = 8_106_479_329_266_892;

/// What the store holds at this moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Mailboxes.
    pub mailboxes: u64,
    /// Messages in all of them.
    pub messages: u64,
    /// Their storage size, octets.
    pub octets: u64,
    /// Plain-text passwords that wait for their verifiers.
    pub pending_passwords: u64,
    /// The database file, octets.
    pub database_octets: u64,
    /// What waits in the write-ahead log's file, octets.
    pub wal_octets: u64,
    /// To how many octets the database can grow by its own rules; none: it is on a server, which has limits of its own.
    pub database_limit: Option<u64>,
    /// Some mailboxes whose next uid is [`LAST_UIDS`] or more.
    pub exhausted: Vec<String>,
}

/// A mailbox and its storage size, octets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Large {
    /// Its name.
    pub name: String,
    /// Messages in it.
    pub messages: u64,
    /// Their storage size, octets.
    pub octets: u64,
}

/// What was done in some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sample {
    /// Sessions that began.
    pub logins: u64,
    /// Logins with wrong credentials.
    pub failures: u64,
    /// Connections of POP3.
    pub connections: u64,
    /// Sessions at the same time, at the most.
    pub most_sessions: u64,
    /// Copies that were stored.
    pub deliveries: u64,
    /// Their octets.
    pub delivered_octets: u64,
    /// Copies that were not stored.
    pub refused: u64,
    /// Messages that RETR has sent.
    pub retrieved: u64,
    /// Their octets.
    pub retrieved_octets: u64,
    /// Messages that clients have deleted.
    pub removed: u64,
    /// Messages in all mailboxes at the end; 0: not looked.
    pub messages: u64,
    /// The database file at the end, octets; 0: not looked.
    pub database_octets: u64,
}

/// What an hour's row says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hour {
    /// When it began, seconds since 1970 UTC.
    pub at: i64,
    /// What was done in it.
    pub sample: Sample,
}

/// What was counted in the last hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LastHour {
    /// Sessions that began.
    pub logins: u64,
    /// Logins with wrong credentials.
    pub failures: u64,
    /// Copies that were stored.
    pub deliveries: u64,
}

/// Figures and statistics.
pub trait Statistics: Send + Sync {
    /// What the store holds now.
    fn figures(&self) -> Result<Figures>;

    /// The mailboxes with the most octets, the largest first.
    fn largest(&self, limit: usize) -> Result<Vec<Large>>;

    /// Adds to the row of the hour of `now` (seconds since 1970 UTC). Rows that are older than
    /// [`STATISTICS_KEPT`] go.
    fn count(&self, now: i64, sample: &Sample) -> Result<()>;

    /// The hours that began at `from` or later, in order.
    fn hours(&self, from: i64) -> Result<Vec<Hour>>;

    /// What was counted in the hour before `now`, to the minute.
    fn last_hour(&self, now: i64) -> Result<LastHour>;

    /// Whether a mail to the postmaster is due at `now`: there was none for a day. Then it counts as sent.
    fn claim_postmaster_mail(&self, now: i64) -> Result<bool>;
}
