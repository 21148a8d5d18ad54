//! The command line as people and mail programs see it: exit codes, one-line errors, what is stored.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod backup;
mod check;
mod deliver;
mod documentation;
mod init;
mod old_rows;
mod passwords;
mod terminal;
mod usage;

use std::process::{Command, Output, Stdio};

/// Runs the binary with exactly these arguments, nothing on stdin and no database in the environment.
fn bare(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
    command.env_remove("PILLARBOX_DB").args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Whether the tests run as root, whom permissions do not stop.
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
