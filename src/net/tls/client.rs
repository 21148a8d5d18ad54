//! Connections that we make, plain or under TLS with the certificate verified.

use crate::net::line::Transport;
use native_tls::{HandshakeError, TlsConnector, TlsStream};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long a connection, a handshake or a write may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection to somebody else's server.
pub enum Client {
    /// In clear.
    Plain(TcpStream),
    /// Under TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// Over: a handshake failed.
    Ended,
}

impl Client {
    /// Connects to the first of the host's addresses that answers.
    ///
    /// # Errors
    /// None does; the error is that of the last.
    pub fn connect(host: &str, port: u16) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_write_timeout(Some(TIMEOUT))?;
                    return Ok(Self::Plain(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Shakes hands; the server must show a certificate for `host` that the system trusts.
    ///
    /// # Errors
    /// It does not, or speaks no TLS; the connection is over then.
    pub fn secure(&mut self, host: &str) -> io::Result<()> {
        let Self::Plain(stream) = std::mem::replace(self, Self::Ended) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not in clear"));
        };
        stream.set_read_timeout(Some(TIMEOUT))?;
        let connector = TlsConnector::new().map_err(io::Error::other)?;
        match connector.connect(host, stream) {
            Ok(stream) => {
                *self = Self::Tls(Box::new(stream));
                Ok(())
            }
            Err(HandshakeError::Failure(error)) => Err(io::Error::other(error)),
            Err(HandshakeError::WouldBlock(_)) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Whether it is under TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref()),
            Self::Ended => None,
        }
    }
}

impl Read for Client {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buf),
            Self::Tls(stream) => stream.read(buf),
            Self::Ended => Ok(0),
        }
    }
}

impl Write for Client {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buf),
            Self::Tls(stream) => stream.write(buf),
            Self::Ended => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
            Self::Ended => Ok(()),
        }
    }
}

impl Transport for Client {
    fn read_by(&mut self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        if let Some(stream) = self.tcp() {
            // A socket that is gone is found out by the read.
            let _ = stream.set_read_timeout(Some(left));
        }
    }
}
