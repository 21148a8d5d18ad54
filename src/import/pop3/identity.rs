//! Whether a message number still stands for the unique-id that it was listed with.
//!
//! A message is stored only after the server has said so behind it: `UIDL n` with the right unique-id is also an answer that
//! no left-over of a message could be, so question and answer belong together.

use super::client::{Answer, Client, Pair, pair};
use crate::import::remote::said;
use crate::import::{ImportError, Result};

/// Most messages of a list that is asked for again behind each message.
const SHORT_LIST: usize = 500;

/// How a server can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// `UIDL n` (RFC 1939 section 7).
    One,
    /// It has no such thing, but its whole list is short.
    All,
    /// Only `NOOP`, and the whole list at the end. The same where there are no unique-ids.
    Never,
}

impl Way {
    /// Finds out with the first message of a list.
    pub(super) fn found(client: &mut Client, listed: &[Pair]) -> Result<Self> {
        let Some((number, id)) = listed.first() else { return Ok(Self::Never) };
        let long = if listed.len() <= SHORT_LIST { Self::All } else { Self::Never };
        let command = format!("UIDL {number}");
        let Ok(text) = client.say(&command)? else { return Ok(long) };
        let answered = pair(text.as_bytes());
        if answered.as_ref().is_some_and(|(at, shown)| at == number && shown == id) {
            return Ok(Self::One);
        }
        // One line with something else in it, or the first of many? What follows the next question shows it.
        client.say_at_once("NOOP")?;
        let first = client.listed()?.unwrap_or_default();
        if client.understood(&first, &command).is_ok() {
            return match answered {
                Some((at, shown)) if at == *number && !shown.is_empty() => Err(changed(client, *number, id, &shown)),
                _ => Ok(long),
            };
        }
        let mut again: Vec<Pair> = pair(&first).into_iter().collect();
        again.extend(client.pairs_that_come(&command)?);
        client.answer("NOOP")?.ok();
        same(client, listed, &again)?;
        Ok(long)
    }

    /// Makes sure of one message.
    ///
    /// # Errors
    /// [`ImportError::Broken`]: it is another one now; [`ImportError::Data`]: the answer is none.
    pub(super) fn confirm(self, client: &mut Client, listed: &[Pair], number: u64, id: &[u8]) -> Result<()> {
        match self {
            Self::One => match client.say(&format!("UIDL {number}"))? {
                Ok(text) => match pair(text.as_bytes()) {
                    Some((at, shown)) if at == number && shown == id => Ok(()),
                    Some((at, shown)) if at == number => Err(changed(client, number, id, &shown)),
                    _ => Err(client.wire().malformed(&format!("+OK {} (to UIDL {number})", said(text.as_bytes())))),
                },
                Err(_) => Err(changed(client, number, id, b"")),
            },
            Self::All => {
                let again = client.pairs("UIDL")?;
                same(client, listed, &again)
            }
            Self::Never => in_step(client.say("NOOP")?),
        }
    }

    /// Makes sure of all of them at the end, if each was not yet.
    pub(super) fn confirm_all(self, client: &mut Client, listed: &[Pair]) -> Result<()> {
        if self != Self::Never || listed.is_empty() {
            return Ok(());
        }
        let again = client.pairs("UIDL")?;
        same(client, listed, &again)
    }
}

/// Whatever it thinks of NOOP: it is an answer.
fn in_step(_: Answer) -> Result<()> {
    Ok(())
}

/// Each message that was listed is there with its unique-id; new ones may have come.
fn same(client: &Client, listed: &[Pair], again: &[Pair]) -> Result<()> {
    let mut rest = again.iter();
    for (number, id) in listed {
        match rest.find(|(at, _)| at >= number) {
            Some((at, shown)) if at == number && shown == id => {}
            Some((at, shown)) if at == number => return Err(changed(client, *number, id, shown)),
            _ => return Err(changed(client, *number, id, b"")),
        }
    }
    Ok(())
}

fn changed(client: &Client, number: u64, id: &[u8], shown: &[u8]) -> ImportError {
    let now = if shown.is_empty() { "nothing".to_owned() } else { format!("\"{}\"", said(shown)) };
    let (server, was) = (client.wire().server(), said(id));
    ImportError::Broken(format!("{server}: UIDL of message {number} was \"{was}\" and is {now} now"))
}
