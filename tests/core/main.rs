//! The core through its public functions alone: no server, no file.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod authorization;
mod dot;
mod log_lines;
mod mechanisms;
mod settings;
