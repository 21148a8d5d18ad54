//! RFC 1939 section 3: listening, greeting, responses.

use crate::mailbox;
use crate::support::texts::{GREETING, OK, PROTOCOL_ERROR, WRONG_STATE};
use crate::support::{Client, Server, Site};

/// Ports 110 and 995 by default, any others by setting; 995 speaks TLS from the first octet.
#[test]
fn e0001_ports_110_and_995_unless_set() {
    let site = Site::with_alice(&[]);
    let bindings = |name: &str| site.sql(&format!("SELECT value FROM settings WHERE name = '{name}'"));
    assert_eq!(bindings("UnencryptedOrTLSBindings").trim(), "0.0.0.0:110,[::]:110");
    assert_eq!(bindings("SSLBindings").trim(), "0.0.0.0:995,[::]:995");
    assert!(site.try_sql("UPDATE settings SET value = 'nowhere' WHERE name = 'SSLBindings'").is_err());
    site.set("UnencryptedOrTLSBindings", "127.0.0.1:0");
    site.set("SSLBindings", "127.0.0.1:0,127.0.0.1:0");
    let server = Server::start_with(&site, &["serve"]);
    assert_eq!(server.listeners().iter().map(|(kind, _)| &**kind).collect::<Vec<_>>(), ["pop3", "pop3s", "pop3s"]);
    assert_eq!(server.connect().say("NOOP"), WRONG_STATE);
    assert_eq!(server.connect_tls().say("NOOP"), WRONG_STATE);
    let mut confused = Client::plain(server.address("pop3s"));
    confused.send("CAPA\r\n");
    let answer = confused.rest();
    assert!(!answer.starts_with(b"+OK") && !answer.starts_with(b"-ERR"), "POP3 in clear on the TLS port");
}

/// No response line is longer than 512 octets.
#[test]
fn c0001_responses_have_at_most_512_octets() {
    let banner = "b".repeat(400);
    let server = mailbox(&[("Banner", &banner)]);
    let mut client = Client::plain(server.address("pop3"));
    assert_eq!(client.line(), format!("+OK {banner}\r\n"));
    for command in ["X", "LIST ", "AUTH ", "TOP 1 ", "APOP alice "] {
        client.refuse(&format!("{command}{}", "y".repeat(500 - command.len())));
    }
    client.refuse(&"z".repeat(100_000));
    client.expect(&format!("USER {}", "u".repeat(500)), OK);
    client.refuse(&format!("PASS {}", "p".repeat(500)));
    assert!(client.capabilities().iter().all(|line| line.len() <= 510));
    let refused = server.try_sql(&format!("UPDATE settings SET value = '{}' WHERE name = 'Banner'", "b".repeat(401)));
    assert!(refused.unwrap_err().contains("Banner"));
}

/// Before login only identification works.
#[test]
fn c0002_nothing_but_identification_works_before_login() {
    let server = mailbox(&[]);
    let mut client = Client::plain(server.address("pop3"));
    assert_eq!(client.line(), GREETING);
    for command in ["STAT", "LIST", "LIST 1", "RETR 1", "DELE 1", "NOOP", "RSET", "TOP 1 0", "UIDL", "UIDL 1", "PASS x"]
    {
        client.expect(command, WRONG_STATE);
    }
    client.log_in("alice", "se cret");
    client.expect("STAT", "+OK 2 8192\r\n");
    for command in ["USER alice", "PASS se cret", "AUTH PLAIN", "STLS"] {
        client.expect(command, WRONG_STATE);
    }
}

/// Negative responses say what was wrong.
#[test]
fn v0001_negative_responses_explain_themselves() {
    let server = mailbox(&[]);
    let mut client = server.alice();
    for command in ["FOO", "RETR", "RETR 0x1", "LIST 1 2", "DELE one", "TOP 1", "NOOP now", "", " ", "\t"] {
        client.expect_start(command, PROTOCOL_ERROR);
    }
    client.refuse("RETR 3");
    client.expect("NOOP", OK);
}
