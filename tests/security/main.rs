//! Attacks: nobody stays in who was shut out, and nobody keeps others out.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod elsewhere;
mod guessing;
mod logs;
mod objects;
mod shut_out;
mod strangers;
mod verifiers;

use support::messages::{DOTTED, PLAIN};
use support::{Server, Site};

/// Alice's two messages, served with these settings besides the tests' own.
fn mailbox(settings: &[(&str, &str)]) -> Server {
    Site::with_alice(&[PLAIN, DOTTED]).serve(settings)
}
