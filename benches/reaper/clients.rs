//! Clients at a steady rate, and how long each had to wait.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Of each kind.
const CLIENTS: usize = 8;
/// From one delivery of a client to its next: 160 a second in all.
const DELIVER_EVERY: Duration = Duration::from_millis(50);
/// From one poll of a client to its next: 80 a second in all.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Everybody at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    deliverers: Vec<JoinHandle<Vec<Duration>>>,
    pollers: Vec<JoinHandle<Vec<Duration>>>,
}

impl Load {
    pub fn start(lmtp: SocketAddr, pop3: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let deliverers = (0..CLIENTS)
            .map(|n| {
                let mut lmtp = Conversation::open(lmtp);
                lmtp.line();
                lmtp.send("LHLO bench.example\r\n");
                while !lmtp.line().starts_with("250 ") {}
                repeat(stop.clone(), n, DELIVER_EVERY, move || deliver(&mut lmtp, n))
            })
            .collect();
        let pollers = (0..CLIENTS)
            .map(|n| repeat(stop.clone(), n, POLL_EVERY, move || poll(pop3, &format!("poller{n}"))))
            .collect();
        Self { stop, deliverers, pollers }
    }

    /// What deliveries and polls took.
    pub fn stop(self) -> (Latencies, Latencies) {
        self.stop.store(true, Ordering::Relaxed);
        let all = |threads: Vec<JoinHandle<Vec<Duration>>>| {
            Latencies::new(threads.into_iter().flat_map(|thread| thread.join().expect("a client")).collect())
        };
        (all(self.deliverers), all(self.pollers))
    }
}

/// Each client begins at a moment of its own and keeps to its beat; who is late goes on at once.
fn repeat(
    stop: Arc<AtomicBool>,
    client: usize,
    every: Duration,
    mut act: impl FnMut() + Send + 'static,
) -> JoinHandle<Vec<Duration>> {
    std::thread::spawn(move || {
        // The first login after a start hashes the password: no matter of the reaper.
        act();
        let mut took = Vec::new();
        let mut next = Instant::now() + every * client as u32 / CLIENTS as u32;
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            let start = Instant::now();
            act();
            took.push(start.elapsed());
            next = (next + every).max(start);
        }
        took
    })
}

fn deliver(lmtp: &mut Conversation, client: usize) {
    lmtp.send(&format!("MAIL FROM:<bench@example.org>\r\nRCPT TO:<receiver{client}>\r\nDATA\r\n"));
    (0..3).for_each(|_| drop(lmtp.line()));
    let body = "The quick brown fox jumps over the lazy dog, and the dog does not mind.\r\n".repeat(110);
    lmtp.send(&format!("Subject: bench\r\n\r\n{body}.\r\n"));
    let answer = lmtp.line();
    assert!(answer.starts_with("250"), "{answer}");
}

/// Connect, log in, STAT, UIDL, QUIT.
fn poll(address: SocketAddr, user: &str) {
    let mut client = Pop3::log_in(address, user);
    client.send("STAT\r\n");
    client.line();
    client.send("UIDL\r\n");
    while client.0.line() != ".\r\n" {}
    client.send("QUIT\r\n");
    client.line();
}

/// A session in the TRANSACTION state.
pub struct Pop3(Conversation);

impl Pop3 {
    pub fn log_in(address: SocketAddr, user: &str) -> Self {
        let mut client = Self(Conversation::open(address));
        client.line();
        client.send(&format!("USER {user}\r\n"));
        client.line();
        client.send("PASS secret\r\n");
        client.line();
        client
    }

    pub fn send(&mut self, text: &str) {
        self.0.send(text);
    }

    /// One line, which must be `+OK`.
    pub fn line(&mut self) {
        let line = self.0.line();
        assert!(line.starts_with("+OK"), "{line}");
    }
}

struct Conversation {
    reader: BufReader<TcpStream>,
}

impl Conversation {
    fn open(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).expect("the server listens");
        tcp.set_nodelay(true).expect("a connected socket");
        Self { reader: BufReader::new(tcp) }
    }

    fn send(&mut self, text: &str) {
        self.reader.get_mut().write_all(text.as_bytes()).expect("the server takes it");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("the server answers");
        assert!(!line.is_empty(), "the server closed");
        line
    }
}

/// Sorted.
pub struct Latencies(Vec<Duration>);

impl Latencies {
    fn new(mut all: Vec<Duration>) -> Self {
        all.sort();
        Self(all)
    }

    fn at(&self, share: f64) -> f64 {
        let index = (self.0.len() as f64 * share) as usize;
        self.0.get(index.min(self.0.len().saturating_sub(1))).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {:.1} | {:.1} | {:.1}", self.0.len(), self.at(0.5), self.at(0.99), self.at(1.0))
    }
}
