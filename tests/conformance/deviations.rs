//! Section 2.1: where Exchange knowingly differs from RFC 1939.

use crate::mailbox;
use crate::support::messages::{DOTTED, PLAIN, stuffed, top};
use crate::support::texts::{LOGON_FAILURE, OK, OUT_OF_RANGE, PROTOCOL_ERROR, SIGNING_OFF};

/// One or more SPACEs, or one or more TABs, separate.
#[test]
fn s2_1_1_separators_are_runs_of_spaces_and_tabs() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    client.expect("USER\t \talice", OK);
    client.expect("PASS   se cret", "+OK User successfully logged on.\r\n");
    for command in ["LIST 1", "LIST    1", "LIST\t1", "LIST\t\t1", "LIST \t  1"] {
        client.expect(command, "+OK 1 4096\r\n");
    }
    assert_eq!(client.multi("RETR\t\t1"), PLAIN);
    assert_eq!(client.multi("TOP  1\t0"), top(PLAIN, 0));
    client.expect_start("LIST\u{a0}1", PROTOCOL_ERROR);
    client.expect_start("LIST,1", PROTOCOL_ERROR);
    client.expect("LIST \t 3", OUT_OF_RANGE);
}

/// Single arguments have no limit of their own; only the whole command has.
#[test]
fn s2_1_2_arguments_have_no_limit_of_their_own() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    client.expect(&format!("USER {}", "a".repeat(200)), OK);
    client.expect(&format!("PASS {}", "b".repeat(400)), LOGON_FAILURE);
    client.expect_start(&format!("USER {}", "a".repeat(600)), PROTOCOL_ERROR);
    client.log_in("alice", "se cret");
    client.expect(&format!("LIST {}1", "0".repeat(60)), "+OK 1 4096\r\n");
}

/// No exclusive lock: sessions of one mailbox live side by side.
#[test]
fn s2_1_3_there_is_no_lock() {
    let server = mailbox(&[]);
    let (mut first, mut second) = (server.alice(), server.alice());
    first.expect("DELE 1", OK);
    assert_eq!(second.stat(), (2, 8192));
    first.expect("QUIT", SIGNING_OFF);
    assert_eq!(second.stat(), (2, 8192));
    second.refuse("RETR 1");
    assert_eq!(second.multi("RETR 2"), DOTTED);
    second.expect("DELE 2", OK);
    second.quit();
    assert_eq!(server.alice().stat(), (0, 0));
}

/// STAT counts storage unless `EnableExactRFC822Size` is on.
#[test]
fn s2_1_4_stat_counts_storage_or_octets() {
    assert_eq!(mailbox(&[]).alice().say("STAT"), "+OK 2 8192\r\n");
    let server = mailbox(&[("EnableExactRFC822Size", "1")]);
    let mut client = server.alice();
    let octets = client.multi("RETR 1").len() + client.multi("RETR 2").len();
    client.expect("STAT", &format!("+OK 2 {octets}\r\n"));
    client.refuse("STAT 1");
}

/// LIST does the same; stuffing is not counted.
#[test]
fn s2_1_5_list_counts_storage_or_octets() {
    assert_eq!(mailbox(&[]).alice().lines("LIST"), ["1 4096", "2 4096"]);
    let server = mailbox(&[("EnableExactRFC822Size", "1")]);
    let mut client = server.alice();
    client.expect("LIST 1", &format!("+OK 1 {}\r\n", PLAIN.len()));
    client.expect("LIST 2", &format!("+OK 2 {}\r\n", DOTTED.len()));
    assert_eq!(client.lines("LIST"), [format!("1 {}", PLAIN.len()), format!("2 {}", DOTTED.len())]);
    assert!(stuffed(DOTTED).len() > DOTTED.len());
    client.expect("LIST 3", OUT_OF_RANGE);
}
