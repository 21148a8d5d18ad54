//! What a server costs: `make bench`, or `cargo bench --bench server -- [SCENARIO…]`.
//!
//! Starts the release binary on loopback with a database of its own, plays one scenario after the
//! other, and prints server CPU time per operation (the figure to compare: wall time on a shared
//! machine is mostly noise) with operations per second beside it. Nothing is asserted here.
//!
//! With `PILLARBOX_DB=postgresql://…`, an empty database on this machine, that is measured, and CPU time of all processes of that
//! PostgreSQL is told too.
//!
//! With `PILLARBOX_BENCH_AGAINST=/path/to/another/pillarbox` the same scenarios are played on both binaries in turn, so
//! that what else the machine does falls on both: that is how to find out what a change costs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on says why and ends")]

mod client;
mod deliver;
mod fill;
#[allow(dead_code, reason = "another benchmark has the rest")]
mod meter;
mod pair;

use client::Client;
use meter::{Server, Spent};
use std::time::{Duration, Instant};

/// How long a scenario is played.
const RUN: Duration = Duration::from_secs(3);

/// One scenario: its name, the mailbox it needs (messages, octets), what is done with it.
struct Scenario {
    name: &'static str,
    messages: usize,
    octets: usize,
    play: fn(&mut Run<'_>),
}

/// A scenario being played.
struct Run<'a> {
    server: &'a Server,
    user: &'a str,
    messages: usize,
    tls: bool,
    operations: u64,
    until: Instant,
    /// What was spent on what is not measured.
    aside: Spent,
    /// How long each delivery took.
    taken: Vec<Duration>,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "poll10", messages: 10, octets: 1024, play: poll },
    Scenario { name: "poll10-tls", messages: 10, octets: 1024, play: |run| poll(run.under_tls()) },
    Scenario { name: "poll1k", messages: 1000, octets: 1024, play: poll },
    Scenario { name: "poll100k", messages: 100_000, octets: 1024, play: poll },
    Scenario { name: "dl8k", messages: 2000, octets: 8192, play: |run| download(run, 1) },
    Scenario { name: "dl8k-pipe", messages: 2000, octets: 8192, play: |run| download(run, 64) },
    Scenario { name: "dl8k-pipe-tls", messages: 2000, octets: 8192, play: |run| download(run.under_tls(), 64) },
    Scenario { name: "dl1m", messages: 40, octets: 1 << 20, play: |run| download(run, 1) },
    Scenario { name: "dl1m-tls", messages: 40, octets: 1 << 20, play: |run| download(run.under_tls(), 1) },
    Scenario { name: "dl25m", messages: 4, octets: 25 << 20, play: |run| download(run, 1) },
    Scenario { name: "dl25m-tls", messages: 4, octets: 25 << 20, play: |run| download(run.under_tls(), 1) },
    Scenario { name: "drain-pipe", messages: 2000, octets: 8192, play: drain },
    Scenario { name: "deliver1", messages: 10, octets: 1024, play: |run| deliver(run, 1) },
    Scenario { name: "deliver8", messages: 10, octets: 1024, play: |run| deliver(run, 8) },
    Scenario { name: "deliver64", messages: 10, octets: 1024, play: |run| deliver(run, 64) },
    Scenario { name: "deliver200", messages: 10, octets: 1024, play: |run| deliver(run, 200) },
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let all = wanted.is_empty();
    let database = fill::Database::new();
    let chosen = |name: &str| all || wanted.iter().any(|one| one == name);
    if let Some(other) = std::env::var_os("PILLARBOX_BENCH_AGAINST") {
        return pair::compare(other.as_ref(), SCENARIOS.iter().filter(|one| chosen(one.name)));
    }
    let shapes = SCENARIOS.iter().filter(|one| chosen(one.name)).map(|one| (one.messages, one.octets));
    database.fill(shapes);
    let server = Server::start(&database);
    println!(
        "| scenario | server CPU µs/op | database CPU µs/op | ops/s | p50 ms | p99 ms |\n|---|--:|--:|--:|--:|--:|"
    );
    for scenario in SCENARIOS.iter().filter(|one| chosen(one.name)) {
        measure(&server, scenario);
    }
    if chosen("idle") {
        idle(&server, false);
    }
    if chosen("idle-tls") {
        idle(&server, true);
    }
}

fn measure(server: &Server, scenario: &Scenario) {
    let Figures { server, database, rate, taken } = play(server, scenario, RUN);
    let percentile = |part| {
        taken
            .get((taken.len() * part) / 100)
            .map_or(String::new(), |it: &Duration| format!("{:.1}", it.as_secs_f64() * 1e3))
    };
    let (middle, late) = (percentile(50), percentile(99));
    println!("| {} | {server:.1} | {database:.1} | {rate:.0} | {middle} | {late} |", scenario.name);
}

/// CPU time of an operation in microseconds, operations a second, and how long deliveries took, the shortest first.
struct Figures {
    server: f64,
    database: f64,
    rate: f64,
    taken: Vec<Duration>,
}

fn play(server: &Server, scenario: &Scenario, time: Duration) -> Figures {
    let user = fill::user(scenario.messages, scenario.octets);
    let mut run = Run {
        server,
        user: &user,
        messages: scenario.messages,
        tls: false,
        operations: 0,
        until: Instant::now(),
        aside: Spent::default(),
        taken: Vec::new(),
    };
    (scenario.play)(&mut run); // once, so that caches are as warm as they will be
    let (before, start) = (server.spent(), Instant::now());
    (run.operations, run.aside, run.taken) = (0, Spent::default(), Vec::new());
    run.until = start + time;
    (scenario.play)(&mut run);
    let (spent, wall) = (server.spent() - before - run.aside, start.elapsed());
    let operations = run.operations as f64;
    let each = |time: Duration| time.as_secs_f64() * 1e6 / operations;
    run.taken.sort();
    let rate = operations / wall.as_secs_f64();
    Figures { server: each(spent.server), database: each(spent.database), rate, taken: run.taken }
}

impl Run<'_> {
    fn under_tls(&mut self) -> &mut Self {
        self.tls = true;
        self
    }

    fn log_in(&self) -> Client {
        Client::log_in(self.server.address(self.tls), self.tls, self.user)
    }
}

/// Connect, log in, STAT, UIDL, QUIT: what a client does that has everything already.
fn poll(run: &mut Run<'_>) {
    loop {
        let mut client = run.log_in();
        client.command("STAT\r\n");
        client.send(b"UIDL\r\n");
        client.multi_line(1);
        client.command("QUIT\r\n");
        run.operations += 1;
        if Instant::now() >= run.until {
            return;
        }
    }
}

/// RETR of every message, `window` commands at a time.
fn download(run: &mut Run<'_>, window: usize) {
    loop {
        let mut client = run.log_in();
        for first in (1..=run.messages).step_by(window) {
            let numbers = first..=run.messages.min(first + window - 1);
            let commands: String = numbers.clone().map(|number| format!("RETR {number}\r\n")).collect();
            client.send(commands.as_bytes());
            client.multi_line(numbers.count());
        }
        client.command("QUIT\r\n");
        run.operations += run.messages as u64;
        if Instant::now() >= run.until {
            return;
        }
    }
}

/// RETR and DELE of every message, QUIT; then the mailbox is filled anew, which is not measured.
fn drain(run: &mut Run<'_>) {
    loop {
        let mut client = run.log_in();
        for first in (1..=run.messages).step_by(64) {
            let numbers = first..=run.messages.min(first + 63);
            let commands: String =
                numbers.clone().map(|number| format!("RETR {number}\r\nDELE {number}\r\n")).collect();
            client.send(commands.as_bytes());
            client.multi_line(numbers.count());
        }
        client.quit();
        run.operations += run.messages as u64;
        let before = run.server.spent();
        deliver::fill(run.server, run.user, run.messages);
        run.aside += run.server.spent() - before;
        if Instant::now() >= run.until {
            return;
        }
    }
}

/// Messages of 8 KiB over this many LMTP connections.
fn deliver(run: &mut Run<'_>, connections: usize) {
    let taken = deliver::play(run.server, run.user, connections, run.until);
    run.operations += taken.len() as u64;
    run.taken.extend(taken);
}

/// Memory per session that has logged in and waits.
fn idle(server: &Server, tls: bool) {
    const SESSIONS: usize = 1000;
    let base = server.memory();
    let user = fill::user(10, 1024);
    let sessions: Vec<Client> = (0..SESSIONS).map(|_| Client::log_in(server.address(tls), tls, &user)).collect();
    std::thread::sleep(Duration::from_secs(1));
    let each = server.memory().saturating_sub(base) as f64 / sessions.len() as f64;
    println!("\n{SESSIONS} idle sessions{}: {each:.1} KiB each (PSS)", if tls { " under TLS" } else { "" });
}
