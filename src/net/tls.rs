//! Connections, plain or under TLS.
//!
//! What lives here: the only room that knows the TLS library. [`Acceptor`] holds certificates and
//! keys, [`Stream`] is what the drivers read from and write to. What must not be known here: POP3,
//! lines, settings.
//!
//! * A handshake has a deadline for all of it, and is only ever done by [`Stream::upgrade`], in a
//!   worker: the accept loop never waits for a client.
//! * Reads have a deadline ([`Transport::read_by`]); a write waits as long as the client takes
//!   something every now and then ([`Stream::set_write_timeout`]).
//! * TLS 1.2 and 1.3. No compression, no renegotiation, no client certificates; session tickets,
//!   no session cache; buffers are released while a session is idle.

mod acceptor;
mod certificate;
mod client;
mod error;
mod pair;
mod session;
mod socket;
#[cfg(test)]
mod tests;

pub use acceptor::{Acceptor, Name, Outcome};
pub use certificate::{expired, self_signed};
pub use client::{Client, Refusal};
pub use error::TlsError;
pub use pair::{Files, file_seconds_left};
pub use session::Session;
pub use socket::{Handle, Socket};

use crate::net::line::Transport;
use std::io::{self, IoSlice, Read, Write};
use std::time::{Duration, Instant};

/// A connection. Dropped, it says goodbye (close_notify, FIN) without waiting for the client.
pub enum Stream {
    /// In clear.
    Plain(Socket),
    /// Under TLS.
    Tls(Box<Session>),
    /// Over: a handshake failed, and nothing sensible can follow.
    Ended,
}

impl Stream {
    /// Does the server's side of a TLS handshake, all of it before `deadline`.
    ///
    /// The caller must have dropped whatever it read before (RFC 2595 section 4).
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`], [`io::ErrorKind::InvalidData`] for what is no TLS or not
    /// acceptable, [`io::ErrorKind::InvalidInput`] if it is under TLS already, or the socket's own.
    pub fn upgrade(&mut self, acceptor: &Acceptor, deadline: Instant) -> io::Result<()> {
        match std::mem::replace(self, Stream::Ended) {
            Stream::Plain(socket) => {
                *self = Stream::Tls(Box::new(Session::accept(socket, acceptor, deadline)?));
                Ok(())
            }
            other => {
                *self = other;
                Err(io::Error::new(io::ErrorKind::InvalidInput, "already under TLS"))
            }
        }
    }

    /// Whether it is under TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    /// Channel binding `tls-server-end-point` of the certificate that this session was made with
    /// (RFC 5929 section 4); `None` in clear or where that is undefined.
    pub fn end_point(&self) -> Option<&[u8]> {
        match self {
            Stream::Tls(session) => session.end_point(),
            Stream::Plain(_) | Stream::Ended => None,
        }
    }

    /// Channel binding `tls-exporter` (RFC 9266 section 2); `None` in clear and before TLS 1.3, where it would not be
    /// unique without more (section 3).
    pub fn exporter(&self) -> Option<&[u8]> {
        match self {
            Stream::Tls(session) => session.exporter(),
            Stream::Plain(_) | Stream::Ended => None,
        }
    }

    /// Protocol version and cipher suite, for the log; `None` in clear.
    pub fn protocol(&self) -> Option<String> {
        match self {
            Stream::Tls(session) => Some(session.protocol()),
            Stream::Plain(_) | Stream::Ended => None,
        }
    }

    /// How long the client may take nothing of what is written before the write fails with
    /// [`io::ErrorKind::TimedOut`]. A client that is only slow is not cut.
    pub fn set_write_timeout(&mut self, timeout: Duration) {
        if let Some(socket) = self.socket_mut() {
            socket.write_within(timeout);
        }
    }

    /// Nothing that is written can arrive any more. Asks without waiting, for whoever works long between two writes.
    pub fn is_gone(&self) -> bool {
        match self {
            Stream::Plain(socket) => socket.is_gone(),
            Stream::Tls(session) => session.socket().is_gone(),
            Stream::Ended => true,
        }
    }

    /// A second hold on the connection, with which somebody else can end it; none once it is over.
    pub fn handle(&self) -> Option<Handle> {
        match self {
            Stream::Plain(socket) => Some(socket.handle()),
            Stream::Tls(session) => Some(session.socket().handle()),
            Stream::Ended => None,
        }
    }

    /// Says goodbye and lets go of the connection; never waits long. The same as dropping it.
    pub fn close(self) {
        drop(self);
    }

    fn socket_mut(&mut self) -> Option<&mut Socket> {
        match self {
            Stream::Plain(socket) => Some(socket),
            Stream::Tls(session) => Some(session.socket_mut()),
            Stream::Ended => None,
        }
    }
}

impl Transport for Stream {
    fn read_by(&mut self, deadline: Instant) {
        if let Some(socket) = self.socket_mut() {
            socket.read_by(deadline);
        }
    }

    fn unit(&self) -> usize {
        match self {
            Stream::Tls(session) => session.record(),
            Stream::Plain(_) | Stream::Ended => usize::MAX,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buf),
            Stream::Tls(session) => session.read(buf),
            Stream::Ended => Ok(0),
        }
        .map_err(timed_out)
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(buf),
            Stream::Tls(session) => session.write(buf),
            Stream::Ended => Err(io::ErrorKind::NotConnected.into()),
        }
        .map_err(timed_out)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write_vectored(bufs).map_err(timed_out),
            Stream::Tls(_) | Stream::Ended => match bufs.iter().find(|buf| !buf.is_empty()) {
                Some(buf) => self.write(buf),
                None => Ok(0),
            },
        }
    }

    /// Nothing waits here.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A timeout has one name outside this room (the kernel says `WouldBlock`, which the library needs).
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}
