//! Somebody's shell holds the database's write lock.

use crate::support::messages::{DOTTED, PLAIN};
use crate::support::texts::OK;
use crate::support::{Site, eventually};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin};

/// A `sqlite3` shell in the middle of a transaction.
pub struct Holder {
    shell: Child,
    stdin: ChildStdin,
}

impl Holder {
    pub fn new(site: &Site) -> Holder {
        let mut shell = site.shell(&[]).spawn().unwrap();
        let mut stdin = shell.stdin.take().unwrap();
        stdin.write_all(b"BEGIN IMMEDIATE;\nSELECT 'held';\n").unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Holder { shell, stdin }
    }

    pub fn release(mut self) {
        self.stdin.write_all(b"ROLLBACK;\n").unwrap();
        drop(self.stdin);
        assert!(self.shell.wait().unwrap().success());
    }
}

/// Delivery and UPDATE fail in bounded time and say so; reading goes on; nothing is lost.
#[test]
fn a_locked_database() {
    let server = Site::with_alice(&[PLAIN, DOTTED]).serve(&[]);
    let mut quitting = server.alice();
    quitting.expect("DELE 1", OK);
    let holder = Holder::new(&server);
    std::thread::scope(|scope| {
        scope.spawn(|| server.fail(&["deliver", "alice"], PLAIN, 75));
        scope.spawn(|| {
            quitting.refuse("QUIT");
            quitting.expect_end();
        });
        scope.spawn(|| {
            let mut client = server.alice();
            assert_eq!(client.multi("RETR 1"), PLAIN);
            assert_eq!(client.multi("RETR 2"), DOTTED);
            client.quit();
        });
    });
    holder.release();
    server.deliver("alice", PLAIN);
    let mut client = server.alice();
    assert_eq!(client.stat().0, 3);
    assert_eq!(client.multi("RETR 1"), PLAIN);
    client.expect("DELE 1", OK);
    client.quit();
    assert_eq!(server.alice().stat().0, 2);
    server.assert_sound();
}

/// A lock that goes in time costs nothing but the wait.
#[test]
fn a_lock_that_goes_in_time() {
    let server = Site::with_alice(&[PLAIN, DOTTED]).serve(&[]);
    let mut client = server.alice();
    client.expect("DELE 1", OK);
    let holder = Holder::new(&server);
    std::thread::scope(|scope| {
        let delivery = scope.spawn(|| server.deliver("alice", PLAIN));
        client.send("QUIT\r\n");
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert!(!delivery.is_finished());
        holder.release();
    });
    assert!(client.line().starts_with("+OK "));
    client.expect_end();
    eventually("one went, one came", || server.alice().stat().0 == 2);
    server.assert_sound();
}

/// Nobody waits longer because others wait too: measured by a `deliver` that waits beside them.
#[test]
fn what_a_lock_does_not_hold_up() {
    let site = Site::with_alice(&[PLAIN]);
    site.sql("INSERT INTO users(name) VALUES ('bob'), ('carol')");
    let hash = String::from_utf8(site.run(&["hash"], b"se cret\n").stdout).unwrap();
    site.sql(&format!("INSERT INTO users(name, password) VALUES ('dave', '{}')", hash.trim()));
    let server = site.serve(&[]);
    let holder = Holder::new(&server);
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| server.fail(&["deliver", "alice"], PLAIN, 75));
        server.session("dave", "se cret").quit();
        assert!(!beside.is_finished(), "a login waits for what it wants to store");
    });
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| [(); 2].map(|()| server.fail(&["deliver", "alice"], PLAIN, 75)));
        let mut lmtp = server.lmtp();
        lmtp.say("MAIL FROM:<>", "250 ");
        ["alice", "bob", "carol"].iter().for_each(|name| drop(lmtp.say(&format!("RCPT TO:<{name}>"), "250 ")));
        lmtp.say("DATA", "354 ");
        lmtp.send("a: b\r\n\r\n.\r\n");
        (0..3).for_each(|_| drop(lmtp.expect("451 4.3.0 ")));
        assert!(!beside.is_finished(), "each recipient waits for the one before");
    });
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| site.fail(&["deliver", "alice"], PLAIN, 75));
        assert!(server.terminate().success());
        assert!(!beside.is_finished(), "the end waits");
    });
    holder.release();
    site.assert_sound();
}
