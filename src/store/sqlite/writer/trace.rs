//! Where the time went when something was written slowly, for the log.

use std::fmt::Write;
use std::time::{Duration, Instant};

/// From here on a write is slow.
const SLOW: Duration = Duration::from_millis(250);

/// What one write did, and how long each step took.
pub struct Trace {
    since: Instant,
    steps: Vec<(&'static str, Duration)>,
}

impl Trace {
    /// The first step begins.
    pub fn start() -> Self {
        Self { since: Instant::now(), steps: Vec::new() }
    }

    /// A step before the first one.
    pub fn before(&mut self, step: &'static str, took: Duration) {
        self.steps.push((step, took));
    }

    /// A step has ended; says how long it took.
    pub fn step(&mut self, step: &'static str) -> Duration {
        let now = Instant::now();
        let took = now - std::mem::replace(&mut self.since, now);
        self.steps.push((step, took));
        took
    }

    /// All is done: logs the steps of `what` if they were slow.
    pub fn end(self, what: std::fmt::Arguments<'_>) {
        if let Some(steps) = self.slow() {
            log::info!("store: slow: {what}: {steps}");
        }
    }

    fn slow(&self) -> Option<String> {
        if self.steps.iter().map(|(_, took)| *took).sum::<Duration>() < SLOW {
            return None;
        }
        let mut text = String::new();
        for (step, took) in &self.steps {
            let comma = if text.is_empty() { "" } else { ", " };
            // A String takes it.
            let _ = write!(text, "{comma}{step} {} ms", took.as_millis());
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_slow_is_told_of_step_by_step() {
        let mut trace = Trace::start();
        trace.before("waiting", Duration::from_millis(200));
        assert_eq!(trace.slow(), None);
        trace.before("commit", Duration::from_millis(50));
        assert_eq!(trace.slow().as_deref(), Some("waiting 200 ms, commit 50 ms"));
    }
}
