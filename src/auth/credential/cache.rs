//! Remembers credentials that were verified a moment ago.
//!
//! A client that polls every few minutes would cost 15 ms of Argon2id each time; a look-up here
//! costs less than a microsecond. Only successes are remembered, under a code that cannot be turned
//! back into a password without this process's own random key, and that holds the stored value: a
//! changed password misses by itself. What must not be known here: whether the user may log in
//! (that is asked of the live row each time).

use super::Secret;
use crate::hmac::{Key, hmac_sha256};
use crate::lock::IgnorePoison;
use crate::store::UserId;
use hashlink::LruCache;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long after a full check its result counts. A hit does not renew it.
const TIME_TO_LIVE: Duration = Duration::from_secs(5 * 60);
/// Most entries; the oldest give way. About 2 MiB.
const MOST: usize = 16_384;

/// Credentials that were verified at most [`TIME_TO_LIVE`] ago.
pub struct Cache {
    key: Key,
    /// When each code was verified, the oldest first.
    verified: Mutex<LruCache<[u8; 32], Instant>>,
}

impl Cache {
    /// An empty one; `key` is random and of this process only.
    pub fn new(key: Key) -> Self {
        Self::holding(key, MOST)
    }

    fn holding(key: Key, most: usize) -> Self {
        Self { key, verified: Mutex::new(LruCache::new(most)) }
    }

    /// Whether this password was found right for this stored value lately.
    pub fn contains(&self, user: UserId, stored: &Secret, password: &Secret, now: Instant) -> bool {
        let code = self.code(user, stored, password);
        self.lock().peek(&code).is_some_and(|verified| is_fresh(*verified, now))
    }

    /// Remembers a full check that succeeded.
    pub fn insert(&self, user: UserId, stored: &Secret, password: &Secret, now: Instant) {
        let code = self.code(user, stored, password);
        self.lock().insert(code, now);
        self.expire(now);
    }

    /// Forgets what is too old; to be called now and then.
    pub fn expire(&self, now: Instant) {
        let mut verified = self.lock();
        while verified.iter().next().is_some_and(|(_, since)| !is_fresh(*since, now)) {
            verified.remove_lru();
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn code(&self, user: UserId, stored: &Secret, password: &Secret) -> [u8; 32] {
        let length = (stored.expose().len() as u64).to_be_bytes();
        *hmac_sha256(&self.key[..], &[&user.0.to_be_bytes(), &length, stored.expose(), password.expose()])
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<[u8; 32], Instant>> {
        self.verified.lock().ignore_poison()
    }
}

fn is_fresh(verified: Instant, now: Instant) -> bool {
    now.saturating_duration_since(verified) < TIME_TO_LIVE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(most: usize) -> Cache {
        Cache::holding(Key::new([7; 32]), most)
    }

    #[test]
    fn remembers_exactly_what_was_verified() {
        let (cache, now) = (cache(8), Instant::now());
        let (phc, password) = (Secret::from("$phc"), Secret::from("secret"));
        cache.insert(UserId(1), &phc, &password, now);
        assert!(cache.contains(UserId(1), &phc, &password, now));
        for (user, phc, password) in [
            (2, "$phc", "secret"),
            (1, "$phd", "secret"),
            (1, "$phc", "secreT"),
            // The same octets divided elsewhere.
            (1, "$phcs", "ecret"),
        ] {
            assert!(!cache.contains(UserId(user), &phc.into(), &password.into(), now), "{user} {phc} {password}");
        }
        cache.clear();
        assert!(!cache.contains(UserId(1), &phc, &password, now));
    }

    #[test]
    fn forgets_five_minutes_after_the_full_check() {
        let (cache, start) = (cache(8), Instant::now());
        let (phc, password) = (Secret::from("$phc"), Secret::from("secret"));
        cache.insert(UserId(1), &phc, &password, start);
        let last = start + TIME_TO_LIVE - Duration::from_nanos(1);
        assert!(cache.contains(UserId(1), &phc, &password, last));
        assert!(!cache.contains(UserId(1), &phc, &password, start + TIME_TO_LIVE), "a hit renews nothing");
        cache.insert(UserId(1), &phc, &password, last);
        cache.expire(start + TIME_TO_LIVE);
        assert!(cache.contains(UserId(1), &phc, &password, start + TIME_TO_LIVE), "a second check does");
        assert_eq!(cache.lock().len(), 1);
        cache.expire(last + TIME_TO_LIVE);
        assert!(cache.lock().is_empty());
    }

    #[test]
    fn stays_bounded() {
        let (cache, now) = (cache(3), Instant::now());
        let known = |user| cache.contains(UserId(user), &"$phc".into(), &"x".into(), now);
        for user in 0..5 {
            cache.insert(UserId(user), &"$phc".into(), &"x".into(), now);
        }
        assert_eq!((0..5).map(known).collect::<Vec<_>>(), [false, false, true, true, true]);
    }
}
