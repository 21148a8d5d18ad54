//! A disk that fails, is full, or loses its power, without one: every operation on the files of a database is struck
//! once, or a crash is put together from what was written and what was synced.
//!
//! * [`preload`]: the library that fails operations of our programs and writes them down (`preload.c`);
//! * [`walk`]: commands and a server whose N-th operation of a kind is struck, for N from 1 until there is none;
//! * [`power`]: what is on the disk if power fails at any moment ([`journal`], [`disk`]);
//! * [`scene`], [`commands`], [`session`]: what is done meanwhile;
//! * [`ledger`], [`judge`]: what was promised meanwhile, and whether it is kept.
//!
//! `PILLARBOX_FAULTS=all` (`make faults`) tries everything, else a sample is tried whose seed is printed; with a number it is so
//! many times as large.

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

/// How much is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Extent {
    /// A sample.
    Sample,
    /// So many times as much as a sample, of everything.
    Times(usize),
    /// Everything.
    All,
}

impl Extent {
    /// As `PILLARBOX_FAULTS` says.
    fn wanted() -> Extent {
        match std::env::var("PILLARBOX_FAULTS").as_deref() {
            Err(_) => Extent::Sample,
            Ok("all") => Extent::All,
            Ok(number) => Extent::Times(number.parse().expect("PILLARBOX_FAULTS is \"all\" or a number")),
        }
    }

    /// How many of a sample of this size; `None`: all there are.
    fn of(self, sample: usize) -> Option<usize> {
        match self {
            Extent::Sample => Some(sample),
            Extent::Times(number) => Some(sample * number),
            Extent::All => None,
        }
    }
}
