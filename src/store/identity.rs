//! What the store calls mailboxes, users and messages.

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
    /// Octets of storage that it has left until its `ProhibitSendReceiveQuota`; `u64::MAX` without one.
    pub room: u64,
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
