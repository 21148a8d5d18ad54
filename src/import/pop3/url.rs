//! `pop3://LOGIN@HOST:PORT`, after RFC 2384; the password is never part of it.

use crate::import::percent::decoded;
use std::fmt;

/// Where to log in, and as whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// TLS from the first octet (`pop3s`, RFC 8314 section 3.3).
    pub implicit_tls: bool,
    /// The name to log in with.
    pub login: String,
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Address {
    /// Whether this is meant for [`Address::parse`] and not a file.
    pub fn is_one(text: &str) -> bool {
        scheme(text).is_some()
    }

    /// Reads `pop3[s]://LOGIN@HOST[:PORT]`. The last `@` separates; `%40` stands for one in LOGIN.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (implicit_tls, rest) = scheme(text).ok_or("it does not start with pop3:// or pop3s://")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, server) = rest.rsplit_once('@').ok_or("there is no LOGIN@ in it")?;
        let login = decoded(login).ok_or("LOGIN has a bad %XX")?;
        if login.is_empty() || login.contains(char::is_control) {
            return Err("LOGIN is missing");
        }
        let (host, port) = match server.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or("HOST has no ]")?,
            None => server.split_at(server.find(':').unwrap_or(server.len())),
        };
        let usual = if implicit_tls { 995 } else { 110 };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => usual,
            None => return Err("behind HOST stands no :PORT"),
            Some(port) => port.parse().map_err(|_| "PORT is no number of 0 to 65535")?,
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/?#%".contains(c)) {
            return Err("HOST is missing or no name");
        }
        Ok(Self { implicit_tls, login, host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.implicit_tls { "pop3s" } else { "pop3" };
        let bracket = self.host.contains(':');
        let (open, close) = if bracket { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{}@{open}{}{close}:{}", self.login, self.host, self.port)
    }
}

fn scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    match scheme.to_ascii_lowercase().as_str() {
        "pop3" | "pop" => Some((false, rest)),
        "pop3s" | "pops" => Some((true, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for (text, shown) in [
            ("pop3://alice@old.example", "pop3://alice@old.example:110"),
            ("POP3S://alice@old.example/", "pop3s://alice@old.example:995"),
            ("pop3://alice@a.example@127.0.0.1:1110", "pop3://alice@a.example@127.0.0.1:1110"),
            ("pop3://al%20ice%40a@old", "pop3://al ice@a@old:110"),
            ("pop3://alice@[::1]:1110", "pop3://alice@[::1]:1110"),
        ] {
            assert!(Address::is_one(text));
            assert_eq!(Address::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, what) in [
            ("imap://a@b", "pop3"),
            ("pop3://host", "LOGIN@"),
            ("pop3://@host", "LOGIN"),
            ("pop3://%zz@host", "%XX"),
            ("pop3://a%0d@host", "LOGIN"),
            ("pop3://a@", "HOST"),
            ("pop3://a@b:x", "PORT"),
            ("pop3://a@[::1", "]"),
            ("pop3://a@b/c", "HOST"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
        assert!(!Address::is_one("/var/mail/alice") && !Address::is_one("pop3:"));
    }
}
