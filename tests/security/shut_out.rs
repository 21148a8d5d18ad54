//! Whoever is shut out is out within 2 seconds, and nothing that was marked is deleted.

use crate::mailbox;
use crate::support::messages::{PLAIN, of_size};
use crate::support::site::feed;
use crate::support::texts::{LOGON, OK};
use crate::support::{Client, Server, Site, eventually};
use std::time::{Duration, Instant};

/// What the contract promises, and some more for a busy machine.
const SOON: Duration = Duration::from_secs(6);

/// A session of alice with a mark, and one of bob in her mailbox.
struct House {
    server: Server,
    alice: Client,
    delegate: Client,
    bystander: Client,
}

fn house() -> House {
    let server = mailbox(&[]);
    server.add_user("bob", "builder");
    server.sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice')");
    let mut alice = server.alice();
    alice.expect("DELE 1", "+OK\r\n");
    let delegate = server.session("bob@example.org/alice", "builder");
    let bystander = server.session("bob", "builder");
    House { server, alice, delegate, bystander }
}

fn ends(mut client: Client, start: Instant) {
    let line = client.line();
    assert!(line.starts_with("-ERR [SYS/PERM] Connection is closed. "), "{line:?}");
    client.expect_end();
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

/// Until the server has looked twice at who may still be there: each time somebody who may not has gone.
fn looked_twice(server: &Server) {
    server.add_user("witness", "x");
    for _ in 0..2 {
        let witness = server.session("witness", "x");
        server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'witness'");
        ends(witness, Instant::now());
        server.sql("UPDATE users SET pop_enabled = 1 WHERE name = 'witness'");
    }
}

fn stays(client: &mut Client) {
    client.expect("NOOP", OK);
    client.stat();
}

impl House {
    fn messages(&self) -> String {
        self.server.sql("SELECT count(*) FROM messages WHERE mailbox = 'alice'").trim().to_owned()
    }
}

#[test]
fn a_user_who_is_disabled() {
    let mut house = house();
    let start = Instant::now();
    house.server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'");
    // Bob may not use the mailbox of somebody who is disabled either.
    ends(house.alice, start);
    ends(house.delegate, start);
    stays(&mut house.bystander);
    assert_eq!(house.server.sql("SELECT count(*) FROM messages WHERE mailbox = 'alice'").trim(), "2");
}

#[test]
fn a_user_who_is_deleted() {
    let mut house = house();
    let start = Instant::now();
    house.server.sql("DELETE FROM users WHERE name = 'alice'");
    ends(house.alice, start);
    ends(house.delegate, start);
    stays(&mut house.bystander);
}

#[test]
fn a_new_password_by_sql_and_by_passwd() {
    let house = house();
    let start = Instant::now();
    house.server.sql("UPDATE users SET password = 'other' WHERE name = 'alice'");
    ends(house.alice, start);
    assert_eq!(house.server.sql("SELECT count(*) FROM messages WHERE mailbox = 'alice'").trim(), "2");
    let mut delegate = house.delegate;
    stays(&mut delegate);
    let alice = house.server.session("alice", "other");
    let start = Instant::now();
    house.server.succeed(&["passwd", "alice"], b"third\n");
    ends(alice, start);
    let start = Instant::now();
    house.server.succeed(&["passwd", "bob"], b"new\n");
    ends(delegate, start);
    ends(house.bystander, start);
}

/// Only its form changes: text to hash, at the login or behind everybody's back.
#[test]
fn our_own_hash_of_the_same_password_ends_nothing() {
    let server = mailbox(&[]);
    let bcrypt = "{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";
    server.sql(&format!("INSERT INTO users(name, password) VALUES ('bob', '{bcrypt}')"));
    server.add_user("carol", "text");
    let mut carol = server.session("carol", "text");
    let mut bob = server.session("bob", "correct horse");
    eventually("hashes", || server.sql("SELECT count(*) FROM users WHERE password GLOB '$argon2id$*'").trim() == "3");
    looked_twice(&server);
    stays(&mut bob);
    stays(&mut carol);
}

#[test]
fn a_delegation_that_is_withdrawn() {
    let mut house = house();
    let start = Instant::now();
    house.server.sql("DELETE FROM delegates WHERE delegate = 'bob'");
    ends(house.delegate, start);
    stays(&mut house.alice);
    stays(&mut house.bystander);
    house.server.sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice')");
    let delegate = house.server.session("bob@example.org/alice", "builder");
    house.server.sql("INSERT INTO mailboxes(name) VALUES ('other')");
    let start = Instant::now();
    house.server.sql("UPDATE delegates SET principal = 'other' WHERE delegate = 'bob'");
    ends(delegate, start);
}

#[test]
fn a_mailbox_that_moves_to_another_site() {
    let mut house = house();
    let start = Instant::now();
    house.server.sql("UPDATE mailboxes SET site = 'elsewhere' WHERE name = 'alice'");
    ends(house.alice, start);
    ends(house.delegate, start);
    stays(&mut house.bystander);
}

#[test]
fn a_row_of_sessions_that_is_deleted() {
    let mut house = house();
    let shown = || house.server.sql("SELECT name || '/' || principal FROM sessions ORDER BY 1");
    eventually("three sessions", || shown() == "alice/alice\nbob/alice\nbob/bob\n");
    let start = Instant::now();
    house.server.sql("DELETE FROM sessions WHERE name = 'alice'");
    assert_eq!(house.server.sql("SELECT count(*) FROM sessions WHERE name = 'alice'").trim(), "0");
    ends(house.alice, start);
    stays(&mut house.delegate);
    let start = Instant::now();
    house.server.sql("DELETE FROM sessions WHERE principal = 'alice'");
    ends(house.delegate, start);
    stays(&mut house.bystander);
    assert_eq!(house.server.sql("SELECT count(*) FROM messages WHERE mailbox = 'alice'").trim(), "2");
    // It is no ban.
    house.server.alice().quit();
}

/// A user who is renamed is the same one.
#[test]
fn a_new_name_ends_nothing() {
    let mut house = house();
    house.server.sql("UPDATE users SET name = 'alicia' WHERE name = 'alice'");
    looked_twice(&house.server);
    stays(&mut house.alice);
    stays(&mut house.delegate);
    stays(&mut house.bystander);
}

/// Half of the message, no final dot, and the end; whether the client reads or not.
#[test]
fn a_transfer_under_way_is_cut() {
    let site = Site::with_alice(&[]);
    let big = of_size(40_000_000);
    let output = feed(&mut site.command(&["deliver", "alice"]), &big);
    assert!(output.status.success());
    let server = site.serve(&[]);
    let mut client = server.alice();
    client.send("RETR 1\r\n");
    client.octets(10_000);
    let start = Instant::now();
    server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'");
    // It reads nothing: the server is in the middle of a write.
    eventually("the session is over", || server.sql("SELECT count(*) FROM sessions").trim() == "0");
    assert!(start.elapsed() < SOON);
    let rest = client.rest();
    assert!(rest.len() < big.len() && !rest.ends_with(b"\r\n.\r\n"), "{}", rest.len());
}

/// QUIT that comes when the login is not valid any more deletes nothing.
#[test]
fn update_is_not_entered() {
    let mut house = house();
    house.server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'");
    looked_twice(&house.server);
    house.alice.try_send(b"QUIT\r\n");
    let line = house.alice.line();
    assert!(line.starts_with("-ERR [SYS/PERM] "), "{line}");
    house.alice.expect_end();
    assert_eq!(house.messages_left(), "2");
}

impl House {
    fn messages_left(&self) -> String {
        self.messages()
    }
}

#[test]
fn a_session_has_its_time() {
    let site = Site::with_alice(&[PLAIN]);
    let server = site.serve(&[("MaxSessionTime", "1")]);
    let (start, mut client) = (Instant::now(), server.alice());
    client.expect("DELE 1", OK);
    let line = client.line();
    assert!(line.starts_with("-ERR Connection is closed. ") && line.contains("MaxSessionTime"), "{line}");
    client.expect_end();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.sql("SELECT count(*) FROM messages").trim(), "1");
    server.set("MaxSessionTime", "0");
}

/// The password is changed while a login that knows the old one waits to be checked.
#[test]
fn a_login_that_was_being_checked_does_not_slip_in() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    client.expect("USER alice", OK);
    client.send("PASS se cret\r\n");
    server.sql("UPDATE users SET password = 'other' WHERE name = 'alice'");
    // Whichever was first: there is no session with the old password two seconds later.
    let line = client.line();
    if line == LOGON {
        assert!(client.line().starts_with("-ERR [SYS/PERM] "));
    } else {
        assert!(line.starts_with("-ERR [AUTH] "), "{line}");
    }
}
