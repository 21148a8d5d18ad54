//! Waiting for something that the contract promises "within 2 seconds", without asserting speed.

use std::time::{Duration, Instant};

/// How long a promise may take before a test gives up on it: slow machines are not a fault.
const PATIENCE: Duration = Duration::from_secs(60);

/// Polls until `holds` is true; panics with `what` when patience ends.
pub fn eventually(what: &str, holds: impl FnMut() -> bool) {
    within(PATIENCE, what, holds);
}

/// The same with a patience of its own, for what takes its time by design.
pub fn within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < patience, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
