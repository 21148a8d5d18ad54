//! A connection to another server, bounded in every direction: lines, time, what waits.
//!
//! An answer may take [`Timeouts::answer`] to begin. From then on [`Timeouts::least`] octets must come in every
//! [`Timeouts::window`], so that a server which drips ends, however long its answer is.

use super::address::Address;
use super::said::said;
use crate::import::{ImportError, Result};
use crate::net::line::{LineReader, Stop};
use crate::net::tls::{self, Refusal};
use std::io::Write;
use std::time::{Duration, Instant};

/// How long a server may take.
#[derive(Clone, Copy)]
pub struct Timeouts {
    /// Until an answer begins.
    pub answer: Duration,
    /// For each [`Timeouts::least`] octets from then on.
    pub window: Duration,
    /// Octets.
    pub least: usize,
}

/// Large mailboxes are opened slowly; a modem is faster than the window.
const TIMEOUT: Timeouts = Timeouts { answer: Duration::from_secs(120), window: Duration::from_secs(60), least: 4096 };

/// A connection.
pub struct Wire {
    stream: tls::Client,
    lines: LineReader,
    host: String,
    /// For messages: host and port.
    server: String,
    timeouts: Timeouts,
    /// When the octets that are `due` must have come.
    deadline: Instant,
    due: usize,
    begun: bool,
    /// The last line ended in LF without CR.
    bare_lf: bool,
}

impl Wire {
    /// Connects, and shakes hands if TLS is implicit.
    pub fn connect(address: &Address) -> Result<Self> {
        Self::connect_with(address, TIMEOUT)
    }

    fn connect_with(address: &Address, timeouts: Timeouts) -> Result<Self> {
        let (host, server) = (address.host.clone(), address.server());
        let failed = |error| ImportError::Unreachable(format!("{server}: {error}"));
        let stream = tls::Client::connect(&host, address.port).map_err(failed)?;
        let (lines, deadline) = (LineReader::new(), Instant::now() + timeouts.answer);
        let mut wire = Self { stream, lines, host, server, timeouts, deadline, due: 0, begun: false, bare_lf: false };
        if address.implicit_tls {
            wire.secure()?;
        }
        wire.expect();
        Ok(wire)
    }

    /// Shakes hands. What was sent in clear before is not the server's, and is dropped (RFC 2595 section 2.1).
    pub fn secure(&mut self) -> Result<()> {
        self.lines.clear();
        self.stream.secure(&self.host).map_err(|refusal| {
            let text = format!("{}: {}", self.server, said(refusal.to_string().as_bytes()));
            match refusal {
                Refusal::Certificate(_) => ImportError::Insecure(text),
                Refusal::Handshake(_) => ImportError::Unreachable(text),
            }
        })
    }

    /// Everybody on the way can read along.
    pub fn is_exposed(&self) -> bool {
        self.is_clear() && !self.stream.is_loopback()
    }

    /// There is no TLS.
    pub fn is_clear(&self) -> bool {
        !self.stream.is_tls()
    }

    /// Host and port.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Sends octets; what comes next is the answer to them.
    pub fn send(&mut self, octets: &[u8]) -> Result<()> {
        self.expect();
        let sent = self.stream.write_all(octets).and_then(|()| self.stream.flush());
        sent.map_err(|error| ImportError::Broken(format!("{}: {error}", self.server)))
    }

    /// Nobody has said more than was asked for.
    ///
    /// # Errors
    /// Somebody has: question and answer do not belong together any more.
    pub fn quiet(&self) -> Result<()> {
        match self.lines.buffered() {
            [] => Ok(()),
            more => Err(self.malformed(&format!("\"{}\", which nobody asked for", said(first_line(more))))),
        }
    }

    /// The next line without its end (CRLF or LF), of at most `limit` octets with it.
    pub fn line(&mut self, limit: usize) -> Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            let buffered = self.lines.buffered();
            if let Some(at) = memchr::memchr(b'\n', &buffered[searched..]).map(|at| searched + at) {
                if at >= limit {
                    return Err(self.endless(limit));
                }
                let line = buffered[..at].strip_suffix(b"\r");
                self.bare_lf = line.is_none();
                let line = line.unwrap_or(&buffered[..at]).to_vec();
                self.lines.consume(at + 1);
                return Ok(line);
            }
            searched = buffered.len();
            if searched >= limit {
                return Err(self.endless(limit));
            }
            self.fill()?;
        }
    }

    /// The last line ended in LF without CR.
    pub fn is_bare_lf(&self) -> bool {
        self.bare_lf
    }

    /// What has come and was not taken.
    pub fn buffered(&self) -> &[u8] {
        self.lines.buffered()
    }

    /// Takes octets of [`Wire::buffered`].
    pub fn consume(&mut self, octets: usize) {
        self.lines.consume(octets);
    }

    /// Waits for more.
    pub fn fill(&mut self) -> Result<()> {
        let before = self.lines.buffered().len();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let filled = if left.is_zero() { Err(Stop::TimedOut) } else { self.lines.fill(&mut self.stream, left) };
        filled.map_err(|stop| self.stopped(&stop))?;
        let came = self.lines.buffered().len() - before;
        self.due = self.due.saturating_sub(came);
        if !self.begun || self.due == 0 {
            (self.begun, self.due) = (true, self.timeouts.least);
            self.deadline = Instant::now() + self.timeouts.window;
        }
        Ok(())
    }

    /// An answer that is none; `what` says what came, or what is wrong with it.
    pub fn malformed(&self, what: &str) -> ImportError {
        ImportError::Data(format!("{} sent {what}", self.server))
    }

    fn endless(&self, limit: usize) -> ImportError {
        self.malformed(&format!("a line of more than {limit} octets"))
    }

    fn expect(&mut self) {
        (self.begun, self.due) = (false, self.timeouts.least);
        self.deadline = Instant::now() + self.timeouts.answer;
    }

    fn stopped(&self, stop: &Stop) -> ImportError {
        let server = &self.server;
        ImportError::Broken(match stop {
            Stop::Eof => format!("{server}: the connection was closed"),
            Stop::TimedOut if self.begun => {
                let Timeouts { window, least, .. } = self.timeouts;
                format!("{server}: fewer than {least} octets in {} seconds", window.as_secs())
            }
            Stop::TimedOut => format!("{server}: no answer for {} seconds", self.timeouts.answer.as_secs()),
            Stop::Failed(error) => format!("{server}: {error}"),
        })
    }
}

fn first_line(octets: &[u8]) -> &[u8] {
    octets.split(|octet| *octet == b'\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// What a wire does with a server that does `serve`.
    fn with_server<T>(
        serve: impl FnOnce(std::net::TcpStream) + Send + 'static,
        timeouts: Timeouts,
        test: impl FnOnce(&mut Wire) -> T,
    ) -> T {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || serve(listener.accept().unwrap().0));
        let address = Address::parse(&format!("pop3://a@127.0.0.1:{port}")).unwrap();
        let mut wire = Wire::connect_with(&address, timeouts).unwrap();
        let answer = test(&mut wire);
        drop(wire);
        server.join().unwrap();
        answer
    }

    const LONG: Timeouts = TIMEOUT;
    const SHORT: Timeouts = Timeouts { answer: LONG.answer, window: Duration::from_millis(300), least: 1000 };

    #[test]
    fn lines_end_in_crlf_or_lf_and_have_a_limit() {
        let serve =
            |mut stream: std::net::TcpStream| stream.write_all(b"a\r\n\nbc\n12345678\r\n123456789\r\n").unwrap();
        with_server(serve, LONG, |wire| {
            for (line, bare) in [(&b"a"[..], false), (b"", true), (b"bc", true), (b"12345678", false)] {
                assert_eq!((&*wire.line(10).unwrap(), wire.is_bare_lf()), (line, bare));
            }
            assert!(matches!(wire.line(10), Err(ImportError::Data(text)) if text.contains("10 octets")));
        });
    }

    /// However much more there is: it is not read.
    #[test]
    fn an_endless_line_is_refused_at_once() {
        let serve = |mut stream: std::net::TcpStream| while stream.write_all(&[b'x'; 4096]).is_ok() {};
        with_server(serve, LONG, |wire| assert!(matches!(wire.line(1024), Err(ImportError::Data(_)))));
    }

    #[test]
    fn a_server_that_drips_is_left() {
        let drip = |mut stream: std::net::TcpStream| {
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        let error = with_server(drip, SHORT, |wire| wire.line(100_000).unwrap_err().to_string());
        assert!(error.contains("fewer than 1000 octets"), "{error}");
        let silent = Timeouts { answer: Duration::from_millis(50), ..LONG };
        let wait = |mut stream: std::net::TcpStream| drop(std::io::Read::read(&mut stream, &mut [0]));
        let error = with_server(wait, silent, |wire| wire.line(100).unwrap_err().to_string());
        assert!(error.contains("no answer"), "{error}");
    }

    #[test]
    fn what_nobody_asked_for_is_seen() {
        let serve = |mut stream: std::net::TcpStream| stream.write_all(b"+OK\r\nmore\x1b\r\n").unwrap();
        with_server(serve, LONG, |wire| {
            assert!(wire.quiet().is_ok());
            assert_eq!(wire.line(100).unwrap(), b"+OK");
            while wire.buffered().len() < 7 {
                wire.fill().unwrap();
            }
            let error = wire.quiet().unwrap_err().to_string();
            assert!(error.contains("\"more\\u{1b}\""), "{error}");
        });
    }
}
