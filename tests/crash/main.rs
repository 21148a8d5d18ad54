//! What becomes of mail when things break: SIGKILL at any moment, a locked database, a full disk,
//! and everybody at once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod concurrent;
mod full_disk;
mod imports;
mod killed;
mod locked;
mod real_disk;
mod removed;
mod slow_disk;
mod sync;
