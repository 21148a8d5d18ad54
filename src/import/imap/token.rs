//! The words of an IMAP response (RFC 3501 section 9), a line at a time; literals are read by the one who has the wire.

/// A word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// An atom, flag, number or `NIL`, with what stands in brackets behind it.
    Atom(Vec<u8>),
    /// A quoted string, or a literal that was read.
    Text(Vec<u8>),
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// A literal of so many octets stands behind this line.
    Literal(u64),
    /// A literal that was passed on as it came.
    Passed,
}

/// Appends the words of a line. `None`: it is malformed.
pub(super) fn read(line: &[u8], tokens: &mut Vec<Token>) -> Option<()> {
    let mut rest = line;
    while let Some((first, behind)) = rest.split_first() {
        let token;
        (token, rest) = match first {
            b' ' => {
                rest = behind;
                continue;
            }
            b'(' => (Token::Open, behind),
            b')' => (Token::Close, behind),
            b'"' => quoted(behind)?,
            b'{' => (Token::Literal(literal(rest)?), &rest[rest.len()..]),
            // literal8 of RFC 3516.
            b'~' if behind.starts_with(b"{") => (Token::Literal(literal(behind)?), &rest[rest.len()..]),
            _ => atom(rest)?,
        };
        tokens.push(token);
    }
    Some(())
}

/// `{n}` at the end of a line, whatever the line is.
pub(super) fn literal_at_end(line: &[u8]) -> Option<u64> {
    let at = line.iter().rposition(|octet| *octet == b'{')?;
    literal(&line[at..])
}

fn literal(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"{")?.strip_suffix(b"}")?;
    number(digits.strip_suffix(b"+").unwrap_or(digits))
}

/// Digits and nothing else.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(text).ok().filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()))?;
    digits.parse().ok()
}

fn quoted(text: &[u8]) -> Option<(Token, &[u8])> {
    let (mut content, mut octets) = (Vec::new(), text.iter().enumerate());
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'"' => return Some((Token::Text(content), &text[at + 1..])),
            b'\\' => content.push(*octets.next()?.1),
            octet => content.push(*octet),
        }
    }
    None
}

/// `BODY[HEADER.FIELDS (A B)]<0>` is one word.
fn atom(text: &[u8]) -> Option<(Token, &[u8])> {
    let mut end = 0;
    while let Some(octet) = text.get(end) {
        match octet {
            b' ' | b'(' | b')' | b'"' => break,
            b'[' => end += text[end..].iter().position(|octet| *octet == b']')? + 1,
            _ => end += 1,
        }
    }
    (end > 0).then(|| (Token::Atom(text[..end].to_vec()), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Token::{Close, Literal, Open};

    fn atom(text: &str) -> Token {
        Token::Atom(text.as_bytes().to_vec())
    }

    fn text(text: &str) -> Token {
        Token::Text(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_words() {
        let cases: &[(&str, &[Token])] = &[
            ("", &[]),
            (
                "(UID 7 FLAGS (\\Seen $x))",
                &[Open, atom("UID"), atom("7"), atom("FLAGS"), Open, atom("\\Seen"), atom("$x"), Close, Close],
            ),
            (
                "INTERNALDATE \" 1-Jul-1996 02:44:25 -0700\"",
                &[atom("INTERNALDATE"), text(" 1-Jul-1996 02:44:25 -0700")],
            ),
            ("\"a\\\"b\\\\\" NIL", &[text("a\"b\\"), atom("NIL")]),
            ("(BODY[] {12}", &[Open, atom("BODY[]"), Literal(12)]),
            ("BODY[HEADER.FIELDS (A B)]<0> ~{3}", &[atom("BODY[HEADER.FIELDS (A B)]<0>"), Literal(3)]),
            (" UID 5)", &[atom("UID"), atom("5"), Close]),
        ];
        for (line, expected) in cases {
            let mut tokens = Vec::new();
            assert_eq!(read(line.as_bytes(), &mut tokens), Some(()), "{line}");
            assert_eq!(tokens, *expected, "{line}");
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for line in ["\"open", "\"a\\", "BODY[", "{x}", "{12", "{-1}", "{99999999999999999999999}", "~{", "{1} x"] {
            assert_eq!(read(line.as_bytes(), &mut Vec::new()), None, "{line}");
        }
        assert_eq!(literal_at_end(b"* LIST () \"/\" {5}"), Some(5));
        assert_eq!(literal_at_end(b"* OK {x}"), None);
        assert_eq!(literal_at_end(b""), None);
    }
}
