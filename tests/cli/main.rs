//! The command line as people and mail programs see it: exit codes, one-line errors, what is stored.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod backup;
mod check;
mod deliver;
mod documentation;
mod failing;
mod init;
mod passwords;
mod terminal;
mod unusable_settings;
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

/// The binary, ready to run as somebody whom permissions stop: this user, or nobody if that is root.
struct Stranger {
    directory: tempfile::TempDir,
}

impl Stranger {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_pillarbox"), directory.path().join("pillarbox")).unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(self.directory.path().join("pillarbox"));
        command.env_remove("PILLARBOX_DB").args(arguments).stdin(Stdio::null());
        if support::privileged::is_root() {
            command.uid(65534).gid(65534);
        }
        command.output().unwrap()
    }
}
