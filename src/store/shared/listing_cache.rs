//! Listings that may be asked for again: most clients poll a maildrop that has not changed.
//!
//! A snapshot is named by [`MaildropState`], which the schema's triggers move: equal state, equal listing.

use crate::store::{MailboxId, Memory, ScanListing};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Where a maildrop stands: `version` moves with everything but an arrival, `next_uid` with an arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MaildropState {
    pub version: i64,
    pub next_uid: i64,
    pub messages: usize,
}

/// The last snapshot of each of the mailboxes that were opened last, within a bound of memory.
pub struct ListingCache {
    kept: HashMap<MailboxId, Kept>,
    by_age: BTreeMap<u64, MailboxId>,
    clock: u64,
    memory: Arc<Memory>,
}

struct Kept {
    state: MaildropState,
    listing: Arc<ScanListing>,
    octets: usize,
    used: u64,
}

impl ListingCache {
    /// At most `bound` octets are kept.
    pub fn new(bound: usize) -> Self {
        Self { kept: HashMap::new(), by_age: BTreeMap::new(), clock: 0, memory: Memory::new(bound) }
    }

    /// Where texts made of listings are counted, too.
    pub fn memory(&self) -> Arc<Memory> {
        self.memory.clone()
    }

    /// The last snapshot of a mailbox, and where the mailbox stood.
    pub fn get(&mut self, mailbox: MailboxId) -> Option<(MaildropState, Arc<ScanListing>)> {
        let wanted = self.memory.take_wanted();
        if wanted > 0 {
            self.make_room(wanted, Some(mailbox));
        }
        let kept = self.kept.get_mut(&mailbox)?;
        self.clock += 1;
        self.by_age.remove(&kept.used);
        kept.used = self.clock;
        self.by_age.insert(self.clock, mailbox);
        Some((kept.state, kept.listing.clone()))
    }

    /// Keeps a snapshot, at the cost of those that were not asked for longest.
    pub fn put(&mut self, mailbox: MailboxId, state: MaildropState, listing: Arc<ScanListing>) {
        self.remove(mailbox);
        let octets = 256 + size_of_val(listing.entries()) + listing.legacy_octets();
        if !self.memory.fits(octets) {
            return;
        }
        self.make_room(octets, None);
        if !self.memory.take(octets) {
            return;
        }
        self.clock += 1;
        self.by_age.insert(self.clock, mailbox);
        self.kept.insert(mailbox, Kept { state, listing, octets, used: self.clock });
    }

    /// Drops what was not asked for longest, but for the one of `asked`. (What sessions still have of it is freed later.)
    fn make_room(&mut self, octets: usize, asked: Option<MailboxId>) {
        while !self.memory.has(octets) {
            let Some(oldest) = self.by_age.values().copied().find(|mailbox| Some(*mailbox) != asked) else { break };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, mailbox: MailboxId) {
        if let Some(kept) = self.kept.remove(&mailbox) {
            self.by_age.remove(&kept.used);
            self.memory.give(kept.octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Entry;

    fn listing(messages: u64) -> Arc<ScanListing> {
        let mut listing = ScanListing::default();
        for uid in 1..=messages {
            let uid = crate::store::Uid(uid);
            listing.push(
                Entry {
                    uid,
                    body: 0,
                    octets: 1,
                    dotted: false,
                    read: false,
                    imported: false,
                    internationalized: false,
                },
                None,
            );
        }
        Arc::new(listing)
    }

    fn state(version: i64) -> MaildropState {
        MaildropState { version, next_uid: 1, messages: 0 }
    }

    #[test]
    fn the_one_not_asked_for_longest_goes_first() {
        let mut snapshots = ListingCache::new(2 * 256 + 40);
        snapshots.put(MailboxId(1), state(1), listing(0));
        snapshots.put(MailboxId(2), state(2), listing(0));
        assert!(snapshots.get(MailboxId(1)).is_some());
        snapshots.put(MailboxId(3), state(3), listing(0));
        assert!(snapshots.get(MailboxId(2)).is_none());
        assert_eq!(snapshots.get(MailboxId(1)).map(|(state, _)| state.version), Some(1));
        assert_eq!(snapshots.by_age.len(), 2);
    }

    #[test]
    fn one_that_is_too_big_is_not_kept_and_pushes_nothing_out() {
        let mut snapshots = ListingCache::new(600);
        snapshots.put(MailboxId(1), state(1), listing(0));
        snapshots.put(MailboxId(2), state(1), listing(1000));
        assert!(snapshots.get(MailboxId(1)).is_some());
        assert!(snapshots.get(MailboxId(2)).is_none());
        assert_eq!(snapshots.memory.used(), 256);
    }

    #[test]
    fn texts_count_and_who_needs_room_for_one_gets_it_at_the_next_login() {
        let mut snapshots = ListingCache::new(1000);
        let form = crate::store::Form { shows: crate::store::Shows::UniqueId, descending: false };
        let mut asked = ScanListing::default();
        asked.keep_texts(snapshots.memory());
        let asked = Arc::new(asked);
        snapshots.put(MailboxId(1), state(1), listing(0));
        snapshots.put(MailboxId(2), state(1), asked.clone());
        assert!(asked.text(form, || 600, |_| panic!("no room")).is_none());
        assert!(snapshots.get(MailboxId(2)).is_some());
        assert!(asked.text(form, || 600, |text| text.resize(600, b'x')).is_some());
        assert_eq!(snapshots.memory.used(), 856);
        assert!(snapshots.get(MailboxId(1)).is_none());
        drop((asked, snapshots.kept.remove(&MailboxId(2))));
        assert_eq!(snapshots.memory.used(), 256);
    }
}
