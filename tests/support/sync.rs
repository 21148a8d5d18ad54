//! Syncs that fail or take long: a library that is built here and preloaded into our commands.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The library, and the file that says what becomes of a sync; none does anything at first.
pub struct SyncFault {
    directory: TempDir,
}

impl SyncFault {
    /// Builds the library.
    pub fn new() -> SyncFault {
        let directory = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/sync.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(directory.path().join("sync.so")).arg(source).arg("-ldl");
        let output = cc.output().expect("a C compiler must be installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        SyncFault { directory }
    }

    /// The command with the library in it.
    pub fn preload(&self, mut command: Command) -> Command {
        command.env("LD_PRELOAD", self.directory.path().join("sync.so")).env("SYNC_FAULT", self.control());
        command
    }

    /// From now on files whose names end so cannot be synced.
    pub fn fail(&self, ending: &str) {
        self.set(&format!("fail {ending}"));
    }

    /// From now on a sync takes so many milliseconds longer.
    pub fn slow(&self, milliseconds: u64) {
        self.set(&format!("slow {milliseconds}"));
    }

    /// From now on all is well.
    pub fn end(&self) {
        self.set("");
    }

    /// At once, whoever reads it at this moment.
    fn set(&self, text: &str) {
        let new = self.directory.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.control()).unwrap();
    }

    fn control(&self) -> PathBuf {
        self.directory.path().join("control")
    }
}
