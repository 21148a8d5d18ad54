//! The TRANSACTION state (RFC 1939 section 5): a snapshot and the marks on it.
//!
//! Holds the scan listing of one session and no credentials. Numbers never shift: what other
//! sessions, deliveries and the reaper do shows in the next session ([MS-STANXPOP3] C0004).

use super::Step;
use super::command::{MessageNumber, TransactionCommand as Command};
use super::policy::Policy;
use super::reply::{Reply, number};
use crate::store::{Entry, Expire, Form, MailboxId, MessageId, ScanListing, Shows, Uid, storage_size};
use std::sync::Arc;

/// A maildrop as the driver opened it.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Which.
    pub mailbox: MailboxId,
    /// Its messages at login.
    pub listing: Arc<ScanListing>,
    /// `MessageRetrievalSortOrder` is `Descending`.
    pub descending: bool,
    /// `EnableExactRFC822Size` is 1.
    pub exact: bool,
    /// What its owner is promised.
    pub expire: Expire,
}

/// The largest message that the driver may gather with others, octets: one chunk in every engine.
const SMALL: u32 = 32 * 1024;

/// What RETR or TOP sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// Which.
    pub id: MessageId,
    /// Its length as stored, octets.
    pub octets: u32,
    /// It has lines to stuff.
    pub dotted: bool,
    /// TOP's second argument: only the header and that many lines of the body.
    pub top: Option<u64>,
    /// It still counts as unread.
    pub unread: bool,
    /// It is internationalized and the client is not in UTF-8 mode: it gets a downgraded form (RFC 6856 section 2.1).
    pub downgraded: bool,
}

impl Message {
    /// A message is read once RETR has sent it whole.
    pub fn counts_as_read(&self) -> bool {
        self.unread && self.top.is_none()
    }

    fn is_small(&self) -> bool {
        self.octets <= SMALL && self.top.is_none() && !self.downgraded
    }
}

/// What follows a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transfer {
    /// A message, or what TOP wants of it, chunk by chunk.
    Message(Message),
    /// A whole message of one chunk: it may wait for others that are asked for in one go.
    SmallMessage(Message),
    /// The scan listing (LIST).
    Sizes,
    /// The unique-id listing (UIDL).
    UniqueIds,
}

/// One session's maildrop.
pub struct Transaction {
    maildrop: Opened,
    /// UTF-8 mode (RFC 6856 section 2.1).
    utf8: bool,
    /// One bit per message, by position; empty as long as nothing is marked.
    marked: Vec<u64>,
    /// Messages not marked as deleted, and their sizes.
    left: u64,
    octets: u64,
}

impl Transaction {
    /// A session begins.
    pub fn new(maildrop: Opened, utf8: bool) -> Self {
        let mut new = Self { maildrop, utf8, marked: Vec::new(), left: 0, octets: 0 };
        new.reset();
        new
    }

    /// Obeys a command of this state.
    pub fn command(&mut self, policy: &Policy<'_>, command: Command) -> Step {
        match command {
            Command::Capa => Step::Reply(policy.capabilities(Some(self.maildrop.expire))),
            Command::Noop => Step::Reply(Reply::OK),
            Command::Stat => Step::Reply(self.totals()),
            Command::List(None) => Step::Send(self.totals(), Transfer::Sizes),
            Command::Uidl(None) => Step::Send(Reply::OK, Transfer::UniqueIds),
            Command::Rset => {
                self.reset();
                Step::Reply(Reply::OK)
            }
            Command::Quit => match self.marked() {
                marked if marked.is_empty() => Step::Close(Reply::SIGNING_OFF),
                marked => Step::Commit(marked),
            },
            Command::List(Some(number)) => self.about(number, |me, at, out| me.size_line(at, out)),
            Command::Uidl(Some(number)) => self.about(number, |me, at, out| me.unique_id_line(at, out)),
            Command::Dele(number) => self.delete(number),
            Command::Retr(number) => self.retrieve(number, None),
            Command::Top(number, lines) => self.retrieve(number, Some(lines)),
        }
    }

    /// The one check of a message number: in range and not marked (RFC 1939 section 5). Answers
    /// its position in the session's order.
    fn position(&self, number: MessageNumber) -> Result<usize, Reply> {
        let at = number.0.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        match at.filter(|at| *at < self.count()) {
            None => Err(Reply::OUT_OF_RANGE),
            Some(at) if self.is_marked(at) => Err(Reply::MARKED),
            Some(at) => Ok(at),
        }
    }

    fn count(&self) -> usize {
        self.maildrop.listing.entries().len()
    }

    fn index(&self, at: usize) -> usize {
        if self.maildrop.descending { self.count() - 1 - at } else { at }
    }

    fn entry(&self, at: usize) -> &Entry {
        &self.maildrop.listing.entries()[self.index(at)]
    }

    fn size(&self, entry: &Entry) -> u64 {
        let octets = u64::from(entry.octets);
        if self.maildrop.exact { octets } else { storage_size(octets) }
    }

    fn is_marked(&self, at: usize) -> bool {
        self.marked.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn reset(&mut self) {
        self.marked = Vec::new();
        self.left = self.count() as u64;
        self.octets = self.maildrop.listing.total(self.maildrop.exact);
    }

    /// `+OK n m`, nothing after it ([MS-STANXPOP3] V0004).
    fn totals(&self) -> Reply {
        Reply::Ok(format!("{} {}", self.left, self.octets).into())
    }

    fn about(&self, number: MessageNumber, line: impl Fn(&Self, usize, &mut Vec<u8>)) -> Step {
        Step::Reply(match self.position(number) {
            Err(refusal) => refusal,
            Ok(at) => {
                let mut text = Vec::new();
                line(self, at, &mut text);
                Reply::Ok(String::from_utf8_lossy(&text).trim_end().to_owned().into())
            }
        })
    }

    fn delete(&mut self, number: MessageNumber) -> Step {
        Step::Reply(match self.position(number) {
            Err(refusal) => refusal,
            Ok(at) => {
                self.marked.resize(self.count().div_ceil(64), 0);
                self.marked[at / 64] |= 1 << (at % 64);
                self.left -= 1;
                self.octets -= self.size(self.entry(at));
                Reply::OK
            }
        })
    }

    fn marked(&self) -> Vec<Uid> {
        (0..64 * self.marked.len()).filter(|at| self.is_marked(*at)).map(|at| self.entry(at).uid).collect()
    }

    fn retrieve(&self, number: MessageNumber, top: Option<u64>) -> Step {
        let at = match self.position(number) {
            Err(refusal) => return Step::Reply(refusal),
            Ok(at) => at,
        };
        let entry = self.entry(at);
        let id = MessageId { mailbox: self.maildrop.mailbox, uid: entry.uid, body: entry.body };
        let downgraded = entry.internationalized && !self.utf8;
        // What is downgraded may get lines to stuff.
        let dotted = entry.dotted || downgraded;
        let message = Message { id, octets: entry.octets, dotted, top, unread: !entry.read, downgraded };
        let transfer = if message.is_small() { Transfer::SmallMessage(message) } else { Transfer::Message(message) };
        Step::Send(Reply::OK, transfer)
    }

    /// `number size`, nothing after it ([MS-STANXPOP3] V0005).
    fn size_line(&self, at: usize, out: &mut Vec<u8>) {
        number(out, at as u64 + 1);
        out.push(b' ');
        number(out, self.size(self.entry(at)));
        out.extend_from_slice(b"\r\n");
    }

    /// `number unique-id` (RFC 1939 section 7): decimal, or the one it was imported with
    /// ([MS-STANXPOP3] C0007, C0009).
    fn unique_id_line(&self, at: usize, out: &mut Vec<u8>) {
        number(out, at as u64 + 1);
        out.push(b' ');
        match self.maildrop.listing.legacy_id(self.index(at)) {
            Some(id) => out.extend_from_slice(id.as_bytes()),
            None => number(out, self.entry(at).uid.0),
        }
        out.extend_from_slice(b"\r\n");
    }

    /// All lines of a listing without its final dot, as long as nothing is marked; they are shared by all who have it. `None`
    /// if they are to be had from [`Transaction::listing`] only.
    pub fn text(&self, what: Transfer) -> Option<&[u8]> {
        let shows = match what {
            Transfer::UniqueIds => Shows::UniqueId,
            Transfer::Sizes if self.maildrop.exact => Shows::Octets,
            Transfer::Sizes => Shows::StorageSize,
            Transfer::Message(_) | Transfer::SmallMessage(_) => return None,
        };
        if !self.marked.is_empty() || self.count() == 0 {
            return None;
        }
        let form = Form { shows, descending: self.maildrop.descending };
        let listing = &self.maildrop.listing;
        let make = |text: &mut Vec<u8>| (0..self.count()).for_each(|at| self.line(what, at, text));
        listing.text(form, || self.longest(shows) * self.count() + listing.legacy_octets(), make)
    }

    /// Octets of a line at most, without the unique-ids that imported messages came with.
    fn longest(&self, shows: Shows) -> usize {
        let digits = |value: u64| value.checked_ilog10().map_or(1, |log| log as usize + 1);
        let entries = self.maildrop.listing.entries();
        let greatest = match shows {
            Shows::UniqueId => entries.last().map_or(0, |last| last.uid.0),
            // No message is larger than all of them.
            Shows::StorageSize | Shows::Octets => storage_size(self.maildrop.listing.total(false)).min(1 << 31),
        };
        digits(self.count() as u64) + digits(greatest) + " \r\n".len()
    }

    fn line(&self, what: Transfer, at: usize, out: &mut Vec<u8>) {
        match what {
            Transfer::Sizes => self.size_line(at, out),
            Transfer::UniqueIds => self.unique_id_line(at, out),
            Transfer::Message(_) | Transfer::SmallMessage(_) => {}
        }
    }

    /// Appends lines of a listing from position `from` on until `out` holds `enough` octets, with
    /// the final dot after the last. Answers where to go on.
    pub fn listing(&self, what: Transfer, from: usize, enough: usize, out: &mut Vec<u8>) -> Option<usize> {
        for at in from..self.count() {
            if out.len() >= enough {
                return Some(at);
            }
            if !self.is_marked(at) {
                self.line(what, at, out);
            }
        }
        out.extend_from_slice(b".\r\n");
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;

    fn listing(memory: usize) -> Arc<ScanListing> {
        let mut listing = ScanListing::default();
        for (uid, octets, id) in [(7, 1, None), (98, 5000, Some("an-imported-id")), (123_456_789_012, 99_999, None)] {
            let (body, dotted, read) = (0, false, false);
            let imported = id.is_some();
            listing.push(Entry { uid: Uid(uid), body, octets, dotted, read, imported, internationalized: false }, id);
        }
        listing.keep_texts(Memory::new(memory));
        Arc::new(listing)
    }

    fn of(listing: Arc<ScanListing>, descending: bool, exact: bool) -> Transaction {
        let opened = Opened { mailbox: MailboxId(1), listing, descending, exact, expire: Expire::Never };
        Transaction::new(opened, false)
    }

    fn transaction(descending: bool, exact: bool, memory: usize) -> Transaction {
        of(listing(memory), descending, exact)
    }

    fn listed(transaction: &Transaction, what: Transfer) -> String {
        let mut out = Vec::new();
        assert_eq!(transaction.listing(what, 0, usize::MAX, &mut out), None);
        String::from_utf8(out).unwrap()
    }

    /// Sessions of one maildrop share its texts, whatever their settings were when they began.
    #[test]
    fn each_form_has_a_text_of_its_own() {
        let shared = listing(10_000);
        for _ in 0..2 {
            for (descending, exact) in [(false, false), (false, true), (true, false), (true, true)] {
                let transaction = of(Arc::clone(&shared), descending, exact);
                for what in [Transfer::Sizes, Transfer::UniqueIds] {
                    let text = String::from_utf8(transaction.text(what).unwrap().to_vec()).unwrap();
                    assert_eq!(text + ".\r\n", listed(&transaction, what), "{descending} {exact}");
                }
            }
        }
    }

    /// What the driver may gather.
    #[test]
    fn a_message_is_small_up_to_32_kib_and_as_it_is() {
        let message = Message {
            id: MessageId { mailbox: MailboxId(1), uid: Uid(1), body: 1 },
            octets: 32_768,
            dotted: false,
            top: None,
            unread: true,
            downgraded: false,
        };
        assert!(message.is_small());
        for other in [
            Message { octets: 32_769, ..message },
            Message { top: Some(1), ..message },
            Message { downgraded: true, ..message },
        ] {
            assert!(!other.is_small(), "{other:?}");
        }
    }

    /// RETR reads, TOP does not.
    #[test]
    fn what_is_read_once() {
        let message = |unread, top| {
            let id = MessageId { mailbox: MailboxId(1), uid: Uid(1), body: 1 };
            Message { id, octets: 1, dotted: false, top, unread, downgraded: false }
        };
        let counts = |unread, top| message(unread, top).counts_as_read();
        assert_eq!([counts(true, None), counts(true, Some(0)), counts(false, None)], [true, false, false]);
    }

    #[test]
    fn a_text_is_what_is_listed_piece_by_piece() {
        for (descending, exact) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut transaction = transaction(descending, exact, 1000);
            for what in [Transfer::Sizes, Transfer::UniqueIds] {
                let text = String::from_utf8(transaction.text(what).unwrap().to_vec()).unwrap();
                assert_eq!(text + ".\r\n", listed(&transaction, what));
            }
            let sizes: u64 = listed(&transaction, Transfer::Sizes)
                .lines()
                .filter_map(|line| line.split_once(' '))
                .map(|(_, size)| size.parse::<u64>().unwrap())
                .sum();
            assert_eq!(transaction.totals(), Reply::Ok(format!("3 {sizes}").into()));
            assert_eq!(transaction.delete(MessageNumber(2)), Step::Reply(Reply::OK));
            assert_eq!(transaction.text(Transfer::Sizes), None, "a mark is this session's own");
            assert_eq!(listed(&transaction, Transfer::UniqueIds).lines().count(), 3);
            transaction.reset();
            assert!(transaction.text(Transfer::Sizes).is_some());
        }
        assert_eq!(transaction(false, false, 10).text(Transfer::Sizes), None, "there is no memory for it");
    }
}
