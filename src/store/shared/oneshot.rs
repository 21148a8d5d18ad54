//! The answer of a writer to one request: given once, waited for at most once.

use crate::lock::{IgnorePoison, lock};
use crate::store::{Result, StoreError};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

struct Slot<T> {
    state: Mutex<State<T>>,
    given: Condvar,
}

struct State<T> {
    answer: Option<Result<T>>,
    /// Somebody sleeps until it comes. (Waking costs a system call, whether somebody sleeps or not.)
    awaited: bool,
}

/// The side that waits.
pub struct Oneshot<T>(Arc<Slot<T>>);

/// The side that answers. Dropped without an answer it says that the writer has ended.
pub struct Promised<T>(Option<Arc<Slot<T>>>);

/// Both sides.
pub fn promise<T>() -> (Promised<T>, Oneshot<T>) {
    let slot = Arc::new(Slot { state: Mutex::new(State { answer: None, awaited: false }), given: Condvar::new() });
    (Promised(Some(slot.clone())), Oneshot(slot))
}

impl<T> Oneshot<T> {
    /// Waits for the answer.
    pub fn wait(self) -> Result<T> {
        let mut state = lock(&self.0.state);
        loop {
            if let Some(given) = state.answer.take() {
                return given;
            }
            state.awaited = true;
            state = self.0.given.wait(state).ignore_poison();
        }
    }

    /// Waits for the answer, `timeout` at most; what was ordered is done all the same.
    pub fn wait_for(self, timeout: Duration) -> Option<Result<T>> {
        let mut state = lock(&self.0.state);
        state.awaited = true;
        let waited = self.0.given.wait_timeout_while(state, timeout, |state| state.answer.is_none());
        waited.ignore_poison().0.answer.take()
    }
}

impl<T> Promised<T> {
    /// Gives the answer; only the first counts. It is dropped if nobody waits.
    pub fn give(&mut self, answer: Result<T>) {
        if let Some(slot) = self.0.take() {
            let mut state = lock(&slot.state);
            state.answer = Some(answer);
            let awaited = state.awaited;
            drop(state);
            if awaited {
                slot.given.notify_one();
            }
        }
    }
}

/// Why nothing is written any more, or not this.
pub fn ended() -> StoreError {
    StoreError::Internal("the store's writer has ended".into())
}

impl<T> Drop for Promised<T> {
    fn drop(&mut self) {
        self.give(Err(ended()));
    }
}
