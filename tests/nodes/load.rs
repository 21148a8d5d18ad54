//! Connections that deliver for as long as they are told to, and what was acknowledged to them.

use crate::support::Lmtp;
use crate::support::messages::stuffed;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Names of users of a load.
pub fn users(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("user{n}")).collect()
}

/// What became of the messages of a load; each has a token in its subject, a message has it once for each mailbox.
#[derive(Default)]
pub struct Outcome {
    /// Answered with 250: mailbox and token.
    pub acknowledged: BTreeSet<(String, String)>,
    /// Answered with anything else, or not at all.
    pub others: BTreeSet<(String, String)>,
}

/// A load that runs until it is stopped.
pub struct Load<'a> {
    pub address: SocketAddr,
    pub users: &'a [String],
    pub stop: &'a AtomicBool,
    /// How many were acknowledged so far.
    pub count: &'a AtomicUsize,
}

impl Load<'_> {
    /// One connection's part: messages for two mailboxes each, in any order of them.
    pub fn run(&self, thread: usize) -> Outcome {
        let mut outcome = Outcome::default();
        let mut lmtp = None;
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let token = format!("t{thread}n{number}");
            let one = (thread * 5 + number * 3) % self.users.len();
            let other = (one + 1 + number % (self.users.len() - 1)) % self.users.len();
            let recipients = [&self.users[one], &self.users[other]];
            let answers = self.attempt(&mut lmtp, recipients, &token);
            for (recipient, answer) in recipients.into_iter().zip(answers) {
                let done = answer.is_some_and(|answer| answer.starts_with("250 "));
                let set = if done { &mut outcome.acknowledged } else { &mut outcome.others };
                self.count.fetch_add(done.into(), Ordering::Relaxed);
                set.insert((recipient.clone(), token.clone()));
            }
        }
        outcome
    }

    /// The replies to the content, one for each recipient; none where it did not come so far.
    fn attempt(&self, kept: &mut Option<Lmtp>, recipients: [&String; 2], token: &str) -> [Option<String>; 2] {
        let mut lmtp = match kept.take().or_else(|| self.connect()) {
            Some(lmtp) => lmtp,
            None => {
                std::thread::sleep(Duration::from_millis(50));
                return [None, None];
            }
        };
        let text = format!("From: load@example.org\r\nSubject: {token}\r\n\r\n{}", "0123456789abcde\r\n".repeat(200));
        let commands = format!(
            "MAIL FROM:<load@example.org>\r\nRCPT TO:<{}>\r\nRCPT TO:<{}>\r\nDATA\r\n",
            recipients[0], recipients[1]
        );
        if !lmtp.try_send(commands.as_bytes()) {
            return [None, None];
        }
        let begun: Vec<_> = (0..4).map(|_| lmtp.try_reply()).collect();
        let good = |reply: &Option<String>| reply.as_ref().is_some_and(|reply| reply.starts_with(['2', '3']));
        if !begun.iter().all(good) {
            return [None, None];
        }
        if !lmtp.try_send(&[&stuffed(text.as_bytes())[..], b".\r\n"].concat()) {
            return [None, None];
        }
        let answers = [lmtp.try_reply(), lmtp.try_reply()];
        if answers.iter().all(Option::is_some) {
            *kept = Some(lmtp);
        }
        answers
    }

    /// A connection after LHLO; none: the node does not take any now.
    fn connect(&self) -> Option<Lmtp> {
        TcpStream::connect(self.address).ok()?;
        let mut lmtp = Lmtp::tcp(self.address);
        lmtp.try_reply().filter(|greeting| greeting.starts_with("220 "))?;
        lmtp.try_send(b"LHLO load.example\r\n").then_some(())?;
        lmtp.try_reply().filter(|reply| reply.starts_with("250 "))?;
        Some(lmtp)
    }
}

/// What clients may have been shown: mailbox, uid and token of each message.
pub type Shown = BTreeMap<(String, u64), String>;

/// Asks the database for it.
pub const SHOWN: &str = "SELECT mailbox, uid, subject FROM messages";

/// What [`SHOWN`] has found.
pub fn shown(rows: &str) -> Shown {
    let parts = |line: &str| line.split('|').map(str::to_owned).collect::<Vec<_>>();
    let rows = rows.lines().map(parts);
    rows.map(|row| ((row[0].clone(), row[1].parse().unwrap()), row[2].clone())).collect()
}

/// All that was acknowledged is there once, nothing is there twice, and what was seen before is what it was.
pub fn judge(before: &Shown, after: &Shown, outcomes: &[Outcome]) {
    let mut copies = BTreeMap::new();
    for ((mailbox, _), token) in after {
        *copies.entry((mailbox.clone(), token.clone())).or_insert(0) += 1;
    }
    let (mut acknowledged, mut unanswered) = (0, 0);
    for outcome in outcomes {
        for one in &outcome.acknowledged {
            assert_eq!(copies.get(one), Some(&1), "acknowledged: {one:?}");
        }
        for one in &outcome.others {
            let stored = copies.get(one).copied().unwrap_or(0);
            assert!(stored <= 1, "doubled: {one:?}");
            unanswered += stored;
        }
        acknowledged += outcome.acknowledged.len();
    }
    for (one, token) in before {
        assert_eq!(after.get(one), Some(token), "{one:?} was {token} before");
    }
    assert_eq!(copies.len(), acknowledged + unanswered, "nothing else is there");
    eprintln!("{acknowledged} acknowledged, {unanswered} stored without an answer, {} shown before", before.len());
}
