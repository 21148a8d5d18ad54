//! What a proof is checked with: the user's verifier, or a false one that takes the same work.

use super::{AuthError, Authenticator, LoginPolicy, Result, admit};
use crate::auth::credential::{Secret, plain_text, scram};
use crate::message::address::{common_name, login_names, printable};
use crate::sasl::{Answer, Verifier};
use crate::store::{Account, Scheme, UserId};

impl Authenticator {
    /// The verifier a proof is checked with: the user's, or a false one that is the same every time.
    pub(super) fn verifier(&self, authcid: &str, scheme: Scheme, policy: &LoginPolicy<'_>) -> Result<Answer> {
        admit(policy)?;
        let account = self.store.account(&login_names(authcid, policy.domains))?;
        let user = account.as_ref().map_or(UserId(0), |account| account.user);
        // Made in any case, in the form that is stored: the work is the same for who exists and who does not.
        let nobodys = self.credentials.false_verifier_for(scheme, &common_name(authcid, policy.domains), user)?;
        let stored = self.store.verifier(user, scheme)?;
        if let Some(account) = &account
            && stored.is_none()
        {
            log::debug!("auth: {} has no {scheme:?} verifier yet: a fake one is used", printable(&account.name));
        }
        let usable = account.filter(|account| scheme != Scheme::NtHash || account.ntlm);
        let used = match usable.as_ref().and_then(|account| Some((account, account.password.as_ref()?))) {
            Some((account, password)) => match plain_text(password) {
                Some(plain) => self.pending_verifier(account, password, &plain, scheme, policy)?,
                None => stored,
            },
            None => None,
        };
        let opened = self.open(user, scheme, used.as_ref().unwrap_or(&nobodys))?;
        let verifier = match opened {
            Some(verifier) => Some(verifier),
            // What is stored was not made here, or is broken.
            None => self.open(user, scheme, &nobodys)?,
        };
        Ok(verifier.map_or(Answer::Unavailable, Answer::Verifier))
    }

    /// Of a plain-text password that waits for its verifiers: this is the moment to make them. What
    /// stood there before belongs to an older password. A login does not fail because they cannot be stored.
    fn pending_verifier(
        &self,
        account: &Account,
        stored: &Secret,
        password: &Secret,
        scheme: Scheme,
        policy: &LoginPolicy<'_>,
    ) -> Result<Option<Secret>> {
        let name = common_name(&account.name, policy.domains);
        let (hash, verifiers) = self.credentials.verifiers_for(&name, account.user, password, account.ntlm)?;
        let replaced = self.store.set_password(account.user, Some(stored), &hash, &verifiers);
        match self.or_log(account, replaced.map_err(AuthError::from)) {
            // Another password may stand there now.
            Some(false) => Ok(self.store.verifier(account.user, scheme)?),
            _ => Ok(verifiers.into_iter().find(|(made, _)| *made == scheme).map(|(_, verifier)| verifier)),
        }
    }

    /// A verifier out of the form in which it is stored.
    fn open(&self, user: UserId, scheme: Scheme, stored: &Secret) -> Result<Option<Verifier>> {
        Ok(match scheme {
            Scheme::ScramSha256 => self.credentials.open_scram(user, stored)?.map(Verifier::from),
            Scheme::NtHash => self.credentials.open_nt_hash(user, stored)?.map(Verifier::NtHash),
        })
    }
}

impl From<scram::Keys> for Verifier {
    fn from(keys: scram::Keys) -> Self {
        let scram::Keys { salt, iterations, stored_key, server_key } = keys;
        Self::Scram { salt, iterations, stored_key, server_key }
    }
}
