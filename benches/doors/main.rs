//! Does the time of a refusal tell who exists? `cargo bench --bench doors -- [ATTEMPTS]`.
//!
//! Starts the release binary on loopback and fails to log in through each door, in random order as a
//! user who exists and as one who does not, and prints the mean time of both, their difference and
//! Welch's t of it: beyond 4.5 there would be something to see. Nothing is asserted here, for a busy
//! machine can show anything. GSSAPI is not here: without a ticket of its realm nobody gets so far.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on may stop")]

mod attempts;
mod server;

use attempts::{Attempt, DOORS};
use server::Server;
use std::time::Duration;

fn main() {
    let attempts = std::env::args().filter_map(|text| text.parse().ok()).next().unwrap_or(1000);
    let server = Server::start();
    println!("{:34} {:>11} {:>11} {:>11} {:>6}", "door", "exists µs", "unknown µs", "differ µs", "t");
    for (name, attempt) in DOORS {
        let samples = measure(&server, *attempt, attempts);
        let [exists, unknown] = samples.map(|times| Sample::of(&times));
        let difference = exists.mean - unknown.mean;
        let t = difference / (exists.error + unknown.error).sqrt();
        println!("{name:34} {:11.1} {:11.1} {difference:11.1} {t:6.2}", exists.mean, unknown.mean);
    }
}

/// The times of failures as a user who exists, and as one who does not.
fn measure(server: &Server, attempt: Attempt, attempts: usize) -> [Vec<Duration>; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..20 {
        attempt(server, true);
        attempt(server, false);
    }
    let mut coins = vec![0; attempts];
    getrandom::fill(&mut coins).unwrap();
    for coin in coins {
        for exists in [coin & 1 == 0, coin & 1 == 1] {
            times[usize::from(!exists)].push(attempt(server, exists));
        }
    }
    times
}

/// Mean, and the square of its standard error, without the slowest twentieth: what the machine did meanwhile.
struct Sample {
    mean: f64,
    error: f64,
}

impl Sample {
    fn of(times: &[Duration]) -> Self {
        let mut micros: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
        micros.sort_by(f64::total_cmp);
        micros.truncate(micros.len() - micros.len() / 20);
        let n = micros.len() as f64;
        let mean = micros.iter().sum::<f64>() / n;
        let variance = micros.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { mean, error: variance / n }
    }
}
