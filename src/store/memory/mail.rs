//! Maildrops and deliveries in memory.

use super::{Contents, Mailbox, Memory, Message};
use crate::store::{
    Entry, Envelope, Mail, MailboxId, MessageId, Result, ScanListing, StoreError, Uid, Upload, storage_size,
};
use std::sync::Arc;

/// Octets in a chunk.
pub const CHUNK: usize = 256 << 10;

impl Mail for Memory {
    fn open(&self, mailbox: MailboxId) -> Result<Arc<ScanListing>> {
        let state = self.state();
        let mut listing = ScanListing::default();
        for (uid, message) in &state.mailbox(mailbox)?.messages {
            let entry = Entry {
                uid: Uid(*uid),
                body: message.body,
                octets: message.octets as u32,
                dotted: message.dotted,
                read: message.read,
                imported: message.envelope.imported || message.envelope.unique_id.is_some(),
                internationalized: message.envelope.internationalized,
            };
            listing.push(entry, message.envelope.unique_id.as_deref());
        }
        Ok(Arc::new(listing))
    }

    fn read(&self, message: MessageId, number: u32, chunk: &mut Vec<u8>) -> Result<()> {
        chunk.clear();
        let state = self.state();
        if number == 0 {
            let mailbox = state.mailboxes.get(&message.mailbox).ok_or(StoreError::NoSuchMessage)?;
            let live = mailbox.messages.get(&message.uid.0).is_some_and(|live| live.body == message.body);
            if !live {
                return Err(StoreError::NoSuchMessage);
            }
        }
        if let Some(body) = state.bodies.get(&message.body) {
            chunk.extend(body.chunks(CHUNK).nth(number as usize).unwrap_or_default());
        }
        Ok(())
    }

    fn envelope(&self, message: MessageId) -> Result<Envelope> {
        let state = self.state();
        let found = state.mailboxes.get(&message.mailbox).and_then(|mailbox| mailbox.messages.get(&message.uid.0));
        let found = found.ok_or(StoreError::NoSuchMessage)?;
        Ok(Envelope { read: found.read, ..found.envelope.clone() })
    }

    fn first_chunks(&self, messages: &[MessageId], take: &mut dyn FnMut(usize, Result<&[u8]>)) {
        let mut chunk = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            match self.read(*message, 0, &mut chunk) {
                Ok(()) => take(index, Ok(&chunk)),
                Err(error) => take(index, Err(error)),
            }
        }
    }

    fn mark_retrieved(&self, message: MessageId) {
        let mut state = self.state();
        let marked = state.mailboxes.get_mut(&message.mailbox).and_then(|found| found.messages.get_mut(&message.uid.0));
        if let Some(marked) = marked {
            marked.read = true;
        }
    }

    fn commit(&self, mailbox: MailboxId, messages: &[Uid]) -> Result<()> {
        let mut state = self.state();
        let stamp = self.stamp(&mut state);
        // Gone with everything in it: nothing is left to delete.
        let Ok(mailbox) = state.mailbox_mut(mailbox) else { return Ok(()) };
        for uid in messages {
            if let Some(message) = mailbox.messages.remove(&uid.0) {
                mailbox.deleted.insert(uid.0, (message, stamp.date));
            }
        }
        state.note_usage();
        Ok(())
    }

    fn deleted(&self, mailbox: MailboxId, unique_id: &str) -> Result<Option<Uid>> {
        let state = self.state();
        let mut deleted = state.mailbox(mailbox)?.deleted.iter();
        let found = deleted.find(|(uid, (message, _))| match &message.envelope.unique_id {
            Some(id) => id == unique_id,
            None => uid.to_string() == unique_id,
        });
        Ok(found.map(|(uid, _)| Uid(*uid)))
    }

    fn read_deleted(&self, mailbox: MailboxId, uid: Uid, number: u32, chunk: &mut Vec<u8>) -> Result<()> {
        chunk.clear();
        let state = self.state();
        let (message, _) = state.mailbox(mailbox)?.deleted.get(&uid.0).ok_or(StoreError::NoSuchMessage)?;
        if let Some(body) = state.bodies.get(&message.body) {
            chunk.extend(body.chunks(CHUNK).nth(number as usize).unwrap_or_default());
        }
        Ok(())
    }

    fn skip_to(&self, mailbox: MailboxId, next: Uid) -> Result<()> {
        let mut state = self.state();
        let mailbox = state.mailbox_mut(mailbox)?;
        mailbox.next_uid = mailbox.next_uid.max(next.min(Uid::GREATEST_SKIPPED).0);
        Ok(())
    }

    fn upload(&self, limit: u64) -> Box<dyn Upload + '_> {
        Box::new(Buffer { store: self, octets: Vec::new(), limit, too_big: false })
    }
}

struct Buffer<'a> {
    store: &'a Memory,
    octets: Vec<u8>,
    limit: u64,
    too_big: bool,
}

impl Upload for Buffer<'_> {
    fn push(&mut self, octets: &[u8]) -> Result<()> {
        self.too_big = self.too_big || (self.octets.len() + octets.len()) as u64 > self.limit;
        if self.too_big {
            self.octets = Vec::new();
            return Err(StoreError::TooBig);
        }
        self.octets.extend_from_slice(octets);
        Ok(())
    }

    fn deliver(self: Box<Self>, to: &[MailboxId], envelope: &Envelope) -> Result<Vec<Result<Uid>>> {
        if self.too_big {
            return Err(StoreError::TooBig);
        }
        Ok(self.store.add(self.octets, to, envelope))
    }

    fn deliver_each(self: Box<Self>, copies: &[(MailboxId, String)], envelope: &Envelope) -> Result<Vec<Result<Uid>>> {
        if self.too_big {
            return Err(StoreError::TooBig);
        }
        let copy = |(mailbox, header): &(MailboxId, String)| {
            self.store.add([header.as_bytes(), &self.octets].concat(), &[*mailbox], envelope)
        };
        Ok(copies.iter().flat_map(copy).collect())
    }
}

impl Memory {
    /// Copies of one message.
    fn add(&self, octets: Vec<u8>, to: &[MailboxId], envelope: &Envelope) -> Vec<Result<Uid>> {
        let mut state = self.state();
        let stamp = self.stamp(&mut state);
        let body = state.new_id();
        let message = Message {
            body,
            octets: octets.len() as u64,
            dotted: octets.split(|octet| *octet == b'\n').any(|line| line.starts_with(b".")),
            read: envelope.read,
            stored_at: stamp.date,
            envelope: Envelope { received_at: envelope.received_at.or(Some(stamp.now)), ..envelope.clone() },
        };
        let answers: Vec<_> = to.iter().map(|mailbox| state.add(*mailbox, message.clone())).collect();
        if answers.iter().any(Result::is_ok) {
            state.bodies.insert(body, Arc::new(octets));
        }
        state.note_usage();
        answers
    }
}

impl Contents {
    fn add(&mut self, mailbox: MailboxId, message: Message) -> Result<Uid> {
        let quota = self.quota(mailbox)?;
        let mailbox = self.mailbox_mut(mailbox)?;
        if quota > 0 && mailbox.bytes() + storage_size(message.octets) > quota {
            return Err(StoreError::OverQuota);
        }
        mailbox.add(message)
    }

    /// `ProhibitSendReceiveQuota` as it holds for a mailbox, octets; 0: none.
    pub(super) fn quota(&self, mailbox: MailboxId) -> Result<u64> {
        let site_quota = self.setting("ProhibitSendReceiveQuota", 2_469_396_480);
        Ok(self.mailbox(mailbox)?.quota.unwrap_or(site_quota))
    }
}

impl Mailbox {
    /// Storage size of all messages, octets.
    pub(super) fn bytes(&self) -> u64 {
        self.messages.values().map(|message| storage_size(message.octets)).sum()
    }

    pub(super) fn add(&mut self, message: Message) -> Result<Uid> {
        let mut uid = self.next_uid;
        // Beyond what imports move past, one may have come as plain text.
        while message.envelope.unique_id.is_none() && self.shown.contains(&uid.to_string()) {
            uid += 1;
        }
        if uid > Uid::GREATEST.0 {
            return Err(StoreError::OutOfUids);
        }
        self.next_uid = uid + 1;
        match message.envelope.unique_id.clone() {
            None => self.shown.insert(uid.to_string()),
            Some(id) => match self.check_unique_id(&id) {
                Ok(()) => self.shown.insert(id),
                Err(error) => {
                    self.next_uid = uid;
                    return Err(error);
                }
            },
        };
        self.messages.insert(uid, message);
        Ok(Uid(uid))
    }

    /// Moves the next uid above a unique-id that is a number (docs/interface.md section 2).
    fn check_unique_id(&mut self, id: &str) -> Result<()> {
        if !(1..=70).contains(&id.len()) || !id.bytes().all(|octet| (0x21..=0x7e).contains(&octet)) {
            return Err(StoreError::Refused("message.unique_id: 1 to 70 characters of 0x21 to 0x7E".into()));
        }
        if self.messages.values().any(|message| message.envelope.unique_id.as_deref() == Some(id)) {
            return Err(StoreError::Refused("unique-id exists: a message of the mailbox has it".into()));
        }
        if self.shown.contains(id) || Uid::decimal(id).is_some_and(|uid| uid.0 < self.floor) {
            return Err(StoreError::Refused("unique-id taken: it was given to another message of the mailbox".into()));
        }
        self.next_uid = self.next_uid.max(Uid::imported(id).map_or(0, |uid| uid.0) + 1);
        Ok(())
    }
}
