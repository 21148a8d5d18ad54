//! What a mechanism may know of the connection and of this process.
//!
//! Clock and randomness come in as functions, so that an exchange is a pure function of its
//! [`Context`] and of what the client sent. Must not be known here: sockets, the store, settings.

use super::{bearer, gssapi};
use crate::settings::ExtendedProtectionPolicy;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a mechanism may know. The defaults are safe: no binding, nothing optional offered, the
/// system's clock and random numbers.
#[derive(Clone, Debug)]
pub struct Context {
    /// `tls-server-end-point` of RFC 5929 section 4: the hash of our certificate, under TLS only.
    pub end_point: Option<Vec<u8>>,
    /// `tls-exporter` of RFC 9266: what only the two ends of this connection know, under TLS 1.3 only.
    pub exporter: Option<Vec<u8>>,
    /// What NTLM and GSSAPI demand of the client; with `None` SCRAM offers no channel binding either.
    pub extended_protection: ExtendedProtectionPolicy,
    /// NTLM is switched on (`EnableGSSAPIAndNTLMAuth`) and some user can use it (`users.ntlm`).
    pub ntlm: bool,
    /// Everybody has a SCRAM verifier, so that a client that prefers SCRAM gets in with it.
    pub scram: bool,
    /// Kerberos, if it is switched on and the keytab has loaded.
    pub kerberos: Option<gssapi::Kerberos>,
    /// Who checks bearer tokens, if they are switched on.
    pub bearer: Option<Arc<dyn bearer::Checker>>,
    /// Seconds since 1970 UTC.
    pub clock: fn() -> i64,
    /// Fills the slice with octets nobody can guess; `false`: it could not.
    pub random: fn(&mut [u8]) -> bool,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            end_point: None,
            exporter: None,
            extended_protection: ExtendedProtectionPolicy::None,
            ntlm: false,
            scram: false,
            kerberos: None,
            bearer: None,
            clock: system_clock,
            random: |octets| getrandom::fill(octets).is_ok(),
        }
    }
}

impl Context {
    /// `N` octets nobody can guess, or nothing if the system has none.
    pub(super) fn draw<const N: usize>(&self) -> Option<[u8; N]> {
        let mut octets = [0; N];
        (self.random)(&mut octets).then_some(octets)
    }

    /// The channel bindings that SCRAM offers, by name (RFC 5802 section 6). Clients choose -PLUS unasked where it is
    /// offered, and some cannot do it (GNU SASL in NeoMutt and Mutt is never given a binding) and never fall back:
    /// administrators switch it on with `ExtendedProtectionPolicy`.
    pub(super) fn bindings(&self) -> Vec<(&'static str, Vec<u8>)> {
        if self.extended_protection == ExtendedProtectionPolicy::None {
            return Vec::new();
        }
        let known = [("tls-server-end-point", &self.end_point), ("tls-exporter", &self.exporter)];
        known.into_iter().filter_map(|(name, binding)| Some((name, binding.clone()?))).collect()
    }

    /// Extended protection asks for bindings that only TLS can give, and there is none.
    pub(super) fn cannot_bind(&self) -> bool {
        self.extended_protection == ExtendedProtectionPolicy::Require && self.end_point.is_none()
    }

    /// The application data of the channel bindings that the policy wants compared, if any:
    /// the type's name, a colon and the hash (RFC 5929 section 4, RFC 5056 section 2.1).
    pub(super) fn application_data(&self) -> Option<Vec<u8>> {
        let wanted = self.extended_protection != ExtendedProtectionPolicy::None;
        let end_point = self.end_point.as_ref().filter(|_| wanted)?;
        Some([b"tls-server-end-point:", end_point.as_slice()].concat())
    }
}

/// A clock before 1970 reads 1970.
fn system_clock() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
