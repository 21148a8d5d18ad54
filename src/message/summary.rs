//! What people know a message by: its subject, its sender and its Message-ID, decoded to UTF-8.

use mail_parser::{HeaderName, MessageParser};

/// Octets of a header that are looked at.
const HEADER: usize = 64 << 10;
/// Characters of each value that are kept.
const LONGEST_VALUE: usize = 998;

/// What a message's header says; absent where it says nothing that can be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// `Subject` (RFC 5322 section 3.6.5), encoded words (RFC 2047) decoded.
    pub subject: Option<String>,
    /// The first address of `From` (section 3.6.2), without its name.
    pub from_address: Option<String>,
    /// `Message-ID` (section 3.6.4) with its angle brackets.
    pub message_id: Option<String>,
}

impl Summary {
    /// Of a message that starts with these octets.
    pub fn of(start: &[u8]) -> Self {
        let parser = MessageParser::new()
            .header_text(HeaderName::Subject)
            .header_address(HeaderName::From)
            .header_id(HeaderName::MessageId)
            .default_header_ignore();
        let Some(message) = parser.parse_headers(header(start)) else { return Self::default() };
        let address = message.from().and_then(|from| from.first()).and_then(|first| first.address());
        Self {
            subject: message.subject().and_then(shown),
            from_address: address.and_then(shown),
            message_id: message.message_id().and_then(shown).map(|id| format!("<{id}>")),
        }
    }
}

/// The header, as much of it as is looked at: whole lines, and an empty one.
fn header(start: &[u8]) -> &[u8] {
    let start = &start[..start.len().min(HEADER)];
    let end = memchr::memmem::find(start, b"\r\n\r\n").map(|at| at + 4);
    &start[..end.unwrap_or(start.len())]
}

/// On one line, and not longer than anybody reads.
fn shown(text: &str) -> Option<String> {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_VALUE).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8]) -> [String; 3] {
        let Summary { subject, from_address, message_id } = Summary::of(text);
        [subject, from_address, message_id].map(Option::unwrap_or_default)
    }

    #[test]
    fn decoded() {
        let cases: [(&[u8], [&str; 3]); 8] = [
            (
                b"Received: x\r\nSubject: Hello\r\n world\r\nFrom: \"Bob, B.\" <bob@example.org>, eve@x\r\nMessage-ID: <1@x>\r\n\r\nFrom: no\r\n",
                ["Hello world", "bob@example.org", "<1@x>"],
            ),
            (b"subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= =?iso-8859-1?B?5A==?=\r\n\r\n", ["Gr\u{fc}\u{df}e\u{e4}", "", ""]),
            (b"Subject: =?iso-2022-jp?B?GyRCJDMbKEI=?=\r\nfrom: a@b.example\r\n\r\n", ["\u{3053}", "a@b.example", ""]),
            ("Subject: Gr\u{fc}\u{df}e\r\nFrom: <b\u{fc}@x.example>\r\n\r\n".as_bytes(), ["Gr\u{fc}\u{df}e", "b\u{fc}@x.example", ""]),
            (b"Subject: a\0b\x1bc\r\n\r\nSubject: no", ["a b c", "", ""]),
            (b"Subject: =?utf-8?Q?a=0D=0Ab=00?=\r\n\r\n", ["a  b", "", ""]),
            (b"To: x\r\n\r\nSubject: in the body\r\n", ["", "", ""]),
            (b"", ["", "", ""]),
        ];
        for (text, expected) in cases {
            assert_eq!(of(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn bounded() {
        let long = format!("Subject: {}\r\n\r\n", "\u{fc}".repeat(20_000));
        assert_eq!(of(long.as_bytes())[0].chars().count(), LONGEST_VALUE);
        let last = format!("X: {}\r\nSubject: a\r\n\r\n", "x".repeat(65_536 - "X: \r\nSubject: a\r\n".len()));
        assert_eq!(of(last.as_bytes())[0], "a");
        let late = format!("X: {}\r\nSubject: late\r\n\r\n", "x".repeat(65_536));
        assert_eq!(of(late.as_bytes())[0], "");
    }

    #[test]
    fn takes_any_octets() {
        let mut octets = Vec::new();
        let mut state = 1u32;
        for _ in 0..200_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let words: [&[u8]; 8] =
                [b"Subject: ", b"From: ", b"\r\n", b"=?utf-8?Q?", b"?=", b"<", b"\xff\0", b"Message-ID: <@,;(\""];
            octets.extend_from_slice(words[(state >> 29) as usize]);
            if state.is_multiple_of(64) {
                Summary::of(&octets);
                octets.clear();
            }
        }
    }
}
