//! The server under measurement, and what the system says it has spent.

use crate::fill::Database;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Of `/proc/PID/stat`: hundredths of a second on every Linux that Rust runs on.
const TICKS: u32 = 100;

/// A running server; ends with this value.
pub struct Server {
    child: Child,
    plain: SocketAddr,
    tls: SocketAddr,
    lmtp: SocketAddr,
}

impl Server {
    /// Starts the release binary with connection limits out of the way.
    pub fn start(database: &Database) -> Self {
        Self::start_binary(Path::new(env!("CARGO_BIN_EXE_pillarbox")), database.path())
    }

    /// The same with any binary.
    pub fn start_binary(binary: &Path, database: &Path) -> Self {
        Self::start_with(binary, database, &["MaxConnectionFromSingleIP=10000", "MaxConnectionsPerUser=10000"])
    }

    /// The same with other settings.
    pub fn start_with(binary: &Path, database: &Path, settings: &[&str]) -> Self {
        let mut child = Command::new(binary)
            .arg("serve")
            .args(["-l", "127.0.0.1:0", "-s", "127.0.0.1:0", "-m", "127.0.0.1:0"])
            .args(["--set", "LoginType=PlainTextLogin", "--set", "LmtpMaxConnections=1000"])
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .arg("-d")
            .arg(database)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let lines: Vec<String> = lines.take_while(|line| line != "ready").collect();
        let address = |kind: &str| {
            let found = lines.iter().find_map(|line| line.strip_prefix(kind)?.trim().parse().ok());
            found.expect("an address")
        };
        Self { plain: address("pop3 "), tls: address("pop3s "), lmtp: address("lmtp "), child }
    }

    pub fn address(&self, tls: bool) -> SocketAddr {
        if tls { self.tls } else { self.plain }
    }

    pub fn lmtp(&self) -> SocketAddr {
        self.lmtp
    }

    /// CPU time spent so far, by user and system, ended threads included.
    pub fn cpu(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("the server runs");
        let behind_name = text.rsplit_once(')').expect("a name").1;
        let field = |at: usize| behind_name.split_whitespace().nth(at).and_then(|text| text.parse().ok()).unwrap_or(0);
        let ticks: u32 = field(11) + field(12);
        Duration::from_secs(1) * ticks / TICKS
    }

    /// Its share of memory (PSS), KiB.
    pub fn memory(&self) -> u64 {
        let file = format!("/proc/{}/smaps_rollup", self.child.id());
        let text = std::fs::read_to_string(file).expect("the server runs");
        let pss = text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a Pss line");
        pss.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Memory mappings it has.
    pub fn mappings(&self) -> u64 {
        let file = format!("/proc/{}/maps", self.child.id());
        std::fs::read_to_string(file).expect("the server runs").lines().count() as u64
    }

    /// Asks it to end, and waits until it has; says how long that took.
    pub fn end(&mut self) -> Duration {
        let start = Instant::now();
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("it runs");
        self.child.wait().expect("it ends");
        start.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
