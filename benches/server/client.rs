//! A client that does as little as it can: it looks for the ends of responses and counts them.

use native_tls::{TlsConnector, TlsStream};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

const END: &[u8] = b"\r\n.\r\n";

enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// One session.
pub struct Client {
    wire: Wire,
    buffer: Vec<u8>,
}

impl Client {
    /// A session in the TRANSACTION state. Everybody's password is `secret`.
    pub fn log_in(address: SocketAddr, tls: bool, user: &str) -> Self {
        let tcp = TcpStream::connect(address).expect("the server listens");
        tcp.set_nodelay(true).expect("a connected socket");
        let wire = if tls { Wire::Tls(Box::new(handshake(tcp))) } else { Wire::Plain(tcp) };
        let mut client = Self { wire, buffer: Vec::new() };
        client.line();
        client.command(&format!("USER {user}\r\n"));
        client.command("PASS secret\r\n");
        client
    }

    /// Sends a command and reads its one line, which must be `+OK`.
    pub fn command(&mut self, command: &str) {
        self.send(command.as_bytes());
        self.line();
    }

    /// Sends octets.
    pub fn send(&mut self, octets: &[u8]) {
        match &mut self.wire {
            Wire::Plain(wire) => wire.write_all(octets),
            Wire::Tls(wire) => wire.write_all(octets),
        }
        .expect("the server takes it");
    }

    /// Reads this many multi-line responses.
    pub fn multi_line(&mut self, mut responses: usize) {
        let finder = memchr::memmem::Finder::new(END);
        let mut from = 0;
        while responses > 0 {
            match finder.find(&self.buffer[from..]) {
                Some(at) => {
                    from += at + END.len();
                    responses -= 1;
                }
                None => {
                    let keep = from.max(self.buffer.len().saturating_sub(END.len() - 1));
                    self.buffer.drain(..keep);
                    from = 0;
                    self.more();
                }
            }
        }
        self.buffer.drain(..from);
    }

    /// QUIT, and all that is still to come before its answer.
    pub fn quit(&mut self) {
        self.send(b"QUIT\r\n");
        while !self.buffer.ends_with(b"signing off.\r\n") {
            self.more();
        }
        self.buffer.clear();
    }

    fn line(&mut self) {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer) {
                assert!(self.buffer.starts_with(b"+OK"), "{}", String::from_utf8_lossy(&self.buffer[..at]));
                self.buffer.drain(..=at);
                return;
            }
            self.more();
        }
    }

    fn more(&mut self) {
        let end = self.buffer.len();
        self.buffer.resize(end + 256 * 1024, 0);
        let room = &mut self.buffer[end..];
        let read = match &mut self.wire {
            Wire::Plain(wire) => wire.read(room),
            Wire::Tls(wire) => wire.read(room),
        }
        .expect("the server answers");
        assert!(read > 0, "the server closed");
        self.buffer.truncate(end + read);
    }
}

/// The certificate is the server's own; whether it is genuine does not matter here.
fn handshake(tcp: TcpStream) -> TlsStream<TcpStream> {
    let connector = TlsConnector::builder().danger_accept_invalid_certs(true).build().expect("a TLS library");
    connector.connect("localhost", tcp).expect("a handshake")
}
