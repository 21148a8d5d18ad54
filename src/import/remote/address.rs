//! `pop3://LOGIN@HOST:PORT` (after RFC 2384) and `imap://LOGIN@HOST:PORT/FOLDER` (after RFC 5092); the password is never
//! part of it.

use crate::import::percent::decoded;
use std::fmt;

/// What a server speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// RFC 1939.
    Pop3,
    /// RFC 3501.
    Imap,
}

/// Where to log in, and as whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// What is spoken there.
    pub protocol: Protocol,
    /// TLS from the first octet (`pop3s`, `imaps`, RFC 8314 section 3).
    pub implicit_tls: bool,
    /// The name to log in with.
    pub login: String,
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// IMAP: the folder, as people write it; `INBOX` if none is named.
    pub folder: String,
}

/// Scheme, protocol, implicit TLS, usual port.
type Scheme = (&'static str, Protocol, bool, u16);

/// The first of a kind is the one that is shown.
const SCHEMES: &[Scheme] = &[
    ("pop3", Protocol::Pop3, false, 110),
    ("pop3s", Protocol::Pop3, true, 995),
    ("imap", Protocol::Imap, false, 143),
    ("imaps", Protocol::Imap, true, 993),
    ("pop", Protocol::Pop3, false, 110),
    ("pops", Protocol::Pop3, true, 995),
];

impl Address {
    /// Whether this is meant for [`Address::parse`] and not a file.
    pub fn is_one(text: &str) -> bool {
        scheme(text).is_some()
    }

    /// Reads `pop3[s]://LOGIN@HOST[:PORT]` or `imap[s]://LOGIN@HOST[:PORT][/FOLDER]`. The last `@` before the folder
    /// separates; in LOGIN and FOLDER `%XX` stands for an octet of UTF-8 (`%2F` for a slash in LOGIN).
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (&(_, protocol, implicit_tls, usual), rest) =
            scheme(text).ok_or("it must start with pop3://, pop3s://, imap:// or imaps://")?;
        // POP3 has no folders (RFC 1939 section 1), so that a slash is LOGIN's.
        let (authority, path) = match protocol {
            Protocol::Pop3 => (rest.strip_suffix('/').unwrap_or(rest), ""),
            Protocol::Imap => rest.split_once('/').unwrap_or((rest, "")),
        };
        let (login, server) = authority.rsplit_once('@').ok_or("LOGIN@ is missing")?;
        let login = decoded(login).ok_or("LOGIN contains an invalid %XX")?;
        if login.is_empty() || login.contains(char::is_control) {
            return Err("LOGIN is missing or contains control characters");
        }
        let (host, port) = match server.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or("HOST lacks its closing ]")?,
            None => server.split_at(server.find(':').unwrap_or(server.len())),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => usual,
            None => return Err("HOST must be followed by :PORT"),
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or("PORT must be 1 to 65535")?,
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || "/?#%".contains(c)) {
            return Err("HOST is missing or invalid");
        }
        let folder = folder(protocol, path)?;
        Ok(Self { protocol, implicit_tls, login, host: host.to_owned(), port, folder })
    }

    /// Host and port.
    pub fn server(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        format!("{open}{}{close}:{}", self.host, self.port)
    }
}

/// The folder that a path names.
fn folder(protocol: Protocol, path: &str) -> Result<String, &'static str> {
    match path {
        "" if protocol == Protocol::Imap => Ok("INBOX".to_owned()),
        path => {
            let folder = decoded(path).ok_or("FOLDER contains an invalid %XX, or is not UTF-8")?;
            if folder.contains(char::is_control) { Err("FOLDER contains control characters") } else { Ok(folder) }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same = |(_, protocol, tls, _): &&Scheme| *protocol == self.protocol && *tls == self.implicit_tls;
        let scheme = SCHEMES.iter().find(same).map_or("", |(scheme, ..)| scheme);
        write!(f, "{scheme}://{}@{}", self.login, self.server())?;
        if self.protocol == Protocol::Imap { write!(f, "/{}", self.folder) } else { Ok(()) }
    }
}

fn scheme(text: &str) -> Option<(&'static Scheme, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    SCHEMES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(scheme)).map(|row| (row, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for (text, shown) in [
            ("pop3://alice@old.example", "pop3://alice@old.example:110"),
            ("POP3S://alice@old.example/", "pop3s://alice@old.example:995"),
            ("pops://alice@old.example", "pop3s://alice@old.example:995"),
            ("pop3://alice@a.example@127.0.0.1:1110", "pop3://alice@a.example@127.0.0.1:1110"),
            ("pop3://al%20ice%40a@old", "pop3://al ice@a@old:110"),
            ("pop3://alice@[::1]:1110", "pop3://alice@[::1]:1110"),
            ("pop3://EX/alice@old", "pop3://EX/alice@old:110"),
            ("imap://alice@old", "imap://alice@old:143/INBOX"),
            ("imaps://alice@old/", "imaps://alice@old:993/INBOX"),
            ("IMAP://alice@a.example@[2001:db8::1]:1143/", "imap://alice@a.example@[2001:db8::1]:1143/INBOX"),
            ("imaps://a@[::1]/Sent", "imaps://a@[::1]:993/Sent"),
            ("imap://EX%2Fa%5Cb@h/Archive/2024/Q1", "imap://EX/a\\b@h:143/Archive/2024/Q1"),
            ("imap://a@h/Entw%C3%BCrfe%2Falt", "imap://a@h:143/Entw\u{fc}rfe/alt"),
            ("imap://a@h/Entw\u{fc}rfe an @x:1%25", "imap://a@h:143/Entw\u{fc}rfe an @x:1%"),
            ("imap://J%C3%B6rg@h", "imap://J\u{f6}rg@h:143/INBOX"),
        ] {
            assert!(Address::is_one(text));
            assert_eq!(Address::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, what) in [
            ("smtp://a@b", "pop3"),
            ("pop3://host", "LOGIN@"),
            ("pop3://@host", "LOGIN"),
            ("pop3://%zz@host", "%XX"),
            ("pop3://%ff@host", "%XX"),
            ("pop3://a%0d@host", "LOGIN"),
            ("pop3://a%00@host", "LOGIN"),
            ("pop3://a@", "HOST"),
            ("pop3://a@b:x", "PORT"),
            ("pop3://a@b:0", "PORT"),
            ("pop3://a@b:65536", "PORT"),
            ("imap://a@b:+", "PORT"),
            ("pop3://a@[::1", "]"),
            ("pop3://a@[::1]x", "PORT"),
            ("pop3://a@b/c", "HOST"),
            ("imap://b/c@d", "LOGIN@"),
            ("imap://a@/c", "HOST"),
            ("imap://a@b%20c/d", "HOST"),
            ("imap://a@b/c%", "%XX"),
            ("imap://a@b/c%ff", "UTF-8"),
            ("imap://a@b/c%0Ad", "control"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
        assert!(!Address::is_one("/var/mail/alice") && !Address::is_one("pop3:"));
    }
}
