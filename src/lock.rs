//! Locks that outlive the panic of a holder: each change under one of ours is whole before anything can panic, so what
//! the lock holds is as good as before.

use std::sync::{LockResult, Mutex, MutexGuard, PoisonError};

/// What a lock, or a wait that gives it back, answers.
pub trait IgnorePoison {
    /// What is held.
    type Held;

    /// The guard, whether or not another holder panicked.
    fn ignore_poison(self) -> Self::Held;
}

impl<Held> IgnorePoison for LockResult<Held> {
    type Held = Held;

    fn ignore_poison(self) -> Held {
        self.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks it, whether or not another holder panicked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().ignore_poison()
}
