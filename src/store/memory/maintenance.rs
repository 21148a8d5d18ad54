//! What the maintenance thread asks for, in memory.

use super::{Contents, Mailbox, Memory, Message, User};
use crate::clock::{FAR, latest};
use crate::secret::Secret;
use crate::store::password::is_hash;
use crate::store::{
    Accounts, Advertised, CertificateFiles, Config, Envelope, Expire, MailboxId, Maintenance, Overfull, Pending,
    Replacement, Result, Scheme, StoreError, Usable, WARNING_INTERVAL,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Seconds that octets stay after a deletion at least.
const IN_USE: i64 = 3600;

impl Config for Memory {
    fn change_mark(&self) -> Result<i64> {
        Ok(self.state().changes)
    }

    fn revocations(&self) -> Result<i64> {
        Ok(self.state().changes)
    }

    fn settings(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(self.state().settings.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect())
    }

    fn certificates(&self) -> Result<Vec<CertificateFiles>> {
        Ok(self.state().certificates.values().cloned().collect())
    }

    fn advertised(&self) -> Result<Advertised> {
        let state = self.state();
        Ok(Advertised { expire: state.shortest_retention(), usable: state.usable() })
    }

    fn retention(&self, mailbox: MailboxId) -> Result<Expire> {
        Ok(Expire::of(self.state().days(mailbox)?))
    }

    fn exact_sizes(&self, mailbox: MailboxId) -> Result<Option<bool>> {
        Ok(self.state().mailbox(mailbox)?.exact)
    }
}

impl Maintenance for Memory {
    fn lost(&self) -> Result<Option<String>> {
        Ok(None)
    }

    fn drop_foreign_verifiers(&self, mark: &str) -> Result<usize> {
        let mut dropped = 0;
        for user in self.state().users.values_mut() {
            let before = user.verifiers.len();
            user.verifiers.retain(|_, verifier| verifier.expose().starts_with(mark.as_bytes()));
            dropped += before - user.verifiers.len();
        }
        Ok(dropped)
    }

    fn pending(&self, limit: usize) -> Result<Vec<Pending>> {
        let state = self.state();
        let plain = state.users.iter().filter_map(|(id, user)| {
            let password = user.password.as_ref().filter(|password| !is_hash(password.expose()))?;
            Some(Pending { user: *id, name: user.name.clone(), password: Secret::clone(password), ntlm: user.ntlm })
        });
        Ok(plain.take(limit).collect())
    }

    fn pending_count(&self) -> Result<usize> {
        Ok(self.pending(usize::MAX)?.len())
    }

    fn replace_passwords(&self, made: &[Replacement]) -> Result<Vec<Result<bool>>> {
        Ok(made.iter().map(|it| self.set_password(it.user, Some(&it.expected), &it.hash, &it.others)).collect())
    }

    fn drop_unwanted_verifiers(&self) -> Result<usize> {
        let mut state = self.state();
        let unwanted = state.users.values_mut().filter(|user| !user.ntlm);
        Ok(unwanted.filter_map(|user| user.verifiers.remove(&Scheme::NtHash)).count())
    }

    fn flush_marks(&self) -> Result<()> {
        Ok(())
    }

    fn shutdown(&self) {}

    fn finish(&self) -> Result<()> {
        Ok(())
    }

    fn reap(&self, now: i64, limit: usize) -> Result<usize> {
        let mut state = self.state();
        let stamp = self.stamp(&mut state);
        let site = (state.site_days("RetainReadDays"), state.site_days("RetainUnreadDays"));
        let mut reaped = 0;
        for mailbox in state.mailboxes.values_mut().filter(|mailbox| !mailbox.hold) {
            let (read, unread) = (mailbox.retain_read.unwrap_or(site.0), mailbox.retain_unread.unwrap_or(site.1));
            let is_old = |message: &Message| {
                let days = i64::from(if message.read { read } else { unread });
                days > 0 && message.stored_at + days * 86_400 <= now
            };
            let old = mailbox.messages.iter().filter(|(_, message)| is_old(message)).map(|(uid, _)| *uid);
            for uid in old.take(limit - reaped).collect::<Vec<_>>() {
                if let Some(message) = mailbox.messages.remove(&uid) {
                    mailbox.deleted.insert(uid, (message, stamp.date));
                    reaped += 1;
                }
            }
        }
        state.note_usage();
        Ok(reaped)
    }

    fn overfull(&self, now: i64, limit: usize) -> Result<Vec<Overfull>> {
        let mut state = self.state();
        for due in state.mailboxes.values_mut().filter_map(|mailbox| mailbox.warning_due.as_mut()) {
            // What is far away was noted by a clock that was wildly wrong.
            if *due > now + WARNING_INTERVAL + FAR {
                *due = now + WARNING_INTERVAL;
            }
        }
        let overfull = state.mailboxes.iter().filter_map(|(id, mailbox)| state.warning(*id, mailbox, now));
        Ok(overfull.take(limit).collect())
    }

    fn warn(&self, id: MailboxId, message: &[u8], now: i64) -> Result<bool> {
        let mut state = self.state();
        if state.mailboxes.get(&id).and_then(|mailbox| state.warning(id, mailbox, now)).is_none() {
            return Ok(false);
        }
        let body = state.new_id();
        state.bodies.insert(body, Arc::new(message.to_vec()));
        state.latest_at = latest(now, state.latest_at);
        let stored_at = state.latest_at;
        let mailbox = state.mailbox_mut(id)?;
        mailbox.warning_due = Some(now + WARNING_INTERVAL);
        let (octets, envelope) = (message.len() as u64, Envelope { received_at: Some(now), ..Envelope::default() });
        match mailbox.add(Message { body, octets, dotted: false, read: false, stored_at, envelope }) {
            Err(StoreError::OutOfUids) => Ok(false),
            added => added.map(|_| true),
        }
    }

    fn purge(&self, now: i64, limit: usize) -> Result<usize> {
        let mut state = self.state();
        state.expire_deleted(now);
        let mut freed = 0;
        while freed < limit {
            let Some(due) = state.purge.iter().position(|(_, not_before)| *not_before <= now) else { break };
            let (body, _) = state.purge.swap_remove(due);
            if !state.refers_to(body) {
                state.bodies.remove(&body);
            }
            freed += 1;
        }
        Ok(freed)
    }
}

impl Contents {
    /// Notes who has crossed the warning quota, in either direction.
    pub(super) fn note_usage(&mut self) {
        let site = self.setting("IssueWarningQuota", 2_039_480_320);
        for mailbox in self.mailboxes.values_mut() {
            let warning = mailbox.warning.unwrap_or(site);
            let over = warning > 0 && mailbox.bytes() >= warning;
            mailbox.warning_due = over.then(|| mailbox.warning_due.unwrap_or(0));
        }
    }

    /// The mailbox, if its owner is to be warned.
    fn warning(&self, id: MailboxId, mailbox: &Mailbox, now: i64) -> Option<Overfull> {
        let warning = mailbox.warning.unwrap_or(self.setting("IssueWarningQuota", 2_039_480_320));
        let limit = mailbox.quota.unwrap_or(self.setting("ProhibitSendReceiveQuota", 2_469_396_480));
        let due = mailbox.warning_due.is_some_and(|due| due <= now) && (limit == 0 || 2 * warning >= limit);
        let (name, bytes) = (mailbox.name.clone(), mailbox.bytes());
        due.then_some(Overfull { mailbox: id, name, bytes, warning, limit })
    }

    /// The shortest of all mailboxes; without any, what a first one would get.
    fn shortest_retention(&self) -> Expire {
        let days: HashSet<u32> = self.mailboxes.keys().filter_map(|id| self.days(*id).ok()).collect();
        if days.is_empty() {
            return Expire::of(shorter(self.site_days("RetainReadDays"), self.site_days("RetainUnreadDays")));
        }
        Expire::shortest(days.iter().copied().filter(|days| *days > 0).min(), days.len() != 1)
    }

    fn usable(&self) -> Usable {
        let mut able = self.users.values().filter(|user| user.pop_enabled);
        let ntlm = able.clone().any(|user| user.verifiers.contains_key(&Scheme::NtHash));
        let hashed = |user: &User| user.password.as_ref().is_some_and(|password| is_hash(password.expose()));
        let scram = able.all(|user| !hashed(user) || user.verifiers.contains_key(&Scheme::ScramSha256));
        Usable { ntlm, scram }
    }

    fn site_days(&self, setting: &str) -> u32 {
        self.setting(setting, 0) as u32
    }

    /// Days that a mailbox keeps its messages, 0: for ever.
    fn days(&self, mailbox: MailboxId) -> Result<u32> {
        let mailbox = self.mailbox(mailbox)?;
        if mailbox.hold {
            return Ok(0);
        }
        let read = mailbox.retain_read.unwrap_or(self.site_days("RetainReadDays"));
        let unread = mailbox.retain_unread.unwrap_or(self.site_days("RetainUnreadDays"));
        Ok(shorter(read, unread))
    }

    fn expire_deleted(&mut self, now: i64) {
        let keep = IN_USE.max(86_400 * self.setting("RetainDeletedItemsDays", 14) as i64);
        let purge = &mut self.purge;
        self.deleted_mailboxes.retain(|gone| {
            let expired = gone.deleted_at + keep <= now;
            purge.extend(gone.mailbox.messages.values().filter(|_| expired).map(|message| (message.body, 0)));
            purge.extend(gone.mailbox.deleted.values().filter(|_| expired).map(|(message, _)| (message.body, 0)));
            !expired
        });
        let gone = self.deleted_mailboxes.iter_mut().map(|gone| &mut gone.mailbox);
        for mailbox in self.mailboxes.values_mut().chain(gone) {
            mailbox.deleted.retain(|_, (message, deleted_at)| {
                let expired = *deleted_at + keep <= now;
                purge.extend(expired.then_some((message.body, 0)));
                !expired
            });
        }
    }

    fn refers_to(&self, body: i64) -> bool {
        self.purge.iter().any(|(other, _)| *other == body)
            || self.mailboxes.values().chain(self.deleted_mailboxes.iter().map(|gone| &gone.mailbox)).any(|mailbox| {
                mailbox
                    .messages
                    .values()
                    .chain(mailbox.deleted.values().map(|(message, _)| message))
                    .any(|m| m.body == body)
            })
    }
}

/// The minimum, where 0 is for ever.
fn shorter(one: u32, other: u32) -> u32 {
    match (one, other) {
        (0, days) | (days, 0) => days,
        (one, other) => one.min(other),
    }
}
