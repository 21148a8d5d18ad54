//! The server under measurement, and what the system says it has spent.

use crate::fill::Database;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
    postmaster: Option<u32>,
}

/// CPU time of a scenario.
#[derive(Clone, Copy, Default)]
pub struct Spent {
    /// Of our server.
    pub server: Duration,
    /// Of all processes of the PostgreSQL that it uses, on this machine.
    pub database: Duration,
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, more: Spent) {
        self.server += more.server;
        self.database += more.database;
    }
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
        Self { child, plain, tls, lmtp, postmaster: postmaster(database) }
    }

    pub fn address(&self, tls: bool) -> SocketAddr {
        if tls { self.tls } else { self.plain }
    }

    pub fn lmtp(&self) -> SocketAddr {
        self.lmtp
    }

    /// CPU time spent so far, by user and system, ended threads included.
    pub fn spent(&self) -> Spent {
        let own = ticks(&PathBuf::from(format!("/proc/{}", self.child.id())), 2).expect("the server runs");
        let time = |ticks: u32| Duration::from_secs(1) * ticks / TICKS;
        Spent { server: time(own), database: time(self.postmaster.map_or(0, postgres)) }
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

/// The fields of a process behind its name.
fn stat(process: &Path) -> Option<Vec<u32>> {
    let text = std::fs::read_to_string(process.join("stat")).ok()?;
    let fields = text.rsplit_once(')')?.1.split_whitespace().skip(1);
    Some(fields.map(|text| text.parse().unwrap_or(0)).collect())
}

/// User and system time of a process, in ticks; with 4 `fields` also that of the children that it has outlived.
fn ticks(process: &Path, fields: usize) -> Option<u32> {
    Some(stat(process)?.iter().skip(10).take(fields).sum())
}

fn processes() -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path())
}

/// The first process of the PostgreSQL that our server is connected to.
fn postmaster(database: &OsStr) -> Option<u32> {
    let name = database.to_str()?.strip_prefix("postgresql:")?.split('?').next()?.rsplit('/').next()?.to_owned();
    let ours = |path: &PathBuf| {
        let title = std::fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        title.starts_with("postgres: ") && title.contains(&format!(" {name} "))
    };
    stat(&processes().find(ours)?)?.first().copied()
}

/// The time of it and of all its children, those that have ended too.
fn postgres(postmaster: u32) -> u32 {
    let first = PathBuf::from(format!("/proc/{postmaster}"));
    let child = |path: &PathBuf| stat(path).is_some_and(|fields| fields.first() == Some(&postmaster));
    let children: u32 = processes().filter(child).filter_map(|path| ticks(&path, 2)).sum();
    children + ticks(&first, 4).unwrap_or(0)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
