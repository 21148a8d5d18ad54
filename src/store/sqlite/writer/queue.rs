//! What waits to be written: two lanes under one lock.
//!
//! A channel would do, but those at hand spin and yield before they sleep: with one client at a time that
//! was a tenth of what a delivery cost. Whoever waits here sleeps at once.

use super::{Lane, Request};
use crate::lock::IgnorePoison;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Orders that may wait in a lane; who comes later waits for room.
pub const QUEUE: usize = 256;

/// Both lanes.
#[derive(Default)]
pub struct Queue {
    state: Mutex<QueueState>,
    /// Wakes the thread.
    arrived: Condvar,
    /// Wakes those who wait for room.
    room: Condvar,
}

#[derive(Default)]
struct QueueState {
    mail: VecDeque<Request>,
    maintenance: VecDeque<Request>,
    /// Nobody will come any more.
    closed: bool,
    /// The thread sleeps. (Waking costs a system call, whether somebody sleeps or not.)
    asleep: bool,
    /// How many wait for room.
    waiters: usize,
}

impl QueueState {
    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Request> {
        match lane {
            Lane::Mail => &mut self.mail,
            Lane::Maintenance => &mut self.maintenance,
        }
    }
}

/// What there is for the thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Something waits.
    Orders,
    /// Nothing has come in the time given.
    Nothing,
    /// Nothing waits and nobody will come.
    End,
}

impl Queue {
    /// Adds an order at the end of its lane; waits while that is full. Given back once the queue is closed.
    pub fn push(&self, lane: Lane, order: Request) -> Result<(), Request> {
        let mut state = self.lock();
        while state.lane(lane).len() >= QUEUE && !state.closed {
            state.waiters += 1;
            state = self.room.wait(state).ignore_poison();
            state.waiters -= 1;
        }
        if state.closed {
            return Err(order);
        }
        state.lane(lane).push_back(order);
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Nobody may come any more; what waits is still done.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
        self.room.notify_all();
    }

    /// The thread is gone: what waits is dropped, and its promises say so.
    pub fn abandon(&self) {
        self.close();
        let mut state = self.lock();
        let dropped = (std::mem::take(&mut state.mail), std::mem::take(&mut state.maintenance));
        drop(state);
        drop(dropped);
    }

    /// Somebody waits, or nobody may.
    pub fn is_taken(&self) -> bool {
        let state = self.lock();
        state.closed || !(state.mail.is_empty() && state.maintenance.is_empty())
    }

    /// Waits until something waits here, for `timeout` at most.
    pub fn wait(&self, timeout: Option<Duration>) -> Next {
        let until = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.lock();
        loop {
            if !(state.mail.is_empty() && state.maintenance.is_empty()) {
                return Next::Orders;
            }
            if state.closed {
                return Next::End;
            }
            state.asleep = true;
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.arrived.wait(state).ignore_poison(),
                Some(left) if left.is_zero() => return Next::Nothing,
                Some(left) => self.arrived.wait_timeout(state, left).ignore_poison().0,
            };
            state.asleep = false;
        }
    }

    /// The first order of a lane, if one waits.
    pub fn try_next(&self, lane: Lane) -> Option<Request> {
        let mut state = self.lock();
        let order = state.lane(lane).pop_front();
        self.make_room(state);
        order
    }

    /// An order was taken.
    fn make_room(&self, state: MutexGuard<'_, QueueState>) {
        let waiters = state.waiters;
        drop(state);
        // All of them: they may wait for different lanes.
        if waiters > 0 {
            self.room.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().ignore_poison()
    }
}
