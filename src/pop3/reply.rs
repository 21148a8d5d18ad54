//! Replies: the only place that writes `+OK` and `-ERR`.
//!
//! Every single-line response is at most 512 octets with its CRLF (RFC 2449 section 4,
//! [MS-STANXPOP3] C0001); a SASL challenge may be longer (RFC 5034 section 4). The texts that
//! clients of Exchange have learned to match stand here and nowhere else.

use crate::store::StoreError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// Longest single-line response, octets, with its CRLF.
pub const LONGEST_REPLY: usize = 512;

/// Where the sentence behind `Protocol error. ` begins.
const PROTOCOL_ERROR: usize = "Protocol error. ".len();

/// Response codes (RFC 2449 section 8, RFC 3206).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// A problem with the credentials (RFC 3206 section 4).
    Auth,
    /// A fault of ours that will pass (RFC 3206 section 5).
    SysTemp,
    /// The maildrop is in use by somebody else (RFC 2449 section 8.1.2).
    InUse,
    /// A fault of ours that will stay (RFC 3206 section 5).
    SysPerm,
}

impl Code {
    fn text(self) -> &'static str {
        match self {
            Self::Auth => "[AUTH] ",
            Self::InUse => "[IN-USE] ",
            Self::SysTemp => "[SYS/TEMP] ",
            Self::SysPerm => "[SYS/PERM] ",
        }
    }
}

/// One response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// `+OK` and text, if any.
    Ok(Cow<'static, str>),
    /// `-ERR`, a response code, if any, and text.
    Err(Option<Code>, Cow<'static, str>),
    /// `-ERR Protocol error.`, what is unknown, and the word that the client sent for it, which may be a secret
    /// that came out of turn.
    Unknown(&'static str, String),
    /// `+OK` and lines, ended by a dot.
    Lines(Vec<Cow<'static, str>>),
    /// `+ ` and base64 (RFC 5034 section 4).
    Challenge(Vec<u8>),
}

impl Reply {
    /// A bare `+OK`.
    pub const OK: Self = Self::Ok(Cow::Borrowed(""));
    /// The command exists, but not here and now.
    pub const WRONG_STATE: Self = Self::err("Command is not valid in this state.");
    /// A login that `LoginType` does not let through in clear.
    pub const WANTS_TLS: Self =
        Self::err("Command is not valid in this state. This server wants TLS first: STLS, or port 995.");
    /// PASS and AUTH that were right.
    pub const LOGGED_ON: Self = Self::Ok(Cow::Borrowed("User successfully logged on."));
    /// PASS and AUTH that were not, whatever the reason.
    pub const LOGON_FAILURE: Self =
        Self::Err(Some(Code::Auth), Cow::Borrowed("Logon failure: unknown user name or bad password."));
    /// We could not find out.
    pub const UNAVAILABLE: Self =
        Self::Err(Some(Code::SysTemp), Cow::Borrowed("Server Unavailable. Try again in a minute."));
    /// Somebody else has the maildrop. Only said on purpose: any number of sessions may have ours.
    pub const IN_USE: Self = Self::Err(Some(Code::InUse), Cow::Borrowed("The mailbox is in use. Try again later."));
    /// RFC 2595 section 4.
    pub const BEGIN_TLS: Self = Self::Ok(Cow::Borrowed("Begin TLS negotiation."));
    /// The client sent `*` (RFC 5034 section 4).
    pub const CANCELLED: Self = Self::err("The AUTH protocol exchange was canceled by the client.");
    /// QUIT.
    pub const SIGNING_OFF: Self = Self::Ok(Cow::Borrowed("Pillarbox POP3 server signing off."));
    /// No message of this number.
    pub const OUT_OF_RANGE: Self = Self::err("The specified message is out of range.");
    /// DELE has marked it (RFC 1939 section 5).
    pub const MARKED: Self = Self::err("The specified message is marked as deleted.");
    /// UPDATE failed; nothing was removed (RFC 1939 section 6).
    pub const NOT_REMOVED: Self =
        Self::Err(Some(Code::SysTemp), Cow::Borrowed("The marked messages were not removed. Try again later."));
    /// The greeting while new clients are sent away, because the process ends.
    pub const DRAINING: Self =
        Self::Err(Some(Code::SysTemp), Cow::Borrowed("The server is about to shut down. Try again later."));
    /// The process ends.
    pub const SHUTTING_DOWN: Self = Self::err("Connection is closed. The server is shutting down.");

    /// The server is full, and others wait to log in.
    pub const MADE_ROOM: Self =
        Self::Err(Some(Code::SysTemp), Cow::Borrowed("Connection is closed. The server is full (MaxConnections)."));
    /// The login does not count any more.
    pub const SHUT_OUT: Self =
        Self::Err(Some(Code::SysPerm), Cow::Borrowed("Connection is closed. The session was ended by the server."));
    /// The commands that a client may fail with before it has logged in are used up.
    pub const TOO_MANY_FAILURES: Self = Self::err("Connection is closed. Too many commands failed.");
    /// The client takes us for a web server.
    pub const NOT_HTTP: Self = Self::err("Connection is closed. This is a POP3 server.");

    const fn err(text: &'static str) -> Self {
        Self::Err(None, Cow::Borrowed(text))
    }

    /// `-ERR Protocol error.` and what was wrong: a sentence, whoever wrote its text.
    pub fn protocol_error(what: impl std::fmt::Display) -> Self {
        let mut text = format!("Protocol error. {what}.");
        if let Some(first) = text.get_mut(PROTOCOL_ERROR..PROTOCOL_ERROR + 1) {
            first.make_ascii_uppercase();
        }
        Self::Err(None, text.into())
    }

    /// AUTH with a mechanism that we have, but do not offer on this connection.
    pub fn switched_off(mechanism: &str) -> Self {
        Self::Err(
            None,
            format!("Command is not valid in this state. {mechanism} is known, but switched off here.").into(),
        )
    }

    /// `-ERR Protocol error.`: there is no such thing as this word.
    pub fn unknown(what: &'static str, word: &[u8]) -> Self {
        Self::Unknown(what, shown(word))
    }

    /// The notice before an autologout ([MS-STANXPOP3] V0003).
    pub fn autologout(seconds: u64) -> Self {
        Self::Err(None, format!("Connection is closed. Nothing was received for {seconds} seconds.").into())
    }

    /// The client has not logged in within this time.
    pub fn login_time(seconds: u64) -> Self {
        Self::Err(None, format!("Connection is closed. Nobody has logged in for {seconds} seconds.").into())
    }

    /// The session has lasted for as long as it may.
    pub fn session_time(seconds: u64) -> Self {
        let text = format!("Connection is closed. The session has lasted for {seconds} seconds (MaxSessionTime).");
        Self::Err(None, text.into())
    }

    /// Too many connections of a kind; `setting` bounds them.
    pub fn too_many(of: &str, setting: &str, limit: usize) -> Self {
        let text = format!("Connection is closed. Too many connections {of}: {setting} is {limit}.");
        Self::Err(Some(Code::SysTemp), text.into())
    }

    /// RETR or TOP of a message whose octets cannot be had ([MS-STANXPOP3] C0004).
    pub fn unreadable(error: &StoreError) -> Self {
        match error {
            StoreError::NoSuchMessage | StoreError::NoSuchMailbox => {
                Self::err("The specified message was removed from the mailbox.")
            }
            _ => Self::UNAVAILABLE,
        }
    }

    /// A negative response.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Err(..) | Self::Unknown(..))
    }

    /// A negative response without a code: what was sent makes no sense, here or at all. (An attempt to log in has one.)
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Err(None, _) | Self::Unknown(..))
    }

    /// What a log may show: the first line, nothing of a SASL exchange, and nothing that the client had sent.
    pub fn loggable(&self) -> String {
        match self {
            Self::Ok(text) if text.is_empty() => "+OK".into(),
            Self::Ok(text) => format!("+OK {text}"),
            Self::Err(code, text) => format!("-ERR {}{text}", code.map_or("", Code::text)),
            Self::Unknown(what, _) => format!("-ERR Protocol error. {what} *****."),
            Self::Lines(_) => "+OK".into(),
            Self::Challenge(_) => "+ *****".into(),
        }
    }

    /// Appends the response, at most [`LONGEST_REPLY`] octets a line.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ok(text) => line(out, "+OK", "", text),
            Self::Err(code, text) => line(out, "-ERR", code.map_or("", Code::text), text),
            Self::Unknown(what, word) => line(out, "-ERR", "", &format!("Protocol error. {what} {word}.")),
            Self::Lines(lines) => {
                out.extend_from_slice(b"+OK\r\n");
                for text in lines {
                    clipped(out, text, LONGEST_REPLY - 2);
                }
                out.extend_from_slice(b".\r\n");
            }
            Self::Challenge(octets) => {
                out.extend_from_slice(b"+ ");
                out.extend_from_slice(STANDARD.encode(octets).as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
    }
}

fn line(out: &mut Vec<u8>, indicator: &str, code: &str, text: &str) {
    out.extend_from_slice(indicator.as_bytes());
    if !code.is_empty() || !text.is_empty() {
        out.push(b' ');
    }
    out.extend_from_slice(code.as_bytes());
    clipped(out, text, LONGEST_REPLY - 2 - indicator.len() - 1 - code.len());
}

/// Text of at most `room` octets, cut between characters, and CRLF.
fn clipped(out: &mut Vec<u8>, text: &str, room: usize) {
    let end = (0..=room.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    out.extend_from_slice(&text.as_bytes()[..end]);
    out.extend_from_slice(b"\r\n");
}

/// What can be shown of what a client sent: printable ASCII, at most 32 octets.
fn shown(octets: &[u8]) -> String {
    let shown = |octet: &u8| if octet.is_ascii_graphic() { char::from(*octet) } else { '?' };
    octets.iter().take(32).map(shown).collect()
}

/// 00 to 99.
const PAIRS: [u8; 200] = {
    let (mut pairs, mut n) = ([0; 200], 0);
    while n < 100 {
        pairs[2 * n] = b'0' + (n / 10) as u8;
        pairs[2 * n + 1] = b'0' + (n % 10) as u8;
        n += 1;
    }
    pairs
};

/// Appends a decimal number, two digits at a time: a listing of 100,000 messages has 200,000 of them.
pub fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while value >= 10 {
        let pair = 2 * (value % 100) as usize;
        value /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_that_clients_match() {
        assert_eq!(written(&Reply::OK), "+OK\r\n");
        assert_eq!(written(&Reply::LOGON_FAILURE), "-ERR [AUTH] Logon failure: unknown user name or bad password.\r\n");
        assert_eq!(written(&Reply::Challenge(Vec::new())), "+ \r\n");
    }

    #[test]
    fn a_protocol_error_is_a_sentence() {
        assert_eq!(written(&Reply::protocol_error("exchange is over")), "-ERR Protocol error. Exchange is over.\r\n");
        assert_eq!(written(&Reply::protocol_error("Usage: X")), "-ERR Protocol error. Usage: X.\r\n");
        assert_eq!(written(&Reply::protocol_error("\u{e9}")), "-ERR Protocol error. \u{e9}.\r\n");
    }

    #[test]
    fn a_log_shows_nothing_that_the_client_sent() {
        let reply = Reply::unknown("There is no command", b"aHVudGVyMg==");
        assert_eq!(written(&reply), "-ERR Protocol error. There is no command aHVudGVyMg==.\r\n");
        assert_eq!(reply.loggable(), "-ERR Protocol error. There is no command *****.");
        assert_eq!(Reply::OK.loggable(), "+OK");
        assert_eq!(Reply::Ok("2 300".into()).loggable(), "+OK 2 300");
    }

    #[test]
    fn no_line_is_longer_than_512_octets() {
        let long = "\u{e9}".repeat(600);
        for reply in [Reply::Ok(long.clone().into()), Reply::Err(Some(Code::SysPerm), long.clone().into())] {
            let text = written(&reply);
            assert!(text.len() <= LONGEST_REPLY && text.len() > LONGEST_REPLY - 3, "{}", text.len());
        }
        let lines = written(&Reply::Lines(vec![long.into()]));
        assert!(lines.split_inclusive('\n').all(|line| line.len() <= 512));
        for octets in [510, 511, 600] {
            let lines = written(&Reply::Lines(vec!["x".repeat(octets).into()]));
            assert_eq!(lines.split_inclusive('\n').map(str::len).collect::<Vec<_>>(), [5, 512, 3], "{octets}");
            assert_eq!(written(&Reply::Ok("x".repeat(octets).into())).len(), 512);
        }
    }

    #[test]
    fn numbers() {
        let powers = (0..20).map(|n| 10u64.pow(n)).flat_map(|power| [power - 1, power, power + 1]);
        for value in powers.chain(0..10_000).chain([u64::MAX - 1, u64::MAX]) {
            let mut out = Vec::new();
            number(&mut out, value);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }
}
