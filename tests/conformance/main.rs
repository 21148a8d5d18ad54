//! Every numbered statement of [MS-STANXPOP3] as a black-box test named after its ID: exact octets
//! on the wire of the real binary, and at least one refusal each.
//!
//! `docs/conformance.md` lists them; [`table`] holds that list and these names to each other.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod authorization;
mod connections;
mod deviations;
mod lengths;
mod storage;
mod table;
mod timers;
mod transaction;
mod unique_ids;
mod update;

use support::messages::{DOTTED, PLAIN};
use support::{Server, Site};

/// Alice's two messages, served with these settings besides the tests' own.
fn mailbox(settings: &[(&str, &str)]) -> Server {
    Site::with_alice(&[PLAIN, DOTTED]).serve(settings)
}
