//! LMTP against the running server: the wire, the mailboxes, and what foreign programs make of it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

mod addresses;
mod dialogue;
mod downgrade;
mod faults;
mod foreign;
mod killed;
mod line_ends;
mod sockets;
mod trace;
mod utf8;

#[path = "../support/mod.rs"]
mod support;
