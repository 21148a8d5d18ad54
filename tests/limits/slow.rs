//! Clients that are slow, half-open or rude block nobody but themselves.

use crate::mailbox;
use crate::support::messages::{DOTTED, PLAIN};
use crate::support::texts::{BEGIN_TLS, OK};
use crate::support::{Client, Server};
use nix::sys::socket::{setsockopt, sockopt};
use std::time::Duration;

/// What an undisturbed client does, on both ports.
fn others_are_served(server: &Server) {
    let mut client = server.alice();
    assert_eq!(client.multi("RETR 1"), PLAIN);
    client.quit();
    let mut client = server.connect_tls();
    client.log_in("alice", "se cret");
    assert_eq!(client.multi("RETR 2"), DOTTED);
    client.quit();
    server.connect().start_tls().log_in("alice", "se cret");
}

/// One octet at a time, for as long as it takes to serve others; the command is obeyed at its end.
#[test]
fn one_octet_at_a_time() {
    let server = mailbox(&[]);
    let mut slow: Vec<Client> = (0..10).map(|_| server.connect()).collect();
    for (at, octet) in b"USER alice\r\nPASS se cret\r\nSTAT\r\n".iter().enumerate() {
        for client in &mut slow {
            client.send([*octet]);
        }
        if at % 8 == 0 {
            others_are_served(&server);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    for client in &mut slow {
        assert_eq!(client.line(), OK);
        assert_eq!(client.line(), "+OK User successfully logged on.\r\n");
        assert_eq!(client.line(), "+OK 2 8192\r\n");
    }
}

/// Handshakes that were begun and never finished, more of them than there are cores or readers.
#[test]
fn half_open_handshakes() {
    let server = mailbox(&[]);
    let mut half_open = Vec::new();
    for said in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        for _ in 0..30 {
            let mut implicit = Client::plain(server.address("pop3s"));
            implicit.send(said);
            let mut explicit = server.connect();
            explicit.expect("STLS", BEGIN_TLS);
            explicit.send(said);
            half_open.extend([implicit, explicit]);
        }
        others_are_served(&server);
    }
    drop(half_open);
    others_are_served(&server);
}

/// Connections that are reset at once, before or after a word.
#[test]
fn connections_that_are_reset() {
    let server = mailbox(&[]);
    for round in 0..300 {
        let kind = if round % 2 == 0 { "pop3" } else { "pop3s" };
        let mut client = Client::plain(server.address(kind));
        if round % 3 == 0 {
            client.try_send(b"\x16\x03\x01USER alice\r\nPASS se cret\r\nRETR 1\r\n");
        }
        setsockopt(client.tcp(), sockopt::Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 }).unwrap();
    }
    others_are_served(&server);
}

/// Transfers that nobody reads, more of them than there are readers of the database.
#[test]
fn transfers_that_nobody_reads() {
    let large = crate::support::messages::of_size(8 << 20);
    let server = mailbox(&[]);
    server.deliver("alice", &large);
    let mut stalled: Vec<Client> = (0..12).map(|_| server.alice()).collect();
    for client in &mut stalled {
        client.send("RETR 3\r\nSTAT\r\n");
    }
    std::thread::sleep(Duration::from_secs(1));
    others_are_served(&server);
    server.deliver("alice", PLAIN);
    server.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = (SELECT max(uid) FROM messages)");
    for client in stalled.iter_mut().take(3) {
        assert_eq!(client.line(), OK);
        assert!(client.stuffed_body() == large, "a stalled transfer is damaged");
        assert!(client.line().starts_with("+OK 3 "));
    }
}
