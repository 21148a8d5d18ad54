//! Import from other servers: fake ones that break the rules of POP3 and IMAP, and Debian's own as sources.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

mod clear;
mod courier;
mod cyrus;
mod dialogue;
mod dovecot;
mod fake;
mod hostile;
mod imap;
mod tokens;

#[path = "../support/mod.rs"]
mod support;
