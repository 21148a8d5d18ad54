//! Mixed load for a while: mail comes over LMTP and from `deliver`, POP3 sessions fetch and remove it, people log in, an
//! administrator changes things with SQL. Whatever was acknowledged is fetched once and whole; and the server's memory,
//! threads, descriptors and log do not grow with time ([`growth`]).
//!
//! `PILLARBOX_SOAK_SECONDS` says how long (`make soak`: an hour).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod growth;
mod load;

use growth::Growth;
use load::Load;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::Site;

/// How long it lasts as one of many tests.
const BRIEF: u64 = 9;

#[test]
fn nothing_grows_under_mixed_load() {
    let seconds = std::env::var("PILLARBOX_SOAK_SECONDS").ok();
    let seconds = seconds.map_or(BRIEF, |text| text.parse().expect("PILLARBOX_SOAK_SECONDS is a number"));
    let site = Site::with_alice(&[]);
    load::USERS[1..].iter().for_each(|user| site.add_user(user, "se cret"));
    let server = site.serve(&[("RetainDeletedItemsDays", "0"), ("ReaperInterval", "1")]);
    let load = Arc::new(Load::default());
    let mut growth = Growth::new(&server);
    std::thread::scope(|scope| {
        let threads = load::start(scope, &load, &server);
        let (start, step) = (Instant::now(), Duration::from_millis((seconds * 1000 / 90).clamp(50, 10_000)));
        while start.elapsed() < Duration::from_secs(seconds) && threads.iter().all(|thread| !thread.is_finished()) {
            growth.sample();
            std::thread::sleep(step);
        }
        load.stop();
    });
    load.drain(&server);
    load.account();
    growth.judge();
    assert!(server.terminate().success());
    site.assert_sound();
}
