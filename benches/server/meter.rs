//! The server under measurement, and what the system says it has spent.

use crate::fill::Database;
use std::ffi::OsStr;
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

/// CPU time of a scenario.
#[derive(Clone, Copy)]
pub struct Spent {
    /// Of our server.
    pub server: Duration,
    /// Of all processes of PostgreSQL on this machine.
    pub database: Duration,
}

impl std::ops::Sub for Spent {
    type Output = Spent;
    fn sub(self, before: Spent) -> Spent {
        Spent {
            server: self.server.saturating_sub(before.server),
            database: self.database.saturating_sub(before.database),
        }
    }
}

impl Server {
    /// Starts the release binary with connection limits out of the way.
    pub fn start(database: &Database) -> Self {
        let arguments = [OsStr::new("--state"), database.state().as_os_str()];
        Self::start_binary(Path::new(env!("CARGO_BIN_EXE_pillarbox")), database.name(), &arguments)
    }

    /// The same with any binary.
    pub fn start_binary(binary: &Path, database: &OsStr, arguments: &[&OsStr]) -> Self {
        Self::start_with(
            binary,
            database,
            arguments,
            &["MaxConnectionFromSingleIP=10000", "MaxConnectionsPerUser=10000"],
        )
    }

    /// The same with other settings.
    pub fn start_with(binary: &Path, database: &OsStr, arguments: &[&OsStr], settings: &[&str]) -> Self {
        let mut child = Command::new(binary)
            .arg("serve")
            .args(["-l", "127.0.0.1:0", "-s", "127.0.0.1:0", "-m", "127.0.0.1:0"])
            .args(["--set", "LoginType=PlainTextLogin", "--set", "LmtpMaxConnections=1000"])
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .arg("-d")
            .arg(database)
            .args(arguments)
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
        let (plain, tls, lmtp) = (address("pop3 "), address("pop3s "), address("lmtp "));
        Self { child, plain, tls, lmtp }
    }

    pub fn address(&self, tls: bool) -> SocketAddr {
        if tls { self.tls } else { self.plain }
    }

    pub fn lmtp(&self) -> SocketAddr {
        self.lmtp
    }

    /// CPU time spent so far, by user and system, ended threads included.
    pub fn spent(&self) -> Spent {
        let own = ticks(&format!("/proc/{}/stat", self.child.id()), 2).expect("the server runs");
        let time = |ticks: u32| Duration::from_secs(1) * ticks / TICKS;
        Spent { server: time(own), database: time(postgres()) }
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

/// User and system time of a process, and with 4 `fields` that of the children that it has outlived.
fn ticks(stat: &str, fields: usize) -> Option<u32> {
    let text = std::fs::read_to_string(stat).ok()?;
    let behind_name = text.rsplit_once(')')?.1;
    Some(behind_name.split_whitespace().skip(11).take(fields).filter_map(|text| text.parse::<u32>().ok()).sum())
}

/// All processes of PostgreSQL here, whatever cluster they are of.
fn postgres() -> u32 {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ours = |path: &Path| std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "postgres");
    let stat = |path: std::path::PathBuf| ticks(path.join("stat").to_str()?, 4);
    processes.map(|entry| entry.path()).filter(|path| ours(path)).filter_map(stat).sum()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
