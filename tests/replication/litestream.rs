//! A Litestream that replicates a site's database into a directory beside it, as docs/backup.md shows.

use crate::support::Site;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the recipe stands.
const PAGE: &str = include_str!("../../docs/backup.md");

/// How long a replica may take to hold what the database holds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program that `scripts/interop.sh` has fetched.
fn program(command: &str, site: &Site) -> Command {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop");
    assert!(directory.join("complete").exists(), "scripts/interop.sh has not run");
    let mut program = Command::new(directory.join("python/bin/litestream"));
    program.arg(command).arg("-config").arg(config(site)).stdin(Stdio::null());
    program
}

/// The program, running or not; killed when dropped.
pub struct Litestream {
    site: Arc<Site>,
    child: Option<Child>,
}

impl Litestream {
    /// Starts replicating, and waits until the replica is one.
    pub fn start(site: &Arc<Site>) -> Litestream {
        let recipe = PAGE.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let text = recipe
            .replace("/var/lib/pillarbox/mail.db", site.database().to_str().unwrap())
            .replace("/backup/litestream", site.path("replica").to_str().unwrap());
        std::fs::write(config(site), text).unwrap();
        let litestream = Litestream { site: Arc::clone(site), child: None }.again();
        litestream.catch_up();
        litestream
    }

    /// Starts it once more.
    pub fn again(mut self) -> Litestream {
        let log = std::fs::File::options().create(true).append(true).open(self.site.path("litestream.log")).unwrap();
        let mut command = program("replicate", &self.site);
        command.args(["-log-level", "debug"]).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        self
    }

    /// Waits until the replica holds every message that the database holds.
    ///
    /// Not with `litestream sync`: as the first command after a start that costs 0.5.17 its lock on the log.
    pub fn catch_up(&self) {
        let start = Instant::now();
        let directory = tempfile::tempdir().unwrap();
        for attempt in 0.. {
            let copy = directory.path().join(format!("{attempt}.db"));
            if self.try_restore(&copy).is_ok() && newest(&copy) == newest(self.site.database()) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "the replica stays behind");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// SIGKILL.
    pub fn kill(mut self) -> Litestream {
        self.end(Signal::SIGKILL);
        self
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(mut self) -> Litestream {
        self.end(Signal::SIGTERM);
        self
    }

    /// Makes a database of the replica.
    pub fn restore(&self, to: &Path) {
        self.try_restore(to).unwrap_or_else(|error| panic!("{error}"));
    }

    fn try_restore(&self, to: &Path) -> Result<(), String> {
        let output = program("restore", &self.site).arg("-o").arg(to).arg(self.site.database()).output().unwrap();
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
    }

    fn end(&mut self, signal: Signal) {
        if let Some(mut child) = self.child.take() {
            kill(Pid::from_raw(child.id() as i32), signal).unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Litestream {
    fn drop(&mut self) {
        self.end(Signal::SIGKILL);
        if std::thread::panicking() {
            let log = std::fs::read(self.site.path("litestream.log")).unwrap_or_default();
            eprintln!("--- Litestream\n{}---", String::from_utf8_lossy(&log));
        }
    }
}

/// Messages, deleted ones, and the last id; whatever else a damaged file answers.
fn newest(database: &Path) -> String {
    let sql = "SELECT count(*), max(uid), (SELECT count(*) FROM deleted), (SELECT count(*) FROM chunk) FROM message";
    let output = Command::new("sqlite3").args(["-cmd", ".timeout 5000"]).arg(database).arg(sql).output().unwrap();
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn config(site: &Site) -> PathBuf {
    site.path("litestream.yml")
}
