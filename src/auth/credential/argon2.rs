//! Argon2id (RFC 9106) under permits.
//!
//! One hash takes 19 MiB and a core for some 15 ms. Without a bound, many simultaneous logins take
//! gigabytes and the allocator keeps them, so here are as many permits as cores, each with memory of
//! its own that is used again. Other costly hashes (see `imported`) run under the same permits. Who
//! waits too long is told that we are busy, which is not the same as a wrong password. What must
//! not be known here: users and where hashes are kept.

use super::turns::Turns;
use super::{Client, CredentialError, Secret, random};
use crate::lock::IgnorePoison;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How a hash of ours begins: m=19,456 KiB, t=2, p=1 (the least that OWASP recommends).
const PREFIX: &str = "$argon2id$v=19$m=19456,t=2,p=1$";
/// Memory of ours, in blocks of 1 KiB.
const BLOCKS: usize = Params::DEFAULT_M_COST as usize;
/// Length of our salts and of our hashes, octets.
const SALT: usize = 16;
const OUTPUT: usize = Params::DEFAULT_OUTPUT_LEN;

/// Most that an imported hash may cost: KiB, passes and lanes. Hostile ones ask for terabytes.
const MOST_MEMORY: u32 = 65_536;
const MOST_PASSES: u32 = 10;
const MOST_LANES: u32 = 4;

/// How long what is nobody's login waits for one.
const BEHIND: Duration = Duration::from_millis(500);
/// How long a login waits for a permit.
const WAIT: Duration = Duration::from_secs(30);

/// A hash in the present form that no password has, for users who do not exist.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$TUBzvLoC1g+J8tdnJ0pL5g$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What comparing a password with a stored value can end in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is the password.
    Right,
    /// It is another one.
    Wrong,
    /// No permit or no memory was to be had in time: say "try again", not "wrong".
    Busy,
    /// The stored value is no hash we can or want to compute: nothing matches it.
    Malformed,
}

impl From<bool> for Verdict {
    fn from(right: bool) -> Self {
        if right { Self::Right } else { Self::Wrong }
    }
}

/// Blocks that are asked for at least, 34 MiB of address space: above 32 MiB glibc maps memory by
/// itself and gives it back when it is freed; below, it keeps it for this thread's next needs.
const MAPPED: usize = 34 * 1024;

/// Computes Argon2 hashes, never more than it has permits at the same time.
pub struct Hasher {
    state: Mutex<HasherState>,
    /// Told when there is a permit that nobody waits for.
    idle: Condvar,
    wait: Duration,
}

struct HasherState {
    permits: usize,
    /// At most one for each permit.
    memory: Vec<Vec<Block>>,
    last_use: Instant,
    turns: Turns,
}

impl Hasher {
    /// With so many permits (at least one): so many cores may be busy, with 19 MiB each.
    pub fn new(permits: usize) -> Self {
        let (memory, last_use, turns) = (Vec::new(), Instant::now(), Turns::default());
        let state = HasherState { permits: permits.max(1), memory, last_use, turns };
        Self { state: Mutex::new(state), idle: Condvar::new(), wait: WAIT }
    }

    /// The same, but a permit is waited for this long only.
    pub fn waiting(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// A PHC string (`$argon2id$…`) of this password with a new salt.
    ///
    /// # Errors
    /// [`CredentialError::Busy`], or no random numbers.
    pub fn hash(&self, password: &Secret) -> Result<Secret, CredentialError> {
        let salt = random::<SALT>()?;
        let mut output = Zeroizing::new([0; OUTPUT]);
        let mut permit = self.permit(None).ok_or(CredentialError::Busy)?;
        permit.compute(&Argon2::default(), password, &*salt, &mut *output)?;
        let phc = format!("{PREFIX}{}${}", STANDARD_NO_PAD.encode(*salt), STANDARD_NO_PAD.encode(*output));
        Ok(Secret::new(phc.into_bytes()))
    }

    /// Whether this is the password of a PHC string of Argon2id, Argon2i or Argon2d.
    pub fn verify(&self, password: &Secret, phc: &str, client: Client) -> Verdict {
        let Some((argon2, salt, expected)) = parse(phc) else { return Verdict::Malformed };
        let mut output = Zeroizing::new(vec![0; expected.len()]);
        let Some(mut permit) = self.permit(client) else { return Verdict::Busy };
        match permit.compute(&argon2, password, &salt, &mut output) {
            Ok(()) => Verdict::from(bool::from(output.ct_eq(&expected))),
            Err(_) => Verdict::Busy,
        }
    }

    /// Takes as long as [`Hasher::verify`] does with a hash of ours, and is never right.
    pub fn verify_nobody(&self, password: &Secret, client: Client) -> Verdict {
        match self.verify(password, DUMMY, client) {
            Verdict::Right => Verdict::Wrong,
            verdict => verdict,
        }
    }

    /// Waits for a permit, of which clients get one in turn. Dropping it gives it back.
    pub(super) fn permit(&self, client: Client) -> Option<Permit<'_>> {
        let mut state = self.lock();
        if state.permits > 0 && state.turns.is_empty() {
            state.permits -= 1;
        } else {
            state = self.wait_for_turn(state, client)?;
        }
        state.last_use = Instant::now();
        Some(Permit { memory: state.memory.pop().unwrap_or_default(), hasher: self })
    }

    /// Waits until there is a permit that no login wants, for [`BEHIND`] at most: what is hashed behind logins goes on
    /// slowly among many.
    pub fn wait_for_logins(&self) {
        let wanted = |state: &mut HasherState| state.permits == 0 || !state.turns.is_empty();
        let state = self.lock();
        drop(self.idle.wait_timeout_while(state, BEHIND, wanted).ignore_poison());
    }

    /// Who is called has the permit already.
    fn wait_for_turn<'a>(
        &'a self,
        mut state: MutexGuard<'a, HasherState>,
        client: Client,
    ) -> Option<MutexGuard<'a, HasherState>> {
        let deadline = Instant::now() + self.wait;
        let ticket = state.turns.join(client);
        while !ticket.is_granted() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.turns.leave(client, &ticket);
                return None;
            }
            state = ticket.called.wait_timeout(state, left).ignore_poison().0;
        }
        Some(state)
    }

    /// Frees the memory if no hash was computed for `idle`; to be called now and then.
    pub fn release_memory(&self, idle: Duration) {
        let mut state = self.lock();
        if state.last_use.elapsed() >= idle {
            state.memory = Vec::new();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HasherState> {
        self.state.lock().ignore_poison()
    }
}

/// The right to keep one core busy, with memory for it.
pub(super) struct Permit<'a> {
    memory: Vec<Block>,
    hasher: &'a Hasher,
}

impl Permit<'_> {
    fn compute(
        &mut self,
        argon2: &Argon2<'_>,
        password: &Secret,
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), CredentialError> {
        let blocks = argon2.params().block_count();
        if self.memory.len() < blocks {
            let room = blocks.max(MAPPED) - self.memory.len();
            self.memory.try_reserve_exact(room).map_err(|_| CredentialError::Busy)?;
            self.memory.resize(blocks, Block::new());
        }
        argon2
            .hash_password_into_with_memory(password.expose(), salt, output, &mut self.memory[..blocks])
            .map_err(|error| CredentialError::Internal(format!("argon2: {error}")))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.hasher.lock();
        // What an imported hash needed beyond ours is not kept.
        if (1..=BLOCKS).contains(&self.memory.len()) {
            state.memory.push(std::mem::take(&mut self.memory));
        }
        if !state.turns.call() {
            state.permits += 1;
            drop(state);
            // All: one who waits behind the logins may not want it any more.
            self.hasher.idle.notify_all();
        }
    }
}

/// Whether this is what [`Hasher::hash`] would make today; if not, the next login replaces it.
pub fn is_current(phc: &str) -> bool {
    phc.starts_with(PREFIX)
}

/// Algorithm with its parameters, salt and hash, if it is complete and not too costly.
fn parse(phc: &str) -> Option<(Argon2<'static>, Vec<u8>, Vec<u8>)> {
    let hash = PasswordHash::new(phc).ok()?;
    let algorithm = Algorithm::new(hash.algorithm).ok()?;
    let version = match hash.version {
        Some(version) => Version::try_from(version).ok()?,
        // As the reference implementation reads strings from before there was a version field.
        None => Version::V0x10,
    };
    let params = Params::try_from(&hash).ok()?;
    if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES {
        return None;
    }
    let (salt, expected) = (hash.salt?, hash.hash?);
    Some((Argon2::new(algorithm, version, params), salt.as_ref().to_vec(), expected.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_hash_of_ours_verifies_and_is_current() {
        let hasher = Hasher::new(1);
        let phc = hasher.hash(&"correct horse".into()).unwrap();
        let text = phc.expose_str().unwrap();
        assert!(is_current(text), "{text}");
        assert_eq!(hasher.verify(&"correct horse".into(), text, None), Verdict::Right);
        assert_eq!(hasher.verify(&"correct horsf".into(), text, None), Verdict::Wrong);
        assert_ne!(hasher.hash(&"correct horse".into()).unwrap(), phc, "a new salt each time");
    }

    #[test]
    fn nobody_has_a_password() {
        assert!(parse(DUMMY).is_some() && is_current(DUMMY));
        assert_eq!(Hasher::new(1).verify_nobody(&"correct horse".into(), None), Verdict::Wrong);
    }

    #[test]
    fn refuses_what_is_hostile_or_no_hash() {
        let hasher = Hasher::new(1);
        let tail = "$c2FsdHNhbHRzYWx0$W44sPlfxzjMOLOCJlwjVtQTVnV9NugpEUW7QBcuTHHA";
        for head in [
            "$argon2id$v=19$m=4294967295,t=1,p=1",
            "$argon2id$v=19$m=65537,t=1,p=1",
            "$argon2id$v=19$m=1024,t=11,p=1",
            "$argon2id$v=19$m=1024,t=4294967295,p=1",
            "$argon2id$v=19$m=1024,t=1,p=5",
            "$argon2id$v=18$m=1024,t=1,p=1",
            "$argon2x$v=19$m=1024,t=1,p=1",
            "$scrypt$v=19$m=1024,t=1,p=1",
            "$argon2id$v=19$m=1024,t=1,p=1,x=1",
            "argon2id",
        ] {
            assert_eq!(hasher.verify(&"x".into(), &format!("{head}{tail}"), None), Verdict::Malformed, "{head}");
        }
        for phc in ["", "$argon2id$", "$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHRzYWx0"] {
            assert_eq!(hasher.verify(&"x".into(), phc, None), Verdict::Malformed, "{phc}");
        }
    }

    #[test]
    fn who_gets_no_permit_in_time_is_told_so() {
        let hasher = Hasher::new(1).waiting(Duration::ZERO);
        let permit = hasher.permit(None).unwrap();
        assert_eq!(hasher.verify_nobody(&"x".into(), None), Verdict::Busy);
        assert!(matches!(hasher.hash(&"x".into()), Err(CredentialError::Busy)));
        drop(permit);
        assert_eq!(hasher.verify_nobody(&"x".into(), None), Verdict::Wrong);
    }

    #[test]
    fn who_waits_gets_the_permit_that_is_given_back() {
        let hasher = Hasher::new(1);
        let permit = hasher.permit(None).unwrap();
        let (waiting, waits) = mpsc::channel();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                waiting.send(()).unwrap();
                hasher.permit(None).is_some()
            });
            waits.recv().unwrap();
            drop(permit);
            assert!(waiter.join().unwrap());
        });
    }

    /// Of a hundred guessers behind one address only one is served before somebody at another address.
    #[test]
    fn who_comes_from_another_address_does_not_wait_for_a_crowd() {
        let hasher = Hasher::new(1);
        let order = Mutex::new(Vec::new());
        let wait = |client: Client| {
            let _permit = hasher.permit(client).unwrap();
            order.lock().unwrap().push(client);
        };
        let waiting = |number: usize| {
            while hasher.lock().turns.len() < number {
                std::thread::yield_now();
            }
        };
        let [crowd, honest] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|octets| Some(std::net::IpAddr::from(octets)));
        std::thread::scope(|scope| {
            let permit = hasher.permit(crowd).unwrap();
            (0..100).for_each(|_| drop(scope.spawn(|| wait(crowd))));
            waiting(100);
            scope.spawn(|| wait(honest));
            waiting(101);
            drop(permit);
        });
        let order = order.into_inner().unwrap();
        assert_eq!((order.len(), order.iter().position(|client| *client == honest)), (101, Some(1)));
    }

    #[test]
    fn memory_is_used_again_and_never_more_than_ours_is_kept() {
        let hasher = Hasher::new(2);
        let kept = |hasher: &Hasher| hasher.lock().memory.iter().map(Vec::len).collect::<Vec<_>>();
        hasher.verify_nobody(&"x".into(), None);
        hasher.verify_nobody(&"x".into(), None);
        assert_eq!(kept(&hasher), [BLOCKS]);
        let large = "$argon2id$v=19$m=20000,t=1,p=1$c2FsdHNhbHRzYWx0$W44sPlfxzjMOLOCJlwjVtQTVnV9NugpEUW7QBcuTHHA";
        assert_eq!(hasher.verify(&"x".into(), large, None), Verdict::Wrong);
        assert_eq!(kept(&hasher), [0; 0]);
        hasher.verify_nobody(&"x".into(), None);
        hasher.release_memory(Duration::from_secs(3600));
        assert_eq!(kept(&hasher), [BLOCKS]);
        hasher.release_memory(Duration::ZERO);
        assert_eq!(kept(&hasher), [0; 0]);
    }
}
