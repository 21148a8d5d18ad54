//! What a server says, understood as far as an import needs it (RFC 3501 section 7).

use super::token::{Token, number};
use crate::message::date;

/// The end of a command, or a status in between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Condition {
    /// Done.
    Ok,
    /// Refused.
    No,
    /// Not understood.
    Bad,
    /// Logged in already.
    Preauth,
    /// The server ends the session.
    Bye,
}

impl Condition {
    /// What a word stands for.
    pub(super) fn of(word: &[u8]) -> Option<Self> {
        let words: [(&[u8], Self); 5] = [
            (b"OK", Self::Ok),
            (b"NO", Self::No),
            (b"BAD", Self::Bad),
            (b"PREAUTH", Self::Preauth),
            (b"BYE", Self::Bye),
        ];
        words.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, condition)| condition)
    }
}

/// What FETCH says of a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Fetched {
    pub(super) uid: Option<u32>,
    pub(super) seen: bool,
    pub(super) deleted: bool,
    /// INTERNALDATE, seconds since 1970 UTC.
    pub(super) received_at: Option<i64>,
    /// RFC822.SIZE.
    pub(super) octets: Option<u64>,
    pub(super) body: Body,
}

/// BODY[] of a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Body {
    /// Nothing is said of it, or NIL.
    #[default]
    Absent,
    /// It was passed on as it came.
    Passed,
    /// It came as a string.
    Text(Vec<u8>),
}

impl Fetched {
    /// Understands the words behind `FETCH`. `None`: they are malformed.
    pub(super) fn of(tokens: &[Token]) -> Option<Self> {
        let [Token::Open, items @ .., Token::Close] = tokens else { return None };
        let (mut fetched, mut rest) = (Self::default(), items);
        while let [name, value, ..] = rest {
            let Token::Atom(name) = name else { return None };
            let length = length(&rest[1..])?;
            fetched.take(&name.to_ascii_uppercase(), value, &rest[1..=length])?;
            rest = &rest[1 + length..];
        }
        rest.is_empty().then_some(fetched)
    }

    /// One item; what is not known is passed over.
    fn take(&mut self, name: &[u8], value: &Token, all: &[Token]) -> Option<()> {
        match (name, value) {
            (b"UID", Token::Atom(uid)) => self.uid = Some(u32::try_from(number(uid)?).ok().filter(|uid| *uid > 0)?),
            (b"RFC822.SIZE", Token::Atom(octets)) => self.octets = Some(number(octets)?),
            (b"INTERNALDATE", Token::Text(text)) => {
                self.received_at = date::parse_internal(str::from_utf8(text).ok()?);
            }
            (b"FLAGS", Token::Open) => {
                let has = |flag: &[u8]| {
                    all.iter().any(|token| matches!(token, Token::Atom(atom) if atom.eq_ignore_ascii_case(flag)))
                };
                (self.seen, self.deleted) = (has(b"\\Seen"), has(b"\\Deleted"));
            }
            (b"UID" | b"RFC822.SIZE" | b"FLAGS", _) => return None,
            (b"BODY[]", value) => {
                // Two of them would be two messages in one.
                if self.body != Body::Absent {
                    return None;
                }
                self.body = match value {
                    Token::Passed => Body::Passed,
                    Token::Text(text) => Body::Text(text.clone()),
                    Token::Atom(nil) if nil.eq_ignore_ascii_case(b"NIL") => Body::Absent,
                    _ => return None,
                };
            }
            _ => {}
        }
        Some(())
    }
}

/// How many tokens a value takes: one, or all up to the bracket that closes it.
fn length(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::token;
    use super::*;

    fn fetched(line: &str) -> Option<Fetched> {
        let mut tokens = Vec::new();
        token::read(line.as_bytes(), &mut tokens)?;
        Fetched::of(&tokens)
    }

    #[test]
    fn what_is_said_of_a_message() {
        let all = fetched(
            "(FLAGS (\\Seen $Junk) UID 4294967295 X-GM-LABELS (a (\"b\" c)) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" \
             MODSEQ (12) RFC822.SIZE 44827)",
        );
        let expected = Fetched {
            uid: Some(4_294_967_295),
            seen: true,
            received_at: Some(837_596_665),
            octets: Some(44_827),
            ..Fetched::default()
        };
        assert_eq!(all, Some(expected));
        assert!(fetched("(uid 1 flags (\\DELETED))").unwrap().deleted);
        assert_eq!(fetched("(UID 1 BODY[] \"x\")").unwrap().body, Body::Text(b"x".to_vec()));
        assert_eq!(fetched("(UID 1 BODY[] NIL)").unwrap().body, Body::Absent);
        assert_eq!(fetched("()"), Some(Fetched::default()));
    }

    #[test]
    fn what_is_none_is_refused() {
        for line in [
            "",
            "UID 1",
            "(UID)",
            "(UID 0)",
            "(UID 4294967296)",
            "(UID -1)",
            "(UID x)",
            "(UID (1))",
            "(FLAGS \\Seen)",
            "(FLAGS (\\Seen)",
            "(UID 1))",
            "(\"UID\" 1)",
            "(RFC822.SIZE 1x)",
            "(BODY[] \"a\" BODY[] \"b\")",
            "(BODY[] a)",
        ] {
            assert_eq!(fetched(line), None, "{line}");
        }
    }
}
