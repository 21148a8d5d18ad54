//! PostgreSQL's schema, driven through Debian's own `psql`: what the contract promises administrators.
//!
//! Some modules are those of `tests/schema_shell`, whose lines do the same in both shells.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../schema_shell/agreement.rs"]
mod agreement;
mod clusters;
mod counters;
mod epochs;
#[path = "../schema_shell/hashes.rs"]
mod hashes;
mod lines;
mod psql;
#[path = "../schema_shell/refusals.rs"]
mod refusals;
mod requirements;
mod sameness;
mod shell;
