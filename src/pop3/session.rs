//! A session: which of the states it is in, and what may be said in it.
//!
//! Everything that moves a session from one state to another stands in this file.

use super::Step;
use super::authorization::Authorization;
use super::command::{self, Refusal};
use super::loggable;
use super::policy::Policy;
use super::reply::Reply;
use super::transaction::{Opened, Transaction, Transfer};
use crate::sasl::Answer;
use crate::store::StoreError;

/// Longest line of a SASL exchange, octets with its line end: Kerberos tickets of Windows go past the
/// 12,288 of RFC 5034 section 4.
pub const LONGEST_SASL_LINE: usize = 65_536;

/// What the next line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expects {
    /// A command, bounded by `MaxCommandSize`.
    Command,
    /// A line of a SASL exchange, bounded by [`LONGEST_SASL_LINE`] (RFC 5034 section 4).
    Continuation,
}

/// The state of RFC 1939 section 3. UPDATE is a [`Step::Commit`] and no state of ours.
pub enum Session {
    /// Before login.
    Authorization(Authorization),
    /// After it.
    Transaction(Transaction),
}

impl Default for Session {
    fn default() -> Self {
        Self::Authorization(Authorization::default())
    }
}

impl Session {
    /// The greeting: no `<`, which clients take for APOP ([MS-STANXPOP3] V0012).
    pub fn greeting(policy: &Policy<'_>) -> Reply {
        Reply::Ok(policy.settings.banner.clone().into())
    }

    /// What the next line is.
    pub fn expects(&self) -> Expects {
        match self {
            Self::Authorization(state) if state.in_exchange() => Expects::Continuation,
            _ => Expects::Command,
        }
    }

    /// Octets that a line which starts like this may have, its line end included: `MaxCommandSize` for commands,
    /// [`LONGEST_SASL_LINE`] where a token or ticket stands in it.
    pub fn longest_line(&self, start: &[u8], max_command_size: usize) -> usize {
        let long = match self {
            Self::Authorization(state) => state.in_exchange() || command::has_long_response(start),
            Self::Transaction(_) => false,
        };
        if long { LONGEST_SASL_LINE } else { max_command_size }
    }

    /// The mechanism that was used last and the failed logins so far, for the log.
    pub fn attempts(&self) -> (&'static str, u32) {
        match self {
            Self::Authorization(state) => (state.method(), state.failures()),
            Self::Transaction(_) => ("", 0),
        }
    }

    /// Why the exchange before failed, or what was odd about it, once; for our log only.
    pub fn take_diagnosis(&mut self) -> Option<String> {
        match self {
            Self::Authorization(state) => state.take_diagnosis(),
            Self::Transaction(_) => None,
        }
    }

    /// Somebody has logged in.
    pub fn is_transaction(&self) -> bool {
        matches!(self, Self::Transaction(_))
    }

    /// The client has failed as often as it may before it has logged in.
    pub fn is_spent(&self) -> bool {
        matches!(self, Self::Authorization(state) if state.is_spent())
    }

    /// Takes a line without its line end.
    pub fn line(&mut self, policy: &Policy<'_>, line: &[u8]) -> Step {
        if self.is_http(line) {
            return Step::Close(Reply::NOT_HTTP);
        }
        let step = self.obey(policy, line);
        self.counted(step)
    }

    /// The first line is that of an HTTP request: somebody's browser was made to send it, and what follows may be commands
    /// that its owner has not written.
    fn is_http(&mut self, line: &[u8]) -> bool {
        match self {
            Self::Authorization(state) => state.is_first_line() && command::is_http(line),
            Self::Transaction(_) => false,
        }
    }

    /// A command that fails before login counts. Wrong credentials are counted elsewhere.
    fn counted(&mut self, step: Step) -> Step {
        if let (Self::Authorization(state), Step::Reply(reply)) = (&mut *self, &step)
            && reply.is_error()
        {
            state.count_failure();
        }
        step
    }

    fn obey(&mut self, policy: &Policy<'_>, line: &[u8]) -> Step {
        match self {
            Self::Authorization(state) if state.in_exchange() => state.continuation(policy, line),
            Self::Authorization(state) => match command::authorization(line) {
                Ok(command) => state.command(policy, command),
                Err(refusal) => {
                    state.forget_user();
                    Step::Reply(refused(refusal))
                }
            },
            Self::Transaction(state) => match command::transaction(line) {
                Ok(command) => state.command(policy, command),
                Err(refusal) => Step::Reply(refused(refusal)),
            },
        }
    }

    /// What a log may show of the line that comes next.
    pub fn loggable(&self, line: &[u8]) -> String {
        match self.expects() {
            Expects::Command => loggable::command(line),
            Expects::Continuation => "*****".into(),
        }
    }

    /// A line was longer than `limit` octets and is gone but for its `head` ([MS-STANXPOP3] E0006).
    pub fn too_long(&mut self, limit: usize, head: &[u8]) -> Step {
        if self.is_http(head) {
            return Step::Close(Reply::NOT_HTTP);
        }
        let reply = Reply::protocol_error(format_args!("Line is longer than {limit} octets"));
        let step = match self {
            Self::Authorization(state) => {
                state.forget_user();
                state.end(reply)
            }
            Self::Transaction(_) => Step::Reply(reply),
        };
        self.counted(step)
    }

    /// The answer to [`Step::Ask`].
    pub fn answer(&mut self, answer: Answer) -> Step {
        let step = match self {
            Self::Authorization(state) => state.answer(answer),
            Self::Transaction(_) => Step::Reply(Reply::WRONG_STATE),
        };
        self.counted(step)
    }

    /// [`Step::Open`] was done.
    pub fn opened(&mut self, opened: Result<Opened, StoreError>) -> Step {
        let step = self.enter(opened);
        self.counted(step)
    }

    fn enter(&mut self, opened: Result<Opened, StoreError>) -> Step {
        match opened {
            Ok(maildrop) => {
                let utf8 = matches!(self, Self::Authorization(state) if state.is_utf8());
                *self = Self::Transaction(Transaction::new(maildrop, utf8));
                Step::Reply(Reply::LOGGED_ON)
            }
            // Gone between the login and now: the same as if it had never been.
            Err(StoreError::NoSuchMailbox) => Step::Reply(Reply::LOGON_FAILURE),
            Err(_) => Step::Reply(Reply::UNAVAILABLE),
        }
    }

    /// [`Step::Commit`] was done: `+OK` follows the commit, and the session ends either way (RFC
    /// 1939 section 6).
    pub fn committed(&mut self, committed: Result<(), StoreError>) -> Step {
        Step::Close(match committed {
            Ok(()) => Reply::SIGNING_OFF,
            Err(_) => Reply::NOT_REMOVED,
        })
    }

    /// [`Step::StartTls`] was done: nothing that was sent in clear is remembered.
    pub fn secured(&mut self) {
        if let Self::Authorization(state) = self {
            *state = state.secured();
        }
    }

    /// See [`Transaction::text`].
    pub fn text(&self, what: Transfer) -> Option<&[u8]> {
        match self {
            Self::Transaction(state) => state.text(what),
            Self::Authorization(_) => None,
        }
    }

    /// See [`Transaction::listing`].
    pub fn listing(&self, what: Transfer, from: usize, enough: usize, out: &mut Vec<u8>) -> Option<usize> {
        match self {
            Self::Transaction(state) => state.listing(what, from, enough, out),
            Self::Authorization(_) => None,
        }
    }
}

fn refused(refusal: Refusal<'_>) -> Reply {
    match refusal {
        Refusal::Unknown(b"") => Reply::protocol_error("There is no command in this line"),
        Refusal::Unknown(keyword) => Reply::unknown("There is no command", keyword),
        Refusal::WrongState => Reply::WRONG_STATE,
        Refusal::Arguments(usage) => Reply::protocol_error(format_args!("Usage: {usage}")),
    }
}
