//! What a maildrop looks like at one moment.

use super::Uid;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// One message of a [`ScanListing`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Decimal unique-id.
    pub uid: Uid,
    /// Where its octets are; an engine's own number.
    pub body: i64,
    /// Octets as sent by RETR: CRLF lines, before dot-stuffing, without the final dot.
    pub octets: u32,
    /// Some line starts with a dot, so that it must be stuffed on the way out.
    pub dotted: bool,
    /// RETR has sent it whole in an earlier session.
    pub read: bool,
    /// It was imported, with or without a unique-id.
    pub imported: bool,
    /// It was received as internationalized (RFC 6531).
    pub internationalized: bool,
}

/// Storage size of a message of `octets`: whole database pages of 4,096 ([MS-STANXPOP3] 2.1.4).
pub fn storage_size(octets: u64) -> u64 {
    octets.div_ceil(4096).max(1) * 4096
}

/// The messages of a maildrop at one moment, oldest unique-id first ([MS-STANXPOP3] C0004).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScanListing {
    entries: Vec<Entry>,
    /// Unique-ids that imported messages came with, by position, ascending.
    legacy: Vec<(u32, Box<str>)>,
    /// Of all messages together: octets as sent, and storage size.
    totals: (u64, u64),
    texts: Texts,
}

impl ScanListing {
    /// Appends a message; `unique_id` is the one it was imported with, if any.
    pub fn push(&mut self, entry: Entry, unique_id: Option<&str>) {
        if let Some(id) = unique_id {
            self.legacy.push((self.entries.len() as u32, id.into()));
        }
        let octets = u64::from(entry.octets);
        self.totals = (self.totals.0 + octets, self.totals.1 + storage_size(octets));
        self.entries.push(entry);
    }

    /// Size of all messages together: octets as sent if `exact`, else storage size.
    pub fn total(&self, exact: bool) -> u64 {
        if exact { self.totals.0 } else { self.totals.1 }
    }

    /// Texts made of this listing are kept from now on, for all who have it, as far as `memory` allows.
    pub fn keep_texts(&mut self, memory: Arc<Memory>) {
        self.texts = Texts { memory: Some(memory), made: Default::default() };
    }

    /// Lines of all messages as somebody has made them before, or as `make` does now; `None` if there is no memory to keep
    /// them: then they are better made a piece at a time.
    ///
    /// `most` says how many octets they are at most.
    pub fn text(&self, form: Form, most: impl FnOnce() -> usize, make: impl FnOnce(&mut Vec<u8>)) -> Option<&[u8]> {
        self.texts.get(form, most, make)
    }

    /// Room for `n` more messages.
    pub fn reserve(&mut self, n: usize) {
        self.entries.reserve_exact(n);
    }

    /// Memory that the legacy unique-ids take, octets.
    pub fn legacy_octets(&self) -> usize {
        self.legacy.iter().map(|(_, id)| id.len() + size_of::<(u32, Box<str>)>()).sum()
    }

    /// The messages, oldest unique-id first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The unique-id that the message at `index` was imported with, if it was.
    pub fn legacy_id(&self, index: usize) -> Option<&str> {
        let at = self.legacy.binary_search_by_key(&index, |(i, _)| *i as usize).ok()?;
        self.legacy.get(at).map(|(_, id)| &**id)
    }
}

/// Which lines a text has: one for each message, with a number and this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    /// What stands behind the number.
    pub shows: Shows,
    /// The newest message first.
    pub descending: bool,
}

/// What a line says of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shows {
    /// Its unique-id.
    UniqueId,
    /// Its storage size.
    StorageSize,
    /// Its octets as sent.
    Octets,
}

const FORMS: usize = 6;

impl Form {
    fn index(self) -> usize {
        2 * self.shows as usize + usize::from(self.descending)
    }
}

/// What was made of a listing. No part of its value: a copy has none, and is not different for it.
#[derive(Default)]
struct Texts {
    memory: Option<Arc<Memory>>,
    made: [OnceLock<Box<[u8]>>; FORMS],
}

impl Texts {
    fn get(&self, form: Form, most: impl FnOnce() -> usize, make: impl FnOnce(&mut Vec<u8>)) -> Option<&[u8]> {
        let (memory, made) = (self.memory.as_ref()?, &self.made[form.index()]);
        if let Some(text) = made.get() {
            return Some(text);
        }
        let octets = most();
        if !memory.take(octets) {
            memory.wanted.fetch_max(octets, Ordering::Relaxed);
            return None;
        }
        let mut text = Vec::with_capacity(octets);
        make(&mut text);
        let text = text.into_boxed_slice();
        memory.give(octets.saturating_sub(text.len()));
        let mut ours = Some(text);
        let kept = made.get_or_init(|| ours.take().unwrap_or_default());
        // Somebody else was quicker.
        memory.give(ours.map_or(0, |text| text.len()));
        Some(kept)
    }
}

impl Drop for Texts {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory {
            memory.give(self.made.iter().filter_map(OnceLock::get).map(|text| text.len()).sum());
        }
    }
}

impl Clone for Texts {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Texts {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Texts {}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Texts")
    }
}

/// Memory for listings that may be asked for again and for texts made of them, octets.
#[derive(Debug)]
pub struct Memory {
    bound: usize,
    used: AtomicUsize,
    /// What somebody would have needed and did not get.
    wanted: AtomicUsize,
}

impl Memory {
    /// At most `bound` octets.
    pub fn new(bound: usize) -> Arc<Self> {
        Arc::new(Self { bound, used: AtomicUsize::new(0), wanted: AtomicUsize::new(0) })
    }

    /// Whether so many octets were left; they are taken then.
    pub fn take(&self, octets: usize) -> bool {
        let take = |used: usize| used.checked_add(octets).filter(|used| *used <= self.bound);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// So many are free again.
    pub fn give(&self, octets: usize) {
        self.used.fetch_sub(octets, Ordering::Relaxed);
    }

    /// Whether so many octets could be taken.
    pub fn has(&self, octets: usize) -> bool {
        self.used.load(Ordering::Relaxed).saturating_add(octets) <= self.bound
    }

    /// Whether so many are not more than there is at all.
    pub fn fits(&self, octets: usize) -> bool {
        octets <= self.bound
    }

    /// What somebody has needed and not got since this was asked last, if that could be.
    pub fn take_wanted(&self) -> usize {
        let wanted = self.wanted.swap(0, Ordering::Relaxed);
        if self.fits(wanted) { wanted } else { 0 }
    }

    /// How many are in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form { shows: Shows::UniqueId, descending: false };

    fn listing(memory: &Arc<Memory>) -> ScanListing {
        let mut listing = ScanListing::default();
        listing.keep_texts(memory.clone());
        listing
    }

    #[test]
    fn a_text_is_made_once_and_counted_as_long_as_its_listing_lives() {
        let memory = Memory::new(100);
        let one = listing(&memory);
        assert_eq!(one.text(FORM, || 60, |text| text.extend(b"text")), Some(&b"text"[..]));
        assert_eq!(one.text(FORM, || 60, |_| panic!("made already")), Some(&b"text"[..]));
        assert_eq!(memory.used(), 4);
        assert_eq!(one.text(Form { descending: true, ..FORM }, || 60, |text| text.extend(b"txet")), Some(&b"txet"[..]));
        assert_eq!((memory.used(), memory.take_wanted()), (8, 0));
        drop(one.clone());
        assert_eq!(memory.used(), 8, "a copy has no texts");
        drop(one);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn without_memory_nothing_is_kept() {
        assert_eq!(ScanListing::default().text(FORM, || 1, |_| panic!("for nobody")), None);
        let memory = Memory::new(100);
        assert_eq!(listing(&memory).text(FORM, || 101, |_| panic!("too much")), None);
        assert_eq!(memory.take_wanted(), 0, "that much there will never be");
        assert!(memory.take(50));
        assert_eq!(listing(&memory).text(FORM, || 60, |_| panic!("too much")), None);
        assert_eq!((memory.take_wanted(), memory.take_wanted(), memory.used()), (60, 0, 50));
    }
}
