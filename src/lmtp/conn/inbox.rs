//! One message on its way into the store, for each of its copies with a trace header of its own.

use crate::lmtp::session::Session;
use crate::lmtp::trace::{self, Origin, Peer};
use crate::store::{Envelope, MailboxId, Result, Store, StoreError, Uid, Upload};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The client, as headers and log name it.
pub(super) struct Source<'a> {
    pub(super) host: &'a str,
    peer: Peer,
    connection: u64,
    messages: u64,
}

impl<'a> Source<'a> {
    pub(super) fn new(host: &'a str, peer: Peer, connection: u64) -> Self {
        Self { host, peer, connection, messages: 0 }
    }

    fn next_message(&mut self, time: i64) -> String {
        self.messages += 1;
        format!("{time:x}.{}.{}", self.connection, self.messages)
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lmtp connection {} from {}", self.connection, self.peer)
    }
}

/// One message. However many copies there are, its octets come into the store once.
pub(super) struct Inbox<'a> {
    upload: Box<dyn Upload + 'a>,
    envelope: Envelope,
    /// The mailbox and the header of each copy; that of a single one has gone into the upload.
    copies: Vec<(MailboxId, String)>,
    /// Octets that came from the client so far.
    pub(super) octets: u64,
}

impl<'a> Inbox<'a> {
    /// Starts the session's message with its trace headers. What comes from the client may have
    /// `limit` octets.
    pub(super) fn open(store: &'a dyn Store, session: &Session, source: &mut Source<'_>, limit: u64) -> Result<Self> {
        let no_message = || StoreError::Internal("there is no message".into());
        let mail = session.mail().ok_or_else(no_message)?;
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() as i64);
        let id = source.next_message(time);
        let origin = Origin { client: session.client(), peer: source.peer, host: source.host, id: &id, time };
        let header = |copy: &_| trace::header(mail, copy, &origin);
        let copies: Vec<_> = session.copies().iter().map(|copy| (copy.mailbox.id, header(copy))).collect();
        let envelope =
            Envelope { sender: mail.sender.clone(), internationalized: mail.smtputf8, ..Envelope::default() };
        let upload = match copies.as_slice() {
            [(_, header)] => {
                // What we put before a message does not make it too large.
                let mut upload = store.upload(limit.saturating_add(header.len() as u64));
                upload.push(header.as_bytes())?;
                upload
            }
            _ => store.upload(limit),
        };
        Ok(Self { upload, envelope, copies, octets: 0 })
    }

    /// Takes more of the message.
    pub(super) fn push(&mut self, content: &[u8]) -> Result<()> {
        self.octets += content.len() as u64;
        self.upload.push(content)
    }

    /// One answer per copy, all that is stored durable.
    pub(super) fn deliver(self) -> Result<Vec<Result<Uid>>> {
        match self.copies.as_slice() {
            [(mailbox, _)] => self.upload.deliver(&[*mailbox], &self.envelope),
            copies => self.upload.deliver_each(copies, &self.envelope),
        }
    }
}
