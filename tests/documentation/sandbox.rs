//! A copy of this system that a page may change: namespaces of its own, and an overlay over everything.

use crate::support::site::text;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What is copied into it of the source.
const SOURCE: &[&str] =
    &["CHANGELOG.md", "Cargo.lock", "Cargo.toml", "LICENSE", "Makefile", "README.md", "docs", "packaging", "scripts"];

/// A directory with what the system is to have.
pub struct Sandbox {
    directory: TempDir,
}

impl Sandbox {
    /// The source with a program that is built, and no blocks yet.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("pillarbox");
        for name in ["pillarbox/target/release", "blocks", "root"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        let mut copy = Command::new("cp");
        copy.arg("-r").args(SOURCE).arg(&source).current_dir(env!("CARGO_MANIFEST_DIR"));
        run(&mut copy);
        // Without what a debugger wants it is a tenth.
        let program = source.join("target/release/pillarbox");
        run(Command::new("strip").arg("-o").arg(program).arg(env!("CARGO_BIN_EXE_pillarbox")));
        let stubs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/documentation/programs");
        run(Command::new("cp").arg("-a").arg(stubs).arg(directory.path()));
        Self { directory }
    }

    /// Adds a file; `path` is that of the machine.
    pub fn write(&self, path: &str, content: &str) {
        fs::write(self.directory.path().join(path.trim_start_matches('/')), content).unwrap();
    }

    /// Runs `page.sh` on a machine of this kind; every line of it must succeed.
    pub fn run(&self, machine: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documentation/sandbox.sh");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--", "setsid", "--wait", "bash"]);
        command.arg(script).arg(self.directory.path()).arg(machine);
        run(&mut command);
    }
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}:\n{said}", output.status);
}
