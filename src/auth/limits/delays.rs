//! How long a failed login is held back.

use super::network;
use crate::lock::IgnorePoison;
use hashlink::LruCache;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The delay of the second failure in a row; the first one, most likely a slip, has none.
const FIRST: Duration = Duration::from_millis(500);
/// After so long without a failure all is forgotten.
const FORGIVEN: Duration = Duration::from_secs(600);
/// How many addresses and names are remembered, together.
const REMEMBERED: usize = 65_536;

/// Failed logins by address and by name, and the delay that they earn.
///
/// Only a failure is held back, so that nobody can slow down somebody else's good logins by failing in
/// their name. Names are kept as hashes with a key of this process, known users or not, in bounded
/// memory.
pub struct Delays {
    hasher: RandomState,
    failures: Mutex<Failures>,
}

/// Failures by key; the key that has not failed for the longest time gives way.
struct Failures(LruCache<u64, DelayRow>);

#[derive(Clone, Copy)]
struct DelayRow {
    count: u32,
    last: Instant,
}

impl Default for Delays {
    fn default() -> Self {
        Self::new()
    }
}

impl Delays {
    /// Nothing to remember yet.
    pub fn new() -> Self {
        Self::with_capacity(REMEMBERED)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self { hasher: RandomState::new(), failures: Mutex::new(Failures(LruCache::new(capacity))) }
    }

    /// Notes that somebody at `peer` failed to log in as `name` at `now`. Says how long the answer
    /// must be held back: not at all for the first failure, then twice as long each time, up to `max`
    /// (`MaxLoginDelay`). The address or the name counts, whichever has failed more often.
    pub fn failed(&self, peer: IpAddr, name: &str, max: Duration, now: Instant) -> Duration {
        let (address, key) = self.keys(peer, name);
        let mut failures = self.lock();
        let mut count = failures.add(address, now);
        // A client may fail before it has named anybody: strangers do not share that.
        if !name.is_empty() {
            count = count.max(failures.add(key, now));
        }
        delay(count).min(max)
    }

    /// Notes a good login: the name is forgiven, the address one failure only. Otherwise an account
    /// of one's own would wash the address clean between guesses at others.
    pub fn succeeded(&self, peer: IpAddr, name: &str) {
        let (address, name) = self.keys(peer, name);
        let mut failures = self.lock();
        failures.forget(name);
        failures.forgive_one(address);
    }

    fn lock(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().ignore_poison()
    }

    /// ASCII letters of a name compare without case, as in the store.
    fn keys(&self, peer: IpAddr, name: &str) -> (u64, u64) {
        (self.hasher.hash_one(network(peer)), self.hasher.hash_one(name.to_ascii_lowercase()))
    }
}

impl Failures {
    /// One more failure; says how many there are.
    fn add(&mut self, key: u64, now: Instant) -> u32 {
        let count = match self.0.peek(&key) {
            Some(row) if now.saturating_duration_since(row.last) < FORGIVEN => row.count.saturating_add(1),
            _ => 1,
        };
        self.0.insert(key, DelayRow { count, last: now });
        count
    }

    fn forget(&mut self, key: u64) {
        self.0.remove(&key);
    }

    fn forgive_one(&mut self, key: u64) {
        match self.0.peek_mut(&key) {
            Some(row) if row.count > 1 => row.count -= 1,
            _ => self.forget(key),
        }
    }
}

/// The delay after `count` failures in a row, without an upper bound.
fn delay(count: u32) -> Duration {
    match count {
        0 | 1 => Duration::ZERO,
        more => FIRST.saturating_mul(1 << (more - 2).min(16)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(5);

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn millis(delays: &[Duration]) -> Vec<u128> {
        delays.iter().map(Duration::as_millis).collect()
    }

    #[test]
    fn delays_double_up_to_the_limit() {
        let (delays, now) = (Delays::new(), Instant::now());
        let held: Vec<_> = (0..8).map(|_| delays.failed(peer(1), "alice", MAX, now)).collect();
        assert_eq!(millis(&held), [0, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
        assert_eq!(delays.failed(peer(1), "alice", Duration::from_secs(60), now), Duration::from_secs(60));
        assert_eq!(delays.failed(peer(1), "alice", Duration::ZERO, now), Duration::ZERO);
        let held = (0..100).map(|_| delays.failed(peer(1), "alice", Duration::from_secs(60), now)).max();
        assert_eq!(held, Some(Duration::from_secs(60)));
    }

    #[test]
    fn the_address_and_the_name_count() {
        let (delays, now) = (Delays::new(), Instant::now());
        let of = |last, name: &str| delays.failed(peer(last), name, MAX, now).as_millis();
        // One address, many names.
        assert_eq!([of(1, "a"), of(1, "b"), of(1, "c")], [0, 500, 1000]);
        // One name, many addresses; its case does not matter.
        assert_eq!([of(2, "bob"), of(3, "BOB"), of(4, "Bob")], [0, 500, 1000]);
        assert_eq!(of(5, "carol"), 0);
        let mapped = "::ffff:192.0.2.5".parse().unwrap();
        assert_eq!(delays.failed(mapped, "dave", MAX, now).as_millis(), 500);
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let (delays, now) = (Delays::new(), Instant::now());
        let of = |peer: &str, name| delays.failed(peer.parse().unwrap(), name, MAX, now).as_millis();
        assert_eq!([of("2001:db8::1", "a"), of("2001:db8::ffff:2", "b"), of("2001:db8:0:1::1", "c")], [0, 500, 0]);
    }

    #[test]
    fn failures_without_a_name_count_for_the_address_only() {
        let (delays, now) = (Delays::new(), Instant::now());
        let of = |last| delays.failed(peer(last), "", MAX, now).as_millis();
        assert_eq!([of(1), of(2), of(1)], [0, 0, 500]);
    }

    #[test]
    fn a_good_login_forgives_the_name_and_one_failure_of_the_address() {
        let (delays, now) = (Delays::new(), Instant::now());
        for _ in 0..4 {
            delays.failed(peer(1), "alice", MAX, now);
        }
        delays.succeeded(peer(1), "ALICE");
        assert_eq!(delays.failed(peer(2), "alice", MAX, now), Duration::ZERO);
        assert_eq!(delays.failed(peer(1), "bob", MAX, now).as_millis(), 2000, "the fourth from there");
        for _ in 0..4 {
            delays.succeeded(peer(1), "alice");
        }
        assert_eq!(delays.failed(peer(1), "carol", MAX, now), Duration::ZERO);
    }

    /// Guessing at others between good logins of one's own earns the delay all the same.
    #[test]
    fn an_account_of_ones_own_washes_nothing() {
        let (delays, now) = (Delays::new(), Instant::now());
        let mut held = Vec::new();
        for _ in 0..4 {
            delays.failed(peer(1), "victim", MAX, now);
            held.push(delays.failed(peer(1), "other", MAX, now));
            delays.succeeded(peer(1), "mallory");
        }
        assert_eq!(millis(&held), [500, 1000, 2000, 4000]);
    }

    #[test]
    fn ten_quiet_minutes_forgive() {
        let (delays, start) = (Delays::new(), Instant::now());
        let at = |seconds| delays.failed(peer(1), "alice", MAX, start + Duration::from_secs(seconds)).as_millis();
        assert_eq!([at(0), at(1), at(600), at(1199), at(1799), at(1800)], [0, 500, 1000, 2000, 0, 500]);
        // Time that seems to run backwards between threads is no quiet time.
        assert_eq!(at(1790), 1000);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go_first() {
        let (delays, now) = (Delays::with_capacity(10), Instant::now());
        for i in 0..4 {
            delays.failed(peer(i), &format!("user{i}"), MAX, now);
        }
        delays.failed(peer(0), "user0", MAX, now);
        for i in 10..13 {
            delays.failed(peer(i), &format!("user{i}"), MAX, now);
        }
        let of = |i: u8| delays.failed(peer(i), &format!("user{i}"), MAX, now).as_millis();
        // 1 and 2 were the oldest; 0 had been renewed.
        assert_eq!([of(0), of(1), of(12)], [1000, 0, 500]);
        for i in 0..5_000u32 {
            delays.failed(IpAddr::from(i.to_be_bytes()), &i.to_string(), MAX, now);
        }
        let failures = delays.lock();
        assert_eq!(failures.0.len(), 10);
    }

    #[test]
    fn what_is_forgiven_is_forgotten() {
        let (delays, now) = (Delays::new(), Instant::now());
        for i in 0..100u8 {
            delays.failed(peer(i), &i.to_string(), MAX, now);
            delays.succeeded(peer(i), &i.to_string());
        }
        let failures = delays.lock();
        assert_eq!(failures.0.len(), 0);
    }
}
