//! The message that tells somebody that their mailbox fills up ([MS-STANXPOP3] E0004). Text only, no effects.

use crate::message::date::rfc5322;
use crate::store::Overfull;

/// Characters of a mailbox name that fit into a line of 998 octets (RFC 5322 section 2.1.1) whatever they are.
const NAME: usize = 200;

/// The whole message, CRLF lines. `domain` is ours, `now` in seconds since 1970 UTC.
pub fn message(overfull: &Overfull, domain: &str, now: i64) -> Vec<u8> {
    let domain = if is_dot_atom(domain) { domain } else { "localhost" };
    let Overfull { mailbox, bytes, limit, .. } = overfull;
    let (subject, consequence) = match limit {
        0 => (
            "Your mailbox has grown large",
            "No mail is refused. Please delete mail that you no longer need.".to_owned(),
        ),
        limit if bytes >= limit => ("Your mailbox is full", "New mail is being refused.".to_owned()),
        limit => ("Your mailbox is almost full", format!("At {} new mail will be refused.", size(*limit))),
    };
    let lines = [
        format!("From: Mail service <postmaster@{domain}>"),
        to(&overfull.name, domain),
        format!("Subject: {subject}"),
        format!("Date: {}", rfc5322(now)),
        format!("Message-ID: <quota-warning.{}.{now}@{domain}>", mailbox.0),
        // RFC 3834: nobody shall answer this.
        "Auto-Submitted: auto-generated".into(),
        "Importance: High".into(),
        "Priority: urgent".into(),
        "X-Priority: 1 (Highest)".into(),
        "MIME-Version: 1.0".into(),
        "Content-Type: text/plain; charset=utf-8".into(),
        "Content-Transfer-Encoding: 8bit".into(),
        String::new(),
        format!("{subject}."),
        String::new(),
        format!("Mailbox: {}", overfull.name.chars().take(NAME).collect::<String>()),
        format!("In use:  {}", size(*bytes)),
        format!("Warning: {}", size(overfull.warning)),
        format!("Limit:   {}", if *limit == 0 { "none".into() } else { size(*limit) }),
        String::new(),
        consequence,
        "What to do: let your mail program fetch your mail and have it delete the messages".into(),
        "from the server, or delete large and old messages yourself. Reading and deleting always".into(),
        "work. If you need more room, ask your administrator.".into(),
    ];
    lines.map(|line| line + "\r\n").concat().into_bytes()
}

/// Names that are no address without quoting or SMTPUTF8 (RFC 6532) cannot stand there; the text has them.
fn to(name: &str, domain: &str) -> String {
    match name.split_once('@') {
        Some((local, host)) if is_dot_atom(local) && is_dot_atom(host) => format!("To: <{name}>"),
        None if is_dot_atom(name) => format!("To: <{name}@{domain}>"),
        _ => "To: undisclosed-recipients:;".into(),
    }
}

/// RFC 5322 section 3.2.3.
fn is_dot_atom(text: &str) -> bool {
    let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(atext))
}

/// For people, and to the octet.
fn size(octets: u64) -> String {
    let (unit, name) = match octets {
        0..0x10_0000 => (1 << 10, "KB"),
        0x10_0000..0x4000_0000 => (1 << 20, "MB"),
        _ => (1u64 << 30, "GB"),
    };
    format!("{:.1} {name} ({octets} octets)", octets as f64 / unit as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MailboxId;

    fn text(name: &str, bytes: u64, limit: u64) -> String {
        let overfull = Overfull { mailbox: MailboxId(7), name: name.into(), bytes, warning: 966_367_641, limit };
        String::from_utf8(message(&overfull, "example.org", 1_795_428_245)).unwrap()
    }

    #[test]
    fn it_is_a_message_of_crlf_lines_with_each_field_once() {
        for name in ["alice", "alice@a.example", "J\u{f6}rg", &"\u{1f4ec}".repeat(255), "a,b"] {
            let text = text(name, 1_000_000_000, 1 << 30);
            assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']));
            assert!(text.lines().all(|line| line.len() <= 998 && !line.starts_with('.')));
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.is_ascii() && body.contains(&name.chars().take(NAME).collect::<String>()));
            for field in ["From", "To", "Subject", "Date", "Message-ID", "Importance", "MIME-Version", "Content-Type"] {
                assert_eq!(head.lines().filter(|line| line.starts_with(&format!("{field}: "))).count(), 1, "{field}");
            }
            assert!(head.contains("\r\nDate: Mon, 23 Nov 2026 10:04:05 +0000\r\n"), "{head}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(to("alice", "example.org"), "To: <alice@example.org>");
        assert_eq!(to("alice@a.example", "example.org"), "To: <alice@a.example>");
        for name in ["j\u{f6}rg", "a..b", ".a", "a.", "@a.example", "alice@", "alice@a..example", "a,b"] {
            assert_eq!(to(name, "example.org"), "To: undisclosed-recipients:;", "{name}");
        }
    }

    #[test]
    fn a_domain_that_no_address_can_have_is_not_used() {
        let overfull = Overfull { mailbox: MailboxId(7), name: "alice".into(), bytes: 4096, warning: 4096, limit: 0 };
        for domain in ["ex\u{e4}mple.org", "a..example", "(x", "a,b"] {
            let text = String::from_utf8(message(&overfull, domain, 1_795_428_245)).unwrap();
            let (head, _) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.is_ascii() && head.contains("To: <alice@localhost>\r\n"), "{head}");
            assert!(head.contains("From: Mail service <postmaster@localhost>\r\n") && !head.contains(domain), "{head}");
        }
    }

    #[test]
    fn it_says_how_much_how_far_and_what_to_do() {
        let almost = text("alice", 1_000_000_000, 1 << 30);
        for part in [
            "Subject: Your mailbox is almost full\r\n",
            "In use:  953.7 MB (1000000000 octets)\r\n",
            "Limit:   1.0 GB (1073741824 octets)\r\n",
            "At 1.0 GB (1073741824 octets) new mail will be refused.\r\n",
            "What to do: ",
        ] {
            assert!(almost.contains(part), "{part:?} is not in {almost}");
        }
        assert!(text("alice", 1 << 30, 1 << 30).contains("Subject: Your mailbox is full\r\n"));
        let unlimited = text("alice", 1 << 30, 0);
        assert!(unlimited.contains("Limit:   none\r\n") && unlimited.contains("No mail is refused."));
    }

    #[test]
    fn sizes() {
        let sizes = [4096, 0x10_0000 - 1, 1 << 20, 2_039_480_320].map(size);
        let expected = [
            "4.0 KB (4096 octets)",
            "1024.0 KB (1048575 octets)",
            "1.0 MB (1048576 octets)",
            "1.9 GB (2039480320 octets)",
        ];
        assert_eq!(sizes, expected);
    }
}
