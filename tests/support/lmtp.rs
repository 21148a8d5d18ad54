//! An LMTP client that hides nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a reply may take: generous, because it only ends tests that have failed.
const PATIENCE: Duration = Duration::from_secs(60);

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// One connection.
pub struct Lmtp {
    wire: BufReader<Box<dyn Wire>>,
}

impl Lmtp {
    /// A TCP connection; nothing has been read.
    pub fn tcp(address: SocketAddr) -> Lmtp {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Lmtp { wire: BufReader::new(Box::new(stream)) }
    }

    /// A connection to a Unix socket; nothing has been read.
    pub fn unix(path: &Path) -> Lmtp {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Lmtp { wire: BufReader::new(Box::new(stream)) }
    }

    /// Greeting and LHLO.
    pub fn greeted(mut self) -> Lmtp {
        self.expect("220 ");
        self.say("LHLO client.example", "250 ");
        self
    }

    /// Sends octets as they are.
    pub fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.wire.get_mut().write_all(octets.as_ref()).unwrap();
    }

    /// Sends octets; whether they could be sent.
    pub fn try_send(&mut self, octets: &[u8]) -> bool {
        self.wire.get_mut().write_all(octets).is_ok()
    }

    /// The next line without its CRLF; `None`: the end, or the connection broke.
    pub fn try_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.wire.read_line(&mut line).ok()?;
        if read > 0 { line.strip_suffix("\r\n").map(str::to_owned) } else { None }
    }

    /// The last line of the next reply; `None`: the end, or the connection broke.
    pub fn try_reply(&mut self) -> Option<String> {
        loop {
            let line = self.try_line()?;
            if line.as_bytes().get(3) != Some(&b'-') {
                return Some(line);
            }
        }
    }

    /// The next reply must begin so.
    pub fn expect(&mut self, start: &str) -> String {
        let reply = self.try_reply().unwrap_or_else(|| panic!("the server has closed instead of {start}"));
        assert!(reply.starts_with(start), "{reply:?}, not {start:?}…");
        reply
    }

    /// Sends a command whose reply must begin so.
    pub fn say(&mut self, command: &str, start: &str) -> String {
        self.send(format!("{command}\r\n"));
        self.expect(start)
    }

    /// MAIL, RCPT and DATA up to 354; every recipient must be accepted.
    pub fn begin(&mut self, sender: &str, recipients: &[&str]) {
        self.say(&format!("MAIL FROM:<{sender}>"), "250 2.1.0 ");
        for recipient in recipients {
            self.say(&format!("RCPT TO:<{recipient}>"), "250 2.1.5 ");
        }
        self.say("DATA", "354 ");
    }

    /// A whole transaction for one recipient; the reply to its content.
    pub fn deliver(&mut self, recipient: &str, message: &[u8]) -> String {
        self.begin("bob@client.example", &[recipient]);
        self.send(super::messages::stuffed(message));
        self.send(".\r\n");
        self.try_reply().expect("a reply to the content")
    }

    /// The server has nothing more to say and closes.
    pub fn expect_end(&mut self) {
        let mut rest = Vec::new();
        let _ = self.wire.read_to_end(&mut rest);
        assert!(rest.is_empty(), "instead of the end: {:?}", String::from_utf8_lossy(&rest));
    }
}
