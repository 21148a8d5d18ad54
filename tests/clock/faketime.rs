//! A clock that the test sets while programs run: libfaketime, which `scripts/interop.sh` has unpacked.

use crate::support::site::{feed, text};
use crate::support::{Server, Site};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// The clock of all programs of one test. The clock that measures intervals goes on as it is.
pub struct FakeClock {
    site: Arc<Site>,
    library: PathBuf,
}

impl FakeClock {
    /// Right until it is set.
    pub fn new(site: &Arc<Site>) -> FakeClock {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop/root");
        let directory = format!("usr/lib/{}-linux-gnu/faketime", std::env::consts::ARCH);
        let library = root.join(directory).join("libfaketimeMT.so.1");
        assert!(library.exists(), "scripts/interop.sh has not run");
        let clock = FakeClock { site: Arc::clone(site), library };
        clock.set(0);
        clock
    }

    /// Wrong by so many seconds from now on.
    pub fn set(&self, seconds: i64) {
        // Put in place at once: who reads half a file believes anything.
        let fresh = self.site.path("clock.new");
        std::fs::write(&fresh, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(fresh, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.site.path("clock")
    }

    /// The command, which will see this clock.
    fn on<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    /// A server whose reaper comes each second.
    pub fn serve(&self) -> Server {
        let arguments = ["serve", "-l", "127.0.0.1:0", "-s", "127.0.0.1:0", "-m", "127.0.0.1:0"];
        let settings = ["LoginType=PlainTextLogin", "ReaperInterval=1"].map(|setting| ["--set", setting]);
        let mut command = self.site.command(&[&arguments[..], &settings.concat()].concat());
        Server::launch(&self.site, self.on(&mut command))
    }

    /// Delivers with the command, while the clock is wrong by so many seconds.
    pub fn deliver_at(&self, seconds: i64, recipient: &str, message: &[u8]) {
        self.set(seconds);
        let output = feed(self.on(&mut self.site.command(&["deliver", recipient])), message);
        assert!(output.status.success(), "{}", text(&output.stderr));
        self.set(0);
    }

    /// What Debian's shell answers that sees this clock.
    pub fn sql(&self, statement: &str) -> String {
        let output = feed(self.on(&mut self.site.shell(&[statement])), b"");
        assert!(output.status.success() && output.stderr.is_empty(), "{statement}: {}", text(&output.stderr));
        text(&output.stdout)
    }
}
