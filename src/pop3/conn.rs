//! The driver of one POP3 connection: reads a line, asks the session, does what the [`Step`] says.
//!
//! Knows sockets, the store and the clock, and no rule of the protocol. Nothing is held while it
//! waits for the client or writes to it: no connection of the store, no lock, no transaction.

mod batch;
mod connection_info;
mod fault;
mod login;
mod message;
mod presence_guard;
mod tally;

use super::Step;
use super::reply::Reply;
use super::session::{Expects, LONGEST_SASL_LINE, Session};
use super::transaction::Transfer;
use crate::auth::limits::{Permit, Place};
use crate::net::line::{FLUSH_AT, Line, LineReader, Output};
use crate::net::proxy::{self, Origin};
use crate::net::tls::{Socket, Stream};
use crate::protocol_log::Event;
use crate::sasl::Login;
use crate::shared::connections::{EndReason, Entry};
use crate::shared::health::Unavailable;
use crate::shared::metrics::RefusedBecause;
use crate::shared::state::ServerState;
use crate::store::{MessageId, Uid};
use batch::Batch;
use connection_info::ConnectionInfo;
use fault::{FaultState, Wire};
use log::{debug, info, log};
use message::END;
use presence_guard::PresenceGuard;
use std::io;
use std::time::{Duration, Instant};
use tally::{Ending, Tally};

/// How much of a listing is written before the client gets new time to take it, octets.
const PIECE: usize = 256 * 1024;

/// One client.
struct Connection<'a> {
    server: &'a ServerState,
    about: ConnectionInfo,
    entry: Entry,
    stream: Wire,
    /// What `pillarbox try` was asked to do wrong; nothing in a server that is meant.
    fault: FaultState,
    lines: LineReader,
    out: Output,
    session: Session,
    /// Small messages that are asked for and not sent yet.
    batch: Batch,
    /// RETRs that stand in `out`: they count as read once it was written.
    retrieved: Vec<MessageId>,
    /// Whom the client last claimed to be, and the name that failures count for.
    claimed: (String, String),
    since: Instant,
    /// [`ServerState::comparisons`] when the last question of a login was asked.
    compared: u64,
    /// What the login that is under way takes of what its address may have.
    place: Option<Place>,
    tally: Tally,
    /// Who logged in, counted as long as the session lasts.
    login: Option<(Login, Permit)>,
    /// Shown to administrators as long as it lasts.
    present: Option<PresenceGuard<'a>>,
}

/// Serves one connection, whose place is `entry`, from greeting to end. With `implicit_tls` the handshake comes first (RFC
/// 8314 section 3.3).
pub fn serve(server: &ServerState, socket: Socket, origin: Origin, entry: Entry, implicit_tls: bool) {
    let mut about = ConnectionInfo::new(server, origin, entry.id());
    about.log(server, Event::Connect, String::new);
    let mut stream = Stream::Plain(socket);
    if implicit_tls {
        if let Err(error) = stream.upgrade(&server.tls, Instant::now() + about.before_login()) {
            return debug!("{about}: TLS handshake failed: {error}");
        }
        about.secured(&stream);
    }
    let mut connection = Connection {
        server,
        about,
        entry,
        stream: Wire::new(stream, server.fault),
        fault: FaultState::new(server.fault),
        lines: LineReader::new(),
        out: Output::new(),
        session: Session::default(),
        batch: Batch::default(),
        retrieved: Vec::new(),
        claimed: <(String, String)>::default(),
        since: Instant::now(),
        compared: 0,
        place: None,
        tally: Tally::new(),
        login: None,
        present: None,
    };
    if let Err(error) = connection.run() {
        debug!("{}: {error}", connection.about);
        if connection.ending().is_some() {
            // It was cut.
            connection.tally.end(Ending::Ended);
        }
        connection.tally.fail(&error);
    }
    if let (Some((login, _)), Some(_)) = (&connection.login, &connection.present) {
        connection.tally.log(&login.name, &connection.about);
    }
    connection.about.log(server, Event::Disconnect, String::new);
    connection.stream.close();
}

impl Connection<'_> {
    fn run(&mut self) -> io::Result<()> {
        let mut step = self.greeting();
        while self.execute(step)? {
            if !self.lines.has_line() {
                self.flush()?;
            }
            step = match self.read()? {
                Some(step) => step,
                None => return Ok(()),
            };
        }
        self.flush()
    }

    /// New clients are sent away while they could not be served: what watches over us looks at this.
    fn greeting(&self) -> Step {
        let Some(why) = self.server.health.unavailable() else {
            return Step::Reply(Session::greeting(&self.about.policy()));
        };
        self.server.metrics.refuse(RefusedBecause::Unavailable);
        Step::Close(match why {
            Unavailable::Draining => Reply::DRAINING,
            Unavailable::Store => Reply::UNAVAILABLE,
        })
    }

    /// The next thing to do; `None`: the client is gone, and UPDATE is not entered (RFC 1939 section 6).
    fn read(&mut self) -> io::Result<Option<Step>> {
        self.about.refresh(self.server);
        let timeout = self.timeout();
        if let Some(reply) = self.ending() {
            // Whoever is shut out gets nothing more, not even what was asked for before.
            self.batch = Batch::default();
            return Ok(Some(Step::Close(reply)));
        }
        if self.session.is_spent() {
            return Ok(Some(Step::Close(Reply::TOO_MANY_FAILURES)));
        }
        if self.session.expects() == Expects::Command {
            // A login that came to no end, neither a good nor a bad one: its place is kept for a while.
            self.place = None;
        }
        let mut limit = LONGEST_SASL_LINE;
        // What an administrator has changed while we waited holds for this line already.
        let about = &mut self.about;
        let look = |start: &[u8]| {
            about.refresh(self.server);
            limit = self.session.longest_line(start, about.configuration.settings.max_command_size);
            limit
        };
        Ok(match self.lines.next_limited_by(&mut self.stream, look, timeout) {
            Line::Line(line) => {
                self.about.log(self.server, Event::Receive, || self.session.loggable(line));
                if self.session.expects() == Expects::Command {
                    self.server.metrics.command(line);
                    if let Some(reply) = self.fault.refused_command() {
                        return Ok(Some(Step::Reply(reply)));
                    }
                }
                if !self.session.is_transaction() && proxy::is_stray(line) {
                    let why = "a PROXY header from a peer which is not in ProxyNetworks";
                    if self.server.refusals.add(Some(self.about.peer), why, Instant::now()) {
                        info!("{}: {why}", self.about);
                    }
                    self.server.metrics.refuse(RefusedBecause::Proxy);
                    return Ok(Some(Step::Close(Reply::protocol_error("PROXY headers are not taken from you"))));
                }
                Some(self.session.line(&self.about.policy(), line))
            }
            Line::TooLong => Some(self.session.too_long(limit, self.lines.head())),
            Line::TimedOut => {
                self.tally.end(Ending::Timeout);
                Some(Step::Close(Reply::autologout(timeout.as_secs())))
            }
            Line::Eof => self.ending().map(Step::Close),
            Line::Failed(error) => return Err(error),
        })
    }

    /// What is said where the server ends the connection, if it does.
    fn ending(&self) -> Option<Reply> {
        if self.server.connections.is_stopping() {
            return Some(Reply::SHUTTING_DOWN);
        }
        let settings = &self.about.configuration.settings;
        Some(match self.entry.end_reason()? {
            EndReason::MadeRoom => Reply::MADE_ROOM,
            EndReason::LoginTime => Reply::login_time(settings.longest_login().as_secs()),
            EndReason::SessionTime => Reply::session_time(settings.max_session_time.as_secs()),
            EndReason::ShutOut => Reply::SHUT_OUT,
        })
    }

    /// The two inactivity timers of [MS-STANXPOP3] V0002.
    fn timeout(&self) -> Duration {
        let settings = &self.about.configuration.settings;
        if self.session.is_transaction() {
            settings.authenticated_connection_timeout
        } else {
            settings.pre_authenticated_connection_timeout
        }
    }

    /// Does what the step says, and what follows from it; `false`: the session is over.
    fn execute(&mut self, mut step: Step) -> io::Result<bool> {
        loop {
            step = self.with_fault(step)?;
            self.diagnose(&step);
            if let Step::Reply(reply) | Step::Send(reply, _) | Step::StartTls(reply) | Step::Close(reply) = &step {
                let event = if reply.is_refusal() { Event::Refuse } else { Event::Send };
                self.about.log(self.server, event, || reply.loggable());
            }
            step = match step {
                Step::Send(reply, Transfer::SmallMessage(message)) => {
                    self.gather(reply, message)?;
                    return Ok(true);
                }
                other => {
                    // Answers go out in the order of the commands.
                    self.send_batch()?;
                    other
                }
            };
            step = match step {
                Step::Reply(reply) => {
                    reply.write(self.out.buffer());
                    self.spill()?;
                    return Ok(true);
                }
                Step::Close(reply) => {
                    let quit = reply == Reply::SIGNING_OFF;
                    self.tally.end(if quit { Ending::Quit } else { Ending::Ended });
                    reply.write(self.out.buffer());
                    return Ok(false);
                }
                Step::Send(reply, transfer) => {
                    self.send(&reply, transfer)?;
                    return Ok(true);
                }
                Step::LoginFailed { last } => {
                    self.failed();
                    if last { Step::Close(Reply::LOGON_FAILURE) } else { Step::Reply(Reply::LOGON_FAILURE) }
                }
                Step::StartTls(reply) => return self.start_tls(&reply).map(|()| true),
                Step::Ask(query) => self.ask(&query),
                Step::Open(login) => self.open(login),
                Step::Commit(messages) => self.commit(&messages),
            }
        }
    }

    fn send(&mut self, reply: &Reply, transfer: Transfer) -> io::Result<()> {
        match transfer {
            Transfer::Message(message) | Transfer::SmallMessage(message) => self.message(reply, &message),
            Transfer::Sizes | Transfer::UniqueIds => self.listing(reply, transfer),
        }
    }

    /// LIST and UIDL, a piece at a time.
    fn listing(&mut self, reply: &Reply, transfer: Transfer) -> io::Result<()> {
        reply.write(self.out.buffer());
        let timeout = self.timeout();
        if let Some(text) = self.session.text(transfer) {
            for piece in text.chunks(PIECE) {
                self.stream.set_write_timeout(timeout);
                self.out.write_through(&mut self.stream, piece)?;
            }
            self.out.push(END);
            return self.spill();
        }
        let mut from = Some(0);
        while let Some(at) = from {
            from = self.session.listing(transfer, at, FLUSH_AT, self.out.buffer());
            self.spill()?;
        }
        Ok(())
    }

    /// RFC 2595 section 4: what was read in clear behind the command is dropped unseen.
    fn start_tls(&mut self, reply: &Reply) -> io::Result<()> {
        reply.write(self.out.buffer());
        self.flush()?;
        self.lines.clear();
        let deadline = Instant::now() + self.about.before_login();
        self.stream.upgrade(&self.server.tls, deadline)?;
        self.about.secured(&self.stream);
        self.session.secured();
        Ok(())
    }

    /// UPDATE (RFC 1939 section 6): the answer follows the commit. Whoever is shut out removes nothing.
    fn commit(&mut self, messages: &[Uid]) -> Step {
        if self.entry.end_reason().is_some()
            && let Some(reply) = self.ending()
        {
            return Step::Close(reply);
        }
        self.tally.end(Ending::Quit);
        let committed = match &self.login {
            Some((login, _)) => self.server.store.commit(login.mailbox, messages),
            None => Ok(()),
        };
        match &committed {
            Ok(()) => self.tally.removed(messages.len(), &self.server.metrics),
            Err(error) => {
                log!(error.severity(), "{}: {} marked messages were not removed: {error}", self.about, messages.len());
            }
        }
        self.session.committed(committed)
    }

    /// Sends what waits, and gives memory back: the client will be waited for.
    fn flush(&mut self) -> io::Result<()> {
        self.send_batch()?;
        self.stream.set_write_timeout(self.timeout());
        self.out.flush(&mut self.stream)?;
        self.note_retrieved();
        Ok(())
    }

    /// Sends what waits if it is much.
    fn spill(&mut self) -> io::Result<()> {
        if self.out.should_flush() {
            self.stream.set_write_timeout(self.timeout());
            self.out.spill(&mut self.stream)?;
            self.note_retrieved();
        }
        Ok(())
    }

    fn note_retrieved(&mut self) {
        for message in self.retrieved.drain(..) {
            self.server.store.mark_retrieved(message);
        }
    }
}
