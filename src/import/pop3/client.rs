//! The client's side of RFC 1939, as much as an import needs.

use super::url::Address;
use crate::auth::credential::Secret;
use crate::import::{ImportError, Result};
use crate::message::dot::Unstuffer;
use crate::net::line::{Line, LineReader, Stop};
use crate::net::tls;
use std::io::Write;
use std::time::Duration;

/// How long the server may take for a line, and between two pieces of a message.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Longest line of a listing, octets: servers are not always strict.
const LONGEST_LINE: usize = 4096;
/// Most messages of a maildrop that is taken over.
const MOST_MESSAGES: usize = 10_000_000;

/// A session.
pub(super) struct Client {
    stream: tls::Client,
    lines: LineReader,
    /// For messages: host and port.
    server: String,
}

impl Client {
    /// Connects; over TLS at once, or with STLS (RFC 2595 section 4) if the server has that.
    pub(super) fn connect(address: &Address) -> Result<Self> {
        let server = format!("{}:{}", address.host, address.port);
        let failed = |error| ImportError::Unreachable(format!("{server}: {error}"));
        let stream = tls::Client::connect(&address.host, address.port).map_err(failed)?;
        let mut client = Self { stream, lines: LineReader::new(), server: server.clone() };
        if address.implicit_tls {
            client.stream.secure(&address.host).map_err(failed)?;
        }
        client.answer()?.map_err(ImportError::Unreachable)?;
        if !address.implicit_tls && client.has("STLS")? {
            client.say("STLS")?.map_err(ImportError::Unreachable)?;
            // What was sent in clear behind it is not the server's.
            client.lines.clear();
            client.stream.secure(&address.host).map_err(failed)?;
        }
        Ok(client)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.stream.is_tls()
    }

    /// Whether CAPA lists this now (RFC 2449 section 5; some capabilities have arguments).
    fn has(&mut self, capability: &str) -> Result<bool> {
        if self.say("CAPA")?.is_err() {
            return Ok(false);
        }
        let mut found = false;
        while let Some(line) = self.listed()? {
            found |= line.split_whitespace().next().is_some_and(|tag| tag.eq_ignore_ascii_case(capability));
        }
        Ok(found)
    }

    /// Logs in, in UTF8 mode if the server has that: outside of it internationalized mail comes
    /// downgraded (RFC 6856 section 2.1).
    pub(super) fn log_in(&mut self, login: &str, password: &Secret) -> Result<()> {
        if self.has("UTF8")? {
            // Without it the import is as good as it was before RFC 6856.
            let _refused = self.say("UTF8")?;
        }
        self.say(&format!("USER {login}"))?.map_err(login_error)?;
        let mut line = zeroize::Zeroizing::new(b"PASS ".to_vec());
        line.extend_from_slice(password.expose());
        line.extend_from_slice(b"\r\n");
        self.send(&line)?;
        self.answer()?.map_err(login_error)
    }

    pub(super) fn quit(&mut self) {
        // Nothing was deleted: whether it is heard changes nothing.
        let _ = self.say("QUIT");
    }

    /// The lines of LIST and UIDL: message number and what stands behind it, of which LIST may have more than we want
    /// (RFC 1939 section 5), UIDL not (section 7).
    pub(super) fn pairs(&mut self, command: &str) -> Result<Vec<(u64, String)>> {
        let server = self.server.clone();
        self.say(command)?.map_err(|text| ImportError::Data(format!("{text} (to {command})")))?;
        let mut pairs = Vec::new();
        while let Some(line) = self.listed()? {
            let (number, rest) = line.trim().split_once([' ', '\t']).unwrap_or((line.trim(), ""));
            let rest = rest.trim_start();
            let rest = if command == "LIST" { rest.split_whitespace().next().unwrap_or_default() } else { rest };
            let pair = number.parse().ok().map(|number| (number, rest.to_owned()));
            let pair = pair.filter(|_| pairs.len() < MOST_MESSAGES);
            pairs.push(pair.ok_or_else(|| ImportError::Data(format!("{server}: {command} says {line:?}")))?);
        }
        Ok(pairs)
    }

    /// RETR: replaces `octets` by the message.
    pub(super) fn retrieve(&mut self, number: u64, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        octets.clear();
        let place = format!("{}, message {number}", self.server);
        self.say(&format!("RETR {number}"))?
            .map_err(|text| ImportError::Withheld(format!("message {number}: {text} (to RETR {number})")))?;
        let (mut unstuffer, mut size) = (Unstuffer::new(), 0);
        loop {
            let end = unstuffer.push(self.lines.buffered(), octets);
            size += octets.len() as u64;
            let taken = end.unwrap_or(self.lines.buffered().len());
            self.lines.consume(taken);
            let too_big = size > limit;
            if end.is_some() {
                return if too_big { Err(ImportError::TooBig(place)) } else { Ok(()) };
            }
            size -= octets.len() as u64;
            if octets.len() as u64 > limit {
                // The rest is read and dropped, so that the session goes on.
                size = limit.saturating_add(1);
                octets.clear();
            }
            self.lines.fill(&mut self.stream, TIMEOUT).map_err(|stop| self.stopped(&stop))?;
        }
    }

    /// Sends a command and reads the first line of the answer; the inner error is `-ERR`.
    fn say(&mut self, command: &str) -> Result<std::result::Result<(), String>> {
        self.send(format!("{command}\r\n").as_bytes())?;
        self.answer()
    }

    fn send(&mut self, octets: &[u8]) -> Result<()> {
        let sent = self.stream.write_all(octets).and_then(|()| self.stream.flush());
        sent.map_err(|error| ImportError::Broken(format!("{}: {error}", self.server)))
    }

    fn answer(&mut self) -> Result<std::result::Result<(), String>> {
        let line = self.line()?;
        if line.starts_with("+OK") { Ok(Ok(())) } else { Ok(Err(format!("{}: {}", self.server, line.trim()))) }
    }

    /// A line of a multi-line answer; `None`: its end.
    fn listed(&mut self) -> Result<Option<String>> {
        let line = self.line()?;
        Ok(match line.as_str() {
            "." => None,
            _ => Some(line.strip_prefix('.').map(str::to_owned).unwrap_or(line)),
        })
    }

    fn line(&mut self) -> Result<String> {
        let stop = match self.lines.next(&mut self.stream, LONGEST_LINE, TIMEOUT) {
            Line::Line(line) => return Ok(String::from_utf8_lossy(line).into_owned()),
            Line::TooLong => return Err(ImportError::Data(format!("{}: an endless line", self.server))),
            Line::Eof => Stop::Eof,
            Line::TimedOut => Stop::TimedOut,
            Line::Failed(error) => Stop::Failed(error),
        };
        Err(self.stopped(&stop))
    }

    fn stopped(&self, stop: &Stop) -> ImportError {
        let server = &self.server;
        ImportError::Broken(match stop {
            Stop::Eof => format!("{server}: the connection was closed"),
            Stop::TimedOut => format!("{server}: no answer for {} seconds", TIMEOUT.as_secs()),
            Stop::Failed(error) => format!("{server}: {error}"),
        })
    }
}

/// What `-ERR` to a login means: with these response codes (RFC 2449 section 8.1, RFC 3206 section 4) it
/// says nothing of the password, and later it goes better.
fn login_error(text: String) -> ImportError {
    let passing = ["[IN-USE]", "[SYS/TEMP]", "[LOGIN-DELAY]"];
    let upper = text.to_ascii_uppercase();
    let is_passing = passing.iter().any(|code| upper.contains(&format!("-ERR {code}")));
    if is_passing { ImportError::Broken(text) } else { ImportError::Login(text) }
}
