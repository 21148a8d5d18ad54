//! The key file `<database>.seal`: 32 random octets that never stand in the database.
//!
//! It is made at first need, exclusively and whole (other processes may need it at the same
//! moment), mode 0600, and belongs to whom the database belongs. Each purpose has a key of its own
//! derived from it. What must not be known here: what the keys are for.

use super::{CredentialError, random};
use crate::files::atomic::{AtomicFile, Failure};
use crate::files::path::{directory, with_suffix};
use crate::files::regular;
use crate::hmac::{Key, hmac_sha256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Longest file, octets.
const LONGEST_KEY_FILE: u64 = 64;

/// A key file that is read, or made, when a key is first asked for.
pub struct KeyFile {
    database: PathBuf,
    path: PathBuf,
    master: OnceLock<Key>,
}

impl KeyFile {
    /// The one of this database. Nothing is read yet.
    pub fn beside(database: &Path) -> Self {
        Self { database: database.to_owned(), path: with_suffix(database, ".seal"), master: OnceLock::new() }
    }

    /// One without a file, for stores that do not outlive the process either.
    ///
    /// # Errors
    /// [`CredentialError::Random`].
    pub fn in_memory() -> Result<Self, CredentialError> {
        Ok(Self { database: PathBuf::new(), path: PathBuf::new(), master: OnceLock::from(random()?) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key for this purpose; the same at each start while the file stays the same.
    ///
    /// # Errors
    /// [`CredentialError::KeyFile`] if the file cannot be made or read.
    pub fn key(&self, purpose: &str) -> Result<Key, CredentialError> {
        if self.master.get().is_none() {
            let _ = self.master.set(self.load()?);
        }
        let master = self.master.get().ok_or_else(|| self.error("no key"))?;
        Ok(hmac_sha256(&master[..], &[purpose.as_bytes()]))
    }

    fn load(&self) -> Result<Key, CredentialError> {
        match self.read() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.make(&*random()?).map_err(|error| self.error(error))?;
                self.read()
            }
            result => result,
        }
        .map_err(|error| self.error(error))
    }

    fn read(&self) -> io::Result<Key> {
        let file = regular::open(&self.path)?;
        let text = regular::rest(&file, LONGEST_KEY_FILE)?;
        let octets = STANDARD.decode(text.trim_ascii_end()).map(Zeroizing::new).unwrap_or_default();
        let key = octets.as_slice().try_into().map(Zeroizing::new);
        key.map_err(|_| io::Error::new(ErrorKind::InvalidData, "it does not contain 32 octets in base64"))
    }

    /// Whoever finds the file finds all of it, and the first one stays.
    fn make(&self, key: &[u8; 32]) -> io::Result<()> {
        let text = Zeroizing::new(format!("{}\n", &*Zeroizing::new(STANDARD.encode(key))));
        let draft = AtomicFile::create(&self.path, 0o600)?;
        // `passwd` may be run by root for a server that is not.
        let owner = fs::metadata(&self.database).or_else(|_| fs::metadata(directory(&self.database)));
        if let Ok(database) = owner
            && let Err(error) = draft.give_to(&database)
        {
            log::warn!("auth: {}: cannot change its owner to that of the database: {error}", self.path.display());
        }
        draft.file().write_all(text.as_bytes())?;
        match draft.place_new() {
            Err(Failure::Unplaced(error)) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            placed => Ok(placed?),
        }
    }

    fn error(&self, what: impl std::fmt::Display) -> CredentialError {
        CredentialError::KeyFile(format!("{}: {what}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_survives_restarts_and_is_nobody_elses() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("mail.db");
        let file = KeyFile::beside(&database);
        assert!(!file.path().exists(), "nothing is made before it is needed");
        let key = file.key("a").unwrap();
        assert_eq!(file.path(), directory.path().join("mail.db.seal"));
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(KeyFile::beside(&database).key("a").unwrap(), key);
        assert_ne!(file.key("b").unwrap(), key);
        assert_ne!(KeyFile::beside(&directory.path().join("other.db")).key("a").unwrap(), key);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "one file for each database, no rests");
    }

    #[test]
    fn the_first_of_two_makers_wins() {
        let directory = tempfile::tempdir().unwrap();
        let file = KeyFile::beside(&directory.path().join("mail.db"));
        file.make(&[1; 32]).unwrap();
        file.make(&[2; 32]).unwrap();
        assert_eq!(*file.read().unwrap(), [1; 32]);
    }

    #[test]
    fn a_spoilt_or_missing_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = KeyFile::beside(&directory.path().join("mail.db"));
        for content in [&b""[..], b"c2hvcnQ=\n", b"\xff", &[b'A'; 200]] {
            fs::write(file.path(), content).unwrap();
            let error = file.key("a").unwrap_err().to_string();
            assert!(error.contains("mail.db.seal: "), "{error}");
        }
        let nowhere = KeyFile::beside(&directory.path().join("missing/mail.db"));
        assert!(matches!(nowhere.key("a"), Err(CredentialError::KeyFile(_))));
    }

    #[test]
    fn keys_in_memory_differ() {
        let keys = [KeyFile::in_memory().unwrap(), KeyFile::in_memory().unwrap()];
        assert_ne!(keys[0].key("a").unwrap(), keys[1].key("a").unwrap());
    }
}
