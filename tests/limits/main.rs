//! Too many connections, and clients that hold them without using them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod connections;
mod crowds;
mod descriptors;
mod slow;
mod threads;

use support::messages::{DOTTED, PLAIN};
use support::{Server, Site};

/// Alice's two messages, served with these settings besides the tests' own.
fn mailbox(settings: &[(&str, &str)]) -> Server {
    Site::with_alice(&[PLAIN, DOTTED]).serve(settings)
}
