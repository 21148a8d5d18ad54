//! SIGKILL at 100 random points. What was acknowledged is there; what was not marked is there; what
//! is there is whole; a QUIT that was not acknowledged has removed all of its marks or none.

use crate::support::messages::message;
use crate::support::random::Random;
use crate::support::texts::SIGNING_OFF;
use crate::support::{Server, Site};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A message that tells which one it is; every third has several chunks.
fn numbered(number: u64) -> Vec<u8> {
    let lines = if number.is_multiple_of(3) { 12_000 } else { 20 };
    message(&format!("number {number}"), &format!("body of number {number}, with a line\r\n").repeat(lines))
}

/// Every message of alice by its unique-id, each compared octet by octet with what was delivered.
fn maildrop(server: &Server) -> BTreeMap<u64, u64> {
    let mut client = server.alice();
    let ids = client.unique_ids();
    let mut found = BTreeMap::new();
    for (at, id) in ids.iter().enumerate() {
        let octets = client.multi(&format!("RETR {}", at + 1));
        let subject = String::from_utf8_lossy(&octets[..octets.len().min(80)]).into_owned();
        let number = subject.split("number ").nth(1).and_then(|rest| rest.split('\r').next()).unwrap().parse().unwrap();
        assert!(octets == numbered(number), "message {number} is damaged");
        found.insert(id.parse().unwrap(), number);
    }
    client.quit();
    found
}

/// Sends SIGKILL after `delay`, and waits for the end.
fn kill_after(child: &mut Child, delay: Duration) -> std::process::ExitStatus {
    let start = Instant::now();
    while start.elapsed() < delay && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(100));
    }
    let _ = child.kill();
    child.wait().unwrap()
}

/// 40 deliveries, each killed at some moment of its life.
#[test]
fn deliver_killed_at_40_points() {
    let mut random = Random::announced("deliver_killed_at_40_points");
    let site = Site::with_alice(&[]);
    let server = site.serve(&[]);
    let usual = usual_duration(&site);
    let mut acknowledged = vec![0, 1];
    for number in 2..42 {
        let mut child = site.command(&["deliver", "alice"]).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let feeder = std::thread::spawn(move || stdin.write_all(&numbered(number)).is_ok());
        let delay = Duration::from_micros(random.below(usual.as_micros() as u64 * 5 / 4));
        if kill_after(&mut child, delay).success() {
            acknowledged.push(number);
        }
        feeder.join().unwrap();
    }
    let found: Vec<u64> = maildrop(&server).into_values().collect();
    assert!(
        acknowledged.iter().all(|number| found.contains(number)),
        "{acknowledged:?} were acknowledged, {found:?} found"
    );
    assert!(found.is_sorted_by(|a, b| a < b), "out of order or twice: {found:?}");
    site.deliver("alice", &numbered(99));
    assert_eq!(maildrop(&server).into_values().last(), Some(99));
    site.assert_sound();
}

/// How long an undisturbed delivery of messages 0 and 1 takes, the longer one.
fn usual_duration(site: &Site) -> Duration {
    let durations = [0, 1].map(|number| {
        let start = Instant::now();
        site.deliver("alice", &numbered(number));
        start.elapsed()
    });
    durations.into_iter().max().unwrap()
}

/// 60 sessions whose server is killed during RETR, DELE, QUIT or a delivery.
#[test]
fn server_killed_at_60_points() {
    let mut random = Random::announced("server_killed_at_60_points");
    let site = Site::with_alice(&[]);
    let mut round = Round { site: Arc::clone(&site), next: 0, usual: Duration::from_millis(10), acknowledged: 0 };
    let mut maildrop_before = BTreeMap::new();
    for _ in 0..60 {
        maildrop_before = round.run(&mut random, maildrop_before);
    }
    eprintln!("{} of 60 QUITs were acknowledged", round.acknowledged);
    site.assert_sound();
}

struct Round {
    site: Arc<Site>,
    /// The number of the next message.
    next: u64,
    /// How long a session takes to its QUIT, at most.
    usual: Duration,
    /// QUITs that were answered.
    acknowledged: u32,
}

impl Round {
    /// One server's life. `before` is what the maildrop holds; answers what it holds afterwards.
    fn run(&mut self, random: &mut Random, mut before: BTreeMap<u64, u64>) -> BTreeMap<u64, u64> {
        while before.len() < 5 {
            self.site.deliver("alice", &numbered(self.next));
            let uid = self.site.sql("SELECT max(uid) FROM messages WHERE mailbox = 'alice'");
            before.insert(uid.trim().parse().unwrap(), self.next);
            self.next += 1;
        }
        let server = self.site.serve(&[]);
        assert_eq!(maildrop(&server), before, "after the kill before");
        let marked: Vec<usize> = (1..=before.len()).filter(|_| random.below(2) == 0).collect();
        let late = self.next;
        self.next += 1;
        let delay = Duration::from_micros(random.below(self.usual.as_micros() as u64 * 3 / 2));
        let (transcript, delivered) = self.session(server, &marked, late, delay);
        self.account(before, &marked, transcript.ends_with(SIGNING_OFF.as_bytes()), delivered.then_some(late))
    }

    /// RETR, the DELEs and QUIT in one write, a delivery beside them, and SIGKILL after `delay`.
    /// Answers what came back, and whether the delivery was acknowledged.
    fn session(&mut self, server: Server, marked: &[usize], late: u64, delay: Duration) -> (Vec<u8>, bool) {
        let mut client = server.alice();
        let deletions: String = marked.iter().map(|number| format!("DELE {number}\r\n")).collect();
        let site = Arc::clone(&self.site);
        let delivery = std::thread::spawn(move || site.run(&["deliver", "alice"], &numbered(late)).status.success());
        let pid = Pid::from_raw(server.pid() as i32);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(delay);
            kill(pid, Signal::SIGKILL)
        });
        let start = Instant::now();
        client.try_send(format!("RETR 1\r\nRETR 3\r\n{deletions}QUIT\r\n").as_bytes());
        let transcript = client.rest();
        if transcript.ends_with(SIGNING_OFF.as_bytes()) {
            self.usual = self.usual.max(start.elapsed());
            self.acknowledged += 1;
        }
        killer.join().unwrap().unwrap();
        drop(server);
        (transcript, delivery.join().unwrap())
    }

    /// What must be there now, and is.
    fn account(
        &self,
        before: BTreeMap<u64, u64>,
        marked: &[usize],
        quit: bool,
        late: Option<u64>,
    ) -> BTreeMap<u64, u64> {
        let mut now: Vec<u64> = self
            .site
            .sql("SELECT uid FROM messages WHERE mailbox = 'alice' ORDER BY uid")
            .lines()
            .map(|l| l.parse().unwrap())
            .collect();
        let highest = *before.keys().last().unwrap();
        let new: Vec<u64> = now.extract_if(.., |uid| *uid > highest).collect();
        assert_eq!(new.len(), usize::from(late.is_some()), "the delivery beside it: {late:?}");
        let ids: Vec<u64> = before.keys().copied().collect();
        let unmarked: Vec<u64> =
            (1..).zip(&ids).filter(|(number, _)| !marked.contains(number)).map(|(_, id)| *id).collect();
        assert!(now == unmarked || (!quit && now == ids), "QUIT {quit}: {ids:?}, unmarked {unmarked:?}, left {now:?}");
        let left = before.into_iter().filter(|(uid, _)| now.contains(uid));
        left.chain(new.into_iter().zip(late)).collect()
    }
}
