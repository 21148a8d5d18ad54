//! `preload.c`, compiled and put before a command.

use crate::fault::Fault;
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SOURCE: &str = include_str!("preload.c");

/// The library; compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let mut hasher = DefaultHasher::new();
        SOURCE.hash(&mut hasher);
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let library = directory.join(format!("preload-{:016x}.so", hasher.finish()));
        if !library.exists() {
            let fresh = directory.join(format!("preload-{}.so", std::process::id()));
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/preload.c");
            let mut compiler = Command::new("cc");
            compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&fresh).arg(source);
            let output = compiler.arg("-ldl").output().expect("cc must be installed");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            std::fs::rename(fresh, &library).unwrap();
        }
        library
    })
}

/// An environment in which nothing below this directory is really synced, and nothing else happens.
pub fn unsynced(under: &Path) -> Vec<(&'static str, OsString)> {
    vec![("LD_PRELOAD", library().into()), ("FAULTS_UNDER", under.into())]
}

/// What the library is to do in the programs of a scene.
#[derive(Clone, Default)]
pub struct Preload {
    /// What is struck, and the file that names each operation that was.
    pub fault: Option<(Fault, PathBuf)>,
    /// Where changes are written down.
    pub journal: Option<PathBuf>,
}

impl Preload {
    /// Puts the library before a command; files in `under` count.
    pub fn apply(&self, command: &mut Command, under: &Path) {
        command.envs(unsynced(under));
        if let Some((fault, report)) = &self.fault {
            command.env("FAULTS_KIND", fault.kind).env("FAULTS_AT", fault.at.to_string());
            command.env("FAULTS_HOW", fault.how.name()).env("FAULTS_REPORT", report);
            if fault.on {
                command.env("FAULTS_ON", "1");
            }
        }
        command.envs(self.journal.iter().map(|path| ("FAULTS_JOURNAL", path)));
    }
}
