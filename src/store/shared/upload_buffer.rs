//! What both engines keep of a message that comes in: the octets that are not written yet, and what is known of all.

use crate::clock::Stamp;
use crate::message::dot::{DotFinder, is_dotted};
use crate::message::summary::Summary;
use crate::store::{Envelope, Result, StoreError};

/// `message.flags`: some line starts with a dot.
pub const DOTTED: i64 = 1;
/// `message.flags`: imported without a unique-id; those with one show it by that.
pub const IMPORTED: i64 = 2;
/// `message.flags`: received as internationalized (RFC 6531).
pub const INTERNATIONALIZED: i64 = 4;
/// `message.flags`: exempt from quota.
pub const EXEMPT: i64 = 8;

/// What every copy of a message has in common.
#[derive(Clone)]
pub struct MessageRow {
    /// Octets that they have in common.
    pub size: i64,
    /// Some line starts with a dot.
    pub dotted: bool,
    /// What it came with.
    pub envelope: Envelope,
    /// Of its header.
    pub summary: Summary,
    /// When it came.
    pub stamp: Stamp,
}

impl MessageRow {
    /// Of a message that is there as a whole.
    pub fn of(octets: &[u8], envelope: Envelope, stamp: Stamp) -> Self {
        let (size, dotted, summary) = (octets.len() as i64, is_dotted(octets), Summary::of(octets));
        Self { size, dotted, envelope, summary, stamp }
    }

    /// `message.flags`.
    pub fn flags(&self) -> i64 {
        let Envelope { imported, internationalized, .. } = self.envelope;
        let flags = [(self.dotted, DOTTED), (imported, IMPORTED), (internationalized, INTERNATIONALIZED)];
        flags.iter().filter(|(is, _)| *is).map(|(_, flag)| flag).sum()
    }

    /// `message.received_at`.
    pub fn received_at(&self) -> i64 {
        self.envelope.received_at.unwrap_or(self.stamp.now)
    }

    /// `message.read_at`.
    pub fn read_at(&self) -> Option<i64> {
        self.envelope.read.then_some(self.stamp.now)
    }
}

/// A message on its way in. What is too much for memory is handed on to be staged.
pub struct UploadBuffer {
    /// Not staged yet.
    octets: Vec<u8>,
    /// How many of these are staged at once.
    at_once: usize,
    size: u64,
    limit: u64,
    dots: DotFinder,
    /// Of the first octets, once they are staged or the message ends.
    summary: Option<Summary>,
    /// Why it will not be stored.
    fault: Option<StoreError>,
}

impl UploadBuffer {
    /// Of a message of at most `limit` octets, of which `at_once` are staged at once.
    pub fn new(limit: u64, at_once: usize) -> Self {
        let (octets, dots) = (Vec::new(), DotFinder::default());
        Self { octets, at_once, size: 0, limit, dots, summary: None, fault: None }
    }

    /// The next octets. Once it has failed it fails for ever: something is missing from then on.
    ///
    /// # Errors
    /// [`StoreError::TooBig`], or that of `stage`.
    pub fn push(&mut self, octets: &[u8], stage: impl FnMut(Vec<u8>) -> Result<()>) -> Result<()> {
        self.whole()?;
        let taken = self.take(octets, stage);
        if let Err(error) = &taken {
            self.fault = Some(error.clone());
            self.octets = Vec::new();
        }
        taken
    }

    fn take(&mut self, mut octets: &[u8], mut stage: impl FnMut(Vec<u8>) -> Result<()>) -> Result<()> {
        self.size += octets.len() as u64;
        if self.size > self.limit {
            return Err(StoreError::TooBig);
        }
        self.dots.look(octets);
        while !octets.is_empty() {
            if self.octets.len() == self.at_once {
                stage(self.rest())?;
            }
            let (now, later) = octets.split_at(octets.len().min(self.at_once - self.octets.len()));
            self.octets.extend_from_slice(now);
            octets = later;
        }
        Ok(())
    }

    /// Octets that are not staged.
    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// Takes what is not staged.
    pub fn rest(&mut self) -> Vec<u8> {
        self.summary.get_or_insert_with(|| Summary::of(&self.octets));
        std::mem::take(&mut self.octets)
    }

    /// Nothing is missing.
    ///
    /// # Errors
    /// Why something is.
    fn whole(&self) -> Result<()> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// All has come.
    ///
    /// # Errors
    /// Something is missing.
    pub fn row(&mut self, envelope: &Envelope, stamp: Stamp) -> Result<MessageRow> {
        self.whole()?;
        let (size, dotted, envelope) = (self.size as i64, self.dots.found, envelope.clone());
        let summary = self.summary.get_or_insert_with(|| Summary::of(&self.octets)).clone();
        Ok(MessageRow { size, dotted, envelope, summary, stamp })
    }
}
