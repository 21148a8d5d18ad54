//! A disk that fails, is full, or loses its power, without one: every operation on the files of a database is struck
//! once, or a crash is put together from what was written and what was synced.
//!
//! * [`preload`]: the library that fails operations of our programs and writes them down (`preload.c`);
//! * [`walk`]: commands and a server whose N-th operation of a kind is struck, for N from 1 until there is none;
//! * [`power`]: what is on the disk if power fails at any moment ([`journal`], [`disk`]);
//! * [`scene`], [`commands`], [`session`]: what is done meanwhile;
//! * [`ledger`], [`judge`]: what was promised meanwhile, and whether it is kept.
//!
//! `PILLARBOX_FAULTS=all` (`make faults`) tries everything, else a sample is tried whose seed is printed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod crew;
mod disk;
mod fault;
mod journal;
mod judge;
mod ledger;
mod power;
mod preload;
mod scene;
mod session;
mod walk;

/// `PILLARBOX_FAULTS_ONLY=TEXT` tries only what has this in its name, as "Serve Logged, sync".
fn wanted(name: &str) -> bool {
    std::env::var("PILLARBOX_FAULTS_ONLY").map_or(true, |text| name.contains(&text))
}

/// Whether all is to be tried, not a sample.
fn everything() -> bool {
    std::env::var("PILLARBOX_FAULTS").is_ok_and(|value| value == "all")
}
