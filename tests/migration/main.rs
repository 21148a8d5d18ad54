//! Mail that moves: import, export, backup and restore, each with the unique-ids that clients know.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

mod dovecot;
mod files;
mod foreign;
mod judges;
mod many;
mod pages;
mod restore;
mod roundtrip;
mod server;
mod unread;

#[path = "../support/mod.rs"]
mod support;
