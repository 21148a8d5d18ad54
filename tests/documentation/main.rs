//! What README.md and docs/ tell people to paste works as it stands: every fenced block of shell, SQL or a session runs in a
//! copy of this system, from the first to the last of a page, as one reader would paste them.
//!
//! A block that cannot run says so in its first line, with the reason: "```sh no-run: needs a KDC". They are counted.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

mod block;
mod page;
mod picture;
mod sandbox;

#[path = "../support/mod.rs"]
mod support;
