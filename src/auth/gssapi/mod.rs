//! Kerberos as an acceptor of GSS-API contexts: the effect behind [`sasl::gssapi`](crate::sasl::gssapi).
//!
//! [`library`] calls `libgssapi_krb5.so.2`, [`keytab`] says what a keytab is good for; here both
//! become the trait that the mechanism asks. To read a changed keytab, make a new [`Kerberos`]:
//! exchanges that run keep the old one, which is released after the last of them.

pub mod abi;
mod keytab;
pub mod library;

use crate::files::regular;
use crate::sasl::gssapi::{Accepted, Acceptor, Fault, Kerberos, Peers, SecurityContext};
use library::{Context, Credential, Facts, Status};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Longest keytab, octets.
const LONGEST_KEYTAB: u64 = 1 << 20;

/// Loads the keys of a keytab. Principals of `realms` are users; of the keytab's realms if it is empty. With
/// `exact_case` the case of their letters counts.
///
/// # Errors
/// One line that names the keytab and what is wrong with it, or the library if that is missing.
pub fn load(keytab: &Path, realms: &[String], exact_case: bool) -> Result<Kerberos, String> {
    let named = |what: &dyn fmt::Display| format!("keytab {}: {what}", keytab.display());
    let path = std::path::absolute(keytab).map_err(|error| named(&error))?;
    let principals = keytab::parse(&regular::read(&path, LONGEST_KEYTAB).map_err(|error| named(&error))?)
        .map_err(|what| named(&what))?;
    let ours: Vec<_> = principals.iter().filter(|principal| principal.is_pop()).collect();
    if ours.is_empty() {
        return Err(named(&"has no key for the service pop or pop3"));
    }
    let mut realms = realms.to_vec();
    if realms.is_empty() {
        realms.extend(ours.iter().map(|principal| principal.realm.clone()));
        realms.sort();
        realms.dedup();
    }
    let text = path.to_str().ok_or_else(|| named(&"the path is not UTF-8"))?;
    let credential = Credential::from_keytab(text).map_err(|what| named(&what))?;
    Ok(Kerberos { acceptor: Arc::new(Keys(Arc::new(credential))), realms, exact_case })
}

/// The keys, shared by all exchanges.
struct Keys(Arc<Credential>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Acceptor for Keys {
    fn begin(&self, bindings: Option<Vec<u8>>) -> Box<dyn SecurityContext> {
        Box::new(Context::new(Arc::clone(&self.0), bindings))
    }
}

impl SecurityContext for Context {
    fn accept(&mut self, token: &[u8]) -> Result<Accepted, Fault> {
        let progress = Self::accept(self, token)?;
        let peers = if progress.complete { Some(self.facts()?.into()) } else { None };
        Ok(Accepted { token: progress.token, peers })
    }

    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(Self::wrap(self, message)?)
    }

    fn unwrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(Self::unwrap(self, message)?)
    }
}

impl From<Facts> for Peers {
    fn from(facts: Facts) -> Self {
        Self { initiator: facts.initiator, acceptor: facts.acceptor, bound: facts.bound }
    }
}

/// Routine errors of RFC 2744 section 3.9.1. Without credentials of our own we are to blame; a
/// general failure may be either side's and says so in its text, but repeating it does not help.
impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        const DEFECTIVE_TOKEN: u32 = 9;
        const NO_CRED: u32 = 7;
        const DEFECTIVE_CREDENTIAL: u32 = 10;
        const UNAVAILABLE: u32 = 16;
        match status.error {
            DEFECTIVE_TOKEN => Self::Defective(status.text),
            NO_CRED | DEFECTIVE_CREDENTIAL | UNAVAILABLE => Self::Unavailable(status.text),
            _ => Self::Refused(status.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::keytab::tests::keytab;
    use super::*;

    /// What loading comes to; the reason is the library's absence where it is not installed.
    fn load_octets(octets: &[u8], realms: &[String]) -> Result<Kerberos, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pop.keytab");
        std::fs::write(&path, octets).unwrap();
        load(&path, realms, false)
    }

    #[test]
    fn a_keytab_must_exist_and_serve_pop() {
        let error = load(Path::new("/nonexistent/keytab"), &[], false).unwrap_err();
        assert!(error.starts_with("keytab /nonexistent/keytab: No such file"), "{error}");
        assert!(load_octets(b"text", &[]).unwrap_err().contains("not a keytab"));
        let error = load_octets(&keytab(&[(&["imap", "mail"], "A")]), &[]).unwrap_err();
        assert!(error.contains("no key for the service pop"), "{error}");
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(load(&path, &[], false).unwrap_err().contains("not a regular file"));
    }

    #[test]
    fn realms_are_the_keytab_s_unless_given_and_garbage_is_defective() {
        let octets =
            keytab(&[(&["pop", "a"], "B.EXAMPLE"), (&["POP", "a"], "A.EXAMPLE"), (&["imap", "a"], "C.EXAMPLE")]);
        match load_octets(&octets, &[]) {
            Ok(kerberos) => {
                assert_eq!(kerberos.realms, ["A.EXAMPLE", "B.EXAMPLE"]);
                let mut context = kerberos.acceptor.begin(Some(b"tls-server-end-point:x".to_vec()));
                assert!(matches!(context.accept(b"garbage"), Err(Fault::Defective(text)) if !text.is_empty()));
                assert!(context.wrap(b"x").is_err(), "no context was established");
                assert!(context.unwrap(b"x").is_err());
            }
            // This machine has no Kerberos; the server starts all the same, without GSSAPI.
            Err(error) => assert!(error.contains("libgssapi_krb5.so.2 cannot be loaded"), "{error}"),
        }
        if let Ok(kerberos) = load_octets(&octets, &["D.EXAMPLE".to_owned()]) {
            assert_eq!(kerberos.realms, ["D.EXAMPLE"]);
        }
    }
}
