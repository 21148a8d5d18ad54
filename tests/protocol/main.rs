//! The wire beyond the numbered statements: CAPA, STLS, AUTH, odd lines, pipelining, odd messages.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod auth_plain;
mod capabilities;
mod delegates;
mod lines;
mod memory;
mod octets;
mod pipelining;
mod records;
mod stls;

use support::messages::{DOTTED, PLAIN};
use support::{Server, Site};

/// Alice's two messages, served with these settings besides the tests' own.
fn mailbox(settings: &[(&str, &str)]) -> Server {
    Site::with_alice(&[PLAIN, DOTTED]).serve(settings)
}
