//! Who is next: whoever waits for a permit waits in a queue of their address, and the addresses take turns.
//!
//! So a thousand guessers behind one address hold up those of other addresses by one hash, not by a thousand. What must not be
//! known here: what a permit is for.

use super::Client;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar};

/// Somebody who waits.
#[derive(Default)]
pub struct Ticket {
    granted: AtomicBool,
    /// To be waited on with the lock that guards the [`Turns`].
    pub called: Condvar,
}

impl Ticket {
    /// The turn has come.
    pub fn is_granted(&self) -> bool {
        self.granted.load(Ordering::Relaxed)
    }
}

/// All who wait. To be kept behind a lock.
#[derive(Default)]
pub struct Turns {
    queues: HashMap<Client, VecDeque<Arc<Ticket>>>,
    /// Those that have a queue, in the order of their turns.
    ring: VecDeque<Client>,
}

impl Turns {
    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// How many wait.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.queues.values().map(VecDeque::len).sum()
    }

    /// Joins the queue of this client.
    pub fn join(&mut self, client: Client) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::default());
        let queue = self.queues.entry(client).or_default();
        if queue.is_empty() {
            self.ring.push_back(client);
        }
        queue.push_back(ticket.clone());
        ticket
    }

    /// Leaves the queue without having been called.
    pub fn leave(&mut self, client: Client, ticket: &Arc<Ticket>) {
        let Some(queue) = self.queues.get_mut(&client) else { return };
        queue.retain(|other| !Arc::ptr_eq(other, ticket));
        if queue.is_empty() {
            self.queues.remove(&client);
            self.ring.retain(|other| *other != client);
        }
    }

    /// Calls the next one; `false`: nobody waits.
    pub fn call(&mut self) -> bool {
        while let Some(client) = self.ring.pop_front() {
            let Some(queue) = self.queues.get_mut(&client) else { continue };
            let next = queue.pop_front();
            if queue.is_empty() {
                self.queues.remove(&client);
            } else {
                self.ring.push_back(client);
            }
            if let Some(ticket) = next {
                ticket.granted.store(true, Ordering::Relaxed);
                ticket.called.notify_one();
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn client(last: u8) -> Client {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn addresses_take_turns_and_each_is_served_in_order() {
        let mut turns = Turns::default();
        let mut tickets: Vec<_> = [1, 1, 1, 2, 3, 2].map(|last| turns.join(client(last))).into();
        tickets.push(turns.join(None));
        let mut called = Vec::new();
        while turns.call() {
            let index = (0..tickets.len()).find(|index| tickets[*index].is_granted() && !called.contains(index));
            called.push(index.unwrap());
        }
        assert_eq!(called, [0, 3, 4, 6, 1, 5, 2]);
        assert!(turns.is_empty() && turns.queues.is_empty());
    }

    #[test]
    fn who_leaves_is_not_called() {
        let mut turns = Turns::default();
        let [first, second, alone] = [1, 1, 2].map(|last| turns.join(client(last)));
        turns.leave(client(1), &first);
        turns.leave(client(2), &alone);
        assert!(turns.call() && second.is_granted() && !turns.call());
        assert!(!first.is_granted() && !alone.is_granted());
    }
}
