//! Messages beside their octets. Those that were imported before without a unique-id of their own can be known again by
//! nothing else.

use crate::import::Listed;
use crate::store::{Entry, Mail, MailboxId, MessageId, ScanListing, StoreError};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// What SHA-256 makes of a message.
pub(super) type Sum = [u8; 32];

/// The imported messages of a mailbox that no message of the list is by its unique-id. Each is found once.
pub(super) struct Same<'a> {
    store: &'a dyn Mail,
    mailbox: MailboxId,
    /// By their octets; those of a size are read when a message of that size is looked for.
    unread: HashMap<u64, Vec<Entry>>,
    read: HashMap<Sum, usize>,
}

impl<'a> Same<'a> {
    pub(super) fn new(store: &'a dyn Mail, mailbox: MailboxId, listing: &ScanListing, listed: &[Listed]) -> Self {
        let ids: HashSet<&str> = listed.iter().filter_map(|message| message.unique_id.as_deref()).collect();
        let mut unread: HashMap<u64, Vec<Entry>> = HashMap::new();
        for (at, entry) in listing.entries().iter().enumerate() {
            let id = listing.legacy_id(at);
            if entry.imported && id.is_none_or(|id| !ids.contains(id)) {
                unread.entry(entry.octets.into()).or_default().push(*entry);
            }
        }
        Self { store, mailbox, unread, read: HashMap::new() }
    }

    /// Whether there is such a message; it is not found again.
    pub(super) fn take(&mut self, octets: &[u8]) -> Result<bool, StoreError> {
        self.take_sum(octets.len() as u64, || Sum::from(Sha256::digest(octets)))
    }

    /// The same for a message of so many octets with this sum.
    pub(super) fn take_sum(&mut self, octets: u64, sum: impl FnOnce() -> Sum) -> Result<bool, StoreError> {
        for entry in self.unread.remove(&octets).unwrap_or_default() {
            match self.sum(entry) {
                Ok(sum) => *self.read.entry(sum).or_default() += 1,
                Err(StoreError::NoSuchMessage) => {}
                Err(error) => return Err(error),
            }
        }
        if self.read.is_empty() {
            return Ok(false);
        }
        match self.read.get_mut(&sum()) {
            Some(left) if *left > 0 => *left -= 1,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn sum(&self, entry: Entry) -> Result<Sum, StoreError> {
        let id = MessageId { mailbox: self.mailbox, uid: entry.uid, body: entry.body };
        let (mut sum, mut piece) = (Sha256::new(), Vec::new());
        for number in 0.. {
            self.store.read(id, number, &mut piece)?;
            if piece.is_empty() {
                break;
            }
            sum.update(&piece);
        }
        Ok(sum.finalize().into())
    }
}

/// Whether a stored message has exactly these octets.
pub(super) fn is_same(store: &dyn Mail, mailbox: MailboxId, entry: Entry, octets: &[u8]) -> Result<bool, StoreError> {
    if u64::from(entry.octets) != octets.len() as u64 {
        return Ok(false);
    }
    let id = MessageId { mailbox, uid: entry.uid, body: entry.body };
    has_octets(octets, |number, piece| store.read(id, number, piece))
}

/// Whether the pieces that are read are these octets.
pub(super) fn has_octets(
    octets: &[u8],
    read: impl Fn(u32, &mut Vec<u8>) -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    let (mut piece, mut rest) = (Vec::new(), octets);
    for number in 0.. {
        read(number, &mut piece)?;
        if piece.is_empty() {
            break;
        }
        match rest.strip_prefix(piece.as_slice()) {
            Some(behind) => rest = behind,
            None => return Ok(false),
        }
    }
    Ok(rest.is_empty())
}
