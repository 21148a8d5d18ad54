//! The driver of one LMTP connection: reads, asks the session, does what the [`Step`] says.
//!
//! Knows sockets, the store and the clock, and no rule of the protocol. A connection that is cut in
//! the middle of a message leaves nothing behind (RFC 5321 section 4.5.3.2.6 lets the MTA try again).

mod inbox;

use super::Step;
use super::reply::Reply;
use super::session::{Expects, LONGEST_COMMAND, Policy, Session};
use super::trace::Peer;
use crate::message::address::recipient_names;
use crate::net::line::{Line, LineReader, Output, Stop};
use crate::net::proxy;
use crate::net::tls::{Socket, Stream};
use crate::shared::connections::Entry;
use crate::shared::health::Unavailable;
use crate::shared::metrics::RefusedBecause;
use crate::shared::state::{Configuration, ServerState};
use crate::store::{Mailbox, Result, StoreError, storage_size};
use inbox::{Inbox, Source};
use log::{debug, info, log};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a client may send nothing (RFC 5321 section 4.5.3.2.7).
const TIMEOUT: Duration = Duration::from_secs(300);
/// How long all of a message may take, the part that is too large included.
const LONGEST_MESSAGE: Duration = Duration::from_secs(3600);

/// One client.
struct Connection<'a> {
    server: &'a ServerState,
    configuration: Arc<Configuration>,
    source: Source<'a>,
    stream: Stream,
    lines: LineReader,
    out: Output,
    session: Session,
    /// Content that was read, as it is to be stored.
    content: Vec<u8>,
    inbox: Option<Inbox<'a>>,
    /// When the message that is being received must be complete.
    deadline: Option<Instant>,
}

/// Serves one connection, whose place is `entry`, from greeting to end. `host` is this machine's name; `peer` is absent for a
/// process of this machine on a Unix socket.
pub fn serve(server: &ServerState, host: &str, socket: Socket, peer: Option<IpAddr>, entry: Entry) {
    let peer = peer.map_or(Peer::Local, Peer::Address);
    let mut connection = Connection {
        server,
        configuration: server.configuration(),
        source: Source::new(host, peer, entry.id()),
        stream: Stream::Plain(socket),
        lines: LineReader::new(),
        out: Output::new(),
        session: Session::default(),
        content: Vec::new(),
        inbox: None,
        deadline: None,
    };
    if let Err(error) = connection.run() {
        debug!("{}: {error}", connection.source);
    }
    connection.stream.close();
}

impl<'a> Connection<'a> {
    fn run(&mut self) -> io::Result<()> {
        self.stream.set_write_timeout(TIMEOUT);
        let mut step = self.greeting();
        while self.obey(step)? {
            step = match self.read()? {
                Some(step) => step,
                None => return Ok(()),
            };
        }
        self.out.flush(&mut self.stream)
    }

    /// MTAs come back later.
    fn greeting(&self) -> Step {
        let Some(why) = self.server.health.unavailable() else {
            return Step::Reply(Session::greeting(&self.policy()));
        };
        self.server.metrics.refuse(RefusedBecause::Unavailable);
        Step::Close(match why {
            Unavailable::Draining => Reply::shutting_down(),
            Unavailable::Store => Reply::store_unreachable(),
        })
    }

    fn policy(&self) -> Policy<'a> {
        let settings = &self.configuration.settings;
        Policy {
            host: self.source.host,
            max_size: settings.max_receive_size,
            over_quota_permanent: settings.over_quota_permanent,
        }
    }

    /// The next thing to do; `None`: the client is gone.
    fn read(&mut self) -> io::Result<Option<Step>> {
        match self.session.expects() {
            Expects::Content => self.read_content(),
            Expects::Command => self.read_command(),
        }
    }

    fn read_command(&mut self) -> io::Result<Option<Step>> {
        self.configuration = self.server.configuration();
        if !self.lines.has_line() {
            self.out.flush(&mut self.stream)?;
        }
        if self.server.connections.is_stopping() {
            return Ok(Some(Step::Close(Reply::shutting_down())));
        }
        let policy = self.policy();
        Ok(match self.lines.next(&mut self.stream, LONGEST_COMMAND, TIMEOUT) {
            Line::Line(line) if proxy::is_stray(line) => {
                info!("{}: a PROXY header from a peer which is not in ProxyNetworks", self.source);
                self.server.metrics.refuse(RefusedBecause::Proxy);
                Some(Step::Close(Reply::unknown_command()))
            }
            Line::Line(line) => Some(self.session.line(&policy, line)),
            Line::TooLong => Some(self.session.too_long()),
            Line::TimedOut => Some(Step::Close(Reply::timed_out())),
            Line::Eof if self.server.connections.is_stopping() => Some(Step::Close(Reply::shutting_down())),
            Line::Eof => None,
            Line::Failed(error) => return Err(error),
        })
    }

    /// All content up to its end.
    fn read_content(&mut self) -> io::Result<Option<Step>> {
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + LONGEST_MESSAGE);
        loop {
            self.content.clear();
            let policy = self.policy();
            let (taken, step) = self.session.content(&policy, self.lines.buffered(), &mut self.content);
            self.lines.consume(taken);
            let kept = self.keep();
            match (step, kept) {
                (Some(Step::Store), Err(error)) => return Ok(Some(self.session.stored(&policy, Err(error)))),
                (Some(step), _) => return Ok(Some(step)),
                (None, Err(error)) => self.fail(error),
                (None, Ok(())) => {}
            }
            self.out.flush(&mut self.stream)?;
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.fill(&mut self.stream, TIMEOUT.min(left)) {
                Ok(()) => {}
                Err(Stop::Eof) if self.server.connections.is_stopping() => {
                    return Ok(Some(Step::Close(Reply::shutting_down())));
                }
                Err(Stop::Eof) => return Ok(None),
                Err(Stop::TimedOut) => return Ok(Some(Step::Close(Reply::timed_out()))),
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    /// Gives content to the store.
    fn keep(&mut self) -> Result<()> {
        if self.content.is_empty() || !self.session.is_receiving() {
            return Ok(());
        }
        let content = std::mem::take(&mut self.content);
        let kept = self.inbox().and_then(|inbox| inbox.push(&content));
        self.content = content;
        kept
    }

    /// Where the message goes that is being received.
    fn inbox(&mut self) -> Result<&mut Inbox<'a>> {
        let (server, limit) = (self.server, self.policy().max_size);
        match &mut self.inbox {
            Some(inbox) => Ok(inbox),
            empty => Ok(empty.insert(Inbox::open(&*server.store, &self.session, &mut self.source, limit)?)),
        }
    }

    /// The rest of the message will be read and dropped: its sender is told at its end.
    fn fail(&mut self, error: StoreError) {
        log!(error.severity(), "{}: cannot accept a message: {error}", self.source);
        self.session.fail(error);
        self.inbox = None;
    }

    /// Does what the step says, and what follows from it; `false`: the session is over.
    fn obey(&mut self, mut step: Step) -> io::Result<bool> {
        loop {
            step = match step {
                Step::Reply(reply) => {
                    reply.write(self.out.buffer());
                    break;
                }
                Step::Replies(replies) => {
                    replies.iter().for_each(|reply| reply.write(self.out.buffer()));
                    break;
                }
                Step::Nothing => break,
                Step::Close(reply) => {
                    reply.write(self.out.buffer());
                    return Ok(false);
                }
                Step::Resolve(address) => {
                    let found = self.resolve(&address).and_then(|found| self.with_room(found));
                    let policy = self.policy();
                    self.session.resolved(&policy, found)
                }
                Step::Store => self.store(),
            }
        }
        if !self.session.is_receiving() {
            self.inbox = None;
            self.deadline = None;
        }
        self.out.spill(&mut self.stream)?;
        Ok(true)
    }

    fn resolve(&self, address: &str) -> Result<Vec<Mailbox>> {
        let settings = &self.configuration.settings;
        let found =
            self.server.store.recipients(&recipient_names(address, &settings.domains, &settings.recipient_delimiter));
        if let Err(error) = &found {
            log!(error.severity(), "{}: recipient {address:?} cannot be looked up: {error}", self.source);
        }
        found
    }

    /// What all of these mailboxes are too full for is refused before it is sent.
    fn with_room(&self, found: Vec<Mailbox>) -> Result<Vec<Mailbox>> {
        let size = storage_size(self.session.mail().and_then(|mail| mail.size).unwrap_or(0).max(1));
        if found.is_empty() || found.iter().any(|mailbox| mailbox.room >= size) {
            return Ok(found);
        }
        Err(StoreError::OverQuota)
    }

    /// 250 follows the commit.
    fn store(&mut self) -> Step {
        let octets = self.inbox().map(|inbox| inbox.octets);
        let answers = octets.clone().and_then(|_| match self.inbox.take() {
            Some(inbox) => inbox.deliver(),
            None => Err(StoreError::Internal("there is no message".into())),
        });
        match &answers {
            Ok(answers) => {
                self.server.metrics.deliver(octets.unwrap_or(0), answers);
                for (copy, answer) in self.session.copies().iter().zip(answers) {
                    match answer {
                        Ok(uid) => info!("{}: stored for {:?} as {}", self.source, copy.mailbox.name, uid.0),
                        Err(error) => {
                            log!(error.severity(), "{}: not stored for {:?}: {error}", self.source, copy.mailbox.name);
                        }
                    }
                }
            }
            Err(error) => {
                self.server.metrics.lose(self.session.copies().len(), error);
                log!(error.severity(), "{}: a message was not stored: {error}", self.source);
            }
        }
        let policy = self.policy();
        self.session.stored(&policy, answers)
    }
}
