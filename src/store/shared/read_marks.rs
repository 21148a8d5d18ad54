//! Messages that RETR has sent and that are not noted as read yet.

use crate::lock::lock;
use crate::store::{MailboxId, MessageId, Result, Uid};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// How many may wait for their batch; who comes later is not marked.
const MARKS: usize = 100_000;
/// How many are written in one transaction.
const AT_ONCE: usize = 1000;

/// In the order in which the database has them.
#[derive(Default)]
pub struct ReadMarks(BTreeSet<(i64, u64, i64)>);

impl ReadMarks {
    /// One more.
    pub fn add(&mut self, message: MessageId) {
        if self.0.len() < MARKS {
            self.0.insert((message.mailbox.0, message.uid.0, message.body));
        }
    }

    /// Takes those of messages that are about to be deleted: there is no point in writing them first.
    pub fn take(&mut self, mailbox: MailboxId, messages: &[Uid]) -> Vec<MessageId> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut taken = Vec::new();
        for uid in messages {
            let of_message = (mailbox.0, uid.0, i64::MIN)..=(mailbox.0, uid.0, i64::MAX);
            let Some(mark) = self.0.range(of_message).next().copied() else { continue };
            self.0.remove(&mark);
            taken.push(message(mark));
        }
        taken
    }

    /// Takes them all, in the database's order.
    pub fn take_all(&mut self) -> Vec<MessageId> {
        std::mem::take(&mut self.0).into_iter().map(message).collect()
    }
}

/// Writes what waits, the last first; what could not be written waits on.
///
/// # Errors
/// That of `write`.
pub fn flush(marks: &Mutex<ReadMarks>, write: impl Fn(Vec<MessageId>) -> Result<()>) -> Result<()> {
    let mut waiting = lock(marks).take_all();
    while !waiting.is_empty() {
        let batch = waiting.split_off(waiting.len().saturating_sub(AT_ONCE));
        if let Err(error) = write(batch.clone()) {
            let mut marks = lock(marks);
            waiting.into_iter().chain(batch).for_each(|message| marks.add(message));
            return Err(error);
        }
    }
    Ok(())
}

fn message((mailbox, uid, body): (i64, u64, i64)) -> MessageId {
    MessageId { mailbox: MailboxId(mailbox), uid: Uid(uid), body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marks_of_what_is_deleted_are_taken() {
        let mut marks = ReadMarks::default();
        assert_eq!(marks.take(MailboxId(1), &[Uid(1)]), []);
        let all = [(1, 1, 5), (1, 2, 6), (2, 1, 7), (2, 3, 8)].map(message);
        all.into_iter().rev().for_each(|mark| marks.add(mark));
        assert_eq!(marks.take(MailboxId(2), &[Uid(1), Uid(2)]), [all[2]]);
        assert_eq!(marks.take_all(), [all[0], all[1], all[3]]);
        assert_eq!(marks.take_all(), []);
    }

    #[test]
    fn no_more_than_so_many_wait() {
        let mut marks = ReadMarks::default();
        (0..=MARKS as u64).for_each(|uid| marks.add(message((1, uid, 1))));
        assert_eq!(marks.take_all().len(), MARKS);
    }
}
