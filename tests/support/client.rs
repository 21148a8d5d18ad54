//! A POP3 client that hides nothing: it sends exact octets and asserts exact octets.

use super::messages::unstuffed;
use super::texts::{BEGIN_TLS, GREETING, LOGON, OK};
use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode, SslVersion};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a reply may take: generous, because it only ends tests that have failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a connection runs over.
enum Wire {
    Plain(TcpStream),
    Tls(SslStream<TcpStream>),
}

impl Wire {
    fn tcp(&self) -> &TcpStream {
        match self {
            Wire::Plain(tcp) => tcp,
            Wire::Tls(tls) => tls.get_ref(),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Wire::Plain(tcp) => tcp.read(into),
            Wire::Tls(tls) => tls.read(into),
        }
    }

    fn write_all(&mut self, octets: &[u8]) -> std::io::Result<()> {
        match self {
            Wire::Plain(tcp) => tcp.write_all(octets),
            Wire::Tls(tls) => tls.write_all(octets),
        }
    }
}

/// One connection.
pub struct Client {
    wire: Wire,
    /// Octets read from the wire and not yet taken.
    buffer: Vec<u8>,
    taken: usize,
}

impl Client {
    /// A TCP connection; nothing has been read.
    pub fn plain(address: SocketAddr) -> Client {
        Client::over(TcpStream::connect(address).unwrap())
    }

    /// The same over a connected socket.
    pub fn over(tcp: TcpStream) -> Client {
        Client { wire: Wire::Plain(with_deadlines(tcp)), buffer: Vec::new(), taken: 0 }
    }

    /// A TLS connection; nothing has been read.
    pub fn tls(address: SocketAddr) -> Client {
        Client { wire: Wire::Tls(handshake(tcp(address), None)), buffer: Vec::new(), taken: 0 }
    }

    /// A TLS connection of exactly this version; nothing has been read.
    pub fn tls_of(address: SocketAddr, version: SslVersion) -> Client {
        Client { wire: Wire::Tls(handshake(tcp(address), Some(version))), buffer: Vec::new(), taken: 0 }
    }

    /// Key material of the TLS session, without context (RFC 5705 section 4).
    pub fn exported(&self, label: &str) -> [u8; 32] {
        let Wire::Tls(tls) = &self.wire else { panic!("not under TLS") };
        let mut material = [0; 32];
        tls.ssl().export_keying_material(&mut material, label, None).unwrap();
        material
    }

    /// Reads the default greeting.
    pub fn greeted(mut self) -> Client {
        assert_eq!(self.line(), GREETING);
        self
    }

    /// STLS and the handshake.
    pub fn start_tls(mut self) -> Client {
        self.expect("STLS", BEGIN_TLS);
        self.upgrade()
    }

    /// The handshake alone.
    pub fn upgrade(self) -> Client {
        let Wire::Plain(tcp) = self.wire else { panic!("TLS is on already") };
        assert_eq!(self.taken, self.buffer.len(), "octets in clear before the handshake");
        Client { wire: Wire::Tls(handshake(tcp, None)), buffer: Vec::new(), taken: 0 }
    }

    /// USER and PASS, which must succeed.
    pub fn log_in(&mut self, user: &str, password: &str) {
        self.expect(&format!("USER {user}"), OK);
        self.expect(&format!("PASS {password}"), LOGON);
    }

    /// Sends octets as they are.
    pub fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.wire.write_all(octets.as_ref()).expect("the server does not take it");
    }

    /// Sends octets; whether they could be sent.
    pub fn try_send(&mut self, octets: &[u8]) -> bool {
        self.wire.write_all(octets).is_ok()
    }

    /// One line, CRLF included, of at most 512 octets ([MS-STANXPOP3] C0001).
    pub fn line(&mut self) -> String {
        let line = self.raw_line();
        assert!(line.len() <= 512, "a line of {} octets", line.len());
        String::from_utf8(line).unwrap()
    }

    /// One line of any length, which must end in CRLF.
    pub fn raw_line(&mut self) -> Vec<u8> {
        let line = self.until(b"\n");
        assert!(line.ends_with(b"\r\n"), "no CRLF: {:?}", String::from_utf8_lossy(&line));
        line
    }

    /// Sends a command and answers the line that comes back.
    pub fn say(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n"));
        self.line()
    }

    /// Sends a command whose reply must be exactly this.
    pub fn expect(&mut self, command: &str, reply: &str) {
        assert_eq!(self.say(command), reply, "reply to {}", shown(command));
    }

    /// Sends a command that must get one -ERR with a text, and answers that line.
    pub fn refuse(&mut self, command: &str) -> String {
        let reply = self.say(command);
        let text = reply.strip_prefix("-ERR ").unwrap_or_else(|| panic!("{} got {reply:?}", shown(command)));
        assert!(!text.trim().is_empty(), "{}: -ERR says nothing", shown(command));
        reply
    }

    /// Sends a command whose reply must begin so, and answers that line.
    pub fn expect_start(&mut self, command: &str, start: &str) -> String {
        let reply = self.say(command);
        assert!(reply.starts_with(start), "{} got {reply:?}, not {start:?}…", shown(command));
        reply
    }

    /// The rest of a multi-line reply as it is on the wire, without the final dot line.
    pub fn stuffed_body(&mut self) -> Vec<u8> {
        if self.peek(3) == b".\r\n" {
            self.take(3);
            return Vec::new();
        }
        let mut body = self.until(b"\r\n.\r\n");
        body.truncate(body.len() - 3);
        body
    }

    /// Exactly the next `n` octets.
    pub fn octets(&mut self, n: usize) -> Vec<u8> {
        assert_eq!(self.peek(n).len(), n, "the server has closed");
        self.take(n)
    }

    /// Sends a command whose first line must be `+OK`; the lines that follow, un-stuffed.
    pub fn multi(&mut self, command: &str) -> Vec<u8> {
        self.expect(command, OK);
        unstuffed(&self.stuffed_body())
    }

    /// The same as lines of text without CRLF, whatever the text of the first line is.
    pub fn lines(&mut self, command: &str) -> Vec<String> {
        self.expect_start(command, "+OK");
        let body = String::from_utf8(unstuffed(&self.stuffed_body())).unwrap();
        body.split_terminator("\r\n").map(str::to_owned).collect()
    }

    /// What CAPA lists.
    pub fn capabilities(&mut self) -> Vec<String> {
        self.lines("CAPA")
    }

    /// The unique-ids that UIDL lists, in the order of the messages.
    pub fn unique_ids(&mut self) -> Vec<String> {
        let lines = self.lines("UIDL");
        lines.iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }

    /// Number of messages and octets that STAT tells.
    pub fn stat(&mut self) -> (u64, u64) {
        let reply = self.expect_start("STAT", "+OK ");
        let (messages, octets) = reply.trim_end()[4..].split_once(' ').unwrap();
        (messages.parse().unwrap(), octets.parse().unwrap())
    }

    /// QUIT with `+OK`, and the end of the connection.
    pub fn quit(mut self) {
        self.expect_start("QUIT", "+OK ");
        self.expect_end();
    }

    /// The server has nothing more to say and closes.
    pub fn expect_end(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "instead of the end: {:?}", String::from_utf8_lossy(&rest));
    }

    /// Everything up to the end of the connection, whether it ends with a FIN or a reset.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        self.take(self.buffer.len() - self.taken)
    }

    /// Closes without QUIT.
    pub fn hang_up(self) {
        let _ = self.wire.tcp().shutdown(Shutdown::Both);
    }

    /// Tells the server that nothing more will be sent.
    pub fn end_of_input(&mut self) {
        self.wire.tcp().shutdown(Shutdown::Write).unwrap();
    }

    /// The socket, for tests that mistreat it.
    pub fn tcp(&self) -> &TcpStream {
        self.wire.tcp()
    }

    /// The fingerprint of the server's certificate.
    pub fn certificate(&self) -> Vec<u8> {
        let Wire::Tls(tls) = &self.wire else { panic!("no TLS") };
        tls.ssl().peer_certificate().unwrap().to_der().unwrap()
    }

    /// The TLS version that was negotiated.
    pub fn tls_version(&self) -> &'static str {
        let Wire::Tls(tls) = &self.wire else { panic!("no TLS") };
        tls.ssl().version_str()
    }

    /// Takes everything up to and including `end`.
    fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut searched = 0;
        loop {
            let waiting = &self.buffer[self.taken..];
            if let Some(at) = memchr::memmem::find(&waiting[searched..], end) {
                return self.take(searched + at + end.len());
            }
            searched = waiting.len().saturating_sub(end.len() - 1);
            assert!(
                self.fill(),
                "the server has closed after {} octets, {:?}…",
                self.buffer.len() - self.taken,
                String::from_utf8_lossy(&self.buffer[self.taken..]).chars().take(200).collect::<String>()
            );
        }
    }

    /// The next octets without taking them, fewer if the connection ends.
    fn peek(&mut self, n: usize) -> &[u8] {
        while self.buffer.len() - self.taken < n && self.fill() {}
        let end = (self.taken + n).min(self.buffer.len());
        &self.buffer[self.taken..end]
    }

    fn take(&mut self, n: usize) -> Vec<u8> {
        let octets = self.buffer[self.taken..self.taken + n].to_vec();
        self.taken += n;
        if self.taken > self.buffer.len() / 2 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        octets
    }

    /// Reads some more; false at the end of the connection.
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 65536];
        match self.wire.read(&mut chunk) {
            Ok(0) => false,
            Ok(n) => {
                self.buffer.extend_from_slice(&chunk[..n]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("no reply; so far {:?}", String::from_utf8_lossy(&self.buffer[self.taken..]))
            }
            Err(_) => false,
        }
    }
}

/// A connected socket with a deadline on every read and write.
fn tcp(address: SocketAddr) -> TcpStream {
    with_deadlines(TcpStream::connect(address).unwrap())
}

fn with_deadlines(tcp: TcpStream) -> TcpStream {
    tcp.set_nodelay(true).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.set_write_timeout(Some(PATIENCE)).unwrap();
    tcp
}

/// A handshake that takes any certificate: the tests' servers have self-signed ones.
fn handshake(tcp: TcpStream, version: Option<SslVersion>) -> SslStream<TcpStream> {
    let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_min_proto_version(version).unwrap();
    builder.set_max_proto_version(version).unwrap();
    builder.build().connect("localhost", tcp).expect("TLS handshake")
}

/// A command as a message of a failed test shows it: cut when long.
fn shown(command: &str) -> String {
    if command.len() > 100 { format!("{}… of {}", &command[..100], command.len()) } else { command.to_owned() }
}
