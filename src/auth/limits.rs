//! Who may have how many connections, and how long a failed login is held back.
//!
//! What lives here: counts and durations. What must not be known here: sockets, replies, sleeping;
//! the limits themselves come with each call, because settings change while the server runs.
//!
//! * A [`Permit`] gives back what it counts when it is dropped, on every path.
//! * Nothing here grows without bound: a count that is zero has no entry, and [`Delays`] forgets the
//!   oldest.

mod delays;
mod places;
mod refusals;

pub use delays::Delays;
pub use places::{Place, Places};
pub use refusals::Refusals;

use crate::lock::IgnorePoison;
use crate::store::UserId;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard};

/// Which limit a connection would exceed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// `MaxConnections`.
    Server,
    /// `MaxConnectionFromSingleIP`.
    Address,
}

/// Counts of live connections.
#[derive(Clone, Default)]
pub struct Limits {
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    connections: usize,
    addresses: HashMap<IpAddr, usize>,
    users: HashMap<UserId, usize>,
}

/// What a permit gives back.
enum Counted {
    Connection(Option<IpAddr>),
    Address(IpAddr),
    User(UserId),
}

/// One counted connection or login, until it is dropped.
#[must_use = "a dropped permit counts no more"]
pub struct Permit {
    counts: Arc<Mutex<Counts>>,
    counted: Counted,
}

impl Limits {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a connection. `peer` is `None` for a local socket, which has no address to count.
    ///
    /// A /64 of IPv6 counts as one address ([`network`]).
    ///
    /// # Errors
    /// The limit that is reached; nothing has been counted then.
    pub fn connection(&self, peer: Option<IpAddr>, max: usize, max_per_address: usize) -> Result<Permit, Full> {
        let peer = peer.map(network);
        let mut counts = lock(&self.counts);
        // First: nobody makes room for an address that has its share.
        if peer.is_some_and(|address| counts.addresses.get(&address).is_some_and(|now| *now >= max_per_address)) {
            return Err(Full::Address);
        }
        if counts.connections >= max {
            return Err(Full::Server);
        }
        counts.connections += 1;
        if let Some(address) = peer {
            *counts.addresses.entry(address).or_default() += 1;
        }
        Ok(self.permit(Counted::Connection(peer)))
    }

    /// Counts a connection whose address was not known when [`Limits::connection`] counted it. `None`: there are
    /// `max` from there already.
    pub fn address(&self, peer: IpAddr, max: usize) -> Option<Permit> {
        let peer = network(peer);
        count(&mut lock(&self.counts).addresses, peer, max).then(|| self.permit(Counted::Address(peer)))
    }

    /// Counts a session of `user`, the identity that logged in and not the principal
    /// (`MaxConnectionsPerUser`, docs/interface.md §3). `None`: there are `max` already.
    pub fn user(&self, user: UserId, max: usize) -> Option<Permit> {
        count(&mut lock(&self.counts).users, user, max).then(|| self.permit(Counted::User(user)))
    }

    /// Live connections.
    pub fn connections(&self) -> usize {
        lock(&self.counts).connections
    }

    fn permit(&self, counted: Counted) -> Permit {
        Permit { counts: Arc::clone(&self.counts), counted }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        match self.counted {
            Counted::Connection(peer) => {
                counts.connections -= 1;
                if let Some(address) = peer {
                    give_back(&mut counts.addresses, &address);
                }
            }
            Counted::Address(peer) => give_back(&mut counts.addresses, &peer),
            Counted::User(user) => give_back(&mut counts.users, &user),
        }
    }
}

/// What counts as one address: of IPv6 the first half, as who has one address there has its whole /64 (RFC 6177). An
/// IPv4-mapped address is the IPv4 one.
pub fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().ignore_poison()
}

/// One more for `key`, if it has fewer than `max`.
fn count<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: K, max: usize) -> bool {
    let now = counts.get(&key).copied().unwrap_or(0);
    if now < max {
        counts.insert(key, now + 1);
    }
    now < max
}

/// One less for `key`; the last one takes the entry with it.
fn give_back<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    match counts.get_mut(key) {
        Some(now) if *now > 1 => *now -= 1,
        _ => drop(counts.remove(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn entries(limits: &Limits) -> (usize, usize, usize) {
        let counts = lock(&limits.counts);
        (counts.connections, counts.addresses.len(), counts.users.len())
    }

    #[test]
    fn the_server_has_a_limit() {
        let limits = Limits::new();
        let first = limits.connection(address("192.0.2.1"), 2, 9).ok().unwrap();
        let second = limits.connection(address("192.0.2.2"), 2, 9).ok().unwrap();
        assert_eq!(limits.connection(address("192.0.2.3"), 2, 9).err(), Some(Full::Server));
        // The limit comes with the call.
        let third = limits.connection(address("192.0.2.3"), 3, 9).ok().unwrap();
        assert_eq!(limits.connections(), 3);
        drop((first, second));
        assert!(limits.connection(address("192.0.2.3"), 2, 9).is_ok());
        drop(third);
        assert_eq!(entries(&limits), (0, 0, 0));
    }

    #[test]
    fn an_address_has_a_limit() {
        let limits = Limits::new();
        let held: Vec<_> = (0..2).map(|_| limits.connection(address("192.0.2.1"), 99, 2).ok().unwrap()).collect();
        assert_eq!(limits.connection(address("192.0.2.1"), 99, 2).err(), Some(Full::Address));
        assert_eq!(limits.connection(address("::ffff:192.0.2.1"), 99, 2).err(), Some(Full::Address));
        assert_eq!(limits.connections(), 2, "a refused connection counts nowhere");
        assert_eq!(limits.connection(address("192.0.2.1"), 2, 2).err(), Some(Full::Address), "full in both ways");
        assert_eq!(limits.connection(address("192.0.2.2"), 2, 2).err(), Some(Full::Server));
        assert!(limits.connection(address("192.0.2.2"), 99, 2).is_ok());
        drop(held);
        assert!(limits.connection(address("192.0.2.1"), 99, 1).is_ok());
        assert_eq!(entries(&limits), (0, 0, 0));
    }

    #[test]
    fn ipv6_counts_by_network_and_local_sockets_not_at_all() {
        let limits = Limits::new();
        let held = [address("2001:db8::1"), address("2001:db8:0:1::1"), None, None]
            .map(|peer| limits.connection(peer, 99, 1).ok().unwrap());
        assert_eq!(limits.connection(address("2001:db8::ffff:2"), 99, 1).err(), Some(Full::Address));
        assert_eq!(entries(&limits), (4, 2, 0));
        drop(held);
        assert_eq!(entries(&limits), (0, 0, 0));
    }

    #[test]
    fn an_address_that_is_known_later_counts_with_the_others() {
        let limits = Limits::new();
        let unknown = limits.connection(None, 9, 1).ok().unwrap();
        let known = limits.address("192.0.2.1".parse().unwrap(), 1).unwrap();
        assert!(limits.address("::ffff:192.0.2.1".parse().unwrap(), 1).is_none());
        assert_eq!(entries(&limits), (1, 1, 0));
        drop((unknown, known));
        assert_eq!(entries(&limits), (0, 0, 0));
    }

    #[test]
    fn a_user_has_a_limit() {
        let limits = Limits::new();
        let first = limits.user(UserId(1), 1).unwrap();
        assert!(limits.user(UserId(1), 1).is_none());
        let second = limits.user(UserId(1), 2).unwrap();
        let other = limits.user(UserId(2), 1).unwrap();
        drop(first);
        assert!(limits.user(UserId(1), 1).is_none());
        drop((second, other));
        assert!(limits.user(UserId(1), 1).is_some());
        assert!(limits.user(UserId(1), 0).is_none());
        assert_eq!(entries(&limits), (0, 0, 0));
    }

    #[test]
    fn counts_hold_among_threads() {
        let limits = Limits::new();
        std::thread::scope(|scope| {
            for thread in 0..8u8 {
                let limits = limits.clone();
                scope.spawn(move || {
                    for i in 0..500u16 {
                        let peer = Some(IpAddr::from([192, 0, 2, (i % 7) as u8 + thread % 2]));
                        let connection = limits.connection(peer, 4, 3);
                        assert!(limits.connections() <= 4);
                        let user = connection.is_ok().then(|| limits.user(UserId(i64::from(i % 3)), 2));
                        drop((connection, user));
                    }
                });
            }
        });
        assert_eq!(entries(&limits), (0, 0, 0));
    }

    #[test]
    fn a_panic_gives_the_permit_back() {
        let limits = Limits::new();
        let shared = limits.clone();
        let session = std::thread::spawn(move || {
            let _permit = shared.connection(None, 9, 9);
            panic!("on purpose");
        });
        assert!(session.join().is_err());
        assert_eq!(entries(&limits), (0, 0, 0));
    }
}
