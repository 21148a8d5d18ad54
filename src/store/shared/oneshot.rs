//! The answer of a writer to one request: given once, waited for at most once.

use crate::lock::IgnorePoison;
use crate::store::{Result, StoreError};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

struct Slot<T> {
    answer: Mutex<Option<Result<T>>>,
    given: Condvar,
}

/// The side that waits.
pub struct Oneshot<T>(Arc<Slot<T>>);

/// The side that answers. Dropped without an answer it says that the writer has ended.
pub struct Promised<T>(Option<Arc<Slot<T>>>);

/// Both sides.
pub fn promise<T>() -> (Promised<T>, Oneshot<T>) {
    let slot = Arc::new(Slot { answer: Mutex::new(None), given: Condvar::new() });
    (Promised(Some(slot.clone())), Oneshot(slot))
}

impl<T> Oneshot<T> {
    /// Waits for the answer.
    pub fn wait(self) -> Result<T> {
        let mut answer = self.0.answer.lock().ignore_poison();
        loop {
            match answer.take() {
                Some(given) => return given,
                None => answer = self.0.given.wait(answer).ignore_poison(),
            }
        }
    }

    /// Waits for the answer, `timeout` at most; what was ordered is done all the same.
    pub fn wait_for(self, timeout: Duration) -> Option<Result<T>> {
        let answer = self.0.answer.lock().ignore_poison();
        let waited = self.0.given.wait_timeout_while(answer, timeout, |answer| answer.is_none());
        waited.ignore_poison().0.take()
    }
}

impl<T> Promised<T> {
    /// Gives the answer; only the first counts. It is dropped if nobody waits.
    pub fn give(&mut self, answer: Result<T>) {
        if let Some(slot) = self.0.take() {
            *slot.answer.lock().ignore_poison() = Some(answer);
            slot.given.notify_one();
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
