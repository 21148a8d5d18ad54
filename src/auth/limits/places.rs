//! Places: how many logins of one address, and as one name, may be under way at the same time.
//!
//! A failed login keeps its place while its answer is held back ([`super::Delays`]), and one that was left, cancelled or could
//! not be answered keeps it for [`HOLD`], so that the places of an address bound what can be tried from there, by however
//! many connections. What must not be known here: passwords, replies.
//!
//! The name's places bound a crowd of addresses that tries one name. They cannot lock its owner out: an address that the name
//! has logged in from before needs none.

use super::network;
use crate::lock::IgnorePoison;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Places of an address.
const OF_ADDRESS: usize = 8;
/// Places of a name, whoever uses it.
const OF_NAME: usize = 16;
/// How long a place is kept by what came to no end.
const HOLD: Duration = Duration::from_secs(1);
/// How long a place is waited for.
const WAIT: Duration = Duration::from_secs(30);
/// How often somebody who waits looks whether it still makes sense.
const LOOK: Duration = Duration::from_millis(500);
/// Names with addresses that are remembered; the oldest go.
const KNOWN: usize = 65_536;

/// All places.
pub struct Places {
    hasher: RandomState,
    state: Mutex<PlacesState>,
    wait: Duration,
    hold: Duration,
}

impl Default for Places {
    fn default() -> Self {
        Self { hasher: RandomState::new(), state: Mutex::default(), wait: WAIT, hold: HOLD }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    Address(IpAddr),
    /// Names are kept as hashes with a key of this process.
    Name(u64),
}

impl Owner {
    fn places(self) -> usize {
        match self {
            Self::Address(_) => OF_ADDRESS,
            Self::Name(_) => OF_NAME,
        }
    }
}

#[derive(Default)]
struct PlacesState {
    owners: HashMap<Owner, PlaceRow>,
    known: HashSet<u64>,
    known_by_age: VecDeque<u64>,
}

#[derive(Default)]
struct PlaceRow {
    taken: usize,
    /// Until when others are kept.
    held: Vec<Instant>,
    waiting: VecDeque<Arc<Waiter>>,
}

#[derive(Default)]
struct Waiter {
    granted: AtomicBool,
    called: Condvar,
}

/// The places of one login that is under way. Dropped without [`Place::release`], they are kept for a while.
#[must_use = "a dropped place is kept for a while"]
pub struct Place {
    places: Arc<Places>,
    owners: Vec<Owner>,
    known: u64,
    released: bool,
}

impl Places {
    /// Waits for the places of somebody at `peer` who wants to be `name`. None: it took too long, or `over` says that it makes
    /// no sense any more.
    pub fn enter(self: &Arc<Self>, peer: IpAddr, name: &str, over: &dyn Fn() -> bool) -> Option<Place> {
        let network = network(peer);
        let name = name.to_ascii_lowercase();
        let known = self.hasher.hash_one((&name, network));
        let mut place = Place { places: self.clone(), owners: Vec::new(), known, released: true };
        let deadline = Instant::now() + self.wait;
        let mut state = self.lock();
        let named = !name.is_empty() && !state.known.contains(&known);
        let owners = [Some(Owner::Address(network)), named.then(|| Owner::Name(self.hasher.hash_one(&name)))];
        for owner in owners.into_iter().flatten() {
            let (back, taken) = self.take(state, owner, deadline, over);
            state = back;
            if !taken {
                drop(state);
                return None;
            }
            place.owners.push(owner);
        }
        drop(state);
        place.released = false;
        Some(place)
    }

    fn take<'a>(
        &'a self,
        mut state: MutexGuard<'a, PlacesState>,
        owner: Owner,
        deadline: Instant,
        over: &dyn Fn() -> bool,
    ) -> (MutexGuard<'a, PlacesState>, bool) {
        if state.row(owner).take_free(owner.places(), Instant::now()) {
            return (state, true);
        }
        let waiter = Arc::new(Waiter::default());
        state.row(owner).waiting.push_back(waiter.clone());
        loop {
            let now = Instant::now();
            let nap = state.row(owner).next_end().map_or(LOOK, |end| end.saturating_duration_since(now).min(LOOK));
            let nap = nap.max(Duration::from_millis(1)).min(deadline.saturating_duration_since(now));
            state = waiter.called.wait_timeout(state, nap).ignore_poison().0;
            state.row(owner).call(owner.places(), Instant::now());
            if waiter.granted.load(Ordering::Relaxed) {
                return (state, true);
            }
            if Instant::now() >= deadline || over() {
                state.row(owner).waiting.retain(|other| !Arc::ptr_eq(other, &waiter));
                state.forget_if_unused(owner);
                return (state, false);
            }
        }
    }

    /// Notes a login of earlier: see [`Place::release`].
    pub fn remember(&self, peer: IpAddr, name: &str) {
        self.know(self.hasher.hash_one((&name.to_ascii_lowercase(), network(peer))));
    }

    /// Notes a good login: from this address this name needs no place of the name's any more.
    fn know(&self, known: u64) {
        let mut state = self.lock();
        if state.known.insert(known) {
            state.known_by_age.push_back(known);
            if state.known_by_age.len() > KNOWN
                && let Some(oldest) = state.known_by_age.pop_front()
            {
                state.known.remove(&oldest);
            }
        }
    }

    fn give_back(&self, owner: Owner, hold: Option<Duration>) {
        let (mut state, now) = (self.lock(), Instant::now());
        let row = state.row(owner);
        row.taken = row.taken.saturating_sub(1);
        row.held.extend(hold.map(|hold| now + hold));
        row.call(owner.places(), now);
        state.forget_if_unused(owner);
    }

    /// Forgets who needs nothing any more; to be called every now and then.
    pub fn tidy(&self, now: Instant) {
        self.lock().owners.retain(|_, row| {
            row.held.retain(|end| *end > now);
            !row.is_unused()
        });
    }

    fn lock(&self) -> MutexGuard<'_, PlacesState> {
        self.state.lock().ignore_poison()
    }
}

impl PlacesState {
    fn row(&mut self, owner: Owner) -> &mut PlaceRow {
        self.owners.entry(owner).or_default()
    }

    fn forget_if_unused(&mut self, owner: Owner) {
        if self.owners.get(&owner).is_some_and(PlaceRow::is_unused) {
            self.owners.remove(&owner);
        }
    }
}

impl PlaceRow {
    fn is_unused(&self) -> bool {
        self.taken == 0 && self.held.is_empty() && self.waiting.is_empty()
    }

    fn is_free(&mut self, most: usize, now: Instant) -> bool {
        self.held.retain(|end| *end > now);
        self.taken + self.held.len() < most
    }

    /// Takes a place that nobody waits for.
    fn take_free(&mut self, most: usize, now: Instant) -> bool {
        let free = self.waiting.is_empty() && self.is_free(most, now);
        self.taken += usize::from(free);
        free
    }

    /// Gives free places to those who wait, in their order.
    fn call(&mut self, most: usize, now: Instant) {
        while !self.waiting.is_empty() && self.is_free(most, now) {
            if let Some(waiter) = self.waiting.pop_front() {
                self.taken += 1;
                waiter.granted.store(true, Ordering::Relaxed);
                waiter.called.notify_one();
            }
        }
    }

    /// When a place that is only kept becomes free.
    fn next_end(&self) -> Option<Instant> {
        self.held.iter().min().copied()
    }
}

impl Place {
    /// The login has come to its end, and what it costs is paid. `good`: it was right.
    pub fn release(mut self, good: bool) {
        if good {
            self.places.know(self.known);
        }
        self.released = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let hold = (!self.released).then_some(self.places.hold);
        for owner in &self.owners {
            self.places.give_back(*owner, hold);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(wait: u64, hold: u64) -> Arc<Places> {
        let millis = Duration::from_millis;
        Arc::new(Places { wait: millis(wait), hold: millis(hold), ..Places::default() })
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn enter(places: &Arc<Places>, last: u8, name: &str) -> Option<Place> {
        places.enter(peer(last), name, &|| false)
    }

    fn rows(places: &Places) -> usize {
        places.lock().owners.len()
    }

    #[test]
    fn an_address_has_so_many_and_others_have_their_own() {
        let places = places(0, 0);
        let held: Vec<_> = (0..OF_ADDRESS).map(|index| enter(&places, 1, &index.to_string()).unwrap()).collect();
        assert!(enter(&places, 1, "x").is_none());
        let other = enter(&places, 2, "x").unwrap();
        other.release(false);
        held.into_iter().for_each(|place| place.release(false));
        enter(&places, 1, "x").unwrap().release(false);
        assert_eq!(rows(&places), 0);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let places = places(0, 0);
        let at = |host: usize| places.enter(format!("2001:db8::{host:x}").parse().unwrap(), "", &|| false);
        let held: Vec<_> = (0..OF_ADDRESS).map(at).collect();
        assert!(held.iter().all(Option::is_some) && at(OF_ADDRESS).is_none());
    }

    #[test]
    fn a_name_has_so_many_but_where_it_is_known_it_needs_none() {
        let places = places(0, 0);
        enter(&places, 200, "Alice").unwrap().release(true);
        let held: Vec<_> = (0..OF_NAME as u8).map(|last| enter(&places, last, "alice").unwrap()).collect();
        assert!(enter(&places, 100, "ALICE").is_none());
        assert!(enter(&places, 200, "alice").is_some(), "has logged in from there");
        assert!(enter(&places, 201, "alice").is_none());
        places.remember(peer(201), "Alice");
        assert!(enter(&places, 201, "alice").is_some(), "and from there before a restart");
        assert!(enter(&places, 100, "bob").is_some());
        drop(held);
    }

    #[test]
    fn what_comes_to_no_end_keeps_its_place_for_a_while() {
        let places = places(60_000, 50);
        let start = Instant::now();
        for _ in 0..OF_ADDRESS {
            drop(enter(&places, 1, "").unwrap());
        }
        // Waits for the first one to be free again.
        enter(&places, 1, "").unwrap().release(false);
        assert!(start.elapsed() >= Duration::from_millis(50));
        places.tidy(Instant::now() + Duration::from_secs(1));
        assert_eq!(rows(&places), 0);
    }

    #[test]
    fn a_kept_place_is_free_from_its_end_on() {
        let (places, now, second) = (places(0, 0), Instant::now(), Duration::from_secs(1));
        let owner = Owner::Address(peer(1));
        places.lock().row(owner).held.extend([now + 2 * second, now + second]);
        assert_eq!(places.lock().row(owner).next_end(), Some(now + second));
        for (after, left) in [(0, 2), (1, 1), (2, 0)] {
            let at = now + after * second;
            let mut row = PlaceRow { held: places.lock().row(owner).held.clone(), ..PlaceRow::default() };
            assert!(row.is_free(left + 1, at) && !row.is_free(left, at), "after {after} s");
            places.tidy(at);
            assert_eq!(places.lock().owners.get(&owner).map_or(0, |row| row.held.len()), left, "after {after} s");
        }
    }

    #[test]
    fn who_waits_is_served_in_order_and_may_give_up() {
        let places = places(60_000, 0);
        let held: Vec<_> = (0..OF_ADDRESS).map(|_| enter(&places, 1, "").unwrap()).collect();
        assert!(places.enter(peer(1), "", &|| true).is_none(), "it makes no sense any more");
        std::thread::scope(|scope| {
            let waiters: Vec<_> =
                (0..50).map(|_| scope.spawn(|| enter(&places, 1, "").unwrap().release(false))).collect();
            held.into_iter().for_each(|place| place.release(false));
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        });
        assert_eq!(rows(&places), 0);
    }

    /// Who waited and was called has the place: nobody else gets it besides, whoever tidies up meanwhile.
    #[test]
    fn a_place_that_was_waited_for_is_taken() {
        let places = places(60_000, 0);
        let at_once = || places.enter(peer(1), "", &|| true);
        let mut held: Vec<_> = (0..8).map(|_| at_once().unwrap()).collect();
        places.tidy(Instant::now());
        assert!(at_once().is_none(), "all are taken");
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| enter(&places, 1, "").unwrap());
            while places.lock().owners.values().all(|row| row.waiting.is_empty()) {
                std::thread::yield_now();
            }
            held.pop().unwrap().release(false);
            let place = waiter.join().unwrap();
            assert!(at_once().is_none(), "the one that came free went to the waiter");
            place.release(false);
            at_once().unwrap().release(false);
        });
    }

    #[test]
    fn what_is_known_is_bounded() {
        let places = places(0, 0);
        for known in 0..KNOWN as u64 + 10 {
            places.know(known);
            places.know(known);
        }
        let state = places.lock();
        assert_eq!((state.known.len(), state.known_by_age.len()), (KNOWN, KNOWN));
        assert!(!state.known.contains(&9) && state.known.contains(&10));
    }
}
