//! The policy: answers what a SASL mechanism or USER/PASS asks, from the store and the credentials.
//!
//! What lives here: who may act as whom (one function makes every [`Login`]), and that every
//! refusal looks the same. What must not be known here: replies, sockets, how mechanisms and hashes
//! work, and limits on failed logins.
//!
//! # Nobody may learn why
//!
//! An unknown user, a wrong password, a disabled user, another site and a missing delegation get
//! [`Answer::Refused`] after the same work: the same number of hashes is computed, and what was
//! remembered of an earlier login is only used for who would be let in. What we cannot find out is
//! [`Answer::Unavailable`], never a refusal.
//!
//! Known differences: until its user's first login an imported hash takes the time of its own kind,
//! and a plain-text password that of replacing it. After `ScramIterations` or `Domains` was changed, SCRAM shows the old
//! rounds and salts of each user until the next login with a password.
//!
//! # Nobody may keep others out
//!
//! What costs a hash, or could be a guess, needs a place ([`Admission`]); who was right a moment ago needs none.

mod verifiers;

use crate::auth::credential::{Client, CredentialError, Credentials, Secret, Verdict, is_current, wanted};
use crate::message::address::{common_name, login_names, printable, vouched_names};
use crate::sasl::{Answer, Identity, Login, Query};
use crate::store::{Account, Accounts, MailboxId, Principal, Scheme, Standing, StoreError, UserId};
use std::sync::Arc;

/// Most readings of one password that are tried; each costs a hash.
const MOST_CANDIDATES: usize = 4;

/// The settings that decide who comes in, and who asks.
#[derive(Clone, Copy)]
pub struct LoginPolicy<'a> {
    /// `Domains`.
    pub domains: &'a [String],
    /// `Site`; empty: none.
    pub site: &'a str,
    /// Lets the client make a guess.
    pub admission: &'a dyn Admission,
}

/// Bounds what one client may try at a time.
pub trait Admission {
    /// Whose turn it is when hashes are computed.
    fn client(&self) -> Client {
        None
    }

    /// Waits until the client may make a guess; `false`: not in time. Asked for again by the same login, it does not wait.
    fn admit(&self) -> bool {
        true
    }
}

/// Lets everybody try as much as they want.
pub struct Unbounded;

impl Admission for Unbounded {}

/// Answers queries. One is enough for all connections.
pub struct Authenticator {
    store: Arc<dyn Accounts>,
    credentials: Arc<Credentials>,
}

/// Why there is no answer.
enum AuthError {
    Store(StoreError),
    Credential(CredentialError),
}

impl From<StoreError> for AuthError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CredentialError> for AuthError {
    fn from(error: CredentialError) -> Self {
        Self::Credential(error)
    }
}

impl std::fmt::Display for AuthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Credential(error) => error.fmt(f),
        }
    }
}

type Result<T> = std::result::Result<T, AuthError>;
/// A login that is allowed, or why it is not.
type Allowed = std::result::Result<Login, &'static str>;

impl Authenticator {
    /// Asks this store and these credentials.
    pub fn new(store: Arc<dyn Accounts>, credentials: Arc<Credentials>) -> Self {
        Self { store, credentials }
    }

    /// Answers one query. A password may take as long as a permit is waited for (see
    /// [`crate::auth::credential::Hasher`]).
    pub fn answer(&self, query: &Query, policy: &LoginPolicy<'_>) -> Answer {
        let answer = match query {
            Query::Password { who, candidates } => self.password(who, candidates, policy),
            Query::Verifier { authcid, scheme } => self.verifier(authcid, *scheme, policy),
            Query::Authorize { who } => self.authorize(who, &login_names(&who.authcid, policy.domains), false, policy),
            Query::Vouched { who, exact_case } => {
                self.authorize(who, &vouched_names(&who.authcid, policy.domains), *exact_case, policy)
            }
        };
        answer.unwrap_or_else(|error| {
            match error {
                // A crowd does that, each of it: the connection says so once.
                AuthError::Credential(CredentialError::Busy) => log::debug!("auth: cannot check a login: {error}"),
                AuthError::Store(error @ StoreError::Unavailable(_)) => {
                    log::debug!("auth: cannot check a login: {error}")
                }
                error => log::error!("auth: cannot check a login: {error}"),
            }
            Answer::Unavailable
        })
    }

    fn password(&self, who: &Identity, candidates: &[Secret], policy: &LoginPolicy<'_>) -> Result<Answer> {
        let candidates = &candidates[..candidates.len().min(MOST_CANDIDATES)];
        let account = self.store.account(&login_names(&who.authcid, policy.domains))?;
        let login = match &account {
            Some(account) => self.login(account, who.authzid.as_deref(), policy)?,
            None => Err("there is no such user"),
        };
        let (account, login) = match (&account, login) {
            (Some(account), Ok(login)) => (account, login),
            (_, why) => {
                admit(policy)?;
                // Not allowed, whatever the password is. That it is right must not show by stopping there.
                for candidate in candidates {
                    self.right_one(account.as_ref(), std::slice::from_ref(candidate), policy)?;
                }
                return Ok(refused(who, why.err().unwrap_or_default()));
            }
        };
        if self.is_remembered(account, candidates, policy) {
            return Ok(Answer::Accepted(login));
        }
        admit(policy)?;
        let Some(password) = self.right_one(Some(account), candidates, policy)? else {
            return Ok(refused(
                who,
                if account.password.is_some() { "wrong password" } else { "the user has no password" },
            ));
        };
        self.settle(account, password, policy);
        Ok(Answer::Accepted(login))
    }

    /// The first of these passwords that is this user's; of nobody's there is none.
    fn right_one<'a>(
        &self,
        account: Option<&Account>,
        candidates: &'a [Secret],
        policy: &LoginPolicy<'_>,
    ) -> Result<Option<&'a Secret>> {
        let stored = account.and_then(|account| account.password.as_ref());
        for candidate in candidates {
            match self.credentials.verify(candidate, stored, policy.admission.client()) {
                Verdict::Right => return Ok(Some(candidate)),
                Verdict::Busy => return Err(CredentialError::Busy.into()),
                Verdict::Wrong => (),
                Verdict::Malformed => {
                    let name = account.map_or("", |account| &account.name);
                    log::warn!("auth: users.password of {name}: unusable hash, no password matches it");
                }
            }
        }
        Ok(None)
    }

    /// Whether one of these was this user's password a moment ago. The next moment at which the
    /// clear password is at hand counts for a missing NT hash, even then.
    fn is_remembered(&self, account: &Account, candidates: &[Secret], policy: &LoginPolicy<'_>) -> bool {
        let Some(stored) = &account.password else { return false };
        let remembered = |candidate: &&Secret| self.credentials.is_remembered(account.user, stored, candidate);
        let Some(password) = candidates.iter().find(remembered) else { return false };
        if account.ntlm {
            self.or_log(account, self.add_missing(account, stored, password, &[Scheme::NtHash], policy));
        }
        true
    }

    /// After a full check that succeeded: replaces what is not our present kind of hash, makes
    /// verifiers that are missing, and remembers the password. A login does not fail for any of it.
    fn settle(&self, account: &Account, password: &Secret, policy: &LoginPolicy<'_>) {
        let Some(stored) = &account.password else { return };
        if is_current(stored) {
            self.or_log(account, self.add_missing(account, stored, password, wanted(account.ntlm), policy));
            self.credentials.remember(account.user, stored, password);
        } else if let Some(Some(hash)) = self.or_log(account, self.replace(account, stored, password, policy)) {
            self.credentials.remember(account.user, &hash, password);
        }
    }

    /// The new hash, if the old value still stood there.
    fn replace(
        &self,
        account: &Account,
        stored: &Secret,
        password: &Secret,
        policy: &LoginPolicy<'_>,
    ) -> Result<Option<Secret>> {
        let name = common_name(&account.name, policy.domains);
        let (hash, verifiers) = self.credentials.verifiers_for(&name, account.user, password, account.ntlm)?;
        let replaced = self.store.set_password(account.user, Some(stored), &hash, &verifiers)?;
        Ok(replaced.then_some(hash))
    }

    fn add_missing(
        &self,
        account: &Account,
        stored: &Secret,
        password: &Secret,
        schemes: &[Scheme],
        policy: &LoginPolicy<'_>,
    ) -> Result<()> {
        let name = common_name(&account.name, policy.domains);
        for scheme in schemes {
            if self.has_current(account.user, &name, *scheme)? {
                continue;
            }
            let made = self.credentials.verifier_for(*scheme, &name, account.user, password)?;
            if let Some(verifier) = made {
                self.store.add_verifier(account.user, stored, *scheme, &verifier)?;
            }
        }
        Ok(())
    }

    /// Whether there is a verifier that would not be made any other way today.
    fn has_current(&self, user: UserId, name: &str, scheme: Scheme) -> Result<bool> {
        let Some(there) = self.store.verifier(user, scheme)? else { return Ok(false) };
        Ok(match scheme {
            Scheme::ScramSha256 => match self.credentials.open_scram(user, &there)? {
                Some(keys) => self.credentials.is_current_scram(name, &keys)?,
                None => false,
            },
            Scheme::NtHash => self.credentials.open_nt_hash(user, &there)?.is_some(),
        })
    }

    fn or_log<T>(&self, account: &Account, result: Result<T>) -> Option<T> {
        result.map_err(|error| log::warn!("auth: cannot store verifiers of {}: {error}", account.name)).ok()
    }

    /// For an authentication identity that is proved already; `names` are those it may stand for.
    fn authorize(
        &self,
        who: &Identity,
        names: &[String],
        exact_case: bool,
        policy: &LoginPolicy<'_>,
    ) -> Result<Answer> {
        let Some(account) = self.store.account(names)? else {
            return Ok(refused(who, "there is no such user"));
        };
        if exact_case && !names.contains(&account.name) {
            return Ok(refused(who, "the user's name has letters of another case"));
        }
        let login = self.login(&account, who.authzid.as_deref(), policy)?;
        Ok(login.map_or_else(|why| refused(who, why), Answer::Accepted))
    }

    /// Whether somebody who has logged in could do so now, with the password of then.
    ///
    /// # Errors
    /// That cannot be found out.
    pub fn is_still_allowed(&self, login: &Login, policy: &LoginPolicy<'_>) -> crate::store::Result<bool> {
        let Some(Standing { account, principal }) = self.store.standing(login.user, login.mailbox)? else {
            return Ok(false);
        };
        let opened = principal.map(|principal| opened(&account, principal, policy));
        Ok(account.generation == login.generation
            && account.pop_enabled
            && is_here(account.site.as_deref(), policy)
            && matches!(opened, Some(Ok(_))))
    }

    /// Who may act as whom: the only place that makes a [`Login`]. A user opens the own mailbox, or
    /// with an authorization identity (RFC 4422 section 2) the mailbox behind that name: the own one
    /// again, or one with a row in `delegates` ([MS-OXPOP3] 2.2.2). Both users must have POP3 enabled
    /// and be of this site ([MS-STANXPOP3] C0010). Otherwise it says why not, for the log.
    fn login(&self, account: &Account, authzid: Option<&str>, policy: &LoginPolicy<'_>) -> Result<Allowed> {
        let opened = match authzid {
            _ if !account.pop_enabled => Err("users.pop_enabled is 0"),
            _ if !is_here(account.site.as_deref(), policy) => Err("the mailbox belongs to another site"),
            None => account.mailbox.map(|mailbox| (mailbox, account.name.clone())).ok_or("the user has no mailbox"),
            Some(name) => match self.store.principal(account.user, &login_names(name, policy.domains))? {
                None => Err("there is no such mailbox"),
                Some(principal) => opened(account, principal, policy),
            },
        };
        Ok(opened.map(|(mailbox, principal)| Login {
            user: account.user,
            name: account.name.clone(),
            mailbox,
            principal,
            generation: account.generation,
        }))
    }
}

fn admit(policy: &LoginPolicy<'_>) -> Result<()> {
    if policy.admission.admit() { Ok(()) } else { Err(CredentialError::Busy.into()) }
}

/// The mailbox of an authorization identity, if this user may open it.
fn opened(
    account: &Account,
    principal: Principal,
    policy: &LoginPolicy<'_>,
) -> std::result::Result<(MailboxId, String), &'static str> {
    if !principal.delegated && account.mailbox != Some(principal.mailbox) {
        Err("there is no such delegation")
    } else if !principal.pop_enabled {
        Err("users.pop_enabled of the mailbox's user is 0")
    } else if !is_here(principal.site.as_deref(), policy) {
        Err("the mailbox to open belongs to another site")
    } else {
        Ok((principal.mailbox, principal.name))
    }
}

/// The refusal of a login, whose reason only we may learn. There is one line for each, so that
/// writing it takes the same time.
fn refused(who: &Identity, why: &str) -> Answer {
    match &who.authzid {
        None => log::info!("auth: login as {} refused: {why}", printable(&who.authcid)),
        Some(authzid) => {
            log::info!("auth: login as {} for {} refused: {why}", printable(&who.authcid), printable(authzid));
        }
    }
    Answer::Refused
}

/// Whether a mailbox with this `mailboxes.site` logs in here; one without a site does anywhere.
fn is_here(site: Option<&str>, policy: &LoginPolicy<'_>) -> bool {
    site.is_none_or(|site| site.is_empty() || site.eq_ignore_ascii_case(policy.site))
}

#[cfg(test)]
mod tests;
