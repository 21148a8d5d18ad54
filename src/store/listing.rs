//! What a maildrop looks like at one moment.

use super::Uid;

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
}

impl ScanListing {
    /// Appends a message; `unique_id` is the one it was imported with, if any.
    pub fn push(&mut self, entry: Entry, unique_id: Option<&str>) {
        if let Some(id) = unique_id {
            self.legacy.push((self.entries.len() as u32, id.into()));
        }
        self.entries.push(entry);
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
