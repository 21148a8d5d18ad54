//! The least store that the policy can stand before.

use crate::auth::credential::Secret;
use crate::store::{self, Account, Accounts, Principal, Scheme, StoreError, UserId};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Users 1, 2, … with mailboxes 11, 12, …
#[derive(Default)]
pub struct Fake {
    pub accounts: Mutex<Vec<Account>>,
    pub aliases: HashMap<&'static str, i64>,
    pub delegates: Vec<(i64, i64)>,
    pub verifiers: Mutex<HashMap<(UserId, Scheme), Secret>>,
    /// How often a verifier was asked for, which a remembered login does not do.
    pub asked: AtomicUsize,
    pub fails_reading: bool,
    pub fails_writing: bool,
}

impl Fake {
    fn find(&self, names: &[String]) -> Option<Account> {
        let accounts = self.accounts.lock().unwrap();
        let named = |name: &String| accounts.iter().find(|account| account.name.eq_ignore_ascii_case(name)).cloned();
        names.iter().find_map(named)
    }

    fn may(&self, fails: bool) -> store::Result<()> {
        if fails { Err(StoreError::Busy("database is locked".into())) } else { Ok(()) }
    }

    fn still(&self, user: UserId, password: &Secret) -> bool {
        self.accounts.lock().unwrap().iter().any(|a| a.user == user && a.password.as_ref() == Some(password))
    }
}

impl Accounts for Fake {
    fn account(&self, names: &[String]) -> store::Result<Option<Account>> {
        self.may(self.fails_reading)?;
        Ok(self.find(names))
    }

    fn principal(&self, delegate: UserId, names: &[String]) -> store::Result<Option<Principal>> {
        self.may(self.fails_reading)?;
        let aliased = |name: &String| self.aliases.get(name.as_str()).map(|user| UserId(*user));
        let target =
            names.iter().find_map(|name| self.find(std::slice::from_ref(name)).map(|a| a.user).or(aliased(name)));
        let accounts = self.accounts.lock().unwrap();
        Ok(accounts.iter().find(|account| Some(account.user) == target).and_then(|account| {
            Some(Principal {
                mailbox: account.mailbox?,
                name: account.name.clone(),
                site: account.site.clone(),
                pop_enabled: account.pop_enabled,
                delegated: self.delegates.contains(&(delegate.0, account.user.0)),
            })
        }))
    }

    fn standing(&self, user: UserId, mailbox: store::MailboxId) -> store::Result<Option<store::Standing>> {
        self.may(self.fails_reading)?;
        let accounts = self.accounts.lock().unwrap().clone();
        let Some(account) = accounts.iter().find(|account| account.user == user).cloned() else { return Ok(None) };
        let name = accounts.iter().find(|account| account.mailbox == Some(mailbox)).map(|account| account.name.clone());
        let principal = name.map(|name| self.principal(user, &[name])).transpose()?.flatten();
        Ok(Some(store::Standing { account, principal }))
    }

    fn recipients(&self, _: &[String]) -> store::Result<Vec<store::Mailbox>> {
        unreachable!("the policy delivers nothing")
    }

    fn recipient_names(&self) -> store::Result<Vec<String>> {
        unreachable!("logins have no use for it")
    }

    fn verifier(&self, user: UserId, scheme: Scheme) -> store::Result<Option<Secret>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.verifiers.lock().unwrap().get(&(user, scheme)).cloned())
    }

    fn add_verifier(&self, user: UserId, password: &Secret, scheme: Scheme, verifier: &Secret) -> store::Result<bool> {
        self.may(self.fails_writing)?;
        let still = self.still(user, password);
        if still {
            self.verifiers.lock().unwrap().insert((user, scheme), verifier.clone());
        }
        Ok(still)
    }

    fn set_password(
        &self,
        user: UserId,
        expected: Option<&Secret>,
        hash: &Secret,
        verifiers: &[(Scheme, Secret)],
    ) -> store::Result<bool> {
        self.may(self.fails_writing)?;
        if expected.is_some_and(|expected| !self.still(user, expected)) {
            return Ok(false);
        }
        let mut accounts = self.accounts.lock().unwrap();
        accounts.iter_mut().find(|a| a.user == user).unwrap().password = Some(hash.clone());
        let mut stored = self.verifiers.lock().unwrap();
        stored.retain(|(owner, _), _| *owner != user);
        stored.extend(verifiers.iter().map(|(scheme, verifier)| ((user, *scheme), verifier.clone())));
        Ok(true)
    }

    fn create_user(&self, _: &str) -> store::Result<UserId> {
        unreachable!("the policy makes no users")
    }
}
