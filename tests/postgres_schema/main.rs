//! PostgreSQL's schema, driven through Debian's own `psql`: what the contract promises administrators.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod clusters;
