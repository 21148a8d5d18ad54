//! Dialogues with the pure session: `C: ` is a line of the client, `S: ` what our reply begins with,
//! `M: ` what is stored. Mailboxes: alice, bob; `team` leads to both; `lost` to nobody knows where;
//! bob is over quota.

use super::*;
use crate::store::MailboxId;

mod bounds;

const POLICY: Policy<'_> = Policy { host: "mx", max_size: 60, over_quota_permanent: false };

fn mailbox(id: i64, name: &str) -> Mailbox {
    Mailbox { id: MailboxId(id), name: name.into(), room: u64::MAX }
}

fn find(address: &str) -> Result<Vec<Mailbox>> {
    match address {
        "alice" | "alice@x" => Ok(vec![mailbox(1, "alice")]),
        "bob" => Ok(vec![mailbox(2, "bob")]),
        "team" => Ok(vec![mailbox(1, "alice"), mailbox(2, "bob")]),
        "lost" => Err(StoreError::Busy("locked".into())),
        _ => Ok(Vec::new()),
    }
}

/// A client's octets, and what we answer to them.
struct Player {
    session: Session,
    stored: Vec<u8>,
    copies: Vec<String>,
    said: Vec<u8>,
    /// The store refuses everything.
    broken: bool,
    open: bool,
}

impl Player {
    fn new() -> Self {
        let session = Session::default();
        Self { session, stored: Vec::new(), copies: Vec::new(), said: Vec::new(), broken: false, open: true }
    }

    /// Gives all octets to the session, `size` at a time where they are content.
    fn send(&mut self, mut octets: &[u8], size: usize) {
        while self.open {
            let step = match self.session.expects() {
                Expects::Content => {
                    let chunk = &octets[..size.min(octets.len())];
                    let (taken, step) = self.session.content(&POLICY, chunk, &mut self.stored);
                    octets = &octets[taken..];
                    match step {
                        Some(step) => step,
                        None if octets.is_empty() => return,
                        None => continue,
                    }
                }
                Expects::Command => {
                    let Some(end) = octets.windows(2).position(|pair| pair == b"\r\n") else { return };
                    let (line, rest) = (&octets[..end], &octets[end + 2..]);
                    octets = rest;
                    self.session.line(&POLICY, line)
                }
            };
            self.obey(step);
        }
    }

    fn obey(&mut self, step: Step) {
        match step {
            Step::Reply(reply) => reply.write(&mut self.said),
            Step::Replies(replies) => replies.iter().for_each(|reply| reply.write(&mut self.said)),
            Step::Nothing => {}
            Step::Close(reply) => {
                reply.write(&mut self.said);
                self.open = false;
            }
            Step::Resolve(address) => {
                let step = self.session.resolved(&POLICY, find(&address));
                self.obey(step);
            }
            Step::Store => {
                self.copies.extend(self.session.copies().iter().map(|copy| copy.mailbox.name.clone()));
                let answer = |copy: &Copy| if copy.mailbox.id.0 == 2 { Err(StoreError::OverQuota) } else { Ok(Uid(1)) };
                let answers = self.session.copies().iter().map(answer).collect();
                let answers = if self.broken { Err(StoreError::Busy("locked".into())) } else { Ok(answers) };
                let step = self.session.stored(&POLICY, answers);
                self.obey(step);
            }
        }
    }

    /// The replies; those of more than one line are their last.
    fn replies(&self) -> Vec<String> {
        let said = String::from_utf8(self.said.clone()).unwrap();
        said.lines().filter(|line| line.as_bytes()[3] != b'-').map(str::to_owned).collect()
    }
}

/// Plays a dialogue, all of it pipelined, with content in chunks of several sizes.
fn dialogue(text: &str) -> Player {
    let mut last = Player::new();
    for size in [1, 2, 3, 7, 4096] {
        let mut player = Player::new();
        let sent: String =
            text.lines().filter_map(|line| line.trim_start().strip_prefix("C: ")).map(unescaped).collect();
        player.send(sent.as_bytes(), size);
        let expected: Vec<&str> = text.lines().filter_map(|line| line.trim_start().strip_prefix("S: ")).collect();
        let replies = player.replies();
        assert_eq!(replies.len(), expected.len(), "{text}\n{replies:#?}");
        for (reply, expected) in replies.iter().zip(&expected) {
            assert!(reply.starts_with(expected), "{text}\n{replies:#?}");
        }
        for stored in text.lines().filter_map(|line| line.trim_start().strip_prefix("M: ")) {
            assert_eq!(String::from_utf8_lossy(&player.stored).escape_debug().to_string(), stored, "{text}");
        }
        last = player;
    }
    last
}

/// A line and its CRLF; `\n`, `\r` and a final `\c` (no CRLF) stand for octets.
fn unescaped(line: &str) -> String {
    let line = line.replace("\\r", "\r").replace("\\n", "\n");
    line.strip_suffix("\\c").map_or_else(|| format!("{line}\r\n"), str::to_owned)
}

#[test]
fn the_example_of_rfc_2033() {
    let player = dialogue(
        "C: LHLO foo.edu
         S: 250 SIZE 60
         C: MAIL FROM:<chris@bar.com>
         S: 250 2.1.0
         C: RCPT TO:<alice>
         S: 250 2.1.5
         C: RCPT TO:<jones@foo.edu>
         S: 550 5.1.1 <jones@foo.edu>
         C: RCPT TO:<bob>
         S: 250 2.1.5
         C: DATA
         S: 354 
         C: Blah blah blah...
         C: ..etc. etc. etc.
         C: .
         S: 250 2.0.0 <alice>
         S: 452 4.2.2 <bob>
         C: QUIT
         S: 221 2.0.0 mx
         M: Blah blah blah...\\r\\n.etc. etc. etc.\\r\\n",
    );
    assert_eq!(player.copies, ["alice", "bob"]);
    assert!(!player.open);
}

#[test]
fn every_accepted_recipient_has_a_reply_even_the_same_one_twice() {
    let player = dialogue(
        "C: LHLO x
         S: 250 
         C: MAIL FROM:<>
         S: 250 
         C: RCPT TO:<alice>
         S: 250 
         C: RCPT TO:<alice@x>
         S: 250 
         C: RCPT TO:<alice>
         S: 250 
         C: RCPT TO:<lost>
         S: 451 4.3.0 <lost>
         C: DATA
         S: 354 
         C: .
         S: 250 2.0.0 <alice> stored
         S: 250 2.0.0 <alice@x> stored
         S: 250 2.0.0 <alice> stored",
    );
    assert_eq!(player.copies, ["alice"]);
}

#[test]
fn commands_have_an_order() {
    dialogue(
        "C: MAIL FROM:<a@b>
         S: 503 5.5.1 Send LHLO
         C: EHLO x
         S: 500 5.5.1 
         C: HELO x
         S: 500 5.5.1 
         C: LHLO
         S: 501 5.5.4 
         C: LHLO x
         S: 250 
         C: RCPT TO:<alice>
         S: 503 5.5.1 Send MAIL
         C: DATA
         S: 503 5.5.1 Send MAIL
         C: MAIL FROM:<a@b>
         S: 250 
         C: MAIL FROM:<a@b>
         S: 503 5.5.1 
         C: DATA
         S: 503 5.5.1 No valid recipients
         C: RSET
         S: 250 2.0.0 
         C: RCPT TO:<alice>
         S: 503 5.5.1 
         C: NOOP
         S: 250 2.0.0 
         C: VRFY alice
         S: 252 2.
         C: STARTTLS
         S: 500 5.5.1 
         C: MAIL FROM:<a@b> AUTH=<>
         S: 555 5.5.4 ",
    );
}

#[test]
fn too_large_is_said_at_mail_or_after_the_content() {
    let player = dialogue(
        "C: LHLO x
         S: 250 
         C: MAIL FROM:<> SIZE=61
         S: 552 5.3.4 
         C: MAIL FROM:<> SIZE=60
         S: 250 
         C: RCPT TO:<alice>
         S: 250 
         C: RCPT TO:<bob>
         S: 250 
         C: DATA
         S: 354 
         C: 0123456789012345678901234567890123456789
         C: 0123456789012345678901234567890123456789
         C: RSET
         C: .
         S: 552 5.3.4 <alice>
         S: 552 5.3.4 <bob>
         C: NOOP
         S: 250 ",
    );
    assert!(player.copies.is_empty());
}

#[test]
fn nothing_is_smuggled_in() {
    let player = dialogue(
        "C: LHLO x
         S: 250 
         C: MAIL FROM:<>
         S: 250 
         C: RCPT TO:<alice>
         S: 250 
         C: DATA
         S: 354 
         C: a\\n.\\nMAIL FROM:<evil>\\r.\\rb\\n.
         C: .
         S: 250 2.0.0 <alice>
         C: NOOP
         S: 250 2.0.0 
         M: a\\r\\n.\\r\\nMAIL FROM:<evil> . b\\r\\n.\\r\\n",
    );
    assert_eq!(player.copies, ["alice"]);
}

#[test]
fn chunks_have_one_reply_each_and_the_last_one_per_recipient() {
    let player = dialogue(
        "C: LHLO x
         S: 250 
         C: MAIL FROM:<>
         S: 250 
         C: RCPT TO:<alice>
         S: 250 
         C: RCPT TO:<bob>
         S: 250 
         C: BDAT 4
         C: ..\\c
         C: 
         S: 250 2.0.0 4 octets
         C: DATA
         S: 503 5.5.1 
         C: RCPT TO:<alice>
         S: 503 5.5.1 
         C: BDAT 2
         C: .\\c
         C: x\\c
         S: 250 2.0.0 2 octets
         C: BDAT 0 LAST
         S: 250 2.0.0 <alice>
         S: 452 4.2.2 <bob>
         C: BDAT 3 LAST
         C: abc\\c
         S: 503 5.5.1 Send MAIL
         M: ..\\r\\n.x\\r\\n",
    );
    assert_eq!(player.copies, ["alice", "bob"]);
}

#[test]
fn chunks_without_recipients_are_swallowed() {
    dialogue(
        "C: LHLO x
         S: 250 
         C: MAIL FROM:<>
         S: 250 
         C: RCPT TO:<nobody>
         S: 550 
         C: BDAT 6
         C: QUIT
         S: 503 5.5.1 No valid
         C: BDAT 6 LAST
         C: QUIT
         C: NOOP
         S: 250 ",
    );
    // What follows a length that cannot be read cannot be told from commands.
    let player = dialogue("C: BDAT x\n S: 501 5.5.4 \n C: QUIT");
    assert!(!player.open);
}

#[test]
fn chunks_after_one_that_failed_fail_too() {
    dialogue(
        "C: LHLO x
         S: 250 
         C: MAIL FROM:<>
         S: 250 
         C: RCPT TO:<alice>
         S: 250 
         C: BDAT 61
         C: 0123456789012345678901234567890123456789012345678901234567890\\c
         S: 552 5.3.4 
         C: BDAT 1
         C: x\\c
         S: 552 5.3.4 
         C: BDAT 0 LAST
         S: 552 5.3.4 <alice>
         C: MAIL FROM:<>
         S: 250 ",
    );
}

#[test]
fn a_fault_of_the_store_is_everybodys_and_temporary() {
    for (broken, failed) in [(true, false), (false, true)] {
        let mut player = Player { broken, ..Player::new() };
        player.send(b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<alice>\r\nRCPT TO:<team>\r\nDATA\r\n", 99);
        if failed {
            player.session.fail(StoreError::Busy("locked".into()));
            assert!(!player.session.is_receiving());
        }
        player.send(b"a\r\n.\r\n", 99);
        let replies = player.replies();
        assert_eq!(replies.len(), 7, "{replies:?}");
        assert!(replies[5..].iter().all(|reply| reply.starts_with("451 4.3.0 ")), "{replies:?}");
    }
}

#[test]
fn addresses_that_are_none_are_refused() {
    dialogue(
        "C: LHLO x
         S: 250 
         C: MAIL FROM:<a b@c>
         S: 501 5.1.7 
         C: MAIL FROM:<\u{e4}@c>
         S: 553 5.6.7 
         C: MAIL FROM:<\u{e4}@c> SMTPUTF8 BODY=8BITMIME
         S: 250 
         C: RCPT TO:<>
         S: 501 5.1.3 
         C: RCPT TO:alice
         S: 501 5.1.3 
         C: RCPT TO:<\u{e4}>
         S: 550 5.1.1 ",
    );
}
