//! Connections that we make, plain or under TLS with the certificate verified.

use crate::net::line::Transport;
use native_tls::{HandshakeError, TlsConnector, TlsStream};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long a connection, a whole handshake or a write may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection to somebody else's server.
pub enum Client {
    /// In clear.
    Plain(Timed),
    /// Under TLS.
    Tls(Box<TlsStream<Timed>>),
    /// Over: a handshake failed.
    Ended,
}

/// Why a handshake failed.
#[derive(Debug)]
pub enum Refusal {
    /// The certificate does not verify; the library's reason.
    Certificate(String),
    /// Anything else: no TLS there, no common version, the network.
    Handshake(io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(reason) => write!(f, "its certificate does not verify: {reason}"),
            Self::Handshake(error) => write!(f, "no TLS: {error}"),
        }
    }
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
                    return Ok(Self::Plain(Timed { stream, deadline: Instant::now() + TIMEOUT }));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Shakes hands; the server must show a certificate for `host` that the system trusts.
    ///
    /// # Errors
    /// [`Refusal`]; the connection is over then.
    pub fn secure(&mut self, host: &str) -> Result<(), Refusal> {
        let Self::Plain(mut stream) = std::mem::replace(self, Self::Ended) else {
            return Err(Refusal::Handshake(io::Error::new(io::ErrorKind::InvalidInput, "not in clear")));
        };
        stream.deadline = Instant::now() + TIMEOUT;
        let connector = TlsConnector::new().map_err(|error| Refusal::Handshake(io::Error::other(error)))?;
        match connector.connect(host, stream) {
            Ok(stream) => {
                *self = Self::Tls(Box::new(stream));
                Ok(())
            }
            Err(HandshakeError::Failure(error)) => Err(refusal(&error)),
            Err(HandshakeError::WouldBlock(_)) => Err(Refusal::Handshake(io::ErrorKind::TimedOut.into())),
        }
    }

    /// Whether it is under TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Whether the other end is on this machine: nobody else can listen.
    pub fn is_loopback(&self) -> bool {
        let peer = match self {
            Self::Plain(timed) => timed.stream.peer_addr(),
            Self::Tls(stream) => stream.get_ref().stream.peer_addr(),
            Self::Ended => return false,
        };
        peer.is_ok_and(|peer| peer.ip().to_canonical().is_loopback())
    }
}

/// The library's reason stands in brackets at the end of what it says: `… failed:…: (self-signed certificate)`.
fn refusal(error: &native_tls::Error) -> Refusal {
    let text = error.to_string();
    if !text.contains("certificate verify failed") {
        return Refusal::Handshake(io::Error::other(text));
    }
    let reason = text.rsplit_once(" (").and_then(|(_, reason)| reason.strip_suffix(')'));
    Refusal::Certificate(reason.unwrap_or(&text).to_owned())
}

/// A socket whose reads end at a deadline, a handshake's too, however slowly the octets drip.
pub struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Read for Timed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buf)
    }
}

impl Write for Timed {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
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
        match self {
            Self::Plain(stream) => stream.deadline = deadline,
            Self::Tls(stream) => stream.get_mut().deadline = deadline,
            Self::Ended => {}
        }
    }
}
