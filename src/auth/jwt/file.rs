//! The issuer's keys in a file that may change while we run: `OAuthKeyFile`.

use super::keys::{self, Key};
use super::{Policy, verify};
use crate::files::regular;
use crate::lock::IgnorePoison;
use crate::sasl::bearer::Checker;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// Longest key file, octets.
const LONGEST_FILE: u64 = 1 << 20;

/// Checks tokens against keys in a file, which is read again when it has changed. A file that cannot
/// be read leaves the keys as they were, so that one bad copy locks nobody out; an empty JWK set
/// takes them all away.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    policy: Policy,
    loaded: Mutex<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    keys: Arc<[Key]>,
    stamp: Stamp,
}

/// What differs when a file has been written or replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp([i64; 4]);

impl Stamp {
    fn new(metadata: &Metadata) -> Self {
        Self([metadata.ino() as i64, metadata.size() as i64, metadata.mtime(), metadata.mtime_nsec()])
    }
}

impl KeyFile {
    /// Reads the keys for the first time.
    ///
    /// # Errors
    /// One line that names the file or setting and what is wrong with it.
    pub fn open(path: &Path, policy: Policy) -> Result<Self, String> {
        for (setting, value) in [
            ("OAuthIssuer", &policy.issuer),
            ("OAuthAudience", &policy.audience),
            ("OAuthUserClaim", &policy.user_claim),
        ] {
            if value.is_empty() {
                return Err(format!("{setting} must be set if OAuthKeyFile is"));
            }
        }
        let loaded = load(path)?;
        Ok(Self { path: path.to_owned(), policy, loaded: Mutex::new(loaded) })
    }

    /// The keys as the file has them now.
    fn keys(&self) -> Arc<[Key]> {
        let mut loaded = self.loaded();
        let stamp = std::fs::metadata(&self.path).map(|metadata| Stamp::new(&metadata));
        if stamp.is_ok_and(|stamp| stamp != loaded.stamp) {
            self.reload(&mut loaded);
        }
        Arc::clone(&loaded.keys)
    }

    fn reload(&self, loaded: &mut Loaded) {
        match load(&self.path) {
            Ok(new) => {
                log::info!("oauth: {}: {} keys", self.path.display(), new.keys.len());
                *loaded = new;
            }
            Err(what) => {
                log::warn!("oauth: {what}; the old keys stay in use");
                // Not again before it changes again.
                if let Ok(metadata) = std::fs::metadata(&self.path) {
                    loaded.stamp = Stamp::new(&metadata);
                }
            }
        }
    }

    /// What the lock guards is replaced whole, so that a panic elsewhere leaves it sound.
    fn loaded(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().ignore_poison()
    }
}

impl Checker for KeyFile {
    fn check(&self, token: &str, now: i64) -> Result<String, &'static str> {
        verify(token, &self.keys(), &self.policy, now)
    }

    fn ready(&self) -> bool {
        !self.keys().is_empty()
    }
}

fn load(path: &Path) -> Result<Loaded, String> {
    let named = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let file = regular::open(path).map_err(|error| named(&error))?;
    let metadata = file.metadata().map_err(|error| named(&error))?;
    let octets = regular::rest(&file, LONGEST_FILE).map_err(|error| named(&error))?;
    let text = std::str::from_utf8(&octets).map_err(|error| named(&error))?;
    let keys = keys::parse(text).map_err(|what| named(&what))?;
    Ok(Loaded { keys: keys.into(), stamp: Stamp::new(&metadata) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::rsa::Rsa;

    fn policy() -> Policy {
        Policy { issuer: "https://issuer".into(), audience: "pillarbox".into(), user_claim: "sub".into() }
    }

    #[test]
    fn is_read_again_when_it_changes_and_kept_when_it_breaks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        let replace = |text: &[u8]| {
            let new = directory.path().join("new");
            std::fs::write(&new, text).unwrap();
            std::fs::rename(&new, &path).unwrap();
        };
        assert!(KeyFile::open(&path, policy()).unwrap_err().contains("keys: No such file"));
        let pem = Rsa::generate(2048).unwrap().public_key_to_pem().unwrap();
        replace(&pem);
        let file = KeyFile::open(&path, policy()).unwrap();
        assert_eq!(file.keys().len(), 1);
        replace(&[pem.as_slice(), &pem].concat());
        assert_eq!(file.keys().len(), 2);
        replace(b"broken");
        assert!(file.ready());
        std::fs::remove_file(&path).unwrap();
        assert!(file.ready());
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(file.ready(), "a pipe that nobody writes to is not waited for");
        replace(br#"{"keys":[]}"#);
        assert!(!file.ready());
    }

    #[test]
    fn issuer_audience_and_claim_must_be_set() {
        for (policy, name) in [
            (Policy { issuer: String::new(), ..policy() }, "OAuthIssuer"),
            (Policy { audience: String::new(), ..policy() }, "OAuthAudience"),
            (Policy { user_claim: String::new(), ..policy() }, "OAuthUserClaim"),
        ] {
            assert!(KeyFile::open(Path::new("/nonexistent"), policy).unwrap_err().starts_with(name));
        }
    }
}
