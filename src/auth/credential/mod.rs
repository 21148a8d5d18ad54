//! Passwords and what is made of them.
//!
//! [`Credentials`] is what other rooms use: it makes every verifier of a password, compares a
//! password with whatever `users.password` holds, opens stored verifiers and invents false ones.
//! What must not be known here: who may log in where (see `authenticator`), how verifiers are kept
//! (see `store`), and the exchanges they are used in (see `sasl`).
//!
//! Passwords are octets: stored and presented ones are compared as given, without any Unicode
//! preparation, as POP3 clients send them in either form and an administrator writes them in one.
//! Only SCRAM prepares them, because there the client does (see `scram`).

mod argon2;
mod cache;
mod imported;
mod keyfile;
mod nthash;
pub mod scram;
mod seal;
mod stored;
mod turns;

pub use crate::secret::Secret;
pub use crate::store::password::is_hash;
pub use argon2::{Hasher, Verdict};
pub use keyfile::KeyFile;
pub use nthash::nt_hash;
pub use stored::{Stored, classify};

use crate::hmac::{Key, hmac_sha256};
use crate::store::{Scheme, UserId};
use cache::Cache;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// After this time without a login the memory for hashes is given back.
const IDLE: Duration = Duration::from_millis(300);

/// For whom a hash is computed: an address, of IPv6 its /64; none: nobody outside.
pub type Client = Option<IpAddr>;

/// Why a verifier could not be made or had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CredentialError {
    /// Too many hashes are being computed already: try again later.
    Busy,
    /// The system gives no random numbers.
    Random(String),
    /// The key file cannot be made or read; the text names it.
    KeyFile(String),
    /// Anything else; the text is for the log.
    Internal(String),
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many passwords are being hashed at the moment"),
            Self::Random(text) => write!(f, "no random numbers: {text}"),
            Self::KeyFile(text) | Self::Internal(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for CredentialError {}

/// Random octets of the system's generator.
fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, CredentialError> {
    let mut octets = Zeroizing::new([0; N]);
    getrandom::fill(&mut *octets).map_err(|error| CredentialError::Random(error.to_string()))?;
    Ok(octets)
}

/// Everything that is done with passwords.
pub struct Credentials {
    hasher: Hasher,
    cache: Cache,
    keys: KeyFile,
    /// `ScramIterations`.
    iterations: AtomicU32,
}

impl Credentials {
    /// `permits`: how many hashes may be computed at the same time; as many as cores is good.
    ///
    /// # Errors
    /// [`CredentialError::Random`].
    pub fn new(permits: usize, keys: KeyFile) -> Result<Self, CredentialError> {
        let iterations = AtomicU32::new(scram::ITERATIONS);
        Ok(Self { hasher: Hasher::new(permits), cache: Cache::new(random()?), keys, iterations })
    }

    /// `ScramIterations`: the rounds of SCRAM verifiers that are made from now on.
    pub fn set_scram_iterations(&self, rounds: u32) {
        self.iterations.store(rounds, Ordering::Relaxed);
    }

    fn iterations(&self) -> u32 {
        self.iterations.load(Ordering::Relaxed)
    }

    /// The PHC string of a password, for `users.password`.
    ///
    /// # Errors
    /// [`CredentialError::Busy`] or [`CredentialError::Random`].
    pub fn hash(&self, password: &Secret) -> Result<Secret, CredentialError> {
        self.hasher.hash(password)
    }

    /// Everything to store for a user's password: the PHC string, and a verifier for each scheme
    /// (the NT hash only where `ntlm`, `users.ntlm`, is 1). `name` is the user's
    /// [`crate::message::address::common_name`], so that the salt of `alice@example.org` is the one that `alice` gets.
    ///
    /// # Errors
    /// Any [`CredentialError`].
    pub fn verifiers_for(
        &self,
        name: &str,
        user: UserId,
        password: &Secret,
        ntlm: bool,
    ) -> Result<(Secret, Vec<(Scheme, Secret)>), CredentialError> {
        let mut verifiers = Vec::new();
        for scheme in wanted(ntlm) {
            verifiers.extend(self.verifier_for(*scheme, name, user, password)?.map(|verifier| (*scheme, verifier)));
        }
        Ok((self.hash(password)?, verifiers))
    }

    /// The same, once no login waits to be computed.
    ///
    /// # Errors
    /// Any [`CredentialError`].
    pub fn verifiers_behind_logins(
        &self,
        name: &str,
        user: UserId,
        password: &Secret,
        ntlm: bool,
    ) -> Result<(Secret, Vec<(Scheme, Secret)>), CredentialError> {
        self.hasher.wait_for_logins();
        self.verifiers_for(name, user, password, ntlm)
    }

    /// One verifier in its stored form; none if this password has none of this kind.
    ///
    /// # Errors
    /// [`CredentialError::Random`] or [`CredentialError::KeyFile`].
    pub fn verifier_for(
        &self,
        scheme: Scheme,
        name: &str,
        user: UserId,
        password: &Secret,
    ) -> Result<Option<Secret>, CredentialError> {
        match scheme {
            Scheme::ScramSha256 => {
                let keys = scram::Keys::derive(password, &self.salt(name)?, self.iterations());
                self.seal(scheme, user, &keys.encode()).map(Some)
            }
            Scheme::NtHash => nt_hash(password).map(|hash| self.seal(scheme, user, &hash)).transpose(),
        }
    }

    /// Whether `presented` is the password of this `users.password`, whatever that holds. Without
    /// one (no such user, no password), and where nothing can match, it takes as long as with a hash of
    /// ours. An empty password is never right. Clients take turns.
    pub fn verify(&self, presented: &Secret, stored: Option<&Secret>, client: Client) -> Verdict {
        let Some(stored) = stored.filter(|_| !presented.is_empty()) else {
            return self.hasher.verify_nobody(presented, client);
        };
        let verdict = match classify(stored.expose()) {
            Stored::Plain(password) => {
                let right = Secret::from(password) == *presented;
                return self.in_usual_time(presented, Verdict::from(right), client);
            }
            Stored::Argon2(phc) => self.hasher.verify(presented, phc, client),
            Stored::Bcrypt(hash) => self.under_permit(client, || imported::verify_bcrypt(presented, hash)),
            Stored::Sha512Crypt(hash) => self.under_permit(client, || imported::verify_sha512_crypt(presented, hash)),
            Stored::Malformed => Verdict::Malformed,
        };
        if verdict == Verdict::Malformed { self.in_usual_time(presented, verdict, client) } else { verdict }
    }

    fn in_usual_time(&self, presented: &Secret, verdict: Verdict, client: Client) -> Verdict {
        match self.hasher.verify_nobody(presented, client) {
            Verdict::Busy => Verdict::Busy,
            _ => verdict,
        }
    }

    fn under_permit(&self, client: Client, verify: impl FnOnce() -> Verdict) -> Verdict {
        self.hasher.permit(client).map_or(Verdict::Busy, |_permit| verify())
    }

    /// Whether this password was found right for this stored value in the last five minutes.
    pub fn is_remembered(&self, user: UserId, stored: &Secret, password: &Secret) -> bool {
        self.cache.contains(user, stored, password, Instant::now())
    }

    /// Remembers a [`Verdict::Right`] of [`Credentials::verify`].
    pub fn remember(&self, user: UserId, stored: &Secret, password: &Secret) {
        self.cache.insert(user, stored, password, Instant::now());
    }

    /// Forgets every remembered password.
    pub fn forget(&self) {
        self.cache.clear();
    }

    /// Drops what is remembered too long and memory not needed now; to be called every few seconds.
    pub fn tidy(&self) {
        self.cache.expire(Instant::now());
        self.hasher.release_memory(IDLE);
    }

    /// SCRAM keys that no password has, the same for the same name at each start. They cannot be told
    /// from those of a user of that name (RFC 5802 section 5.1 does not say what to do; a new salt each
    /// time would tell who exists).
    ///
    /// # Errors
    /// [`CredentialError::KeyFile`].
    pub fn false_scram(&self, name: &str) -> Result<scram::Keys, CredentialError> {
        let key = self.keys.key("false SCRAM keys")?;
        let made = |what: &[u8]| Secret::new(hmac_sha256(&key[..], &[what, &folded(name)]).to_vec());
        Ok(scram::Keys {
            salt: self.salt(name)?,
            iterations: self.iterations(),
            stored_key: made(b"StoredKey "),
            server_key: made(b"ServerKey "),
        })
    }

    /// An NT hash that no password has, the same for the same name at each start.
    ///
    /// # Errors
    /// [`CredentialError::KeyFile`].
    pub fn false_nt_hash(&self, name: &str) -> Result<Secret, CredentialError> {
        let key = self.keys.key("false NT hashes")?;
        Ok(Secret::from(&hmac_sha256(&key[..], &[&folded(name)])[..nthash::LENGTH]))
    }

    /// A verifier that no password has, in the form in which a real one is stored, so that using it takes
    /// the same work: the two above for `name`, sealed for `user` where that is done.
    ///
    /// # Errors
    /// [`CredentialError::Random`] or [`CredentialError::KeyFile`].
    pub fn false_verifier_for(&self, scheme: Scheme, name: &str, user: UserId) -> Result<Secret, CredentialError> {
        match scheme {
            Scheme::ScramSha256 => self.seal(scheme, user, &self.false_scram(name)?.encode()),
            Scheme::NtHash => self.seal(scheme, user, &self.false_nt_hash(name)?),
        }
    }

    /// Opens a stored [`Scheme::NtHash`]; none if it was not sealed here for this user.
    ///
    /// # Errors
    /// [`CredentialError::KeyFile`].
    pub fn open_nt_hash(&self, user: UserId, sealed: &Secret) -> Result<Option<Secret>, CredentialError> {
        let hash = self.open(Scheme::NtHash, user, sealed)?;
        Ok(hash.filter(|hash| hash.expose().len() == nthash::LENGTH))
    }

    /// Opens a stored [`Scheme::ScramSha256`]; none if it was not sealed here for this user.
    ///
    /// # Errors
    /// [`CredentialError::KeyFile`].
    pub fn open_scram(&self, user: UserId, sealed: &Secret) -> Result<Option<scram::Keys>, CredentialError> {
        Ok(self.open(Scheme::ScramSha256, user, sealed)?.as_ref().and_then(scram::Keys::decode))
    }

    /// Whether SCRAM keys of this [`crate::message::address::common_name`] have the salt and the rounds that new ones get:
    /// others show that somebody has them.
    ///
    /// # Errors
    /// [`CredentialError::KeyFile`].
    pub fn is_current_scram(&self, name: &str, keys: &scram::Keys) -> Result<bool, CredentialError> {
        Ok(keys.iterations == self.iterations() && keys.salt == self.salt(name)?)
    }

    /// The key file.
    pub fn key_file(&self) -> &std::path::Path {
        self.keys.path()
    }

    /// How a verifier begins that was sealed with the key file as it is.
    ///
    /// # Errors
    /// [`CredentialError::KeyFile`].
    pub fn seal_mark(&self) -> Result<String, CredentialError> {
        Ok(seal::mark(&self.keys.key("mark of the seal")?))
    }

    fn seal(&self, scheme: Scheme, user: UserId, plain: &Secret) -> Result<Secret, CredentialError> {
        seal::seal(&self.seal_mark()?, &self.sealing_key(scheme)?, user, plain)
    }

    fn open(&self, scheme: Scheme, user: UserId, sealed: &Secret) -> Result<Option<Secret>, CredentialError> {
        Ok(seal::open(&self.seal_mark()?, &self.sealing_key(scheme)?, user, sealed))
    }

    fn sealing_key(&self, scheme: Scheme) -> Result<Key, CredentialError> {
        self.keys.key(match scheme {
            Scheme::ScramSha256 => "sealed SCRAM verifiers",
            Scheme::NtHash => "sealed NT hashes",
        })
    }

    /// The SCRAM salt of a name, of a user or of nobody: nobody outside can foresee it, each name has
    /// another one, and it does not move when a user is made or changes the password.
    fn salt(&self, name: &str) -> Result<Vec<u8>, CredentialError> {
        let key = self.keys.key("SCRAM salts")?;
        Ok(hmac_sha256(&key[..], &[&folded(name)])[..scram::SALT].to_vec())
    }
}

/// Names compare in ASCII without case (docs/interface.md §2).
fn folded(name: &str) -> Vec<u8> {
    name.to_ascii_lowercase().into_bytes()
}

/// The verifiers that a user with this `users.ntlm` should have beside the password.
pub fn wanted(ntlm: bool) -> &'static [Scheme] {
    if ntlm { &[Scheme::ScramSha256, Scheme::NtHash] } else { &[Scheme::ScramSha256] }
}

/// The password itself, where a value of `users.password` is no hash (`{PLAIN}…` counts as none).
pub fn plain_text(stored: &Secret) -> Option<Secret> {
    match classify(stored.expose()) {
        Stored::Plain(password) if !password.is_empty() => Some(Secret::from(password)),
        _ => None,
    }
}

/// Whether a value of `users.password` is what [`Credentials::hash`] makes today; if not, it is
/// replaced at the next login.
pub fn is_current(stored: &Secret) -> bool {
    stored.expose_str().is_some_and(argon2::is_current)
}

#[cfg(test)]
mod tests;
