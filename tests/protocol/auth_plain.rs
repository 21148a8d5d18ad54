//! AUTH PLAIN (RFC 4616, RFC 5034): every form of it, and every malformed one.

use crate::mailbox;
use crate::support::texts::{CANCELLED, LOGON, LOGON_FAILURE, OK, PROTOCOL_ERROR, WRONG_STATE};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Base64 of `authzid NUL authcid NUL password`.
fn plain(authzid: &str, authcid: &str, password: &str) -> String {
    STANDARD.encode(format!("{authzid}\0{authcid}\0{password}"))
}

#[test]
fn initial_response_and_continuation() {
    let server = mailbox(&[]);
    let good = plain("", "alice", "se cret");
    server.connect().expect(&format!("AUTH PLAIN {good}"), LOGON);
    server.connect().expect(&format!("Auth\tpLaIn  {good}"), LOGON);
    let mut client = server.connect();
    client.expect("AUTH PLAIN", "+ \r\n");
    client.expect(&good, LOGON);
    client.expect("STAT", "+OK 2 8192\r\n");
    client.expect("AUTH PLAIN", WRONG_STATE);
}

/// Passwords are octets to the server; names compare ASCII letters without case, all else exactly.
#[test]
fn names_and_passwords_beyond_ascii() {
    let server = mailbox(&[]);
    let long = "\u{20ac}".repeat(85);
    for (user, password) in [("j\u{fc}rgen", "p\u{e4}ss \"w\u{f6}rd\""), ("UPPER", &long), ("x%s:y", "a:b%n\\")] {
        server.add_user(user, password);
        server.connect().log_in(user, password);
        server.connect().expect(&format!("AUTH PLAIN {}", plain("", user, password)), LOGON);
    }
    server.connect().log_in("upper", &long);
    let mut client = server.connect();
    client.expect("USER J\u{dc}RGEN", OK);
    client.expect("PASS p\u{e4}ss \"w\u{f6}rd\"", LOGON_FAILURE);
    client.expect("USER j\u{fc}rgen", OK);
    client.expect("PASS p\u{c4}ss \"w\u{f6}rd\"", LOGON_FAILURE);
}

#[test]
fn wrong_credentials() {
    let server = mailbox(&[]);
    let attempts = [
        plain("", "alice", "wrong"),
        plain("", "nobody", "se cret"),
        plain("nobody", "alice", "se cret"),
        plain("", "ALICE", "Se cret"),
    ];
    for attempt in attempts {
        let mut client = server.connect();
        client.expect(&format!("AUTH PLAIN {attempt}"), LOGON_FAILURE);
        client.expect("AUTH PLAIN", "+ \r\n");
        client.expect(&attempt, LOGON_FAILURE);
        client.log_in("alice", "se cret");
    }
}

/// `=` is an empty response, which is no PLAIN message; `*` cancels.
#[test]
fn empty_and_cancelled() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    client.expect_start("AUTH PLAIN =", PROTOCOL_ERROR);
    client.expect("AUTH PLAIN", "+ \r\n");
    client.expect_start("", PROTOCOL_ERROR);
    client.expect("AUTH PLAIN", "+ \r\n");
    client.expect("*", CANCELLED);
    client.expect_start("*", PROTOCOL_ERROR);
    client.log_in("alice", "se cret");
}

/// Base64 is taken strictly; whatever is wrong with it ends the exchange and nothing else.
#[test]
fn bad_base64() {
    let server = mailbox(&[]);
    let malformed = [
        "AGFsaWNlAHNlIGNyZXQ",      // missing padding
        "AGFsaWNlAHNlIGNyZXR=",     // non-zero trailing bits
        "AGFsaWNlAHNlIGNyZXQ==",    // too much padding
        "=AGFsaWNlAHNlIGNyZXQ=",    // padding in front (RFC 5034 section 4)
        "AGF=saWNlAHNlIGNyZXQ=",    // padding within
        "AGFsaWNl!HNlIGNyZXQ=",     // outside of the alphabet
        "AGFsaWNlAHNlIGNyZXQ_",     // another alphabet
        "AGFsaWNlAHNlIGNyZXQ=AAAA", // after the end
        "A",
        "====",
    ];
    for text in malformed {
        // Before login so many commands may fail.
        let mut client = server.connect();
        client.expect_start(&format!("AUTH PLAIN {text}"), PROTOCOL_ERROR);
        client.expect("AUTH PLAIN", "+ \r\n");
        client.expect_start(text, PROTOCOL_ERROR);
    }
    let mut client = server.connect();
    client.expect("AUTH PLAIN", "+ \r\n");
    client.expect_start(" AGFsaWNlAHNlIGNyZXQ=", PROTOCOL_ERROR);
    client.expect_start("AUTH PLAIN AGFsaWNlAHNlIGNyZXQ= x", PROTOCOL_ERROR);
    client.log_in("alice", "se cret");
}

/// What decodes and is no PLAIN message is malformed, not a wrong password: more than five of it do not close.
#[test]
fn malformed_messages_never_close() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    let octets: [&[u8]; 8] = [
        b"alice",
        b"\0alice",
        b"\0\0se cret",
        b"\0alice\0",
        b"\0alice\0se\0cret",
        b"\0",
        b"\0\xff\xfe\0x",
        b"\0\0\0\0",
    ];
    for message in octets {
        client.expect("AUTH PLAIN", "+ \r\n");
        client.refuse(&STANDARD.encode(message));
    }
    client.expect("NOOP", WRONG_STATE);
    for _ in 0..10 {
        client.expect("AUTH PLAIN", "+ \r\n");
        client.expect("*", CANCELLED);
    }
    client.log_in("alice", "se cret");
}

/// A line of an exchange may have up to 65,536 octets whatever `MaxCommandSize` is; a longer one
/// ends only the exchange.
#[test]
fn long_lines_of_an_exchange() {
    let server = mailbox(&[("MaxCommandSize", "40")]);
    let mut client = server.connect();
    for length in [767, 40_000] {
        client.expect("AUTH PLAIN", "+ \r\n");
        client.refuse(&plain("", "alice", &"p".repeat(length)));
    }
    for length in [65_540, 1_000_000] {
        client.expect("AUTH PLAIN", "+ \r\n");
        client.refuse(&"A".repeat(length));
        client.expect("NOOP", WRONG_STATE);
    }
    client.log_in("alice", "se cret");
}

/// An exchange in clear is cut by nothing else: a command in its place is bad base64.
#[test]
fn a_command_inside_an_exchange_is_no_command() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    client.expect("USER alice", OK);
    client.expect("AUTH PLAIN", "+ \r\n");
    client.expect_start("PASS se cret", PROTOCOL_ERROR);
    client.expect("PASS se cret", WRONG_STATE);
    client.expect("AUTH PLAIN", "+ \r\n");
    client.refuse("CAPA");
    client.log_in("alice", "se cret");
}
