//! The LMTP protocol (RFC 2033): how an MTA hands mail over.
//!
//! Everything here but [`conn`] is pure: no socket, no SQL, no clock, no log, no thread. A
//! [`session::Session`] is fed lines, content and answers and returns a [`Step`]; the driver in
//! [`conn`] does what the step says.
//!
//! * After the end of the content there is one reply per accepted recipient, in order, on every path
//!   (section 4.2), and 250 only for what is durable.
//! * Content ends at CRLF `.` CRLF and nowhere else (RFC 5321 section 4.1.1.4). A bare CR or LF in it
//!   is made a line end in the stored message, never in the dialogue: nothing can be smuggled in.
//! * Extensions: PIPELINING (RFC 2920), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531),
//!   ENHANCEDSTATUSCODES (RFC 2034), SIZE (RFC 1870), CHUNKING (RFC 3030, without BINARYMIME).

pub mod command;
pub mod conn;
pub mod content;
pub mod dsn;
pub mod path;
pub mod reply;
pub mod session;
pub mod trace;
pub mod transaction;

use reply::Reply;

/// What the driver has to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Send this and read on.
    Reply(Reply),
    /// Send these, one per accepted recipient, and read on.
    Replies(Vec<Reply>),
    /// Read on; nothing is to be said.
    Nothing,
    /// Find the mailboxes behind this address and call [`session::Session::resolved`].
    Resolve(String),
    /// The content is complete: store a copy for each of [`session::Session::copies`] and call
    /// [`session::Session::stored`].
    Store,
    /// Send this and end the session.
    Close(Reply),
}
