//! The POP3 protocol (RFC 1939, 2449, 2595, 3206, 5034; [MS-STANXPOP3]).
//!
//! Everything here but [`conn`] is pure: no socket, no SQL, no clock, no log, no thread. A
//! [`session::Session`] is fed lines and answers and returns a [`Step`]; the driver in [`conn`]
//! does what the step says. The two states are two types: [`authorization::Authorization`] holds
//! no maildrop, [`transaction::Transaction`] no credentials.

pub mod authorization;
pub mod command;
pub mod conn;
mod loggable;
pub mod policy;
pub mod reply;
pub mod session;
pub mod transaction;

use crate::sasl::{Login, Query};
use crate::store::Uid;
use reply::Reply;
use transaction::Transfer;

/// What the driver has to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Send this and read on.
    Reply(Reply),
    /// Get the answer and give it to [`session::Session::answer`].
    Ask(Query),
    /// Open this maildrop and call [`session::Session::opened`].
    Open(Login),
    /// The credentials were wrong: let that cost what guessing costs, then send [`Reply::LOGON_FAILURE`]; after
    /// the `last` one end the session ([MS-STANXPOP3] C0005).
    LoginFailed {
        /// This was one too many.
        last: bool,
    },
    /// Send the reply, then what the transfer names; or, if its first chunk cannot be had, what
    /// [`Reply::unreadable`] says.
    Send(Reply, Transfer),
    /// Delete these messages (UPDATE state, RFC 1939 section 6) and call [`session::Session::committed`].
    Commit(Vec<Uid>),
    /// Send this, forget what was read in clear, shake hands, call [`session::Session::secured`].
    StartTls(Reply),
    /// Send this and end the session.
    Close(Reply),
}
