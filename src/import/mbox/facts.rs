//! What the header of a message in an mbox says of it: fields that programs write there for themselves.

use crate::import::{header, is_unique_id};

/// Thunderbird's bits of `X-Mozilla-Status`.
const MOZILLA_READ: u32 = 0x0001;
const MOZILLA_DELETED: u32 = 0x0008;

/// See [`Facts::of`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// `X-UIDL`, if it is one.
    pub unique_id: Option<String>,
    /// It was read.
    pub read: bool,
    /// It is marked as deleted.
    pub deleted: bool,
    /// `X-UID`: IMAP's uid.
    pub uid: Option<u32>,
    /// `X-IMAPbase` (or `X-IMAP`): UIDVALIDITY and the last uid that was given out.
    pub base: Option<(u32, u32)>,
    /// It has `X-IMAP`: as the first message of a file it is no mail, but c-client's bookkeeping.
    pub bookkeeping: bool,
    /// `Content-Length`, octets.
    pub length: Option<u64>,
}

impl Facts {
    /// Reads them.
    pub fn of(head: &[u8]) -> Self {
        let field = |name: &str| header::field(head, name);
        let status = [field("Status"), field("X-Status")].map(Option::unwrap_or_default);
        let mozilla = field("X-Mozilla-Status").and_then(|bits| u32::from_str_radix(&bits, 16).ok()).unwrap_or(0);
        let pseudo = field("X-IMAP").and_then(|text| base(&text));
        Self {
            unique_id: field("X-UIDL").filter(|id| is_unique_id(id)),
            read: status[0].contains('R') || mozilla & MOZILLA_READ != 0,
            deleted: status.iter().any(|flags| flags.contains('D')) || mozilla & MOZILLA_DELETED != 0,
            uid: field("X-UID").and_then(|uid| uid.parse().ok()),
            base: pseudo.or_else(|| field("X-IMAPbase").and_then(|text| base(&text))),
            bookkeeping: pseudo.is_some(),
            length: field("Content-Length").and_then(|length| length.parse().ok()),
        }
    }
}

/// `UIDVALIDITY LASTUID [KEYWORD]...`.
fn base(text: &str) -> Option<(u32, u32)> {
    let mut words = text.split_whitespace().map(|word| word.parse().ok());
    Some((words.next()??, words.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_programs_are_read() {
        for (head, read, deleted) in [
            ("A: b\n", false, false),
            ("Status: RO\n", true, false),
            ("Status: O\nX-Status: AD\n", false, true),
            ("Status: ROD\n", true, true),
            ("X-Mozilla-Status: 0001\nX-Mozilla-Status2: 00000000\n", true, false),
            ("X-Mozilla-Status: 0009\r\n", true, true),
            ("X-Mozilla-Status: 0018\n", false, true),
            ("X-Mozilla-Status: a008\n", false, true),
            ("X-Mozilla-Status: 0010\n", false, false),
            ("X-Mozilla-Status2: 00000008\n", false, false),
        ] {
            let facts = Facts::of(head.as_bytes());
            assert_eq!((facts.read, facts.deleted), (read, deleted), "{head}");
        }
    }

    #[test]
    fn uids_are_read() {
        let facts = Facts::of(b"X-IMAPbase: 1795428000 0000000005 $Forwarded\nX-UID: 3\nX-UIDL: a b\n\n");
        assert_eq!((facts.base, facts.uid, facts.bookkeeping), (Some((1_795_428_000, 5)), Some(3), false));
        assert_eq!(facts.unique_id, None, "a blank in it");
        assert!(Facts::of(b"X-IMAP: 1795428000 0000000002\n").bookkeeping);
        assert!(!Facts::of(b"X-IMAP: yes\n").bookkeeping);
    }
}
