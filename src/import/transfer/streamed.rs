//! Messages of other servers: passed on as they come, so that none has to fit into memory.
//!
//! What was staged of a message is dropped unless its source says at the end that the message is whole.

use super::super::{ImportError, Listed, Source, header};
use super::{Stop, Task, Transfer, envelope};
use crate::message::dot::Normaliser;
use crate::store::{Entry, Mail, MailboxId, MessageId, StoreError};
use sha2::{Digest, Sha256};

impl Transfer<'_> {
    /// Fetches a message, and stores it or compares it with the one that is `known` by its unique-id.
    pub(super) fn pass_on(
        &mut self,
        source: &mut dyn Source,
        position: usize,
        message: &Listed,
        known: Option<Entry>,
    ) -> Result<(), Stop> {
        let at = |error| Stop::Store(message.place.clone(), error);
        let fetched = match known {
            Some(entry) => same(self.store, source, position, self.task, entry).map(|same| same.map(Some)),
            None => self.stage(source, position, message).map(|staged| staged.map(|()| None)),
        };
        match fetched.map_err(at)? {
            Ok(Some(compared)) => self.compared(position, message, compared.same),
            Ok(None) => Ok(()),
            Err(error) if error.is_of_one_message() => {
                self.report.refuse(position, error.to_string());
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Stores a message. The inner error is the source's.
    fn stage(
        &mut self,
        source: &mut dyn Source,
        position: usize,
        message: &Listed,
    ) -> Result<Result<(), ImportError>, StoreError> {
        let (mut upload, mut normaliser) = (self.store.upload(self.task.limit), Normaliser::default());
        let (mut head, mut normal, mut pushed) = (Vec::new(), Vec::new(), Ok(()));
        // Without a unique-id it is known again by its octets.
        let (anonymous, mut octets, mut sum) = (message.unique_id.is_none(), 0, Sha256::new());
        let fetched = source.stream(position, self.task.limit, &mut |piece| {
            if pushed.is_ok() {
                head.extend_from_slice(&piece[..piece.len().min(header::LONGEST_HEADER - head.len())]);
                normal.clear();
                normaliser.push(piece, &mut normal);
                pushed = upload.push(&normal);
                octets += normal.len() as u64;
                if anonymous {
                    sum.update(&normal);
                }
            }
        });
        if let Err(error) = fetched {
            return Ok(Err(error));
        }
        if pushed.is_ok() {
            normal.clear();
            normaliser.finish(&mut normal);
            pushed = upload.push(&normal);
            octets += normal.len() as u64;
            sum.update(&normal);
        }
        match pushed {
            Ok(()) => {}
            Err(StoreError::TooBig) => return Ok(Err(ImportError::TooBig(message.place.clone()))),
            Err(error) => return Err(error),
        }
        if anonymous {
            self.report.unsettled.insert(position);
            if self.same.take_sum(octets, || sum.finalize().into())? {
                self.report.present += 1;
                return Ok(Ok(()));
            }
        }
        let envelope = envelope(message, message.unique_id.as_deref(), &head);
        self.deliver(upload, position, message, &envelope).map(|_| Ok(()))
    }
}

/// What a message of a source is beside one of ours.
pub(super) struct Compared {
    /// They have the same octets.
    pub(super) same: bool,
    /// Octets there, as they would be stored.
    pub(super) octets: u64,
}

/// Reads a message and compares it with a stored one. The inner error is the source's.
pub(super) fn same(
    store: &dyn Mail,
    source: &mut dyn Source,
    position: usize,
    task: Task<'_>,
    entry: Entry,
) -> Result<Result<Compared, ImportError>, StoreError> {
    let mut comparison = Comparison::new(store, task.mailbox, entry);
    let (mut normaliser, mut normal) = (Normaliser::default(), Vec::new());
    let fetched = source.stream(position, task.limit, &mut |piece| {
        normal.clear();
        normaliser.push(piece, &mut normal);
        comparison.push(&normal);
    });
    normal.clear();
    normaliser.finish(&mut normal);
    comparison.push(&normal);
    match fetched {
        Ok(()) => comparison.finish().map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// A stored message beside one that comes in pieces.
struct Comparison<'a> {
    store: &'a dyn Mail,
    id: MessageId,
    stored: u64,
    piece: Vec<u8>,
    /// Octets of the piece that were compared, and the number of the next one.
    taken: usize,
    next: u32,
    octets: u64,
    same: Result<bool, StoreError>,
}

impl<'a> Comparison<'a> {
    fn new(store: &'a dyn Mail, mailbox: MailboxId, entry: Entry) -> Self {
        let id = MessageId { mailbox, uid: entry.uid, body: entry.body };
        let (stored, piece) = (entry.octets.into(), Vec::new());
        Self { store, id, stored, piece, taken: 0, next: 0, octets: 0, same: Ok(true) }
    }

    fn push(&mut self, mut octets: &[u8]) {
        self.octets += octets.len() as u64;
        while !octets.is_empty() && matches!(self.same, Ok(true)) {
            if self.taken == self.piece.len() {
                if let Err(error) = self.store.read(self.id, self.next, &mut self.piece) {
                    self.same = Err(error);
                    return;
                }
                (self.taken, self.next) = (0, self.next + 1);
            }
            let length = octets.len().min(self.piece.len() - self.taken);
            let (now, later) = octets.split_at(length);
            self.same = Ok(length > 0 && self.piece[self.taken..self.taken + length] == *now);
            self.taken += length;
            octets = later;
        }
    }

    fn finish(self) -> Result<Compared, StoreError> {
        Ok(Compared { same: self.same? && self.octets == self.stored, octets: self.octets })
    }
}
