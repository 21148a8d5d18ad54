//! Somebody's shell holds the database's write lock.

use crate::support::messages::{DOTTED, PLAIN};
use crate::support::texts::OK;
use crate::support::{Site, eventually};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin};

/// A `sqlite3` shell in the middle of a transaction.
struct Holder {
    shell: Child,
    stdin: ChildStdin,
}

impl Holder {
    fn new(site: &Site) -> Holder {
        let mut shell = site.shell(&[]).spawn().unwrap();
        let mut stdin = shell.stdin.take().unwrap();
        stdin.write_all(b"BEGIN IMMEDIATE;\nSELECT 'held';\n").unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Holder { shell, stdin }
    }

    fn release(mut self) {
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
