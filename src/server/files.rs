//! What the start of the server needs of the machine: certificate files and file descriptors.

use crate::auth::credential::{Credentials, KeyFile};
use crate::exit::{Code, Error, is_of_disk};
use crate::files::path::with_suffix;
use crate::net::tls::{self, Acceptor};
use crate::settings::Settings;
use crate::store::{Store, StoreError};
use crate::watch::machine::OTHERS;
use log::{info, warn};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io;
use std::path::Path;

/// The certificate and key that the settings name; without any, a self-signed pair beside the
/// database.
///
/// # Errors
/// 78 for files that cannot be used, 73 where the pair cannot be made, 74 where either is because of the disk.
pub fn acceptor(settings: &Settings, db: &Path) -> Result<Acceptor, Error> {
    let tls::Files { certificate, key } = pair(settings, db)?;
    if settings.certificate_file.is_none() && !certificate.exists() {
        tls::self_signed(&certificate, &key).map_err(|error| unmade(&error))?;
        info!("tls: created a self-signed certificate: {}", certificate.display());
    }
    Acceptor::load(&certificate, &key).map_err(|error| {
        let of_disk = error.of_system().is_some_and(|system| is_of_disk(&system));
        Error::new(if of_disk { Code::Io } else { Code::Config }, error.to_string())
    })
}

fn unmade(error: &io::Error) -> Error {
    Error::new(if is_of_disk(error) { Code::Io } else { Code::CantCreate }, error.to_string())
}

/// Where certificate and key are.
///
/// # Errors
/// 78 if only one of the two settings is set.
pub fn pair(settings: &Settings, db: &Path) -> Result<tls::Files, Error> {
    match (&settings.certificate_file, &settings.private_key_file) {
        (Some(certificate), Some(key)) => Ok(tls::Files { certificate: certificate.clone(), key: key.clone() }),
        (None, None) => Ok(tls::Files { certificate: with_suffix(db, ".crt"), key: with_suffix(db, ".key") }),
        _ => Err(Error::new(Code::Config, "CertificateFile and PrivateKeyFile: set both or none")),
    }
}

/// Takes as many file descriptors as these settings want and the system lets us have, and says for how many POP3 connections
/// they are enough. (Somebody is told if these are too few: `crate::watch`.)
pub fn room(settings: &Settings) -> usize {
    let others = (settings.lmtp_max_connections as u64).saturating_add(OTHERS);
    let wanted = (settings.max_connections as u64).saturating_add(others);
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        let limit = wanted.clamp(soft, hard.max(soft));
        setrlimit(Resource::RLIMIT_NOFILE, limit, hard).map(|()| limit)
    });
    match raised {
        // The others are seldom all there: where there are few, half is for them.
        Ok(limit) => usize::try_from(limit.saturating_sub(others).max(limit / 2)).unwrap_or(usize::MAX),
        Err(error) => {
            warn!("server: cannot raise the limit of open files: {error}");
            usize::MAX
        }
    }
}

/// Erases verifiers that were sealed with another key file: nobody can use them, and CAPA must not offer what they are for.
///
/// # Errors
/// 78: other nodes use them, so our key file is the wrong one.
pub fn renew_seal(store: &dyn Store, credentials: &Credentials) -> Result<(), Error> {
    let file = credentials.key_file();
    let made = !file.exists();
    let seal = store.has_seal();
    if made && seal.map_err(|error| Error::store("cannot compare the key file with that of the other nodes", &error))? {
        let text = format!("{}: there is no key file, and other nodes have one: copy theirs", file.display());
        return Err(Error::new(Code::Config, text));
    }
    let dropped = match credentials.seal_mark() {
        Ok(mark) => match store.drop_foreign_verifiers(&mark) {
            Err(StoreError::Refused(why)) => {
                if made {
                    // Another node was faster. Nobody is to take ours for the right one.
                    let _ = std::fs::remove_file(file);
                }
                return Err(Error::new(Code::Config, format!("{}: {why}", file.display())));
            }
            dropped => dropped.map_err(|error| error.to_string()),
        },
        Err(error) => Err(error.to_string()),
    };
    match dropped {
        Ok(0) => {}
        Ok(number) => warn!(
            "auth: {number} verifiers were sealed with another key file and were removed: users get new ones at their next password login"
        ),
        Err(error) => warn!("auth: cannot check the verifiers against the key file: {error}"),
    }
    Ok(())
}

/// The hasher, with a permit for each core, and the key file beside the database.
///
/// # Errors
/// 70 where the system has no random numbers.
pub fn credentials(db: &Path) -> Result<Credentials, Error> {
    let permits = std::thread::available_parallelism().map_or(1, usize::from);
    Credentials::new(permits, KeyFile::beside(db)).map_err(|error| Error::new(Code::Software, error.to_string()))
}
