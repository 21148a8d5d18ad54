//! What those see who watch over a server: its log, `status`, HTTP, warnings, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod draining;
mod endings;
mod http;
mod prometheus;
mod proxies;
mod proxy;
mod room;
mod sessions;
mod statistics;
mod status;
mod warnings;
