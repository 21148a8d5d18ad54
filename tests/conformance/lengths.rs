//! RFC 2449 section 4: how long a command may be.

use crate::mailbox;
use crate::support::Client;
use crate::support::texts::{GREETING, LOGON, OK, PROTOCOL_ERROR};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A USER command of this many octets, its CRLF included.
fn user(octets: usize) -> String {
    format!("USER {}", "a".repeat(octets - 7))
}

/// 512 octets unless `MaxCommandSize` says otherwise, from 40 to 1024.
#[test]
fn e0006_the_longest_command_is_512_octets_unless_set() {
    for (setting, limit) in [("512", 512), ("40", 40), ("1024", 1024)] {
        let server = mailbox(&[("MaxCommandSize", setting)]);
        let mut client = server.connect();
        client.expect(&user(limit), OK);
        client.expect_start(&user(limit + 1), PROTOCOL_ERROR);
        client.expect_start(&"x".repeat(1_000_000), PROTOCOL_ERROR);
        client.expect(&user(limit), OK);
        client.log_in("alice", "se cret");
    }
    // Tokens and tickets are longer; that they are switched off here is said behind the length.
    let server = mailbox(&[("MaxCommandSize", "40")]);
    let mut client = server.connect();
    for mechanism in ["XOAUTH2", "oauthbearer", "GSSAPI"] {
        let auth = |octets: usize| format!("auth {mechanism} {}", "A".repeat(octets - mechanism.len() - 8));
        for octets in [41, 4096, 65_536] {
            client.expect_start(&auth(octets), "-ERR Command is not valid in this state. ");
        }
        client.expect_start(&auth(65_537), PROTOCOL_ERROR);
    }
    for other in ["AUTH PLAIN", "AUTH NTLM", "AUTH XOAUTH2x", "AUTHXOAUTH2", "USER XOAUTH2"] {
        client.expect_start(&format!("{other} {}", "A".repeat(41)), PROTOCOL_ERROR);
    }
    let server = mailbox(&[]);
    for refused in ["39", "1025", "", "x", "-40", "512 ", "40.5"] {
        let change = format!("UPDATE settings SET value = '{refused}' WHERE name = 'MaxCommandSize'");
        let error = server.try_sql(&change).expect_err(refused);
        assert!(error.contains("MaxCommandSize") && error.contains("40") && error.contains("1024"), "{error}");
    }
    assert_eq!(server.sql("SELECT value FROM settings WHERE name = 'MaxCommandSize'").trim(), "512");
}

/// At least 255 octets always; a smaller setting is obeyed, with a warning in the log; lines of a
/// SASL exchange are no commands.
#[test]
fn e0007_commands_up_to_255_octets() {
    let server = mailbox(&[]);
    server.connect().expect(&user(255), OK);
    let server = mailbox(&[("MaxCommandSize", "40")]);
    assert!(server.log().contains("MaxCommandSize"), "no warning: {}", server.log());
    let mut client = Client::plain(server.address("pop3"));
    assert_eq!(client.line(), GREETING);
    client.expect_start(&user(255), PROTOCOL_ERROR);
    let long = format!("{}\0alice\0{}", "", "p".repeat(600));
    client.expect("AUTH PLAIN", "+ \r\n");
    client.refuse(&STANDARD.encode(long));
    client.expect("AUTH PLAIN", "+ \r\n");
    client.expect("AGFsaWNlAHNlIGNyZXQ=", LOGON);
}
