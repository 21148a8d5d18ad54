//! The client's side of RFC 1939, as much as an import needs.
//!
//! Questions and answers must belong together: an answer is `+OK` or `-ERR`, and nobody says more than was asked
//! for. Whatever else comes ends the session.

use super::content::{Content, Measure};
use crate::import::remote::bearer::{Bearer, reason};
use crate::import::remote::{Address, Credential, MOST_MESSAGES, Wire, said};
use crate::import::{ImportError, Result};
use crate::secret::Secret;

/// Longest line of an answer, octets. RFC 2449 section 4 allows 512; greetings are not always strict.
const LONGEST_LINE: usize = 1024;
/// The same for a challenge of AUTH (RFC 5034 section 4, RFC 4954 section 4).
const LONGEST_CHALLENGE: usize = 12_288;
/// Most octets of a whole list: the longest unique-ids of most messages, and more.
const LONGEST_LIST: usize = 16 << 20;
/// Most capabilities.
const MOST_CAPABILITIES: usize = 1000;

/// What a server says to a command: the text behind `+OK`, or the whole line with `-ERR`.
pub(super) type Answer = std::result::Result<String, String>;

/// A line of LIST or UIDL: message number and the rest.
pub(super) type Pair = (u64, Vec<u8>);

/// A session.
pub(super) struct Client {
    wire: Wire,
    /// CAPA's lines, as it was asked last.
    capabilities: Vec<String>,
}

impl Client {
    /// Connects; over TLS at once, or with STLS (RFC 2595 section 4) if the server has that.
    pub(super) fn connect(address: &Address) -> Result<Self> {
        let mut client = Self { wire: Wire::connect(address)?, capabilities: Vec::new() };
        client.answer("a connection")?.map_err(|text| passing(text, ImportError::Unreachable))?;
        client.ask_for_capabilities()?;
        if client.wire.is_clear() && client.has("STLS") {
            client.say("STLS")?.map_err(|text| passing(text, ImportError::Unreachable))?;
            client.wire.secure()?;
            client.ask_for_capabilities()?;
        }
        Ok(client)
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Whether CAPA lists this (RFC 2449 section 5; some capabilities have arguments).
    pub(super) fn has(&self, capability: &str) -> bool {
        self.capabilities
            .iter()
            .any(|line| line.split_whitespace().next().is_some_and(|tag| tag.eq_ignore_ascii_case(capability)))
    }

    fn ask_for_capabilities(&mut self) -> Result<()> {
        self.capabilities.clear();
        if self.say("CAPA")?.is_err() {
            return Ok(());
        }
        while let Some(line) = self.listed()? {
            if self.capabilities.len() == MOST_CAPABILITIES {
                return Err(self.wire.malformed("too many capabilities"));
            }
            self.capabilities.push(String::from_utf8_lossy(&line).into_owned());
        }
        Ok(())
    }

    /// Logs in, in UTF8 mode if the server has that: outside of it internationalized mail comes
    /// downgraded (RFC 6856 section 2.1).
    pub(super) fn log_in(&mut self, login: &str, credential: &Credential) -> Result<()> {
        if self.has("UTF8") {
            // Without it the import is as good as it was before RFC 6856.
            let _refused = self.say("UTF8")?;
        }
        match credential {
            Credential::Password(password) => self.user_and_pass(login, password)?,
            Credential::Token(token) => self.bearer(login, token)?,
        }
        // Some servers show more once they know who it is.
        self.ask_for_capabilities()
    }

    fn user_and_pass(&mut self, login: &str, password: &Secret) -> Result<()> {
        self.say(&format!("USER {login}"))?.map_err(login_error)?;
        let mut line = zeroize::Zeroizing::new(b"PASS ".to_vec());
        line.extend_from_slice(password.expose());
        line.extend_from_slice(b"\r\n");
        self.wire.quiet()?;
        self.wire.send(&line)?;
        self.answer("PASS")?.map_err(login_error).map(drop)
    }

    /// AUTH (RFC 5034 section 4) with a token; not in one line with the command, which may be too short for it.
    fn bearer(&mut self, login: &str, token: &Secret) -> Result<()> {
        let offered = |name: &str| {
            let sasl = self.capabilities.iter().map(|line| line.split_whitespace());
            sasl.filter_map(|mut words| {
                words.next().is_some_and(|tag| tag.eq_ignore_ascii_case("SASL")).then_some(words)
            })
            .flatten()
            .any(|offered| offered.eq_ignore_ascii_case(name))
        };
        let Some(mechanism) = Bearer::among(offered) else {
            let text = "it offers neither OAUTHBEARER nor XOAUTH2, so it accepts no token";
            return Err(ImportError::Unreachable(format!("{}: {text}", self.wire.server())));
        };
        self.wire.quiet()?;
        self.wire.send(format!("AUTH {}\r\n", mechanism.name()).as_bytes())?;
        match self.challenged(mechanism.name())? {
            Ok(_) => {}
            Err(done) => return done.map_err(login_error).map(drop),
        }
        self.wire.send(&mechanism.message(login, token))?;
        match self.challenged(mechanism.name())? {
            Err(done) => done.map_err(login_error).map(drop),
            Ok(challenge) => {
                self.wire.send(mechanism.acknowledgement())?;
                let why = reason(&challenge);
                self.answer(mechanism.name())?.map_err(|text| login_error(format!("{text} ({why})"))).map(drop)
            }
        }
    }

    /// A challenge, or what ends the exchange.
    fn challenged(&mut self, command: &str) -> Result<std::result::Result<Vec<u8>, Answer>> {
        let line = self.wire.line(LONGEST_CHALLENGE)?;
        match line.strip_prefix(b"+ ").or((line == b"+").then_some(&[])) {
            Some(challenge) => Ok(Ok(challenge.to_vec())),
            None => self.understood(&line, command).map(Err),
        }
    }

    pub(super) fn quit(&mut self) {
        // Nothing was deleted: whether it is heard changes nothing.
        let _ = self.say("QUIT");
    }

    /// The lines of LIST or UIDL, whose numbers must rise.
    pub(super) fn pairs(&mut self, command: &str) -> Result<Vec<Pair>> {
        self.say(command)?.map_err(|text| self.refused(&text, command))?;
        self.pairs_that_come(command)
    }

    /// What stands behind the `+OK` of `command`.
    pub(super) fn pairs_that_come(&mut self, command: &str) -> Result<Vec<Pair>> {
        let (mut pairs, mut octets): (Vec<Pair>, usize) = (Vec::new(), 0);
        while let Some(line) = self.listed()? {
            octets += line.len();
            let last = pairs.last().map_or(0, |(number, _)| *number);
            match pair(&line).filter(|(number, _)| *number > last) {
                Some(_) if pairs.len() == MOST_MESSAGES || octets > LONGEST_LIST => {
                    let text = format!("more than {MOST_MESSAGES} messages, or {LONGEST_LIST} octets (to {command})");
                    return Err(self.wire.malformed(&text));
                }
                Some(pair) => pairs.push(pair),
                None => return Err(self.wire.malformed(&format!("\"{}\" (to {command})", said(&line)))),
            }
        }
        Ok(pairs)
    }

    /// RETR: gives `sink` the message, as it was found. The server is asked `also` in the same breath, and the answer is
    /// waiting then.
    pub(super) fn retrieve(
        &mut self,
        number: u64,
        also: Option<&str>,
        most: u64,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Measure> {
        self.wire.quiet()?;
        let command = format!("RETR {number}");
        match also {
            Some(also) => self.say_at_once(&format!("{command}\r\n{also}"))?,
            None => self.say_at_once(&command)?,
        }
        if let Err(text) = self.answer(&command)? {
            if let Some(also) = also {
                self.answer(also)?.ok();
            }
            return Err(ImportError::Withheld(format!("message {number}: {text} (to {command})")));
        }
        let mut content = Content::new(self.wire.is_bare_lf());
        let mut piece = Vec::new();
        loop {
            piece.clear();
            let (taken, ended) = content.push(self.wire.buffered(), &mut piece);
            self.wire.consume(taken);
            sink(&piece);
            if ended {
                return Ok(content.measure());
            }
            if content.measure().octets > most {
                return Err(self.wire.malformed(&format!("more than {most} octets, and there is no end")));
            }
            self.wire.fill()?;
        }
    }

    /// Sends a command and reads the first line of the answer.
    pub(super) fn say(&mut self, command: &str) -> Result<Answer> {
        self.wire.quiet()?;
        self.say_at_once(command)?;
        self.answer(command)
    }

    /// Sends a command though more may be about to come.
    pub(super) fn say_at_once(&mut self, command: &str) -> Result<()> {
        self.wire.send(format!("{command}\r\n").as_bytes())
    }

    pub(super) fn answer(&mut self, command: &str) -> Result<Answer> {
        let line = self.wire.line(LONGEST_LINE)?;
        self.understood(&line, command)
    }

    /// RFC 1939 section 3: `+OK` or `-ERR`, in upper case, and perhaps more.
    pub(super) fn understood(&self, line: &[u8], command: &str) -> Result<Answer> {
        let behind = |indicator: &[u8]| {
            line.strip_prefix(indicator).filter(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric))
        };
        if let Some(text) = behind(b"+OK") {
            return Ok(Ok(String::from_utf8_lossy(text).trim().to_owned()));
        }
        match behind(b"-ERR") {
            Some(_) => Ok(Err(format!("{}: {}", self.wire.server(), said(line)))),
            None => Err(self.wire.malformed(&format!("neither +OK nor -ERR but \"{}\" (to {command})", said(line)))),
        }
    }

    /// A line of a multi-line answer; `None`: its end.
    pub(super) fn listed(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = self.wire.line(LONGEST_LINE)?;
        if line == b"." {
            return Ok(None);
        }
        if line.first() == Some(&b'.') {
            line.remove(0);
        }
        Ok(Some(line))
    }

    /// The server has no such command, or does not want it now.
    pub(super) fn refused(&self, text: &str, command: &str) -> ImportError {
        passing(format!("{text} (to {command})"), ImportError::Data)
    }
}

/// `number rest`; LIST may have more behind the size (RFC 1939 section 5), a unique-id is the rest of its line
/// (section 7).
pub(super) fn pair(line: &[u8]) -> Option<Pair> {
    let line = line.trim_ascii();
    let digits = line.iter().position(|octet| matches!(octet, b' ' | b'\t')).unwrap_or(line.len());
    let number: u64 = str::from_utf8(&line[..digits]).ok()?.parse().ok()?;
    Some((number, line[digits..].trim_ascii_start().to_vec()))
}

/// With these response codes (RFC 2449 section 8.1, RFC 3206 section 4) `-ERR` says that it goes better later.
fn passing(text: String, otherwise: fn(String) -> ImportError) -> ImportError {
    let upper = text.to_ascii_uppercase();
    let is_passing =
        ["[IN-USE]", "[SYS/TEMP]", "[LOGIN-DELAY]"].iter().any(|code| upper.contains(&format!("-ERR {code}")));
    if is_passing { ImportError::Broken(text) } else { otherwise(text) }
}

fn login_error(text: String) -> ImportError {
    passing(text, ImportError::Login)
}
