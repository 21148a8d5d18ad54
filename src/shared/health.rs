//! Whether new clients are served: the greeting and `/healthz` say so.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Why new clients are sent away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unavailable {
    /// The server is about to end (`DrainSeconds`).
    Draining,
    /// The store cannot be reached.
    Store,
}

/// What is known of it. Asking costs no system call but that of the clock.
#[derive(Debug)]
pub struct Health {
    start: Instant,
    draining: AtomicBool,
    /// Milliseconds after `start` until which the store counts as reachable.
    until: AtomicU64,
}

impl Default for Health {
    /// All is well until somebody looks.
    fn default() -> Self {
        Self { start: Instant::now(), draining: AtomicBool::new(false), until: AtomicU64::new(u64::MAX) }
    }
}

impl Health {
    /// From now on new clients are sent away.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// The store has answered: it counts as reachable for so long.
    pub fn reached(&self, good_for: Duration) {
        let until = u64::try_from((self.start.elapsed() + good_for).as_millis()).unwrap_or(u64::MAX);
        self.until.store(until, Ordering::Relaxed);
    }

    /// The store has answered that it cannot.
    pub fn failed(&self) {
        self.until.store(0, Ordering::Relaxed);
    }

    /// Why new clients are sent away, if they are.
    pub fn unavailable(&self) -> Option<Unavailable> {
        if self.draining.load(Ordering::Relaxed) {
            return Some(Unavailable::Draining);
        }
        let until = self.until.load(Ordering::Relaxed);
        let reached = until == u64::MAX || self.start.elapsed() < Duration::from_millis(until);
        (!reached).then_some(Unavailable::Store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_fails_or_says_nothing_is_not_reached() {
        let health = Health::default();
        assert_eq!(health.unavailable(), None);
        health.failed();
        assert_eq!(health.unavailable(), Some(Unavailable::Store));
        health.reached(Duration::from_secs(60));
        assert_eq!(health.unavailable(), None);
        // It hangs: whoever looks does not come back.
        health.reached(Duration::ZERO);
        assert_eq!(health.unavailable(), Some(Unavailable::Store));
        health.drain();
        assert_eq!(health.unavailable(), Some(Unavailable::Draining));
    }
}
