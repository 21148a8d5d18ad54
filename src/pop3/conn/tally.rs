//! What a session did, for the line in the log at its end.

use super::connection_info::ConnectionInfo;
use crate::message::address::printable;
use crate::pop3::transaction::Message;
use crate::shared::metrics::Metrics;
use log::info;
use std::io;
use std::time::Instant;

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// The client went away without QUIT, or the connection failed.
    Dropped,
    /// QUIT.
    Quit,
    /// The client said or took nothing for too long.
    Timeout,
    /// The server ended it.
    Ended,
}

impl Ending {
    fn word(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Quit => "quit",
            Self::Timeout => "timeout",
            Self::Ended => "ended",
        }
    }
}

/// The counts of one session.
pub(super) struct Tally {
    since: Instant,
    /// Messages in the maildrop when it was opened.
    messages: usize,
    retrieved: u64,
    octets: u64,
    tops: u64,
    removed: usize,
    ending: Ending,
}

impl Tally {
    /// Nothing was done yet.
    pub(super) fn new() -> Self {
        let since = Instant::now();
        Self { since, messages: 0, retrieved: 0, octets: 0, tops: 0, removed: 0, ending: Ending::Dropped }
    }

    /// The maildrop is open.
    pub(super) fn begin(&mut self, messages: usize) {
        *self = Self { messages, ..Self::new() };
    }

    /// RETR or TOP has an answer.
    pub(super) fn sent(&mut self, message: &Message, metrics: &Metrics) {
        if message.top.is_some() {
            self.tops += 1;
            return;
        }
        self.retrieved += 1;
        self.octets += u64::from(message.octets);
        metrics.retrieved.add(1);
        metrics.retrieved_octets.add(u64::from(message.octets));
    }

    /// UPDATE has removed these.
    pub(super) fn removed(&mut self, messages: usize, metrics: &Metrics) {
        self.removed = messages;
        metrics.removed.add(messages as u64);
    }

    /// The session ends, and so; the first reason counts.
    pub(super) fn end(&mut self, ending: Ending) {
        if self.ending == Ending::Dropped {
            self.ending = ending;
        }
    }

    /// The connection has failed.
    pub(super) fn fail(&mut self, error: &io::Error) {
        self.end(if error.kind() == io::ErrorKind::TimedOut { Ending::Timeout } else { Ending::Dropped });
    }

    /// Logs all this for whoever was logged in.
    pub(super) fn log(&self, user: &str, about: &ConnectionInfo) {
        info!(
            "pop3: Logout: user=<{}>, rip={}, session={}, {} secs, retr={}/{} top={} dele={} left={}, {}",
            printable(user),
            about.peer.to_canonical(),
            about.id,
            self.since.elapsed().as_secs(),
            self.retrieved,
            self.octets,
            self.tops,
            self.removed,
            self.messages.saturating_sub(self.removed),
            self.ending.word(),
        );
    }
}
