//! Counters and histograms that cost an atomic addition each, and the text in which Prometheus reads them.
//!
//! What lives here: numbers and their notation. What must not be known here: what is counted.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// What only grows.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts this many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many there were since the start.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What goes up and down, and how high it was.
#[derive(Default, Debug)]
pub struct Gauge {
    now: AtomicU64,
    most: AtomicU64,
}

impl Gauge {
    /// One more.
    pub fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
    }

    /// One less.
    pub fn leave(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn get(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// How many there were at the most since this was asked last.
    pub fn take_most(&self) -> u64 {
        self.most.swap(self.get(), Ordering::Relaxed)
    }
}

/// Upper bounds of the buckets of a [`Histogram`], microseconds.
const BOUNDS: [u64; 13] =
    [100, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000, 10_000_000];

/// How long something took.
#[derive(Default, Debug)]
pub struct Histogram {
    /// Those up to each bound and above the one before; the last is for what took longer than all.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    /// Counts one that took so long.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// What an engine counts of its own work.
#[derive(Default, Debug)]
pub struct StoreMetrics {
    /// How long COMMIT took: the disk.
    pub commit: Histogram,
    /// How long a job waited until somebody began to write it.
    pub queue: Histogram,
    /// Messages that were deleted by age, and looks for them.
    pub expired: Counter,
    /// Pieces of deleted messages that were freed.
    pub purged: Counter,
    /// When messages were last looked for that are too old, seconds since 1970 UTC; 0: not yet.
    pub reaped_at: AtomicI64,
}

/// A page in the text format of Prometheus, version 0.0.4.
#[derive(Default)]
pub struct Page(String);

impl Page {
    /// Begins a metric of this kind (`counter`, `gauge`); its samples follow.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "# HELP pillarbox_{name} {help}\n# TYPE pillarbox_{name} {kind}\n");
    }

    /// One sample; `labels` as they stand between the braces, or nothing.
    pub fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(self.0, "pillarbox_{name}{labels} {value}");
    }

    /// A metric of one sample.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, "", value);
    }

    /// A histogram, in seconds.
    pub fn histogram(&mut self, name: &str, help: &str, of: &Histogram) {
        self.family(name, "histogram", help);
        let mut count = 0;
        for (at, bucket) in of.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            let bound = BOUNDS.get(at).map_or("+Inf".into(), |bound| (*bound as f64 / 1e6).to_string());
            self.sample(&format!("{name}_bucket"), &format!("le=\"{bound}\""), count);
        }
        self.sample(&format!("{name}_sum"), "", of.micros.load(Ordering::Relaxed) as f64 / 1e6);
        self.sample(&format!("{name}_count"), "", count);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_what_is_at_most_each_bound() {
        let histogram = Histogram::default();
        for micros in [0, 100, 101, 10_000_000, 10_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut page = Page::default();
        page.histogram("x_seconds", "How long.", &histogram);
        let text = page.finish();
        for line in [
            "# TYPE pillarbox_x_seconds histogram",
            "pillarbox_x_seconds_bucket{le=\"0.0001\"} 2",
            "pillarbox_x_seconds_bucket{le=\"0.0005\"} 3",
            "pillarbox_x_seconds_bucket{le=\"2.5\"} 3",
            "pillarbox_x_seconds_bucket{le=\"10\"} 4",
            "pillarbox_x_seconds_bucket{le=\"+Inf\"} 5",
            "pillarbox_x_seconds_sum 20.000202",
            "pillarbox_x_seconds_count 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
    }

    #[test]
    fn a_gauge_remembers_how_high_it_was() {
        let gauge = Gauge::default();
        gauge.enter();
        gauge.enter();
        gauge.leave();
        assert_eq!((gauge.get(), gauge.take_most(), gauge.take_most()), (1, 2, 1));
    }
}
