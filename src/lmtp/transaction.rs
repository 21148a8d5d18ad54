//! One mail transaction (RFC 5321 section 3.3): sender, recipients, and the copies that follow.
//!
//! A mailbox gets one copy, however many recipients lead to it; every recipient gets a reply of its
//! own (RFC 2033 section 4.2).

use super::command::Mail;
use super::reply::Reply;
use crate::store::{Mailbox, MailboxId, Result, StoreError, Uid};

/// Most recipients of one transaction; RFC 5321 section 4.5.3.1.8 wants 100 at least.
pub const MOST_RECIPIENTS: usize = 200;

/// One copy that is to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copy {
    /// Where.
    pub mailbox: Mailbox,
    /// The recipient that led there first.
    pub recipient: String,
}

struct Recipient {
    address: String,
    /// Positions in `copies`.
    copies: Vec<usize>,
}

/// What MAIL and RCPT have said.
#[derive(Default)]
pub struct Transaction {
    /// What MAIL said.
    pub mail: Mail,
    recipients: Vec<Recipient>,
    copies: Vec<Copy>,
}

impl Transaction {
    /// MAIL.
    pub fn new(mail: Mail) -> Self {
        Self { mail, ..Self::default() }
    }

    /// No recipient was accepted.
    pub fn is_empty(&self) -> bool {
        self.recipients.is_empty()
    }

    /// No recipient can be accepted any more.
    pub fn is_full(&self) -> bool {
        self.recipients.len() >= MOST_RECIPIENTS
    }

    /// Accepts a recipient that leads to these mailboxes.
    pub fn add(&mut self, address: String, mailboxes: Vec<Mailbox>) {
        let copies = mailboxes.into_iter().map(|mailbox| self.copy(&address, mailbox)).collect();
        self.recipients.push(Recipient { address, copies });
    }

    fn copy(&mut self, address: &str, mailbox: Mailbox) -> usize {
        let known = |id: MailboxId| self.copies.iter().position(|copy| copy.mailbox.id == id);
        known(mailbox.id).unwrap_or_else(|| {
            self.copies.push(Copy { mailbox, recipient: address.to_owned() });
            self.copies.len() - 1
        })
    }

    /// The copies to be stored.
    pub fn copies(&self) -> &[Copy] {
        &self.copies
    }

    /// One reply per recipient; `answers` are those for [`Transaction::copies`].
    pub fn replies(&self, answers: &[Result<Uid>], over_quota_permanent: bool) -> Vec<Reply> {
        let reply = |recipient: &Recipient| {
            let answers: Vec<&Result<Uid>> = recipient.copies.iter().filter_map(|at| answers.get(*at)).collect();
            match fault(&answers) {
                None => Reply::stored(&recipient.address),
                Some(error) => Reply::refused(&recipient.address, &error, over_quota_permanent),
            }
        };
        self.recipients.iter().map(reply).collect()
    }

    /// The same reply to every recipient: nothing was stored.
    pub fn refusals(&self, error: &StoreError, over_quota_permanent: bool) -> Vec<Reply> {
        let reply = |recipient: &Recipient| Reply::refused(&recipient.address, error, over_quota_permanent);
        self.recipients.iter().map(reply).collect()
    }
}

/// What a recipient is told of the copies that it led to. A mailbox that is gone counts only if it
/// was the only one; else what may pass goes before what will not.
fn fault(answers: &[&Result<Uid>]) -> Option<StoreError> {
    let stored = answers.iter().any(|answer| answer.is_ok());
    let errors = answers.iter().filter_map(|answer| answer.as_ref().err());
    let lasting = |error: &&StoreError| matches!(error, StoreError::NoSuchMailbox | StoreError::TooBig);
    let (lasting, passing): (Vec<_>, Vec<_>) = errors.partition(lasting);
    match (passing.first(), lasting.first()) {
        (Some(error), _) => Some((*error).clone()),
        (None, Some(StoreError::NoSuchMailbox)) if stored => None,
        (None, Some(error)) => Some((*error).clone()),
        // The driver answered for fewer copies than there are: nothing is promised.
        (None, None) => (!stored).then(|| StoreError::Internal("not stored".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(id: i64) -> Mailbox {
        Mailbox { id: MailboxId(id), name: format!("m{id}"), room: u64::MAX }
    }

    fn text(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_copy_per_mailbox_and_one_reply_per_recipient() {
        let mut transaction = Transaction::default();
        transaction.add("a@x".into(), vec![mailbox(1)]);
        transaction.add("team@x".into(), vec![mailbox(1), mailbox(2)]);
        transaction.add("a@x".into(), vec![mailbox(1)]);
        let copies: Vec<_> = transaction.copies().iter().map(|copy| (copy.mailbox.id.0, &*copy.recipient)).collect();
        assert_eq!(copies, [(1, "a@x"), (2, "team@x")]);
        let replies = transaction.replies(&[Ok(Uid(1)), Err(StoreError::OverQuota)], false);
        let codes: Vec<_> = replies.iter().map(|reply| text(reply)[..9].to_owned()).collect();
        assert_eq!(codes, ["250 2.0.0", "452 4.2.2", "250 2.0.0"]);
        assert_eq!(transaction.refusals(&StoreError::TooBig, false).len(), 3);
    }

    #[test]
    fn a_mailbox_that_is_gone_is_no_fault_of_the_others() {
        let gone = Err(StoreError::NoSuchMailbox);
        assert_eq!(fault(&[&Ok(Uid(1)), &gone]), None);
        assert_eq!(fault(&[&gone, &gone]), Some(StoreError::NoSuchMailbox));
        assert_eq!(fault(&[&gone, &Err(StoreError::OverQuota)]), Some(StoreError::OverQuota));
        assert!(fault(&[]).is_some());
    }
}
