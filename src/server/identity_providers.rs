//! Whose word counts beside our own database: the Kerberos realm whose keys the keytab holds, and
//! whoever issues bearer tokens.
//!
//! Both are read when their settings change and when an administrator asks for it (SIGHUP), not at
//! every look. What cannot be read is said once in the log, and is not offered to clients. Must not
//! be known here: the exchanges they are used in.

use crate::auth::gssapi;
use crate::auth::jwt::{Policy, file::KeyFile};
use crate::sasl::Context;
use crate::sasl::bearer::Checker;
use crate::sasl::gssapi::Kerberos;
use crate::settings::Settings;
use log::{info, warn};
use std::path::PathBuf;
use std::sync::Arc;

/// File, realms, and whether the case of a principal counts.
type Keytab = (PathBuf, Vec<String>, bool);

/// What was loaded, and what for.
#[derive(Default)]
pub(super) struct IdentityProviders {
    kerberos: Loaded<Keytab, Kerberos>,
    bearer: Loaded<(PathBuf, Policy), Arc<KeyFile>>,
}

impl IdentityProviders {
    /// Loads what the settings ask for, unless it is there already.
    pub(super) fn refresh(&mut self, settings: &Settings) {
        self.kerberos.refresh(kerberos_wanted(settings), "gssapi", |(keytab, realms, exact_case)| {
            let kerberos = gssapi::load(keytab, realms, *exact_case)?;
            info!("gssapi: {}: users of {} may log in", keytab.display(), kerberos.realms.join(", "));
            Ok(kerberos)
        });
        self.bearer.refresh(bearer_wanted(settings), "oauth", |(file, policy)| {
            let keys = KeyFile::open(file, policy.clone())?;
            info!("oauth: {}: tokens from {} are accepted", file.display(), policy.issuer);
            if settings.domains.is_empty() {
                warn!(
                    "oauth: Domains is empty: a token for somebody@example.org opens the mailbox of the user of that whole name \
                     only, and never that of somebody"
                );
            }
            Ok(Arc::new(keys))
        });
    }

    /// Loads all of it anew at the next [`IdentityProviders::refresh`]; until that succeeds the old stays.
    pub(super) fn renew(&mut self) {
        self.kerberos.stale = true;
        self.bearer.stale = true;
    }

    /// Something that the settings ask for has not loaded.
    pub(super) fn is_incomplete(&self) -> bool {
        self.bearer.from.is_some() && self.bearer.found.is_none()
    }

    /// Tries again what has not loaded: a key file may come later than the setting that names it. Says
    /// whether there is something new.
    pub(super) fn retry(&mut self, settings: &Settings) -> bool {
        if !self.is_incomplete() {
            return false;
        }
        self.bearer.stale = true;
        self.refresh(settings);
        !self.is_incomplete()
    }

    /// What mechanisms may use.
    pub(super) fn context(&self) -> Context {
        let bearer = self.bearer.found.clone().map(|keys| keys as Arc<dyn Checker>);
        Context { kerberos: self.kerberos.found.clone(), bearer, ..Context::default() }
    }
}

fn kerberos_wanted(settings: &Settings) -> Option<Keytab> {
    let keytab = settings.gssapi_keytab.clone().filter(|_| settings.enable_gssapi_and_ntlm_auth)?;
    Some((keytab, settings.gssapi_realms.clone(), settings.gssapi_exact_case))
}

fn bearer_wanted(settings: &Settings) -> Option<(PathBuf, Policy)> {
    let policy = Policy {
        issuer: settings.oauth_issuer.clone(),
        audience: settings.oauth_audience.clone(),
        user_claim: settings.oauth_user_claim.clone(),
    };
    Some((settings.oauth_key_file.clone()?, policy))
}

/// Something that is made from settings and files.
struct Loaded<S, T> {
    from: Option<S>,
    found: Option<T>,
    stale: bool,
    /// The complaint that stands in the log.
    complaint: Option<String>,
}

impl<S, T> Default for Loaded<S, T> {
    fn default() -> Self {
        Self { from: None, found: None, stale: false, complaint: None }
    }
}

impl<S: PartialEq, T> Loaded<S, T> {
    fn refresh(&mut self, wanted: Option<S>, who: &str, load: impl FnOnce(&S) -> Result<T, String>) {
        let changed = wanted != self.from;
        if !changed && !self.stale {
            return;
        }
        if changed {
            // What was allowed by other settings is allowed no longer.
            (self.found, self.complaint) = (None, None);
        }
        self.stale = false;
        match wanted.as_ref().map(load) {
            Some(Ok(found)) => (self.found, self.complaint) = (Some(found), None),
            Some(Err(error)) if self.complaint.as_ref() != Some(&error) => {
                let rest = if self.found.is_some() { "the old one stays in use" } else { "not offered to clients" };
                warn!("{who}: {error}; {rest}");
                self.complaint = Some(error);
            }
            Some(Err(_)) | None => {}
        }
        self.from = wanted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often it loads; `None` fails.
    fn look(loaded: &mut Loaded<u8, u8>, wanted: Option<u8>, result: Option<u8>, loads: &mut u32) -> Option<u8> {
        loaded.refresh(wanted, "test", |_| {
            *loads += 1;
            result.ok_or_else(|| "broken".to_owned())
        });
        loaded.found
    }

    #[test]
    fn loads_once_for_each_setting() {
        let (mut loaded, mut loads) = (Loaded::default(), 0);
        assert_eq!(look(&mut loaded, None, Some(1), &mut loads), None);
        assert_eq!(look(&mut loaded, Some(1), Some(1), &mut loads), Some(1));
        assert_eq!(look(&mut loaded, Some(1), Some(2), &mut loads), Some(1));
        assert_eq!(loads, 1);
        assert_eq!(look(&mut loaded, Some(2), Some(2), &mut loads), Some(2));
        assert_eq!(look(&mut loaded, None, Some(2), &mut loads), None, "switched off");
        assert_eq!(loads, 2);
    }

    #[test]
    fn what_cannot_be_loaded_again_stays_but_not_for_other_settings() {
        let (mut loaded, mut loads) = (Loaded::default(), 0);
        look(&mut loaded, Some(1), Some(1), &mut loads);
        loaded.stale = true;
        assert_eq!(look(&mut loaded, Some(1), None, &mut loads), Some(1));
        assert_eq!(loaded.complaint.as_deref(), Some("broken"));
        loaded.stale = true;
        assert_eq!(look(&mut loaded, Some(1), Some(3), &mut loads), Some(3));
        assert_eq!(loaded.complaint, None);
        assert_eq!(look(&mut loaded, Some(2), None, &mut loads), None);
        assert_eq!(look(&mut loaded, Some(2), Some(2), &mut loads), None, "not at every look");
        assert_eq!(loads, 4);
    }

    #[test]
    fn a_keytab_is_not_even_opened_while_the_switch_is_off() {
        let on = Settings { gssapi_keytab: Some("/nonexistent".into()), ..Settings::default() };
        assert!(kerberos_wanted(&on).is_some());
        assert!(kerberos_wanted(&Settings { enable_gssapi_and_ntlm_auth: false, ..on }).is_none());
        assert!(bearer_wanted(&Settings::default()).is_none());
    }
}
