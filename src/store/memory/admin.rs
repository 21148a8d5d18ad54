//! What an administrator does to the other engine with SQL. Unknown names are no error, as in an
//! UPDATE that matches no row.

use super::{Contents, DeletedMailbox, Mailbox, Memory, User};
use crate::secret::Secret;
use crate::store::{CertificateFiles, MailboxId, Scheme};

/// Seconds that octets stay after their mailbox went.
const IN_USE: i64 = 3600;

impl Memory {
    /// Sets one of `settings`.
    pub fn set(&self, name: &str, value: &str) {
        self.change(|state| {
            state.settings.insert(name.to_owned(), value.to_owned());
        });
    }

    /// Writes `users.password`, plain text or a hash; every verifier made from the old one goes.
    pub fn write_password(&self, user: &str, password: &str) {
        self.change_user(user, |user| {
            user.generation += 1;
            user.password = Some(Secret::from(password));
            user.verifiers.clear();
        });
    }

    /// Writes `users.pop_enabled`.
    pub fn enable_pop(&self, user: &str, enabled: bool) {
        self.change_user(user, |user| user.pop_enabled = enabled);
    }

    /// Writes `users.ntlm`.
    pub fn enable_ntlm(&self, user: &str, enabled: bool) {
        self.change_user(user, |user| {
            user.ntlm = enabled;
            if !enabled {
                user.verifiers.remove(&Scheme::NtHash);
            }
        });
    }

    /// Writes `mailboxes.prohibit_send_receive_quota`, octets.
    pub fn set_quota(&self, mailbox: &str, quota: Option<u64>) {
        self.change_mailbox(mailbox, |mailbox| mailbox.quota = quota);
    }

    /// Writes `mailboxes.issue_warning_quota`, octets.
    pub fn set_warning(&self, mailbox: &str, quota: Option<u64>) {
        self.change_mailbox(mailbox, |mailbox| mailbox.warning = quota);
    }

    /// `DELETE FROM messages` of one message.
    pub fn delete_message(&self, mailbox: &str, uid: u64) {
        let date = self.date();
        self.change_mailbox(mailbox, |mailbox| {
            if let Some(message) = mailbox.messages.remove(&uid) {
                mailbox.deleted.insert(uid, (message, date));
            }
        });
    }

    /// `UPDATE recoverable SET deleted_at = NULL` of one message. Its age counts anew.
    pub fn bring_back(&self, mailbox: &str, uid: u64) {
        let date = self.date();
        self.change_mailbox(mailbox, |mailbox| {
            if let Some((mut message, _)) = mailbox.deleted.remove(&uid) {
                message.stored_at = date;
                mailbox.messages.insert(uid, message);
            }
        });
    }

    /// Writes `mailboxes.retain_read_days`, `retain_unread_days` and `retention_hold`.
    pub fn set_retention(&self, mailbox: &str, read: Option<u32>, unread: Option<u32>, hold: bool) {
        self.change_mailbox(mailbox, |mailbox| {
            (mailbox.retain_read, mailbox.retain_unread, mailbox.hold) = (read, unread, hold);
        });
    }

    /// Writes `mailboxes.exact_rfc822_size`.
    pub fn set_exact_sizes(&self, mailbox: &str, exact: Option<bool>) {
        self.change_mailbox(mailbox, |mailbox| mailbox.exact = exact);
    }

    /// Writes `mailboxes.site`.
    pub fn set_site(&self, mailbox: &str, site: Option<&str>) {
        self.change_mailbox(mailbox, |mailbox| mailbox.site = site.map(str::to_owned));
    }

    /// Writes `usage.next_uid`.
    pub fn set_next_uid(&self, mailbox: &str, next: u64) {
        self.change_mailbox(mailbox, |mailbox| {
            mailbox.next_uid = next;
            mailbox.floor = next;
        });
    }

    /// Makes a mailbox without a user.
    pub fn add_mailbox(&self, name: &str) {
        self.change(|state| {
            state.add_mailbox(name);
        });
    }

    /// Adds a row to `certificates`.
    pub fn add_certificate(&self, row: CertificateFiles) {
        self.change(|state| drop(state.certificates.insert(row.name.to_ascii_lowercase(), row)));
    }

    /// Adds a row to `aliases`.
    pub fn add_alias(&self, address: &str, mailbox: &str) {
        self.change(|state| state.aliases.push((address.to_ascii_lowercase(), mailbox.to_ascii_lowercase())));
    }

    /// Adds a row to `delegates`.
    pub fn add_delegate(&self, delegate: &str, principal: &str) {
        let row = (delegate.to_ascii_lowercase(), principal.to_ascii_lowercase());
        self.change(|state| {
            state.delegates.insert(row);
        });
    }

    /// Deletes a user with the mailbox, its messages and everything that leads to it.
    pub fn delete_user(&self, name: &str) {
        let date = self.date();
        self.change(|state| {
            state.users.retain(|_, user| !user.name.eq_ignore_ascii_case(name));
            if let Some((id, _)) = state.mailbox_named(name) {
                state.remove_mailbox(id, date);
            }
            state.aliases.retain(|(_, mailbox)| !mailbox.eq_ignore_ascii_case(name));
            let gone = name.to_ascii_lowercase();
            state.delegates.retain(|(delegate, principal)| *delegate != gone && *principal != gone);
            state.logins.retain(|(user, _, _), _| !user.eq_ignore_ascii_case(name));
        });
    }

    /// `DELETE FROM deleted_mailboxes` of this id.
    pub fn purge_mailbox(&self, id: MailboxId) {
        let date = self.date();
        self.change(|state| {
            let found = state.deleted_mailboxes.iter().position(|gone| gone.id == id);
            if let Some(at) = found {
                let gone = state.deleted_mailboxes.remove(at).mailbox;
                state.purge_mailbox(gone, date);
            }
        });
    }

    /// `UPDATE deleted_mailboxes SET deleted_at = NULL` of this name. The age of its messages counts anew.
    pub fn bring_back_mailbox(&self, name: &str) {
        let date = self.date();
        self.change(|state| {
            let found = state.deleted_mailboxes.iter().position(|gone| gone.mailbox.name.eq_ignore_ascii_case(name));
            let Some(gone) = found.map(|at| state.deleted_mailboxes.remove(at)) else { return };
            let mut mailbox = gone.mailbox;
            let key = mailbox.name.to_ascii_lowercase();
            if let Some(next) = state.retired.get(&key).filter(|next| **next > mailbox.next_uid) {
                (mailbox.next_uid, mailbox.floor) = (*next, *next);
            }
            mailbox.messages.values_mut().for_each(|message| message.stored_at = date);
            state.aliases.extend(gone.aliases.into_iter().map(|address| (address, key.clone())));
            state.mailboxes.insert(gone.id, mailbox);
        });
    }

    /// Of what is changed now.
    fn date(&self) -> i64 {
        self.stamp(&mut self.state()).date
    }

    fn change_user(&self, name: &str, change: impl FnOnce(&mut User)) {
        self.change(|state| {
            let id = state.user_named(name).map(|(id, _)| id);
            if let Some(user) = id.and_then(|id| state.users.get_mut(&id)) {
                change(user);
            }
        });
    }

    fn change_mailbox(&self, name: &str, change: impl FnOnce(&mut Mailbox)) {
        self.change(|state| {
            let id = state.mailbox_named(name).map(|(id, _)| id);
            if let Some(mailbox) = id.and_then(|id| state.mailboxes.get_mut(&id)) {
                change(mailbox);
            }
        });
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Contents)) {
        let mut state = self.state();
        state.changes += 1;
        change(&mut state);
        state.note_usage();
    }
}

impl Contents {
    fn remove_mailbox(&mut self, id: MailboxId, date: i64) {
        if let Some(gone) = self.mailboxes.remove(&id) {
            self.retired.insert(gone.name.to_ascii_lowercase(), gone.next_uid);
            if self.setting("RetainDeletedItemsDays", 14) > 0 {
                let own = |(address, mailbox): &(String, String)| {
                    mailbox.eq_ignore_ascii_case(&gone.name).then(|| address.clone())
                };
                let aliases = self.aliases.iter().filter_map(own).collect();
                return self.deleted_mailboxes.push(DeletedMailbox { id, mailbox: gone, aliases, deleted_at: date });
            }
            self.purge_mailbox(gone, date);
        }
    }

    fn purge_mailbox(&mut self, gone: Mailbox, date: i64) {
        let deleted = gone.deleted.into_values().map(|(message, _)| message);
        self.purge.extend(gone.messages.into_values().chain(deleted).map(|message| (message.body, date + IN_USE)));
    }
}
