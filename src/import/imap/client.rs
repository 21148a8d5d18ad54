//! The client's side of IMAP4rev1 (RFC 3501), as much as an import needs; nothing that it says changes a mailbox.
//!
//! Every line, literal and answer has a bound. A message is passed on as it comes; all else is short.

mod login;

use super::response::{Body, Condition, Fetched};
use super::token::{self, Token};
use super::utf7;
use crate::import::remote::{Address, MOST_MESSAGES, Wire, said};
use crate::import::{ImportError, Result};

/// Longest line, octets: capabilities and flags may be many.
const LONGEST_LINE: usize = 16 * 1024;
/// Longest literal that is not a message, octets.
const LONGEST_LITERAL: u64 = 8 * 1024;
/// Most octets of one response without the message in it.
const LONGEST_RESPONSE: usize = 64 * 1024;
/// Most responses to one command that does not list messages.
const MOST_RESPONSES: usize = 10_000;

/// What comes before a command is done.
enum Response {
    /// `+ text`.
    Continue(Vec<u8>),
    /// The end of our command.
    Done(Condition, String),
    /// `* OK text` and its kin.
    Status(Condition, String),
    /// `* n FETCH (…)`.
    Fetch(Fetched),
    /// Any other, without its star; literals are left out.
    Other(String),
}

/// Where the octets of a message go, and how many there may be.
pub(super) struct Sink<'a> {
    pub(super) most: u64,
    pub(super) take: &'a mut dyn FnMut(&[u8]),
}

/// A session.
pub(super) struct Client {
    wire: Wire,
    capabilities: Vec<String>,
    /// Number of the last command.
    tag: u32,
}

impl Client {
    /// Connects; over TLS at once, or with STARTTLS (RFC 3501 section 6.2.1) if the server has that.
    pub(super) fn connect(address: &Address) -> Result<Self> {
        let mut client = Self { wire: Wire::connect(address)?, capabilities: Vec::new(), tag: 0 };
        match client.response(None)? {
            Response::Status(Condition::Ok, _) => {}
            Response::Status(Condition::Preauth, text) => {
                return Err(client
                    .wire
                    .malformed(&format!("a greeting for a session that is already logged in: {text}")));
            }
            Response::Status(_, text) => return Err(client.goodbye(&text)),
            _ => return Err(client.wire.malformed("something other than an IMAP greeting")),
        }
        client.ask_for_capabilities()?;
        if client.wire.is_clear() && client.has("STARTTLS") {
            client.run("STARTTLS")?.map_err(ImportError::Unreachable)?;
            client.wire.secure()?;
            client.ask_for_capabilities()?;
        }
        Ok(client)
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|offered| offered.eq_ignore_ascii_case(capability))
    }

    fn ask_for_capabilities(&mut self) -> Result<()> {
        let mut offered = Vec::new();
        let refused = self.converse("CAPABILITY", &mut |response| {
            if let Response::Other(text) = response {
                let mut words = text.split_whitespace();
                if words.next().is_some_and(|word| word.eq_ignore_ascii_case("CAPABILITY")) {
                    offered = words.map(str::to_owned).collect();
                }
            }
            Ok(())
        })?;
        self.capabilities = offered;
        refused.map(drop).map_err(ImportError::Data)
    }

    /// EXAMINE, which opens a folder for reading only (RFC 3501 section 6.3.2). Answers its UIDVALIDITY and how many
    /// messages it has.
    pub(super) fn examine(&mut self, folder: &str) -> Result<(u32, u64)> {
        let (mut validity, mut messages) = (None, 0);
        let name = utf7::encoded(folder).replace('\\', "\\\\").replace('"', "\\\"");
        let refused = self.converse(&format!("EXAMINE \"{name}\""), &mut |response| {
            match response {
                Response::Status(_, text) => validity = validity_of(&text).or(validity),
                Response::Other(text) => {
                    messages = exists(&text).unwrap_or(messages);
                }
                _ => {}
            }
            Ok(())
        })?;
        let text =
            refused.map_err(|text| ImportError::Data(format!("folder \"{}\": {text}", said(folder.as_bytes()))))?;
        let validity = validity_of(&text).or(validity);
        validity.map(|validity| (validity, messages)).ok_or_else(|| self.wire.malformed("no UIDVALIDITY of the folder"))
    }

    /// What is known of all messages of the folder without reading them.
    pub(super) fn overview(&mut self, take: &mut dyn FnMut(Fetched)) -> Result<()> {
        let (mut count, server) = (0, self.wire.server().to_owned());
        let refused = self.converse_at_length(
            "UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)",
            MOST_MESSAGES + MOST_RESPONSES,
            None,
            &mut |response| {
                if let Response::Fetch(fetched) = response
                    // A change of flags, told meanwhile, has no size.
                    && (fetched.uid.is_some() && fetched.octets.is_some())
                {
                    count += 1;
                    if count > MOST_MESSAGES {
                        return Err(ImportError::Data(format!("{server} listed more than {MOST_MESSAGES} messages")));
                    }
                    take(fetched);
                }
                Ok(())
            },
        )?;
        refused.map(drop).map_err(ImportError::Data)
    }

    /// Reads a message without marking it as read.
    pub(super) fn message(&mut self, uid: u32, mut sink: Sink<'_>) -> Result<()> {
        let (mut found, place) = (0, format!("message {uid}"));
        let mut text = None;
        let (server, mut other) = (self.wire.server().to_owned(), None);
        let done = self.converse_at_length(
            &format!("UID FETCH {uid} (UID BODY.PEEK[])"),
            MOST_RESPONSES,
            Some(&mut sink),
            &mut |response| {
                let Response::Fetch(fetched) = response else { return Ok(()) };
                if fetched.body == Body::Absent {
                    return Ok(());
                }
                if fetched.uid != Some(uid) {
                    other = fetched.uid;
                    return Err(ImportError::Data(format!("{server} sent another message ({other:?})")));
                }
                found += 1;
                if let Body::Text(octets) = fetched.body {
                    text = Some(octets);
                }
                Ok(())
            },
        )?;
        done.map_err(|refusal| ImportError::Withheld(format!("{place}: {refusal}")))?;
        match (found, text) {
            (0, _) => Err(ImportError::Withheld(format!("{place}: the server does not send it"))),
            (1, Some(octets)) => {
                (sink.take)(&octets);
                Ok(())
            }
            (1, None) => Ok(()),
            _ => Err(self.wire.malformed("one message twice")),
        }
    }

    pub(super) fn quit(&mut self) {
        // Nothing was changed: whether it is heard changes nothing.
        let _ = self.run("LOGOUT");
    }

    /// A command whose untagged answers do not matter.
    fn run(&mut self, command: &str) -> Result<Done> {
        self.converse(command, &mut |_| Ok(()))
    }

    fn converse(&mut self, command: &str, take: &mut dyn FnMut(Response) -> Result<()>) -> Result<Done> {
        self.converse_at_length(command, MOST_RESPONSES, None, take)
    }

    /// Sends a command and gives `take` what comes until it is done.
    fn converse_at_length(
        &mut self,
        command: &str,
        most: usize,
        mut sink: Option<&mut Sink<'_>>,
        take: &mut dyn FnMut(Response) -> Result<()>,
    ) -> Result<Done> {
        self.begin(command)?;
        for _ in 0..most {
            match self.response(sink.as_deref_mut())? {
                Response::Done(Condition::Ok, text) => return Ok(Ok(text)),
                Response::Done(Condition::No, text) => return Ok(Err(text)),
                Response::Done(_, text) => return Err(self.wire.malformed(&format!("{text} (to {command})"))),
                Response::Status(Condition::Bye, text) if command != "LOGOUT" => return Err(self.goodbye(&text)),
                Response::Continue(text) => {
                    return Err(self.wire.malformed(&format!("\"+ {}\", which nobody asked for", said(&text))));
                }
                response => take(response)?,
            }
        }
        Err(self.wire.malformed(&format!("more than {most} responses (to {command})")))
    }

    fn begin(&mut self, command: &str) -> Result<()> {
        self.tag += 1;
        self.wire.send(format!("A{} {command}\r\n", self.tag).as_bytes())
    }

    fn goodbye(&self, text: &str) -> ImportError {
        ImportError::Broken(format!("{}: {text}", self.wire.server()))
    }

    /// The next response, whole.
    fn response(&mut self, sink: Option<&mut Sink<'_>>) -> Result<Response> {
        let line = self.wire.line(LONGEST_LINE)?;
        if let Some(text) = line.strip_prefix(b"+") {
            return Ok(Response::Continue(text.trim_ascii_start().to_vec()));
        }
        let mut words = line.splitn(3, |octet| *octet == b' ');
        let (tag, word, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
        let condition = Condition::of(word);
        let text = |line: &[u8]| said(&line[tag.len()..]);
        if tag == format!("A{}", self.tag).as_bytes() {
            return match condition {
                Some(condition @ (Condition::Ok | Condition::No | Condition::Bad)) => {
                    Ok(Response::Done(condition, text(&line)))
                }
                _ => Err(self.wire.malformed(&format!("\"{}\"", said(&line)))),
            };
        }
        if tag != b"*" {
            return Err(self.wire.malformed(&format!("\"{}\", which belongs to no command", said(&line))));
        }
        if let Some(condition) = condition {
            return Ok(Response::Status(condition, text(&line)));
        }
        let keyword = rest.and_then(|rest| rest.split(|octet| *octet == b' ').next()).unwrap_or_default();
        if token::number(word).is_some() && keyword.eq_ignore_ascii_case(b"FETCH") {
            let from = tag.len() + word.len() + keyword.len() + 2;
            return self.fetch(line[from..].to_vec(), sink);
        }
        self.other(&line[tag.len()..])
    }

    /// What stands behind `* n FETCH`, over as many lines as its literals make of it.
    fn fetch(&mut self, mut line: Vec<u8>, mut sink: Option<&mut Sink<'_>>) -> Result<Response> {
        let (mut tokens, mut octets) = (Vec::new(), 0);
        loop {
            octets += line.len();
            if octets > LONGEST_RESPONSE {
                return Err(self.wire.malformed("a FETCH that does not end"));
            }
            if token::read(&line, &mut tokens).is_none() {
                return Err(self.wire.malformed(&format!("\"{}\" (as FETCH)", said(&line))));
            }
            let Some(Token::Literal(length)) = tokens.last() else { break };
            let length = *length;
            tokens.pop();
            let is_body = matches!(tokens.last(), Some(Token::Atom(name)) if name.eq_ignore_ascii_case(b"BODY[]"));
            tokens.push(match sink.as_deref_mut() {
                Some(sink) if is_body => {
                    self.pass(length, sink)?;
                    Token::Passed
                }
                _ => Token::Text(self.literal(length)?),
            });
            line = self.wire.line(LONGEST_LINE)?;
        }
        match Fetched::of(&tokens) {
            Some(fetched) => Ok(Response::Fetch(fetched)),
            None => Err(self.wire.malformed("an invalid FETCH")),
        }
    }

    fn other(&mut self, line: &[u8]) -> Result<Response> {
        let text = String::from_utf8_lossy(line).trim().to_owned();
        let (mut last, mut octets) = (line.to_vec(), 0);
        while let Some(length) = token::literal_at_end(&last) {
            octets += self.literal(length)?.len() + last.len();
            if octets > LONGEST_RESPONSE {
                return Err(self.wire.malformed("a response that does not end"));
            }
            last = self.wire.line(LONGEST_LINE)?;
        }
        Ok(Response::Other(text))
    }

    /// A short literal.
    fn literal(&mut self, length: u64) -> Result<Vec<u8>> {
        let mut octets = Vec::new();
        let mut sink = Sink { most: LONGEST_LITERAL, take: &mut |piece| octets.extend_from_slice(piece) };
        self.pass(length, &mut sink)?;
        Ok(octets)
    }

    /// Passes a literal on.
    fn pass(&mut self, length: u64, sink: &mut Sink<'_>) -> Result<()> {
        if length > sink.most {
            return Err(self
                .wire
                .malformed(&format!("a literal of {length} octets, where {} are too many", sink.most)));
        }
        let mut left = length;
        while left > 0 {
            let piece = self.wire.buffered();
            let piece = &piece[..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
            let taken = piece.len();
            (sink.take)(piece);
            self.wire.consume(taken);
            left -= taken as u64;
            if left > 0 {
                self.wire.fill()?;
            }
        }
        Ok(())
    }
}

/// How a command ended: with text, or refused with text.
type Done = std::result::Result<String, String>;

/// `OK [UIDVALIDITY n] …`.
fn validity_of(text: &str) -> Option<u32> {
    let (code, _) = text.split_once('[')?.1.split_once(']')?;
    let (name, value) = code.split_once(' ')?;
    name.eq_ignore_ascii_case("UIDVALIDITY").then(|| value.trim().parse().ok()).flatten().filter(|value| *value > 0)
}

/// `n EXISTS`.
fn exists(text: &str) -> Option<u64> {
    let (number, word) = text.split_once(' ')?;
    word.trim().eq_ignore_ascii_case("EXISTS").then(|| number.parse().ok()).flatten()
}
