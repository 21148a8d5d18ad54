//! RFC 1939 section 5 and 7: what a session sees of the maildrop.

use crate::mailbox;
use crate::support::messages::{DOTTED, PLAIN, message, top};
use crate::support::texts::{MARKED, OK, OUT_OF_RANGE, PROTOCOL_ERROR, SIGNING_OFF};
use crate::support::{Client, Site};

/// A snapshot is made at login; RETR and TOP of a message deleted since are errors.
#[test]
fn c0004_snapshot_at_login() {
    let server = mailbox(&[]);
    let mut client = server.alice();
    let ids = client.unique_ids();
    server.deliver("alice", &message("third", "late"));
    server.sql(&format!("DELETE FROM messages WHERE mailbox = 'alice' AND uid = {}", ids[0]));
    client.expect("STAT", "+OK 2 8192\r\n");
    assert_eq!(client.lines("LIST"), ["1 4096", "2 4096"]);
    client.expect("LIST 3", OUT_OF_RANGE);
    client.expect("RETR 3", OUT_OF_RANGE);
    client.expect("UIDL 1", &format!("+OK 1 {}\r\n", ids[0]));
    assert_eq!(client.unique_ids(), ids);
    client.refuse("RETR 1");
    client.refuse("TOP 1 0");
    assert_eq!(client.multi("RETR 2"), DOTTED);
    client.expect("QUIT", SIGNING_OFF);
    let mut next = server.alice();
    assert_eq!(next.stat(), (2, 8192));
    assert_eq!(next.multi("RETR 1"), DOTTED);
    assert_eq!(next.multi("RETR 2"), message("third", "late"));
}

/// Nothing follows the size in STAT.
#[test]
fn v0004_nothing_follows_the_size_in_stat() {
    let server = mailbox(&[]);
    let mut client = server.alice();
    client.expect("STAT", "+OK 2 8192\r\n");
    client.expect("DELE 2", OK);
    client.expect("STAT", "+OK 1 4096\r\n");
    client.expect("DELE 1", OK);
    client.expect("STAT", "+OK 0 0\r\n");
    client.expect_start("STAT 1", PROTOCOL_ERROR);
}

/// Nothing follows the size in a scan listing.
#[test]
fn v0005_nothing_follows_the_size_in_list() {
    let server = mailbox(&[]);
    let mut client = server.alice();
    client.expect("LIST", "+OK 2 8192\r\n");
    assert_eq!(client.stuffed_body(), b"1 4096\r\n2 4096\r\n");
    client.expect("LIST 1", "+OK 1 4096\r\n");
    client.expect("DELE 1", OK);
    client.expect("LIST 1", MARKED);
    client.expect("LIST", "+OK 1 4096\r\n");
    assert_eq!(client.stuffed_body(), b"2 4096\r\n");
    client.expect("DELE 2", OK);
    client.expect("LIST", "+OK 0 0\r\n");
    assert_eq!(client.stuffed_body(), b"");
    for number in ["0", "3", "4294967297", "18446744073709551617"] {
        client.expect(&format!("LIST {number}"), OUT_OF_RANGE);
    }
}

/// Every base command works in its state.
#[test]
fn c0006_every_base_command() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    client.expect("user alice", OK);
    client.expect("pass se cret", "+OK User successfully logged on.\r\n");
    client.expect("stat", "+OK 2 8192\r\n");
    assert_eq!(client.lines("lIsT"), ["1 4096", "2 4096"]);
    assert_eq!(client.multi("retr 1"), PLAIN);
    client.expect("DELE 1", OK);
    client.expect("DELE 1", MARKED);
    for command in ["RETR 1", "TOP 1 0", "UIDL 1", "LIST 1"] {
        client.expect(command, MARKED);
    }
    assert_eq!(client.unique_ids().len(), 1);
    client.expect("NOOP", OK);
    client.expect("RSET", OK);
    assert_eq!(client.multi("RETR 1"), PLAIN);
    client.expect("DELE 2", OK);
    client.expect("QUIT", SIGNING_OFF);
    client.expect_end();
    assert_eq!(server.alice().multi("RETR 1"), PLAIN);
    assert_eq!(server.alice().stat().0, 1);
}

/// TOP: the header, the blank line, and as many lines of the body as there are.
#[test]
fn v0007_top() {
    let server = mailbox(&[]);
    assert!(server.connect().capabilities().contains(&"TOP".to_owned()));
    let mut client = server.alice();
    client.expect("TOP 1 0", OK);
    assert_eq!(client.stuffed_body(), b"From: a@example.org\r\nSubject: plain\r\n\r\n");
    for lines in 0..4 {
        assert_eq!(client.multi(&format!("TOP 1 {lines}")), top(PLAIN, lines));
    }
    client.expect("TOP 2 1", OK);
    assert_eq!(client.stuffed_body(), b"Subject: dots\r\n\r\n..\r\n");
    assert_eq!(client.multi("TOP 2 99999999999999999999"), DOTTED);
    for command in ["TOP", "TOP 1", "TOP 1 -1", "TOP 1 x", "TOP 1 1 1"] {
        client.expect_start(command, PROTOCOL_ERROR);
    }
    client.expect("TOP 3 0", OUT_OF_RANGE);
    client.expect("TOP 0 0", OUT_OF_RANGE);
}

/// What is sent is a message of the Internet: CRLF lines, stuffed, header, blank line, body.
#[test]
fn c0011_messages_are_internet_messages() {
    let site = Site::with_alice(&[b"Subject: bare\nTo: b@example.org\n\n.x\nold\rmac\nN\0UL\nlast"]);
    let server = site.serve(&[("EnableExactRFC822Size", "1")]);
    let wire = b"Subject: bare\r\nTo: b@example.org\r\n\r\n..x\r\nold\r\nmac\r\nNUL\r\nlast\r\n";
    let mut client: Client = server.alice();
    client.expect("RETR 1", OK);
    assert_eq!(client.stuffed_body(), wire);
    client.expect("LIST 1", &format!("+OK 1 {}\r\n", wire.len() - 1));
    client.expect("TOP 1 1", OK);
    assert_eq!(client.stuffed_body(), b"Subject: bare\r\nTo: b@example.org\r\n\r\n..x\r\n");
    client.expect("RETR 2", OUT_OF_RANGE);
}
