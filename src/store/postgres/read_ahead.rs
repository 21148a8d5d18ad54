//! What a client that fetches small messages one by one will ask for next.
//!
//! Each would cost a round trip to the database, which is three quarters of its price. Whoever asks for a message and then for the
//! one beside it gets some more read with it, twice as many each time. They are kept for [`FRESH`]: longer nobody is shown
//! a message that was deleted meanwhile.

use crate::store::{Entry, MailboxId, MessageId, ScanListing, Uid};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Changes act within two seconds.
const FRESH: Duration = Duration::from_secs(1);
/// Messages at once, the one that is asked for included.
const MOST: usize = 16;
/// Their octets.
const OCTETS: u64 = 128 << 10;
/// The largest message: it has one piece.
const LARGEST: u32 = 32 << 10;
/// Octets of all maildrops together.
const ALL: usize = 16 << 20;
/// Maildrops that are remembered.
const MAILDROPS: usize = 4096;

/// What was read ahead of each maildrop.
#[derive(Default)]
pub struct ReadAhead {
    maildrops: HashMap<MailboxId, Ahead>,
    octets: usize,
}

struct Ahead {
    /// The last message that was asked for.
    last: Uid,
    /// How many are read the next time.
    window: usize,
    since: Instant,
    pieces: VecDeque<(MessageId, Vec<u8>)>,
}

impl Ahead {
    fn octets(&self) -> usize {
        self.pieces.iter().map(|(_, octets)| octets.len()).sum()
    }
}

impl ReadAhead {
    /// A message that was read already; what lies before it is not asked for any more.
    pub fn take(&mut self, message: MessageId, now: Instant) -> Option<Vec<u8>> {
        let ahead = self.maildrops.get_mut(&message.mailbox)?;
        let at = ahead.pieces.iter().position(|(id, _)| *id == message);
        let fresh = now.duration_since(ahead.since) < FRESH;
        let Some(at) = at.filter(|_| fresh) else {
            self.octets -= ahead.octets();
            ahead.pieces.clear();
            return None;
        };
        let dropped: usize = ahead.pieces.drain(..at).map(|(_, octets)| octets.len()).sum();
        let (_, octets) = ahead.pieces.pop_front()?;
        self.octets -= dropped + octets.len();
        ahead.last = message.uid;
        Some(octets)
    }

    /// What is to be read together with a message, and how many its maildrop has had read at once so far. Notes that it was
    /// asked for.
    pub fn next(&mut self, message: MessageId, listing: Option<&ScanListing>) -> Vec<MessageId> {
        let entries = listing.map_or(&[][..], ScanListing::entries);
        let at = entries.binary_search_by_key(&message.uid, |entry| entry.uid).ok();
        if self.maildrops.len() >= MAILDROPS && !self.maildrops.contains_key(&message.mailbox) {
            self.maildrops.clear();
            self.octets = 0;
        }
        let fresh = Ahead { last: Uid(0), window: 1, since: Instant::now(), pieces: VecDeque::new() };
        let ahead = self.maildrops.entry(message.mailbox).or_insert(fresh);
        let beside = |at: usize| entries.get(at).is_some_and(|entry| entry.uid == ahead.last);
        let wanted: Vec<MessageId> = match at {
            Some(at) if at > 0 && beside(at - 1) => some(&entries[at..], message.mailbox, ahead.window * 2),
            Some(at) if beside(at + 1) => some(entries[..=at].iter().rev(), message.mailbox, ahead.window * 2),
            _ => Vec::new(),
        };
        ahead.last = message.uid;
        ahead.window = if wanted.is_empty() { 1 } else { (ahead.window * 2).min(MOST) };
        if self.octets > ALL { Vec::new() } else { wanted }
    }

    /// Keeps what was read with the last message.
    pub fn keep(&mut self, mailbox: MailboxId, pieces: VecDeque<(MessageId, Vec<u8>)>, since: Instant) {
        if let Some(ahead) = self.maildrops.get_mut(&mailbox) {
            self.octets -= ahead.octets();
            (ahead.pieces, ahead.since) = (pieces, since);
            self.octets += ahead.octets();
        }
    }

    /// Somebody has deleted messages of it here.
    pub fn forget(&mut self, mailbox: MailboxId) {
        if let Some(ahead) = self.maildrops.remove(&mailbox) {
            self.octets -= ahead.octets();
        }
    }
}

/// The first is the one that is asked for.
fn some<'a>(entries: impl IntoIterator<Item = &'a Entry>, mailbox: MailboxId, most: usize) -> Vec<MessageId> {
    let mut octets = 0;
    let small = |entry: &&Entry| {
        octets += u64::from(entry.octets);
        octets <= OCTETS && entry.octets <= LARGEST
    };
    let id = |entry: &Entry| MessageId { mailbox, uid: entry.uid, body: entry.body };
    entries.into_iter().take(most.min(MOST)).take_while(small).map(id).skip(1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: MailboxId = MailboxId(1);

    fn listing(sizes: &[u32]) -> ScanListing {
        let mut listing = ScanListing::default();
        for (at, octets) in sizes.iter().enumerate() {
            let (uid, body) = (Uid(at as u64 + 1), at as i64 + 1);
            let (dotted, read, imported, internationalized) = (false, false, false, false);
            listing.push(Entry { uid, body, octets: *octets, dotted, read, imported, internationalized }, None);
        }
        listing
    }

    fn id(uid: u64) -> MessageId {
        MessageId { mailbox: BOX, uid: Uid(uid), body: uid as i64 }
    }

    fn uids(messages: &[MessageId]) -> Vec<u64> {
        messages.iter().map(|message| message.uid.0).collect()
    }

    #[test]
    fn whoever_goes_on_gets_more_each_time_in_either_direction() {
        let (listing, mut ahead) = (listing(&[1000; 40]), ReadAhead::default());
        let mut next = |uid| uids(&ahead.next(id(uid), Some(&listing)));
        assert!(next(5).is_empty(), "one message says nothing");
        assert_eq!(next(6), [7]);
        assert_eq!(next(7), [8, 9, 10]);
        assert!(next(20).is_empty(), "a jump begins anew");
        assert_eq!(next(19), [18]);
        assert_eq!(next(18), [17, 16, 15]);
    }

    #[test]
    fn large_messages_are_not_read_ahead_and_the_end_is_the_end() {
        let (listing, mut ahead) = (listing(&[1000, 1000, 1000, 40_000, 1000, 1000]), ReadAhead::default());
        let mut next = |uid| uids(&ahead.next(id(uid), Some(&listing)));
        next(1);
        next(2);
        assert!(next(3).is_empty());
        next(5);
        assert!(next(6).is_empty());
        assert!(uids(&ahead.next(id(6), None)).is_empty());
    }

    #[test]
    fn what_is_kept_is_given_once_and_not_for_long() {
        let (mut ahead, now) = (ReadAhead::default(), Instant::now());
        let pieces = || (2..6).map(|uid| (id(uid), vec![0; 10])).collect();
        ahead.next(id(1), None);
        ahead.keep(BOX, pieces(), now);
        assert_eq!(ahead.octets, 40);
        assert_eq!(ahead.take(id(3), now), Some(vec![0; 10]));
        assert_eq!(ahead.octets, 20, "what was passed over goes");
        assert_eq!(ahead.take(id(3), now), None);
        assert_eq!(ahead.octets, 0);
        ahead.keep(BOX, pieces(), now);
        assert_eq!(ahead.take(id(2), now + FRESH), None);
        assert_eq!(ahead.octets, 0);
        ahead.keep(BOX, pieces(), now);
        ahead.forget(BOX);
        assert_eq!((ahead.octets, ahead.take(id(2), now)), (0, None));
    }
}
