//! The copies of one message on their way into the store, each with its own trace header.

use crate::lmtp::session::Session;
use crate::lmtp::trace::{self, Origin, Peer};
use crate::lmtp::transaction::Copy;
use crate::store::{Envelope, MailboxId, Result, Store, StoreError, Uid, Upload};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Most copies that are written apart while the message comes.
const MOST_AT_ONCE: usize = 32;

/// Octets of content, all copies together, up to which more copies than that are written apart. Those of a larger message share
/// their octets and say nothing of recipients, since nobody's copy may name another recipient.
const MOST_APART: usize = 16 << 20;

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

/// One message.
pub(super) struct Inbox<'a> {
    store: &'a dyn Store,
    envelope: Envelope,
    limit: u64,
    /// Octets that came from the client so far.
    pub(super) octets: u64,
    state: State<'a>,
}

enum State<'a> {
    /// It goes into the store as it comes.
    Written(Vec<(Box<dyn Upload + 'a>, Vec<MailboxId>)>),
    /// It has many copies, so it stays here until its size is known.
    Kept(Kept),
}

struct Kept {
    /// In front of each copy.
    headers: Vec<(String, MailboxId)>,
    /// In front of one that they share.
    shared: String,
    content: Vec<u8>,
}

impl Kept {
    fn is_large(&self, more: usize) -> bool {
        self.content.len() + more > MOST_APART / self.headers.len().max(1)
    }
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
        let copies = session.copies();
        let header = |copy: &Copy| (trace::header(mail, Some(copy), &origin), copy.mailbox.id);
        let headers = copies.iter().map(header);
        let state = if copies.len() <= MOST_AT_ONCE {
            let start = |(header, mailbox): (String, _)| start(store, &header, vec![mailbox], limit);
            State::Written(headers.map(start).collect::<Result<_>>()?)
        } else {
            let shared = trace::header(mail, None, &origin);
            State::Kept(Kept { headers: headers.collect(), shared, content: Vec::new() })
        };
        let envelope =
            Envelope { sender: mail.sender.clone(), internationalized: mail.smtputf8, ..Envelope::default() };
        Ok(Self { store, envelope, limit, octets: 0, state })
    }

    /// Takes more of the message.
    pub(super) fn push(&mut self, content: &[u8]) -> Result<()> {
        self.octets += content.len() as u64;
        if let State::Kept(kept) = &mut self.state {
            if (kept.content.len() + content.len()) as u64 > self.limit {
                return Err(StoreError::TooBig);
            }
            if !kept.is_large(content.len()) {
                kept.content.extend_from_slice(content);
                return Ok(());
            }
            let mailboxes = kept.headers.iter().map(|(_, mailbox)| *mailbox).collect();
            let mut copy = start(self.store, &kept.shared, mailboxes, self.limit)?;
            copy.0.push(&kept.content)?;
            self.state = State::Written(vec![copy]);
        }
        if let State::Written(copies) = &mut self.state {
            copies.iter_mut().try_for_each(|(upload, _)| upload.push(content))?;
        }
        Ok(())
    }

    /// One answer per copy, all that is stored durable.
    pub(super) fn deliver(self) -> Result<Vec<Result<Uid>>> {
        let mut outcome = Outcome::default();
        match self.state {
            State::Written(copies) => {
                for (upload, mailboxes) in copies {
                    outcome.add(mailboxes.len(), || upload.deliver(&mailboxes, &self.envelope));
                }
            }
            State::Kept(kept) => {
                for (header, mailbox) in &kept.headers {
                    outcome.add(1, || {
                        let (mut upload, mailboxes) = start(self.store, header, vec![*mailbox], self.limit)?;
                        upload.push(&kept.content)?;
                        upload.deliver(&mailboxes, &self.envelope)
                    });
                }
            }
        }
        Ok(outcome.answers)
    }
}

/// What became of the copies.
#[derive(Default)]
struct Outcome {
    answers: Vec<Result<Uid>>,
    busy: Option<StoreError>,
}

impl Outcome {
    /// What is stored already stays, whatever becomes of the rest.
    fn add(&mut self, copies: usize, deliver: impl FnOnce() -> Result<Vec<Result<Uid>>>) {
        // Somebody holds a lock: each of the other copies would wait for it as long again.
        let stored = match &self.busy {
            Some(error) => Err(error.clone()),
            None => deliver(),
        };
        match stored {
            Ok(stored) => self.answers.extend(stored),
            Err(error) => {
                self.answers.extend((0..copies).map(|_| Err(error.clone())));
                self.busy = Some(error).filter(|error| matches!(error, StoreError::Busy(_)));
            }
        }
    }
}

fn start<'a>(
    store: &'a dyn Store,
    header: &str,
    mailboxes: Vec<MailboxId>,
    limit: u64,
) -> Result<(Box<dyn Upload + 'a>, Vec<MailboxId>)> {
    // What we put before a message does not make it too large.
    let mut upload = store.upload(limit.saturating_add(header.len() as u64));
    upload.push(header.as_bytes())?;
    Ok((upload, mailboxes))
}
