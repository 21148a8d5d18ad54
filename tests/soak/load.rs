//! Who does what to the server, and the account of every message.

use crate::support::messages::message;
use crate::support::texts::OK;
use crate::support::{Client, Random, Server};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{Scope, ScopedJoinHandle};

/// Mailboxes; each is drained by one client at a time.
pub const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// Messages that may wait; more would only make the database large.
const WAITING: usize = 300;

/// All of it.
#[derive(Default)]
pub struct Load {
    stopped: AtomicBool,
    next: AtomicU64,
    /// Acknowledged and not yet removed: whose, and the number.
    waiting: Mutex<BTreeSet<(&'static str, u64)>>,
    /// Fetched, and removed by a QUIT that was acknowledged.
    fetched: AtomicU64,
    logins: AtomicU64,
    changes: AtomicU64,
    /// Statements that found the database locked for five seconds.
    locked: AtomicU64,
}

/// A message that tells which one it is; one in sixteen has several pieces.
fn numbered(number: u64) -> Vec<u8> {
    let lines = if number.is_multiple_of(16) { 9_000 } else { 20 + number % 200 };
    message(&format!("number {number}"), &format!("body of number {number}, with a line\r\n").repeat(lines as usize))
}

/// Starts everybody.
pub fn start<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    load: &Arc<Load>,
    server: &'env Server,
) -> Vec<ScopedJoinHandle<'scope, ()>> {
    let mut random = Random::announced("soak");
    let mut threads = Vec::new();
    let mut start = |work: fn(&Load, &Server, &mut Random, usize), number: usize| {
        for at in 0..number {
            let (load, mut random) = (Arc::clone(load), random.fork());
            threads.push(scope.spawn(move || {
                while !load.stopped.load(Ordering::Acquire) {
                    work(&load, server, &mut random, at);
                }
            }));
        }
    };
    start(Load::lmtp, 2);
    start(Load::command, 1);
    start(Load::pop3, USERS.len());
    start(Load::log_in, 1);
    start(Load::administer, 1);
    threads
}

impl Load {
    /// Everybody ends what he is doing.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    fn begin(&self, random: &mut Random) -> Option<(&'static str, u64)> {
        if self.waiting.lock().unwrap().len() > WAITING {
            std::thread::sleep(std::time::Duration::from_millis(20));
            return None;
        }
        let user = USERS[random.below(USERS.len() as u64) as usize];
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // It can be fetched before its acknowledgement is here.
        self.waiting.lock().unwrap().insert((user, number));
        Some((user, number))
    }

    /// A connection with some messages.
    fn lmtp(&self, server: &Server, random: &mut Random, _: usize) {
        let mut lmtp = server.lmtp();
        for _ in 0..random.below(20) {
            if let Some((user, number)) = self.begin(random) {
                let reply = lmtp.deliver(user, &numbered(number));
                assert!(reply.starts_with("250 "), "{reply}");
            }
        }
        lmtp.say("QUIT", "221 ");
    }

    fn command(&self, server: &Server, random: &mut Random, _: usize) {
        if let Some((user, number)) = self.begin(random) {
            server.deliver(user, &numbered(number));
        }
    }

    /// Fetches everything that is there, removes it, and sometimes changes its mind.
    fn pop3(&self, server: &Server, random: &mut Random, at: usize) {
        self.collect(server, USERS[at], random.below(8) > 0);
    }

    /// One session; without a QUIT nothing is removed.
    fn collect(&self, server: &Server, user: &'static str, quits: bool) {
        let mut client = server.session(user, "se cret");
        let count = client.stat().0;
        let mut marked = Vec::new();
        for at in 1..=count {
            let number = self.fetch(&mut client, user, at);
            client.expect(&format!("DELE {at}"), OK);
            marked.push((user, number));
        }
        if !quits {
            return client.hang_up();
        }
        client.quit();
        self.fetched.fetch_add(count, Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap();
        marked.iter().for_each(|one| assert!(waiting.remove(one), "{one:?} was fetched, and had been removed"));
    }

    fn fetch(&self, client: &mut Client, user: &str, at: u64) -> u64 {
        let octets = client.multi(&format!("RETR {at}"));
        let start = String::from_utf8_lossy(&octets[..octets.len().min(1000)]).into_owned();
        let number = start.split("Subject: number ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let number = number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{user}: {start}"));
        assert!(octets.ends_with(&numbered(number)), "message {number} of {user} is damaged");
        number
    }

    /// Good and bad passwords, in clear and under TLS.
    fn log_in(&self, server: &Server, random: &mut Random, _: usize) {
        let mut client = if random.below(2) == 0 { server.connect() } else { server.connect_tls() };
        client.expect("USER alice", OK);
        let password = if random.below(3) == 0 { "wrong" } else { "se cret" };
        let reply = client.say(&format!("PASS {password}"));
        assert_eq!(reply.starts_with("+OK"), password == "se cret", "{reply}");
        self.logins.fetch_add(1, Ordering::Relaxed);
        client.hang_up();
    }

    /// Users come and go, with mail; settings and quotas change.
    fn administer(&self, server: &Server, random: &mut Random, _: usize) {
        self.sql(server, "INSERT INTO users (name, password) VALUES ('guest', 'se cret')");
        server.deliver("guest", &numbered(random.below(1000)));
        server.session("guest", "se cret").hang_up();
        self.sql(server, "UPDATE mailboxes SET prohibit_send_receive_quota = 1073741824 WHERE name = 'bob'");
        let size = if random.below(2) == 0 { 512 } else { 1024 };
        self.sql(server, &format!("UPDATE settings SET value = '{size}' WHERE name = 'MaxCommandSize'"));
        self.sql(server, "DELETE FROM users WHERE name = 'guest'");
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// As an administrator does it who is told that the database is locked: on a machine that has more to do than it can, the
    /// shell's five seconds may pass without its turn.
    fn sql(&self, server: &Server, statement: &str) {
        while let Err(error) = server.try_sql(statement) {
            assert!(error.contains("database is locked"), "{statement}: {error}");
            self.locked.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Fetches what is left.
    pub fn drain(&self, server: &Server) {
        USERS.iter().for_each(|user| self.collect(server, user, true));
    }

    /// Every message was fetched, and none is left.
    pub fn account(&self) {
        let (sent, fetched) = (self.next.load(Ordering::Relaxed), self.fetched.load(Ordering::Relaxed));
        let (logins, changes) = (self.logins.load(Ordering::Relaxed), self.changes.load(Ordering::Relaxed));
        let locked = self.locked.load(Ordering::Relaxed);
        eprintln!(
            "{sent} messages, {logins} logins, {changes} rounds of an administrator, {locked} statements were too late"
        );
        let waiting = self.waiting.lock().unwrap();
        assert!(waiting.is_empty() && fetched == sent, "{fetched} of {sent} were fetched; not {waiting:?}");
        assert!(sent > 0 && logins > 0 && changes > 0);
    }
}
