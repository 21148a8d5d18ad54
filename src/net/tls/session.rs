//! One TLS session, on the server's side.

use super::acceptor::Acceptor;
use super::certificate;
use super::socket::Socket;
use openssl::ssl::{self, HandshakeError, SslRef, SslStream, SslVersion};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// How long the goodbye of a session may wait for room in the socket.
const FAREWELL: Duration = Duration::from_millis(200);

/// The largest record (RFC 8446 section 5.1), octets.
const LARGEST_RECORD: usize = 16 * 1024;

/// A TLS session over a socket. Dropped, it sends close_notify if that can be done at once
/// (RFC 8446 section 6.1), so that clients do not report a cut connection.
pub struct Session {
    stream: SslStream<Socket>,
    end_point: Option<Vec<u8>>,
    exporter: Option<[u8; 32]>,
    /// Most octets of a record, as far as is known.
    record: usize,
    /// A record may be half out or the session is dead: nothing sensible can follow.
    broken: bool,
}

impl Session {
    /// Does the handshake, all of it before `deadline`.
    ///
    /// # Errors
    /// As [`super::Stream::upgrade`].
    pub(super) fn accept(mut socket: Socket, acceptor: &Acceptor, deadline: Instant) -> io::Result<Self> {
        let general = acceptor.general();
        let write_limit = socket.write_limit();
        socket.read_by(deadline);
        socket.write_by(deadline);
        let mut stream = general.acceptor.accept(socket).map_err(handshake_error)?;
        stream.get_mut().set_write_limit(write_limit);
        let exporter = exporter(stream.ssl());
        // Of the certificate that this client was shown, whichever name it asked for.
        let end_point = stream.ssl().certificate().and_then(certificate::end_point);
        Ok(Self { stream, end_point, exporter, record: LARGEST_RECORD, broken: false })
    }

    pub(super) fn end_point(&self) -> Option<&[u8]> {
        self.end_point.as_deref()
    }

    pub(super) fn exporter(&self) -> Option<&[u8]> {
        self.exporter.as_ref().map(<[u8; 32]>::as_slice)
    }

    pub(super) fn record(&self) -> usize {
        self.record
    }

    pub(super) fn protocol(&self) -> String {
        let ssl = self.stream.ssl();
        let cipher = ssl.current_cipher().map_or("no cipher", |cipher| cipher.name());
        format!("{} {cipher}", ssl.version_str())
    }
    pub(super) fn socket(&self) -> &Socket {
        self.stream.get_ref()
    }

    pub(super) fn socket_mut(&mut self) -> &mut Socket {
        self.stream.get_mut()
    }
}

impl Read for Session {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let waited = if self.stream.ssl().pending() == 0 { self.socket_mut().wait() } else { Ok(()) };
        let done = waited.and_then(|()| self.stream.read(buf));
        // A read that timed out leaves the session whole.
        self.broken |= matches!(&done, Err(error) if error.kind() != io::ErrorKind::WouldBlock);
        done
    }
}

impl Write for Session {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let done = self.stream.write(buf);
        // Each call writes one record. A client may have asked for short ones (RFC 6066 section 4).
        self.record =
            done.as_ref().map_or(self.record, |n| if *n < buf.len() { self.record.min(*n) } else { self.record });
        self.broken |= done.is_err();
        done
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.broken {
            self.stream.get_mut().write_by(Instant::now() + FAREWELL);
            let _ = self.stream.shutdown();
        }
    }
}

/// Label and length are those of RFC 9266 section 2; under TLS 1.3 no context is the same as an empty one.
fn exporter(ssl: &SslRef) -> Option<[u8; 32]> {
    let mut material = [0; 32];
    let done = ssl.export_keying_material(&mut material, "EXPORTER-Channel-Binding", None);
    (ssl.version2() == Some(SslVersion::TLS1_3) && done.is_ok()).then_some(material)
}

/// One line about what went wrong, and whether it was the time, the network or the client.
fn handshake_error(error: HandshakeError<Socket>) -> io::Error {
    let error = match error {
        HandshakeError::SetupFailure(stack) => return io::Error::other(stack),
        HandshakeError::WouldBlock(_) => return io::ErrorKind::TimedOut.into(),
        HandshakeError::Failure(handshake) => handshake.into_error(),
    };
    let reason = reason(&error);
    match error.into_io_error() {
        Ok(error) => error,
        // No reason and no error of the socket: the client just went away.
        Err(_) if reason.is_none() => io::ErrorKind::UnexpectedEof.into(),
        Err(_) => io::Error::new(io::ErrorKind::InvalidData, reason.unwrap_or("TLS handshake failed")),
    }
}

fn reason(error: &ssl::Error) -> Option<&'static str> {
    error.ssl_error()?.errors().first()?.reason()
}
