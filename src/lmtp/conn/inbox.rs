//! The copies of one message on their way into the store, each with its own trace header.

use crate::lmtp::session::Session;
use crate::lmtp::trace::{self, Origin, Peer};
use crate::lmtp::transaction::Copy;
use crate::store::{Envelope, MailboxId, Result, Store, StoreError, Uid, Upload};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Most copies that are stored apart. More share their octets and say nothing of recipients, since
/// nobody's copy may name another recipient: it bounds memory and what is written.
const MOST_STAMPED: usize = 32;

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
    envelope: Envelope,
    copies: Vec<(Box<dyn Upload + 'a>, Vec<MailboxId>)>,
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
        let start = |copy: Option<&Copy>, to| start(store, &trace::header(mail, copy, &origin), to, limit);
        let stamped = |copy: &Copy| start(Some(copy), vec![copy.mailbox.id]);
        let copies = if copies.len() <= MOST_STAMPED {
            copies.iter().map(stamped).collect::<Result<_>>()?
        } else {
            let mailboxes = copies.iter().map(|copy| copy.mailbox.id).collect();
            vec![start(None, mailboxes)?]
        };
        let envelope =
            Envelope { sender: mail.sender.clone(), internationalized: mail.smtputf8, ..Envelope::default() };
        Ok(Self { envelope, copies })
    }

    /// Takes more of the message.
    pub(super) fn push(&mut self, content: &[u8]) -> Result<()> {
        self.copies.iter_mut().try_for_each(|(upload, _)| upload.push(content))
    }

    /// One answer per copy, all that is stored durable.
    pub(super) fn deliver(self) -> Result<Vec<Result<Uid>>> {
        let (mut answers, mut busy) = (Vec::new(), None);
        for (upload, mailboxes) in self.copies {
            // Somebody holds a lock: each of the other copies would wait for it as long again.
            let stored = match &busy {
                Some(error) => Err(StoreError::clone(error)),
                None => upload.deliver(&mailboxes, &self.envelope),
            };
            // What is stored already stays, whatever becomes of the rest.
            match stored {
                Ok(stored) => answers.extend(stored),
                Err(error) => {
                    answers.extend(mailboxes.iter().map(|_| Err(error.clone())));
                    busy = Some(error).filter(|error| matches!(error, StoreError::Busy(_)));
                }
            }
        }
        Ok(answers)
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
