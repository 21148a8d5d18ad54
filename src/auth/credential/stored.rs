//! What a `users.password` can hold, told apart by how it begins (docs/interface.md §2).
//!
//! What must not be known here: how any of it is verified.

use crate::store::password::{dovecot, is_hash};

/// A value of `users.password`, without the prefix that told what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stored<'a> {
    /// The password itself, written by an administrator; to be replaced as soon as possible.
    Plain(&'a [u8]),
    /// A PHC string, `$argon2…`.
    Argon2(&'a str),
    /// `$2a$…`, `$2b$…` or `$2y$…` of crypt(5).
    Bcrypt(&'a str),
    /// `$6$…` of crypt(5).
    Sha512Crypt(&'a str),
    /// A hash of a kind we do not have, or none at all: no password matches it.
    Malformed,
}

/// Tells what a value is.
pub fn classify(value: &[u8]) -> Stored<'_> {
    if let Some((scheme, rest)) = dovecot(value) {
        return of_scheme(scheme, rest);
    }
    if is_hash(value) { of_crypt(value) } else { Stored::Plain(value) }
}

/// Dovecot's names for the kinds we have; they compare without case. One that says the wrong kind
/// is not believed.
fn of_scheme<'a>(scheme: &str, rest: &'a [u8]) -> Stored<'a> {
    let stored = of_crypt(rest);
    match (scheme.to_ascii_uppercase().as_str(), stored) {
        ("PLAIN", _) => Stored::Plain(rest),
        ("ARGON2ID", Stored::Argon2(phc)) if phc.starts_with("$argon2id$") => stored,
        ("ARGON2I", Stored::Argon2(phc)) if phc.starts_with("$argon2i$") => stored,
        ("BLF-CRYPT", Stored::Bcrypt(_)) | ("SHA512-CRYPT", Stored::Sha512Crypt(_)) => stored,
        ("CRYPT", Stored::Bcrypt(_) | Stored::Sha512Crypt(_)) => stored,
        _ => Stored::Malformed,
    }
}

/// What crypt(5) and the PHC format tell apart themselves.
fn of_crypt(value: &[u8]) -> Stored<'_> {
    let Ok(text) = std::str::from_utf8(value) else { return Stored::Malformed };
    let mut fields = text.split('$');
    match (fields.next(), fields.next()) {
        (Some(""), Some("argon2id" | "argon2i" | "argon2d")) => Stored::Argon2(text),
        (Some(""), Some("2a" | "2b" | "2y")) => Stored::Bcrypt(text),
        (Some(""), Some("6")) => Stored::Sha512Crypt(text),
        _ => Stored::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_begin_with() {
        let table: &[(&str, Stored<'_>)] = &[
            ("correct horse", Stored::Plain(b"correct horse")),
            ("", Stored::Plain(b"")),
            ("$", Stored::Plain(b"$")),
            ("$2", Stored::Plain(b"$2")),
            ("$5$x$y", Stored::Malformed),
            ("$1$", Stored::Malformed),
            ("$y$j9T$x$y", Stored::Malformed),
            ("$md5,rounds=904$x", Stored::Malformed),
            ("$pbkdf2-sha256$29000$x$y", Stored::Malformed),
            ("$2x$05$x", Stored::Malformed),
            ("$4$x", Stored::Plain(b"$4$x")),
            ("$ecret$", Stored::Plain(b"$ecret$")),
            ("{PLAIN}$5$x$y", Stored::Plain(b"$5$x$y")),
            ("$2y$05$x", Stored::Bcrypt("$2y$05$x")),
            ("$2a$05$x", Stored::Bcrypt("$2a$05$x")),
            ("{", Stored::Plain(b"{")),
            ("{}x", Stored::Plain(b"{}x")),
            ("{a b}x", Stored::Plain(b"{a b}x")),
            ("x{PLAIN}y", Stored::Plain(b"x{PLAIN}y")),
            ("{PLAIN}x", Stored::Plain(b"x")),
            ("{plain}{x}", Stored::Plain(b"{x}")),
            ("$argon2id$v=19$x", Stored::Argon2("$argon2id$v=19$x")),
            ("$argon2x$", Stored::Malformed),
            ("$argon2", Stored::Malformed),
            ("{ARGON2ID}$argon2id$x", Stored::Argon2("$argon2id$x")),
            ("{ARGON2I}$argon2i$x", Stored::Argon2("$argon2i$x")),
            ("{ARGON2I}$argon2id$x", Stored::Malformed),
            ("$2b$x", Stored::Bcrypt("$2b$x")),
            ("{BLF-CRYPT}$2y$x", Stored::Bcrypt("$2y$x")),
            ("{BLF-CRYPT}$6$x", Stored::Malformed),
            ("{BLF-CRYPT}x", Stored::Malformed),
            ("$6$x$y", Stored::Sha512Crypt("$6$x$y")),
            ("{SHA512-CRYPT}$6$x$y", Stored::Sha512Crypt("$6$x$y")),
            ("{crypt}$6$x$y", Stored::Sha512Crypt("$6$x$y")),
            ("{CRYPT}$2a$x", Stored::Bcrypt("$2a$x")),
            ("{CRYPT}ab1234567890.", Stored::Malformed),
            ("{CRYPT}x$6$x$y", Stored::Malformed),
            ("{MD5}x", Stored::Malformed),
            ("{SSHA256.b64}x", Stored::Malformed),
        ];
        for (value, stored) in table {
            assert_eq!(classify(value.as_bytes()), *stored, "{value}");
        }
        assert_eq!(classify(b"\xff"), Stored::Plain(b"\xff"));
        assert_eq!(classify(b"$6$\xff"), Stored::Malformed);
    }
}
