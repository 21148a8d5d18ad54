//! Whether a message number still stands for the unique-id that it was listed with.
//!
//! A message is stored only after the server has said so behind it: `UIDL n` with the right unique-id is also an answer that
//! no left-over of a message could be, so question and answer belong together.

use super::client::{Answer, Client, Pair, pair};
use crate::import::remote::said;
use crate::import::{ImportError, Result};
use std::hash::{BuildHasher, RandomState};

/// Most messages of a list that is asked for again behind each message.
const SHORT_LIST: usize = 500;

/// How a server can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// `UIDL n` (RFC 1939 section 7).
    One,
    /// It has no such thing, but its whole list is short.
    All,
    /// Only `NOOP`, and the whole list at the end. The same where there are no unique-ids.
    Never,
}

/// What UIDL showed.
pub(super) struct Identity {
    way: Way,
    /// Message numbers and fingerprints of unique-ids, which take less memory than they do.
    listed: Vec<(u64, u64)>,
    keys: RandomState,
}

impl Identity {
    /// Of messages that have no unique-ids.
    pub(super) fn none() -> Self {
        Self { way: Way::Never, listed: Vec::new(), keys: RandomState::new() }
    }

    /// Of these, and finds out with the first of them how the server can be asked.
    pub(super) fn of(client: &mut Client, listed: &[Pair]) -> Result<Self> {
        let mut identity = Self::none();
        identity.listed = listed.iter().map(|(number, id)| (*number, identity.keys.hash_one(id))).collect();
        identity.way = identity.find_way(client)?;
        Ok(identity)
    }

    fn find_way(&self, client: &mut Client) -> Result<Way> {
        let Some((number, fingerprint)) = self.listed.first() else { return Ok(Way::Never) };
        let long = if self.listed.len() <= SHORT_LIST { Way::All } else { Way::Never };
        let command = format!("UIDL {number}");
        let Ok(text) = client.say(&command)? else { return Ok(long) };
        let answered = pair(text.as_bytes());
        if answered.as_ref().is_some_and(|(at, shown)| at == number && self.keys.hash_one(shown) == *fingerprint) {
            return Ok(Way::One);
        }
        // One line with something else in it, or the first of many? What follows the next question shows it.
        client.say_at_once("NOOP")?;
        let first = client.listed()?.unwrap_or_default();
        if client.understood(&first, &command).is_ok() {
            return match answered {
                Some((at, shown)) if at == *number && !shown.is_empty() => Err(changed(client, *number, &shown)),
                _ => Ok(long),
            };
        }
        let mut again: Vec<Pair> = pair(&first).into_iter().collect();
        again.extend(client.pairs_that_come(&command)?);
        client.answer("NOOP")?.ok();
        self.compare(client, &again)?;
        Ok(long)
    }

    /// The question that can be asked in the same breath as RETR: its answer has one line (RFC 2449 section 6.6).
    pub(super) fn question(&self, client: &Client, number: u64) -> Option<String> {
        (self.way == Way::One && client.has("PIPELINING")).then(|| format!("UIDL {number}"))
    }

    /// Makes sure of one message, unless the question was `asked` already.
    ///
    /// # Errors
    /// [`ImportError::Broken`]: it is another one now; [`ImportError::Data`]: the answer is none.
    pub(super) fn confirm(&self, client: &mut Client, number: u64, asked: bool) -> Result<()> {
        match self.way {
            Way::One => {
                let question = format!("UIDL {number}");
                let mut answer = if asked { client.answer(&question)? } else { client.say(&question)? };
                if answer.is_err() {
                    // It may be a left-over, which has more behind it.
                    answer = client.say(&question)?;
                }
                self.check(client, number, &answer)
            }
            Way::All => {
                let again = client.pairs("UIDL")?;
                self.compare(client, &again)
            }
            // Whatever it thinks of NOOP: it is an answer.
            Way::Never => client.say("NOOP").map(drop),
        }
    }

    fn check(&self, client: &Client, number: u64, answer: &Answer) -> Result<()> {
        let Ok(text) = answer else { return Err(changed(client, number, b"")) };
        match pair(text.as_bytes()) {
            Some((at, shown)) if at == number && self.is(number, &shown) => Ok(()),
            Some((at, shown)) if at == number => Err(changed(client, number, &shown)),
            _ => Err(client.wire().malformed(&format!("+OK {} (to UIDL {number})", said(text.as_bytes())))),
        }
    }

    /// Makes sure of all of them at the end, if each was not yet.
    pub(super) fn confirm_all(&self, client: &mut Client) -> Result<()> {
        if self.way != Way::Never || self.listed.is_empty() {
            return Ok(());
        }
        let again = client.pairs("UIDL")?;
        self.compare(client, &again)
    }

    fn is(&self, number: u64, shown: &[u8]) -> bool {
        let at = self.listed.binary_search_by_key(&number, |(number, _)| *number);
        at.is_ok_and(|at| self.listed[at].1 == self.keys.hash_one(shown))
    }

    /// Each message that was listed is there with its unique-id; new ones may have come.
    fn compare(&self, client: &Client, again: &[Pair]) -> Result<()> {
        let mut rest = again.iter();
        for (number, fingerprint) in &self.listed {
            match rest.find(|(at, _)| at >= number) {
                Some((at, shown)) if at == number && self.keys.hash_one(shown) == *fingerprint => {}
                Some((at, shown)) if at == number => return Err(changed(client, *number, shown)),
                _ => return Err(changed(client, *number, b"")),
            }
        }
        Ok(())
    }
}

fn changed(client: &Client, number: u64, shown: &[u8]) -> ImportError {
    let now = if shown.is_empty() { "there is none now".to_owned() } else { format!("it is \"{}\" now", said(shown)) };
    ImportError::Broken(format!("{}: UIDL of message {number} has changed: {now}", client.wire().server()))
}
