//! What the reaper costs others: `cargo bench --bench reaper`; `REAPER_MESSAGES=100000` for less than a million.
//!
//! Eight clients deliver over LMTP and eight poll over POP3, each at a steady rate, against the release
//! binary: first while nothing is reaped, then while a million messages go by age, then while a million are purged.
//! Prints latencies; nothing is asserted here.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on ends")]

mod clients;
mod database;

use clients::{Load, Pop3};
use database::Database;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the quiet figure is taken.
const QUIET: Duration = Duration::from_secs(30);
/// For how long a server that has just started is watched: it looks at every page of the file.
const START: Duration = Duration::from_secs(10);
/// Marked messages of the session whose QUIT is timed.
const MARKED: usize = 10_000;

fn main() {
    let messages = std::env::var("REAPER_MESSAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let database = Database::filled(messages, MARKED);
    println!("{messages} messages, {} MiB", database.octets() >> 20);
    let mut server = Server::start(&database);
    quit(&server);
    println!("\n| | things/s | deliveries | p50 ms | p99 ms | most ms | polls | p50 ms | p99 ms | most ms |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    phase(&server, "after the start", 0, |start| start.elapsed() < START);
    phase(&server, "quiet", 0, |start| start.elapsed() < QUIET);
    database.sql("UPDATE settings SET value = '30' WHERE name = 'RetainUnreadDays'");
    phase(&server, "deleting by age", messages, |_| database.messages_left() > 0);
    server.end();
    database.age_deleted();
    server = Server::start(&database);
    phase(&server, "purging", messages, |_| database.deleted_left() > 0);
    phase(&server, "giving space back", 0, |_| database.free_pages() > 1024);
    println!("\nafterwards {} MiB", database.octets() >> 20);
}

/// One row: the load goes on as long as `lasts` says so.
fn phase(server: &Server, name: &str, things: usize, lasts: impl Fn(Instant) -> bool) {
    let start = Instant::now();
    let load = Load::start(server.lmtp, server.pop3);
    while lasts(start) {
        std::thread::sleep(Duration::from_millis(500));
    }
    let rate = things as f64 / start.elapsed().as_secs_f64();
    let (deliveries, polls) = load.stop();
    println!("| {name} | {rate:.0} | {deliveries} | {polls} |");
}

/// QUIT after many DELEs.
fn quit(server: &Server) {
    let mut client = Pop3::log_in(server.pop3, "quitter");
    for first in (1..=MARKED).step_by(500) {
        let commands: String = (first..first + 500).map(|number| format!("DELE {number}\r\n")).collect();
        client.send(&commands);
        (0..500).for_each(|_| client.line());
    }
    let start = Instant::now();
    client.send("QUIT\r\n");
    client.line();
    println!("QUIT after {MARKED} DELEs: {:.0} ms", start.elapsed().as_secs_f64() * 1000.0);
}

/// The release binary; ends with this value.
struct Server {
    child: Child,
    pop3: SocketAddr,
    lmtp: SocketAddr,
}

impl Server {
    fn start(database: &Database) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pillarbox"))
            .args(["serve", "-l", "127.0.0.1:0", "-m", "127.0.0.1:0"])
            .args(["--set", "LoginType=PlainTextLogin", "--set", "ReaperInterval=1"])
            .arg("-d")
            .arg(database.path())
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
        Self { pop3: address("pop3 "), lmtp: address("lmtp "), child }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
