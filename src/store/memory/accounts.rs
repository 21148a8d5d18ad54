//! Users, verifiers and addresses in memory.

use super::{Contents, Mailbox, Memory, User};
use crate::secret::Secret;
use crate::store::{self, Account, Accounts, MailboxId, Principal, Result, Scheme, Standing, StoreError, UserId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

impl Accounts for Memory {
    fn account(&self, names: &[String]) -> Result<Option<Account>> {
        let state = self.state();
        Ok(names.iter().find_map(|name| state.user_named(name)).map(|(id, user)| {
            let mailbox = state.mailbox_named(&user.name);
            Account {
                user: id,
                name: user.name.clone(),
                password: user.password.clone(),
                pop_enabled: user.pop_enabled,
                ntlm: user.ntlm,
                generation: user.generation,
                mailbox: mailbox.map(|(id, _)| id),
                site: mailbox.and_then(|(_, mailbox)| mailbox.site.clone()),
            }
        }))
    }

    fn principal(&self, delegate: UserId, names: &[String]) -> Result<Option<Principal>> {
        let state = self.state();
        Ok(names.iter().find_map(|name| {
            let targets = state.targets(name).into_iter().filter_map(|id| state.as_principal(delegate, id));
            let (delegated, others): (Vec<_>, Vec<_>) = targets.partition(|target| target.delegated);
            delegated.into_iter().chain(others).next()
        }))
    }

    fn standing(&self, user: UserId, mailbox: MailboxId) -> Result<Option<Standing>> {
        let Some(name) = self.state().users.get(&user).map(|user| user.name.clone()) else { return Ok(None) };
        let account = self.account(&[name])?;
        let principal = self.state().as_principal(user, mailbox);
        Ok(account.map(|account| Standing { account, principal }))
    }

    fn recipients(&self, names: &[String]) -> Result<Vec<store::Mailbox>> {
        let state = self.state();
        let found = names.iter().map(|name| state.targets(name)).find(|targets| !targets.is_empty());
        let named = |id| {
            let (mailbox, quota) = (state.mailbox(id)?, state.quota(id)?);
            let room = if quota == 0 { u64::MAX } else { quota.saturating_sub(mailbox.bytes()) };
            Ok(store::Mailbox { id, name: mailbox.name.clone(), room })
        };
        found.unwrap_or_default().into_iter().map(named).collect()
    }

    fn recipient_names(&self) -> Result<Vec<String>> {
        let state = self.state();
        let mailboxes: BTreeSet<String> =
            state.mailboxes.values().map(|mailbox| mailbox.name.to_ascii_lowercase()).collect();
        let aliases = state.aliases.iter().filter(|(_, mailbox)| mailboxes.contains(mailbox));
        let addresses: BTreeSet<String> = aliases.map(|(address, _)| address.clone()).collect();
        Ok(mailboxes.union(&addresses).cloned().collect())
    }

    fn verifier(&self, user: UserId, scheme: Scheme) -> Result<Option<Secret>> {
        Ok(self.state().users.get(&user).and_then(|user| user.verifiers.get(&scheme).cloned()))
    }

    fn add_verifier(&self, user: UserId, password: &Secret, scheme: Scheme, verifier: &Secret) -> Result<bool> {
        let mut state = self.state();
        let Some(user) = state.users.get_mut(&user) else { return Ok(false) };
        Ok(user.password.as_ref() == Some(password) && user.put(scheme, verifier))
    }

    fn set_password(
        &self,
        user: UserId,
        expected: Option<&Secret>,
        hash: &Secret,
        verifiers: &[(Scheme, Secret)],
    ) -> Result<bool> {
        let mut state = self.state();
        let Some(user) = state.users.get_mut(&user) else { return Ok(false) };
        if expected.is_some() && user.password.as_ref() != expected {
            return Ok(false);
        }
        // What was expected is another form of the same password.
        user.generation += i64::from(expected.is_none());
        user.password = Some(hash.clone());
        user.verifiers.clear();
        for (scheme, verifier) in verifiers {
            user.put(*scheme, verifier);
        }
        Ok(true)
    }

    fn create_user(&self, name: &str) -> Result<UserId> {
        check_name(name)?;
        let mut state = self.state();
        if state.user_named(name).is_some() {
            return Err(StoreError::Refused("users.name: a user of this name or id exists; use UPDATE".into()));
        }
        let id = UserId(state.new_id());
        let user = User {
            name: name.to_owned(),
            password: None,
            pop_enabled: true,
            ntlm: false,
            generation: 0,
            last_login: None,
            verifiers: HashMap::new(),
        };
        state.users.insert(id, user);
        state.add_mailbox(name);
        Ok(id)
    }
}

impl User {
    /// An NT hash of a user who does not want one is not stored.
    fn put(&mut self, scheme: Scheme, verifier: &Secret) -> bool {
        let wanted = scheme != Scheme::NtHash || self.ntlm;
        if wanted {
            self.verifiers.insert(scheme, verifier.clone());
        }
        wanted
    }
}

impl Contents {
    /// The mailbox of that name, else those that the aliases lead to.
    fn targets(&self, name: &str) -> Vec<MailboxId> {
        if let Some((id, _)) = self.mailbox_named(name) {
            return vec![id];
        }
        let aliases = self.aliases.iter().filter(|(address, _)| address.eq_ignore_ascii_case(name));
        let mut ids: Vec<_> = aliases.filter_map(|(_, target)| self.mailbox_named(target)).map(|(id, _)| id).collect();
        ids.sort();
        ids
    }

    fn as_principal(&self, delegate: UserId, id: MailboxId) -> Option<Principal> {
        let mailbox = self.mailboxes.get(&id)?;
        let key =
            self.users.get(&delegate).map(|user| (user.name.to_ascii_lowercase(), mailbox.name.to_ascii_lowercase()));
        Some(Principal {
            mailbox: id,
            name: mailbox.name.clone(),
            site: mailbox.site.clone(),
            pop_enabled: self.user_named(&mailbox.name).is_none_or(|(_, user)| user.pop_enabled),
            delegated: key.is_some_and(|key| self.delegates.contains(&key)),
        })
    }

    /// The mailbox of a new user, unless there is one of that name already.
    pub(super) fn add_mailbox(&mut self, name: &str) -> MailboxId {
        if let Some((id, _)) = self.mailbox_named(name) {
            return id;
        }
        let next_uid = self.retired.get(&name.to_ascii_lowercase()).copied().unwrap_or(1);
        let mailbox = Mailbox {
            name: name.to_owned(),
            quota: None,
            warning: None,
            warning_due: None,
            retain_read: None,
            retain_unread: None,
            hold: false,
            site: None,
            exact: None,
            next_uid,
            floor: next_uid,
            shown: HashSet::new(),
            messages: BTreeMap::new(),
            deleted: BTreeMap::new(),
        };
        let id = MailboxId(self.new_id());
        self.mailboxes.insert(id, mailbox);
        id
    }
}

/// The rule of docs/interface.md section 2.
fn check_name(name: &str) -> Result<()> {
    let bad = |character: char| character.is_control() || matches!(character, ' ' | '/' | '\\');
    if !(1..=255).contains(&name.chars().count()) || name.contains(bad) || name.matches('@').count() > 1 {
        let rule = "users.name: 1 to 255 characters, no space, control, / or \\, at most one @";
        return Err(StoreError::Refused(rule.into()));
    }
    Ok(())
}
