//! Command lines that are too long, cut short, or made of odd octets (docs/interface.md section 4).

use crate::mailbox;
use crate::support::Client;
use crate::support::texts::{CANCELLED, LOGON_FAILURE, OK, PROTOCOL_ERROR, WRONG_STATE};

/// A line of 1 MiB gets exactly one -ERR, and the session goes on in step, in both states.
#[test]
fn an_over_long_line_gets_one_refusal() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    let long = "x".repeat(1 << 20);
    client.send(format!("{long}\r\nUSER alice\r\nPASS se cret\r\n{long}\r\n{long}\r\nNOOP\r\nSTAT\r\n"));
    assert!(client.line().starts_with(PROTOCOL_ERROR));
    assert_eq!(client.line(), OK);
    assert_eq!(client.line(), "+OK User successfully logged on.\r\n");
    assert!(client.line().starts_with(PROTOCOL_ERROR));
    assert!(client.line().starts_with(PROTOCOL_ERROR));
    assert_eq!(client.line(), OK);
    assert_eq!(client.line(), "+OK 2 8192\r\n");
    client.quit();
}

/// What stands in an over-long line is no command, wherever a buffer may have cut it.
#[test]
fn nothing_in_an_over_long_line_is_obeyed() {
    let server = mailbox(&[]);
    let mut client = server.alice();
    for length in 505..530 {
        client.send(format!("{}DELE 1\r\nNOOP\r\n", "y".repeat(length)));
        assert!(client.line().starts_with(PROTOCOL_ERROR));
        assert_eq!(client.line(), OK);
    }
    client.send("DELE 1 ".repeat(10_000) + "\r\nDELE 2\rRSET\r\n");
    assert!(client.line().starts_with(PROTOCOL_ERROR));
    assert!(client.line().starts_with(PROTOCOL_ERROR));
    client.expect("STAT", "+OK 2 8192\r\n");
}

/// Odd octets are refused like any bad command, one reply a line.
#[test]
fn odd_octets() {
    let server = mailbox(&[]);
    let mut client = server.alice();
    let odd: [&[u8]; 7] = [b"\0", b"NOOP\0", b"\xff\xfe", b"N\0OOP", b"LIST\x001", b" NOOP", b"\x1b[2J"];
    for line in odd {
        client.send([line, b"\r\n"].concat());
        let reply = client.line();
        assert!(reply.starts_with(PROTOCOL_ERROR), "{line:?}: {reply:?}");
        let unprintable = |octet: u8| !(b' '..=b'~').contains(&octet);
        assert!(!reply.trim_end().bytes().any(unprintable), "{line:?} is echoed raw: {reply:?}");
    }
    client.expect("STAT", "+OK 2 8192\r\n");
}

/// Names and passwords that are no UTF-8 are wrong, not worse.
#[test]
fn credentials_of_odd_octets() {
    let server = mailbox(&[]);
    for (name, password) in
        [(&b"\xff\xfe"[..], &b"x"[..]), (b"alice", b"\xff\xfe"), (b"a\0b", b"x"), (b"alice", b"se cret\0")]
    {
        let mut client = server.connect();
        client.send([b"USER ", name, b"\r\nPASS ", password, b"\r\n"].concat());
        let (user, pass) = (client.line(), client.line());
        assert!(user == OK || user.starts_with("-ERR "), "{name:?}: {user:?}");
        assert!(pass.starts_with("-ERR "), "{name:?} {password:?}: {pass:?}");
        client.log_in("alice", "se cret");
    }
}

/// A last line without its end is no command: nothing is deleted by it.
#[test]
fn a_line_cut_short_by_the_end_is_no_command() {
    let server = mailbox(&[]);
    for last in ["QUIT", "QUIT\r"] {
        let mut client = server.alice();
        client.expect("DELE 1", OK);
        client.send(last);
        client.end_of_input();
        assert!(!String::from_utf8_lossy(&client.rest()).contains("signing off"));
    }
    assert_eq!(server.alice().stat().0, 2);
}

/// Bad commands and malformed lines never close a session. (Before login there may be 19: `tests/security`.)
#[test]
fn bad_commands_never_close() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    let refuse = |client: &mut Client, times| {
        for _ in 0..times {
            client.refuse("FOO");
            client.refuse("RETR");
            client.refuse("AUTH NOSUCH");
            client.refuse("PASS early");
        }
    };
    refuse(&mut client, 4);
    client.log_in("alice", "se cret");
    refuse(&mut client, 200);
    client.stat();
}

/// Wrong passwords on different ways in are counted together; the fifth closes after its reply.
#[test]
fn five_wrong_passwords_of_any_kind_close() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    for _ in 0..2 {
        client.expect("USER alice", OK);
        client.expect("PASS wrong", LOGON_FAILURE);
        client.expect("AUTH PLAIN AGFsaWNlAHdyb25n", LOGON_FAILURE);
    }
    let mut client = client.start_tls();
    client.expect("AUTH PLAIN AGFsaWNlAHdyb25n", LOGON_FAILURE);
    client.expect_end();
}

/// A line that never ends is not kept: 64 MiB of it cost nothing, and the session goes on at its end.
#[test]
fn a_line_without_end_costs_no_memory() {
    let server = mailbox(&[]);
    let mut clients = [server.connect(), server.connect_tls()];
    for client in &mut clients {
        client.expect("AUTH PLAIN", "+ \r\n");
        client.expect("*", CANCELLED);
    }
    // Alice's password is hashed behind `ready`, which takes memory of its own.
    server.alice().quit();
    let before = server.peak_memory();
    for client in &mut clients {
        for exchange in [false, true] {
            if exchange {
                client.expect("AUTH PLAIN", "+ \r\n");
            }
            (0..512).for_each(|_| client.send([b'A'; 65_536]));
            client.refuse("");
            client.expect("NOOP", WRONG_STATE);
        }
    }
    let growth = server.peak_memory().saturating_sub(before);
    assert!(growth < 4 * 1024, "{growth} KiB more");
}
