//! Internationalized messages as clients get them that do not know UTF8 (RFC 6858), read by Python's `email`.

use crate::support::messages::{stuffed, top};
use crate::support::site::{feed, text};
use crate::support::{Random, Site};
use std::process::{Command, Stdio};

/// How many messages are made up.
const MESSAGES: usize = 150;

/// Words of people's names and of texts: scripts, lengths, and what has a meaning in headers.
const WORDS: &[&str] = &[
    "J\u{f6}rg",
    "M\u{fc}ller",
    "\u{418}\u{432}\u{430}\u{43d}",
    "\u{738b}\u{5c0f}\u{660e}",
    "\u{1f4ee}",
    "e\u{301}t\u{e9}",
    "\u{5d0}\u{5d1}\u{5d2}",
    "plain",
    "Jane",
    "O'Neil",
    "x",
    "12:30",
    "a,b",
    "semi;colon",
    "<angle>",
    "(round)",
    "quo\"te",
    "back\\slash",
    "at@sign",
    "=?no?word?",
    "50%",
    "Donaudampfschifffahrtsgesellschaftskapit\u{e4}nsm\u{fc}tze",
];
const LOCALS: &[&str] = &["jane", "j\u{f6}rg", "\u{7528}\u{6237}", "a.b+c", "\u{438}\u{432}\u{430}\u{43d}.x"];
const DOMAINS: &[&str] = &["b.example", "\u{fc}.example", "\u{4f8b}\u{5b50}.example", "mx.b.example"];

/// Makes messages up.
struct Author {
    random: Random,
    /// Boundaries so far.
    parts: usize,
}

impl Author {
    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.random.below(of.len() as u64) as usize]
    }

    fn chance(&mut self, of: u64) -> bool {
        self.random.below(of) == 0
    }

    /// A few words.
    fn words(&mut self, most: u64) -> String {
        let count = 1 + self.random.below(most);
        (0..count).map(|_| self.one(WORDS)).collect::<Vec<_>>().join(" ")
    }

    /// A text over several lines (RFC 5322 section 2.2.3).
    fn folded(&mut self, most: u64) -> String {
        let words = self.words(most);
        words.split(' ').fold(String::new(), |text, word| {
            let blank = if text.is_empty() { "" } else { self.one(&[" ", " ", "\r\n ", "  "]) };
            text + blank + word
        })
    }

    fn address(&mut self) -> String {
        format!("{}@{}", self.one(LOCALS), self.one(DOMAINS))
    }

    fn quoted(&mut self, most: u64) -> String {
        format!("\"{}\"", self.words(most).replace('\\', "\\\\").replace('"', "\\\""))
    }

    fn mailbox(&mut self) -> String {
        let address = self.address();
        match self.random.below(5) {
            0 => address,
            1 => format!("<{address}>"),
            2 => format!("{}\r\n <{address}>", self.quoted(12)),
            3 => format!("J\u{f6}rg Q. {} <{address}>", self.one(&["M\u{fc}ller", "plain", "\u{738b}"])),
            _ => format!("{} <{address}>", self.quoted(3)),
        }
    }

    fn list(&mut self, most: u64) -> String {
        let count = 1 + self.random.below(most);
        let mut items = Vec::new();
        for _ in 0..count {
            let item = if self.chance(4) {
                let members: Vec<String> = (0..self.random.below(4)).map(|_| self.mailbox()).collect();
                format!("{}: {};", self.one(&["Team", "Caf\u{e9} caf\u{e9}", "\"a, b: \u{fc}\""]), members.join(", "))
            } else {
                self.mailbox()
            };
            items.push(item);
        }
        items.join(self.one(&[", ", ",", ",\r\n\t"]))
    }

    fn fields(&mut self) -> String {
        let mut fields = format!("From: {}\r\nSubject: {}\r\n", self.mailbox(), self.folded(30));
        fields += &format!("To: {}\r\n", self.list(6));
        if self.chance(2) {
            fields += &format!("Cc: {}\r\nReply-To: {}\r\n", self.list(30), self.mailbox());
        }
        if self.chance(3) {
            fields += &format!("Received: from \u{fc}.example by x\r\n\tfor <{}>; now\r\n", self.address());
        }
        if self.chance(3) {
            fields += &format!("Comments: {}\r\nX-Y: \u{fc}\r\n", self.folded(10));
        }
        fields + "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    }

    /// Content fields, an empty line and the body.
    fn content(&mut self, depth: u64) -> String {
        match self.random.below(if depth == 0 { 1 } else { 4 }) {
            0 => self.leaf(),
            1 => format!("Content-Type: message/rfc822\r\n\r\n{}", self.message(depth - 1)),
            _ => {
                self.parts += 1;
                let boundary = format!("=_part {}", self.parts);
                let mut text = format!("Content-Type: multipart/mixed;\r\n boundary=\"{boundary}\"\r\n\r\n");
                for _ in 0..=self.random.below(3) {
                    text += &format!("--{boundary}\r\n{}\r\n", self.content(depth - 1));
                }
                text + &format!("--{boundary}--\r\n")
            }
        }
    }

    fn leaf(&mut self) -> String {
        let most = if self.chance(4) { 20 } else { 3 };
        let name = self.quoted(most);
        let disposition = match self.random.below(3) {
            0 => format!("Content-Disposition: attachment; filename={name}; size=3\r\n"),
            1 => format!(
                "Content-Disposition: attachment;\r\n filename={name}\r\nContent-Description: {}\r\n",
                self.words(3)
            ),
            _ => String::new(),
        };
        let body = self.words(40).replace(' ', self.one(&[" ", "\r\n", "\r\n.", "\r\n\r\n"]));
        format!(
            "Content-Type: text/plain; charset=utf-8; name={name}\r\n{disposition}Content-Transfer-Encoding: 8bit\r\n\r\n{body}\r\n"
        )
    }

    fn message(&mut self, depth: u64) -> String {
        self.fields() + &self.content(depth)
    }
}

/// Headers are ASCII, parse without a defect, and say what they said before.
#[test]
fn python_reads_every_message() {
    let mut author = Author { random: Random::announced("downgrade"), parts: 0 };
    let server = Site::with_alice(&[]).serve(&[]);
    let directory = server.path("messages");
    std::fs::create_dir(&directory).unwrap();
    let mut lmtp = server.lmtp();
    for number in 1..=MESSAGES {
        let message = author.message(3);
        lmtp.say("MAIL FROM:<j\u{f6}rg@\u{fc}.example> SMTPUTF8", "250 ");
        lmtp.say("RCPT TO:<alice>", "250 ");
        lmtp.say("DATA", "354 ");
        lmtp.send(stuffed(message.as_bytes()));
        lmtp.send(".\r\n");
        lmtp.expect("250 ");
        std::fs::write(directory.join(format!("{number}.sent")), message).unwrap();
    }
    let mut client = server.alice();
    for number in 1..=MESSAGES {
        let whole = client.multi(&format!("RETR {number}"));
        // TOP counts lines of what RETR shows (RFC 6858 section 4).
        let lines = number % 9;
        assert!(client.multi(&format!("TOP {number} {lines}")) == top(&whole, lines), "TOP {number} {lines}");
        std::fs::write(directory.join(format!("{number}.got")), whole).unwrap();
    }
    let mut python = Command::new("python3");
    python
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lmtp/downgrade.py"))
        .arg(&directory)
        .arg(MESSAGES.to_string());
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = feed(&mut python, b"");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
