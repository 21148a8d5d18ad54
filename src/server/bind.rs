//! Listening sockets: addresses as text become bound sockets, all before the first is served.

use super::unix::{self, Bound};
use crate::exit::{Code, Error};
use crate::net::tls::Socket;
use crate::settings::Settings;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, Shutdown, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, shutdown, socket,
    sockopt,
};
use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Connections that may wait for the accept loop; the kernel lowers it to its own limit.
const BACKLOG: i32 = 1024;

/// What is spoken on a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// POP3 in clear, with STLS (RFC 2595).
    Pop3,
    /// POP3 under TLS from the first octet (RFC 8314 section 3.3).
    Pop3s,
    /// LMTP (RFC 2033).
    Lmtp,
    /// HTTP, for whoever watches over us.
    Http,
    /// The same on the socket beside the database, for our own commands.
    Status,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
            Self::Lmtp => "lmtp",
            Self::Http => "http",
            Self::Status => "status",
        })
    }
}

/// A socket that connections come in by.
pub enum Entrance {
    /// The network.
    Tcp(TcpListener),
    /// This machine.
    Unix(Bound),
}

/// A connection that came in.
pub enum Visitor {
    /// From the network, with the client's address.
    Tcp(TcpStream, SocketAddr),
    /// From this machine.
    Unix(UnixStream),
}

impl Entrance {
    /// Waits for the next connection.
    ///
    /// # Errors
    /// Those of accept(2).
    pub fn accept(&self) -> io::Result<Visitor> {
        match self {
            Self::Tcp(socket) => socket.accept().map(|(stream, peer)| Visitor::Tcp(stream, peer)),
            Self::Unix(bound) => bound.socket.accept().map(|(stream, _)| Visitor::Unix(stream)),
        }
    }
}

impl AsFd for Entrance {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(bound) => bound.socket.as_fd(),
        }
    }
}

impl Visitor {
    /// The client's address, if it has one.
    pub fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, peer) => Some(*peer),
            Self::Unix(_) => None,
        }
    }

    /// The connection, for those who serve it.
    pub fn socket(self) -> Socket {
        match self {
            Self::Tcp(stream, _) => Socket::tcp(stream),
            Self::Unix(stream) => Socket::unix(stream),
        }
    }

    /// Writes as much as the kernel takes at once.
    pub fn say(self, text: &[u8]) {
        let said = match self {
            Self::Tcp(mut stream, _) => stream.set_nonblocking(true).and_then(|()| stream.write(text)),
            Self::Unix(mut stream) => stream.set_nonblocking(true).and_then(|()| stream.write(text)),
        };
        // Nobody waits for it: the client may be gone already.
        drop(said);
    }
}

/// How an accept loop is woken whose socket outlives us.
pub struct Inherited {
    woken: UnixStream,
    wake: UnixStream,
}

impl Inherited {
    /// # Errors
    /// No file descriptor is left.
    pub fn new() -> io::Result<Self> {
        UnixStream::pair().map(|(woken, wake)| Self { woken, wake })
    }

    /// Waits until a connection comes in or somebody wakes us.
    fn wait(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let mut fds = [PollFd::new(socket, PollFlags::POLLIN), PollFd::new(self.woken.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::NONE)?;
        match fds[1].any() {
            Some(true) => Err(io::ErrorKind::Interrupted.into()),
            _ => Ok(()),
        }
    }
}

impl Listener {
    /// Waits for the next connection.
    ///
    /// # Errors
    /// Those of accept(2); [`io::ErrorKind::Interrupted`] once [`Listener::close`] was called.
    pub fn accept(&self) -> io::Result<Visitor> {
        if let Some(inherited) = &self.inherited {
            inherited.wait(self.socket.as_fd())?;
        }
        self.socket.accept()
    }

    /// Wakes whoever waits in [`Listener::accept`], for good.
    pub fn close(&self) {
        match &self.inherited {
            // One octet that nobody reads keeps the other end readable.
            Some(inherited) => drop((&inherited.wake).write(b".")),
            // On Linux this wakes an accept that waits, with EINVAL.
            None => drop(shutdown(self.socket.as_fd().as_raw_fd(), Shutdown::Both)),
        }
    }
}

/// A bound socket.
pub struct Listener {
    /// Set for a socket that the service manager keeps: it must not be shut down, others will use it.
    pub inherited: Option<Inherited>,
    /// What is spoken on it.
    pub service: Service,
    /// The socket.
    pub socket: Entrance,
    /// Where it is bound, with the port that was picked.
    pub address: String,
}

/// Binds one listener of LMTP: an address, or the absolute path of a Unix socket.
///
/// # Errors
/// As [`listener`] and [`unix::bind`].
pub fn lmtp(text: &str, settings: &Settings) -> Result<Listener, Error> {
    if !text.starts_with('/') {
        return listener(Service::Lmtp, text);
    }
    local(Service::Lmtp, Path::new(text), settings.lmtp_socket_mode, &settings.lmtp_socket_group)
}

/// Binds one listener of HTTP: an address, or the absolute path of a Unix socket.
///
/// # Errors
/// As [`listener`] and [`unix::bind`].
pub fn http(text: &str) -> Result<Listener, Error> {
    if text.starts_with('/') { local(Service::Http, Path::new(text), 0o660, "") } else { listener(Service::Http, text) }
}

/// Binds a Unix socket with these permissions.
///
/// # Errors
/// As [`unix::bind`].
pub fn local(service: Service, path: &Path, mode: u32, group: &str) -> Result<Listener, Error> {
    let socket = Entrance::Unix(unix::bind(path, mode, group)?);
    Ok(Listener { service, socket, address: path.display().to_string(), inherited: None })
}

/// Binds one listener; port 0 picks a free port.
///
/// # Errors
/// The text is no address (64), the port is taken or the address not ours (69), not permitted (77).
pub fn listener(service: Service, text: &str) -> Result<Listener, Error> {
    let address: SocketAddr =
        text.parse().map_err(|_| Error::new(Code::Usage, format!("{service} listener {text:?}: not ADDRESS:PORT")))?;
    let socket = open(address).map_err(|errno| {
        let code = match errno {
            Errno::EACCES | Errno::EPERM => Code::NoPerm,
            _ => Code::Unavailable,
        };
        Error::new(code, format!("{service} listener {text}: {}{}", errno.desc(), remedy(errno, address.port())))
    })?;
    let address = socket
        .local_addr()
        .map_err(|error| Error::new(Code::Unavailable, format!("{service} listener {text}: {error}")))?;
    Ok(Listener { service, socket: Entrance::Tcp(socket), address: address.to_string(), inherited: None })
}

/// What to do about a listener that cannot be bound, behind the error.
fn remedy(errno: Errno, port: u16) -> String {
    match errno {
        Errno::EADDRINUSE => {
            format!("; \"ss -ltnp 'sport = :{port}'\" shows who has the port: end that, or choose another")
        }
        Errno::EACCES | Errno::EPERM => {
            "; ports below 1024 need the socket units of packaging/, CAP_NET_BIND_SERVICE, or root".into()
        }
        Errno::EADDRNOTAVAIL => "; no interface has this address (\"ip address\" shows them)".into(),
        Errno::EAFNOSUPPORT => "; this system has no IPv6: leave the listener out".into(),
        _ => String::new(),
    }
}

/// `0.0.0.0:110` and `[::]:110` are two sockets, so the second must not take IPv4 as well.
fn open(address: SocketAddr) -> Result<TcpListener, Errno> {
    let family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let fd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    if address.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
    }
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    listen(&fd, Backlog::new(BACKLOG)?)?;
    Ok(TcpListener::from(fd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_can_share_a_port() {
        let four = listener(Service::Pop3, "0.0.0.0:0").unwrap();
        assert!(listener(Service::Pop3, &format!("[::]:{}", four.address.rsplit(':').next().unwrap())).is_ok());
    }

    #[test]
    fn says_what_is_wrong_with_an_address() {
        let taken = listener(Service::Pop3, "127.0.0.1:0").unwrap();
        for (text, code) in [("here", Code::Usage), ("127.0.0.1", Code::Usage)] {
            assert_eq!(listener(Service::Pop3s, text).err().map(|error| error.code), Some(code), "{text}");
        }
        let error = listener(Service::Pop3, &taken.address).err().unwrap();
        assert_eq!(error.code, Code::Unavailable);
        assert!(error.text.contains(&taken.address), "{}", error.text);
    }
}
