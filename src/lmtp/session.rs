//! A session: what may be said now, and what follows from it.
//!
//! Everything that moves a session from one state to another stands in this file.

use super::Step;
use super::command::{self, Command, Mail, Refusal};
use super::content::Content;
use super::reply::Reply;
use super::transaction::{Copy, Transaction};
use crate::message::dot::Normaliser;
use crate::store::{Mailbox, Result, StoreError, Uid};

/// Longest command line, octets with its line end: RFC 5321 section 4.5.3.1.4 with room for what the
/// extensions add to MAIL.
pub const LONGEST_COMMAND: usize = 2048;

/// What holds for all sessions of the moment.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// This machine's name.
    pub host: &'a str,
    /// `MaxReceiveSize`, octets.
    pub max_size: u64,
    /// `OverQuotaPermanent`.
    pub over_quota_permanent: bool,
}

/// What the client sends next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expects {
    /// A command line of at most [`LONGEST_COMMAND`] octets.
    Command,
    /// Content, for [`Session::content`].
    Content,
}

/// A message on its way in: from DATA to the final dot, or from the first BDAT to the last.
struct Incoming {
    /// What is being received; absent between two chunks.
    content: Option<Content>,
    normaliser: Normaliser,
    octets: u64,
    /// Why it will not be stored; the rest is received and dropped.
    fault: Option<StoreError>,
}

/// A chunk that belongs to nothing, and what is said once it is over.
struct Stray {
    content: Content,
    step: Step,
}

/// One client's session.
#[derive(Default)]
pub struct Session {
    /// What LHLO said; absent before it.
    client: Option<String>,
    transaction: Option<Transaction>,
    incoming: Option<Incoming>,
    stray: Option<Stray>,
    /// The forward path that is being resolved.
    asked: Option<String>,
    /// Memory for content on its way through.
    unstuffed: Vec<u8>,
}

impl Session {
    /// The greeting.
    pub fn greeting(policy: &Policy<'_>) -> Reply {
        Reply::greeting(policy.host)
    }

    /// What the client sends next.
    pub fn expects(&self) -> Expects {
        let content = self.incoming.as_ref().is_some_and(|incoming| incoming.content.is_some());
        if content || self.stray.is_some() { Expects::Content } else { Expects::Command }
    }

    /// What LHLO said.
    pub fn client(&self) -> &str {
        self.client.as_deref().unwrap_or_default()
    }

    /// What MAIL said, while a transaction goes on.
    pub fn mail(&self) -> Option<&Mail> {
        self.transaction.as_ref().map(|transaction| &transaction.mail)
    }

    /// The copies that will be stored.
    pub fn copies(&self) -> &[Copy] {
        self.transaction.as_ref().map_or(&[], Transaction::copies)
    }

    /// A message is on its way in, so that what was taken of it must be kept.
    pub fn is_receiving(&self) -> bool {
        self.incoming.as_ref().is_some_and(|incoming| incoming.fault.is_none())
    }

    /// Takes a command line without its line end.
    pub fn line(&mut self, policy: &Policy<'_>, line: &[u8]) -> Step {
        match command::parse(line) {
            Ok(command) => self.command(policy, command),
            Err(Refusal::ChunkSize) => Step::Close(Reply::chunk_size()),
            Err(refusal) => Step::Reply(refused(refusal)),
        }
    }

    /// A line was longer than [`LONGEST_COMMAND`] and is gone.
    pub fn too_long(&mut self) -> Step {
        Step::Reply(Reply::line_too_long(LONGEST_COMMAND))
    }

    fn command(&mut self, policy: &Policy<'_>, command: Command<'_>) -> Step {
        match command {
            Command::Lhlo(name) => self.lhlo(policy, name),
            Command::Quit => Step::Close(Reply::closing(policy.host)),
            Command::Noop => Step::Reply(Reply::ok()),
            Command::Vrfy => Step::Reply(Reply::cannot_verify()),
            Command::Rset => {
                self.reset();
                Step::Reply(Reply::ok())
            }
            // Its octets follow whatever we answer (RFC 3030 section 2).
            Command::Bdat(size, last) => self.bdat(size, last),
            _ if self.client.is_none() => Step::Reply(Reply::out_of_order("LHLO")),
            _ if self.incoming.is_some() => Step::Reply(Reply::in_transaction()),
            Command::Mail(mail) => Step::Reply(self.mail_from(policy, mail)),
            Command::Rcpt(address) => self.rcpt(address),
            Command::Data => Step::Reply(self.data()),
        }
    }

    /// Also ends a transaction (RFC 5321 section 4.1.4).
    fn lhlo(&mut self, policy: &Policy<'_>, name: &[u8]) -> Step {
        self.reset();
        self.client = Some(String::from_utf8_lossy(name).into_owned());
        Step::Reply(Reply::extensions(policy.host, policy.max_size))
    }

    fn reset(&mut self) {
        self.transaction = None;
        self.incoming = None;
    }

    fn mail_from(&mut self, policy: &Policy<'_>, mail: Mail) -> Reply {
        if self.transaction.is_some() {
            return Reply::in_transaction();
        }
        // RFC 1870 section 6.1.
        if mail.size.is_some_and(|size| size > policy.max_size) {
            return Reply::too_large(policy.max_size);
        }
        self.transaction = Some(Transaction::new(mail));
        Reply::sender_ok()
    }

    fn rcpt(&mut self, address: String) -> Step {
        match &self.transaction {
            None => Step::Reply(Reply::out_of_order("MAIL")),
            Some(transaction) if transaction.is_full() => Step::Reply(Reply::too_many_recipients()),
            Some(_) => {
                self.asked = Some(address.clone());
                Step::Resolve(address)
            }
        }
    }

    /// [`Step::Resolve`] was done.
    pub fn resolved(&mut self, policy: &Policy<'_>, found: Result<Vec<Mailbox>>) -> Step {
        let address = self.asked.take().unwrap_or_default();
        Step::Reply(match (found, &mut self.transaction) {
            (Ok(mailboxes), Some(transaction)) if !mailboxes.is_empty() => {
                transaction.add(address, mailboxes);
                Reply::recipient_ok()
            }
            (Ok(_), _) => Reply::unknown_recipient(&address),
            (Err(error), _) => Reply::refused(&address, &error, policy.over_quota_permanent),
        })
    }

    fn data(&mut self) -> Reply {
        match &self.transaction {
            None => Reply::out_of_order("MAIL"),
            Some(transaction) if transaction.is_empty() => Reply::no_recipients(),
            Some(_) => {
                self.incoming = Some(Incoming::new(Content::dotted()));
                Reply::start_input()
            }
        }
    }

    /// RFC 3030 section 2; RFC 2033 section 4.3.
    fn bdat(&mut self, size: u64, last: bool) -> Step {
        let content = Content::chunk(size, last);
        let stray = match &self.transaction {
            None => Some(Step::Reply(Reply::out_of_order("MAIL"))),
            Some(transaction) if !transaction.is_empty() => None,
            Some(_) if last => Some(Step::Nothing),
            Some(_) => Some(Step::Reply(Reply::no_recipients())),
        };
        match (stray, &mut self.incoming) {
            (Some(step), _) => self.stray = Some(Stray { content, step }),
            (None, Some(incoming)) => incoming.content = Some(content),
            (None, None) => self.incoming = Some(Incoming::new(content)),
        }
        Step::Nothing
    }

    /// Takes content: appends what is to be stored to `out`, as CRLF lines. Answers how many of the
    /// octets were content, and what follows if it is complete now.
    pub fn content(&mut self, policy: &Policy<'_>, octets: &[u8], out: &mut Vec<u8>) -> (usize, Option<Step>) {
        if let Some(stray) = &mut self.stray {
            let (taken, complete) = stray.content.take(octets, &mut Vec::new());
            let step = if complete { self.stray.take().map(|stray| stray.step) } else { None };
            return (taken, step);
        }
        let Some(incoming) = &mut self.incoming else { return (0, None) };
        let (taken, complete) = incoming.take(policy.max_size, octets, &mut self.unstuffed, out);
        (taken, complete.map(|content| self.complete(policy, &content, out)))
    }

    fn complete(&mut self, policy: &Policy<'_>, content: &Content, out: &mut Vec<u8>) -> Step {
        let Some(incoming) = &mut self.incoming else { return Step::Nothing };
        match (content, &incoming.fault) {
            (Content::Chunk { last: false, .. }, Some(error)) => Step::Reply(Reply::chunk_failed(error)),
            (Content::Chunk { last: false, size, .. }, None) => Step::Reply(Reply::chunk_received(*size)),
            (_, Some(error)) => {
                let error = error.clone();
                self.end(|transaction| transaction.refusals(&error, policy.over_quota_permanent))
            }
            (_, None) => {
                incoming.normaliser.finish(out);
                Step::Store
            }
        }
    }

    /// What was taken cannot be kept: the rest will be dropped as it comes.
    pub fn fail(&mut self, error: StoreError) {
        if let Some(incoming) = &mut self.incoming {
            incoming.fault.get_or_insert(error);
        }
    }

    /// [`Step::Store`] was done; one answer for each of [`Session::copies`].
    pub fn stored(&mut self, policy: &Policy<'_>, answers: Result<Vec<Result<Uid>>>) -> Step {
        let permanent = policy.over_quota_permanent;
        self.end(|transaction| match &answers {
            Ok(answers) => transaction.replies(answers, permanent),
            Err(error) => transaction.refusals(error, permanent),
        })
    }

    fn end(&mut self, replies: impl FnOnce(&Transaction) -> Vec<Reply>) -> Step {
        let replies = self.transaction.as_ref().map(replies).unwrap_or_default();
        self.reset();
        Step::Replies(replies)
    }
}

impl Incoming {
    fn new(content: Content) -> Self {
        Self { content: Some(content), normaliser: Normaliser::behind_fields(), octets: 0, fault: None }
    }

    /// As [`Session::content`]; answers the content that is complete.
    fn take(
        &mut self,
        max_size: u64,
        octets: &[u8],
        unstuffed: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> (usize, Option<Content>) {
        let Some(content) = &mut self.content else { return (0, None) };
        unstuffed.clear();
        let (taken, complete) = content.take(octets, unstuffed);
        self.octets += unstuffed.len() as u64;
        if self.octets > max_size {
            self.fault.get_or_insert(StoreError::TooBig);
        }
        if self.fault.is_none() {
            self.normaliser.push(unstuffed, out);
        }
        (taken, if complete { self.content.take() } else { None })
    }
}

fn refused(refusal: Refusal<'_>) -> Reply {
    match refusal {
        Refusal::Unknown(_) => Reply::unknown_command(),
        Refusal::NotSmtp => Reply::not_smtp(),
        Refusal::Arguments(usage) => Reply::arguments(usage),
        Refusal::Sender(bad) => Reply::bad_sender(bad),
        Refusal::Recipient(bad) => Reply::bad_recipient(bad),
        Refusal::Parameter(_) => Reply::parameter(),
        Refusal::ChunkSize => Reply::chunk_size(),
    }
}

#[cfg(test)]
mod tests;
