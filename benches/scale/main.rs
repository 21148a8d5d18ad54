//! Many sessions at once, and many users: `make bench-scale`, or `SCALE_SESSIONS=10000 SCALE_USERS=0 cargo bench --bench scale`.
//!
//! Starts the release binary on loopback, and measures how long a poll takes while nobody else is there. Then it opens the
//! sessions, whose clients have addresses in 127.0.0.0/16, lets them wait, and measures polls again. Prints what a session costs
//! and how long all took; nothing is asserted here. `PILLARBOX_BENCH_BINARY` names another binary. If not all can be opened, it says how many were and goes on with them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on says why and ends")]

#[path = "../server/deliver.rs"]
#[allow(dead_code, reason = "the other benchmark has the rest")]
mod deliver;
#[path = "../server/fill.rs"]
#[allow(dead_code, reason = "the other benchmark has the rest")]
mod fill;
#[path = "../server/meter.rs"]
#[allow(dead_code, reason = "the other benchmark has the rest")]
mod meter;
mod users;

use meter::Server;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// Sessions on each client address.
const EACH: usize = 200;
/// Threads that open them.
const OPENERS: usize = 8;
/// How long polls are played.
const POLLS: Duration = Duration::from_secs(10);
/// From one poll to the next.
const EVERY: Duration = Duration::from_millis(10);

fn main() {
    let asked = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    let binary = std::env::var_os("PILLARBOX_BENCH_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_pillarbox").into());
    let binary = Path::new(&binary);
    let (sessions, users) = (asked("SCALE_SESSIONS").unwrap_or(50_000), asked("SCALE_USERS").unwrap_or(100_000));
    if sessions > 0 {
        measure_sessions(binary, sessions);
    }
    if users > 0 {
        users::compare(binary, users);
    }
}

fn measure_sessions(binary: &Path, wanted: usize) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("limits");
    let files = wanted as u64 + 2000;
    let mut possible = wanted;
    // Root may have more than it was given. The server inherits it.
    if setrlimit(Resource::RLIMIT_NOFILE, files, files.max(hard)).is_err() {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("what is allowed");
        possible = wanted.min(hard.saturating_sub(2000) as usize);
    }
    let database = fill::Database::new();
    database.fill(std::iter::empty());
    let connections = format!("MaxConnections={}", wanted + 100);
    let settings = [&connections, "MaxConnectionFromSingleIP=1000", "MaxConnectionsPerUser=1000000"];
    let mut server = Server::start_with(binary, database.name(), &[], &settings);
    let address = server.address(false);
    let quiet = polls(address);
    let (memory, kernel) = (server.memory(), kernel_memory());
    let start = Instant::now();
    let sessions = open_all(address, possible);
    let opened = start.elapsed();
    let number = sessions.len();
    std::thread::sleep(Duration::from_secs(2));
    let each = |now: u64, before: u64| now.saturating_sub(before) as f64 / number.max(1) as f64;
    println!("| | |\n|---|--:|");
    println!("| sessions | {number} of {wanted} |");
    println!("| time to open, s | {:.1} |", opened.as_secs_f64());
    println!("| memory each (PSS), KiB | {:.1} |", each(server.memory(), memory));
    println!("| kernel stack and page tables each, KiB | {:.1} |", each(kernel_memory(), kernel));
    println!("| memory mappings each | {:.1} |", each(server.mappings(), 0));
    println!("| poll quiet, p50 and p99, ms | {:.2}, {:.2} |", quiet.0, quiet.1);
    let cpu = server.spent().server;
    let start = Instant::now();
    std::thread::sleep(POLLS);
    let idle = (server.spent().server - cpu).as_secs_f64() * 1000.0 / start.elapsed().as_secs_f64();
    let beside = polls(address);
    println!("| poll beside them, p50 and p99, ms | {:.2}, {:.2} |", beside.0, beside.1);
    println!("| CPU while all wait, ms a second | {idle:.1} |");
    println!("| time to end, s | {:.1} |", server.end().as_secs_f64());
    drop(sessions);
}

/// As many as can be had.
fn open_all(server: SocketAddr, wanted: usize) -> Vec<TcpStream> {
    std::thread::scope(|scope| {
        let openers: Vec<_> = (0..OPENERS)
            .map(|opener| {
                scope.spawn(move || {
                    (opener..wanted)
                        .step_by(OPENERS)
                        .map_while(|number| log_in(server, number / EACH).map_err(|error| eprintln!("{error}")).ok())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        openers.into_iter().flat_map(|opener| opener.join().expect("an opener")).collect()
    })
}

/// A session in the TRANSACTION state whose client has address number `client`.
fn log_in(server: SocketAddr, client: usize) -> std::io::Result<TcpStream> {
    let SocketAddr::V4(server) = server else { unreachable!("127.0.0.1") };
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 1 + (client / 250) as u8, 1 + (client % 250) as u8, 0))?;
    connect(socket.as_raw_fd(), &SockaddrIn::from(server))?;
    let mut stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    // Who cannot be accepted waits for ever.
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    for command in ["", "USER b10x1024\r\n", "PASS secret\r\n", "STAT\r\n"] {
        stream.write_all(command.as_bytes())?;
        let mut line = String::new();
        // A reader of its own: nothing comes behind the line.
        BufReader::with_capacity(512, &stream).read_line(&mut line)?;
        if !line.starts_with("+OK") {
            return Err(std::io::Error::other(format!("session {client}: {line:?}")));
        }
    }
    Ok(stream)
}

/// Polls at a steady rate: the median and the 99th percentile, milliseconds, and how many there were.
fn polls(server: SocketAddr) -> (f64, f64, usize) {
    let (mut took, until) = (Vec::new(), Instant::now() + POLLS);
    while Instant::now() < until {
        let start = Instant::now();
        let mut stream = log_in(server, 60_000 / EACH).expect("a session");
        stream.write_all(b"UIDL\r\nQUIT\r\n").expect("the server takes it");
        let lines = BufReader::new(&stream).lines().map_while(Result::ok);
        assert!(lines.last().is_some_and(|line| line.starts_with("+OK")));
        took.push(start.elapsed().as_secs_f64() * 1000.0);
        std::thread::sleep(EVERY.saturating_sub(start.elapsed()));
    }
    took.sort_by(f64::total_cmp);
    (took[took.len() / 2], took[took.len() * 99 / 100], took.len())
}

/// What the kernel has taken for stacks of threads and for page tables, of the whole machine, KiB.
fn kernel_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("Linux");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    field("KernelStack:") + field("PageTables:")
}
