//! Maildrops, as sessions and deliveries see them.

use super::{Config, Expire, MailboxId, MessageId, Result, ScanListing, StoreError, Uid};
use std::sync::Arc;

/// Octets of a message that [`Mail::deliver_all`] takes at most.
pub const LARGEST_TOGETHER: u64 = 256 << 10;

/// What a session knows of its maildrop from its beginning on.
#[derive(Clone, Debug)]
pub struct Maildrop {
    /// The snapshot that it keeps until its end.
    pub listing: Arc<ScanListing>,
    /// See [`Config::exact_sizes`].
    pub exact_sizes: Option<bool>,
    /// See [`Config::retention`].
    pub expire: Expire,
}

/// Maildrops, as sessions and deliveries see them.
pub trait Mail: Config {
    /// The snapshot that a session keeps until its end.
    fn open(&self, mailbox: MailboxId) -> Result<Arc<ScanListing>>;

    /// All that a login wants to know of a maildrop; an engine may know how to find it out in one go.
    fn maildrop(&self, mailbox: MailboxId) -> Result<Maildrop> {
        Ok(Maildrop {
            listing: self.open(mailbox)?,
            exact_sizes: self.exact_sizes(mailbox)?,
            expire: self.retention(mailbox)?,
        })
    }

    /// Gives `take` the first chunk of each of these messages, in their order and all of one moment;
    /// a message of at most 64 KiB has no other.
    /// `take` must not wait for anything: the store is being read while it runs.
    ///
    /// # Errors
    /// None of its own: what cannot be read is given to `take` as an error, as [`Mail::read`] says.
    fn first_chunks(&self, messages: &[MessageId], take: &mut dyn FnMut(usize, Result<&[u8]>));

    /// Replaces the content of `chunk` by chunk number `number` (from 0) of a message, without an
    /// open transaction afterwards. An empty chunk is the end.
    ///
    /// # Errors
    /// Chunk 0 is [`StoreError::NoSuchMessage`](super::StoreError::NoSuchMessage) once the message was deleted; later chunks of a
    /// transfer already begun stay readable for at least an hour.
    fn read(&self, message: MessageId, number: u32, chunk: &mut Vec<u8>) -> Result<()>;

    /// What is known of a message beside its octets.
    fn envelope(&self, message: MessageId) -> Result<Envelope>;

    /// Notes that RETR has sent these whole. Never waits for the disk: written in a later batch.
    fn mark_retrieved(&self, message: MessageId);

    /// UPDATE (RFC 1939 section 6): deletes these messages of one mailbox, all or none, durably.
    /// Messages that are gone already are no error.
    fn commit(&self, mailbox: MailboxId, messages: &[Uid]) -> Result<()>;

    /// The message that UIDL showed this unique-id for, if it was deleted and can be brought back.
    fn deleted(&self, mailbox: MailboxId, unique_id: &str) -> Result<Option<Uid>>;

    /// Replaces `chunk` by chunk number `number` (from 0) of such a message; an empty one is the end.
    ///
    /// # Errors
    /// [`StoreError::NoSuchMessage`](super::StoreError::NoSuchMessage) if it is not there to be brought back.
    fn read_deleted(&self, mailbox: MailboxId, uid: Uid, number: u32, chunk: &mut Vec<u8>) -> Result<()>;

    /// The next message gets this decimal unique-id at least, durably, but not more than
    /// [`Uid::GREATEST_SKIPPED`] for this reason. The numbers that are passed over were
    /// shown to nobody: an imported message may still come with one of them.
    fn skip_to(&self, mailbox: MailboxId, next: Uid) -> Result<()>;

    /// Starts taking in one message of `limit` octets at most, all that is pushed counted.
    fn upload(&self, limit: u64) -> Box<dyn Upload + '_>;

    /// Stores messages of one mailbox (CRLF lines, unstuffed, of [`LARGEST_TOGETHER`] octets at most) in their order, and
    /// returns when they are durable; an engine may do so in one transaction. One answer each, up to the first error that is not [`StoreError::Refused`]:
    /// nothing behind that is stored.
    fn deliver_all(&self, to: MailboxId, messages: Vec<(Vec<u8>, Envelope)>) -> Vec<Result<Uid>> {
        let mut answers = Vec::with_capacity(messages.len());
        for (octets, envelope) in messages {
            let mut upload = self.upload(LARGEST_TOGETHER);
            let pushed = upload.push(&octets).and_then(|()| upload.deliver(&[to], &envelope));
            let answer =
                pushed.and_then(|answers| answers.into_iter().next().unwrap_or(Err(StoreError::NoSuchMailbox)));
            let goes_on = matches!(answer, Ok(_) | Err(StoreError::Refused(_)));
            answers.push(answer);
            if !goes_on {
                break;
            }
        }
        answers
    }
}

/// What is known of a message beside its octets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Envelope {
    /// The reverse path (RFC 5321 section 3.3); empty for the null sender.
    pub sender: String,
    /// When it was received, seconds since 1970 UTC; now if absent. Retention never counts from it.
    pub received_at: Option<i64>,
    /// The unique-id it was imported with, 1 to 70 characters of 0x21 to 0x7E (RFC 1939 section 7).
    /// Refused, mailbox by mailbox, where another message has or had it.
    pub unique_id: Option<String>,
    /// It was read where it was imported from.
    pub read: bool,
    /// It was imported without a unique-id; one with a unique-id shows it by that.
    pub imported: bool,
    /// It was received as internationalized (RFC 6531): outside of UTF8 mode it is sent downgraded.
    pub internationalized: bool,
}

/// One message on its way in. Dropped without [`Upload::deliver`], nothing of it stays.
pub trait Upload {
    /// Takes more octets: CRLF lines, unstuffed (see `dot::Normaliser`).
    ///
    /// # Errors
    /// [`StoreError::TooBig`](super::StoreError::TooBig) beyond the limit, [`StoreError::Abandoned`](super::StoreError::Abandoned) after a day without progress. Each error
    /// holds from then on: the message is not stored.
    fn push(&mut self, octets: &[u8]) -> Result<()>;

    /// Stores one copy in each mailbox; one answer each, in order, after all of it is durable.
    /// A refused copy does not touch the others.
    fn deliver(self: Box<Self>, to: &[MailboxId], envelope: &Envelope) -> Result<Vec<Result<Uid>>>;

    /// The same with lines of its own in front of each copy; they count for no limit.
    fn deliver_each(self: Box<Self>, copies: &[(MailboxId, String)], envelope: &Envelope) -> Result<Vec<Result<Uid>>>;
}
