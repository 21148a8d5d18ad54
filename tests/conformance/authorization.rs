//! RFC 1939 sections 4 and 7: who may log in, and what is told to those who may not.

use crate::mailbox;
use crate::support::messages::PLAIN;
use crate::support::texts::{GREETING, LOGON, LOGON_FAILURE, OK, PROTOCOL_ERROR, SIGNING_OFF, WANTS_TLS, WRONG_STATE};
use crate::support::{Client, Site, eventually};

/// The client must identify itself; QUIT is the only other way on, and deletes nothing.
#[test]
fn c0003_the_client_must_identify_itself() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    client.expect("DELE 1", WRONG_STATE);
    client.expect("PASS se cret", WRONG_STATE);
    client.expect("QUIT", SIGNING_OFF);
    client.expect_end();
    assert_eq!(server.alice().stat(), (2, 8192));
}

/// PLAIN and USER/PASS, in CAPA and in fact; NTLM and GSSAPI are shown with their clients in `tests/interop`.
#[test]
fn e0002_authentication_mechanisms() {
    let server = mailbox(&[]);
    let capabilities = server.connect().capabilities();
    let sasl = capabilities.iter().find(|line| line.starts_with("SASL ")).unwrap();
    assert!(sasl.split(' ').any(|mechanism| mechanism == "PLAIN"), "{sasl}");
    assert!(capabilities.iter().any(|line| line == "USER"));
    server.connect().expect("AUTH PLAIN AGFsaWNlAHNlIGNyZXQ=", LOGON);
    server.connect().expect("auth plain AGFsaWNlAHNlIGNyZXQ=", LOGON);
    let mut client = server.connect();
    client.expect("AUTH PLAIN", "+ \r\n");
    client.expect("AGFsaWNlAHNlIGNyZXQ=", LOGON);
    let mut client = server.connect();
    client.expect_start("AUTH FOO", PROTOCOL_ERROR);
    client.expect("AUTH PLAIN AGFsaWNlAHdyb25n", LOGON_FAILURE);
    client.log_in("alice", "se cret");
}

/// After a negative response the connection may be closed: here the fifth wrong password does it.
#[test]
fn c0005_the_fifth_wrong_password_closes() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    for _ in 1..=4 {
        client.expect("USER alice", OK);
        client.expect("PASS wrong", LOGON_FAILURE);
        client.expect("PASS se cret", WRONG_STATE);
    }
    client.expect("USER alice", OK);
    client.expect("PASS wrong", LOGON_FAILURE);
    client.expect_end();
    server.alice().quit();
}

/// USER never refuses for reasons of the mailbox; PASS does.
#[test]
fn v0008_user_is_not_refused_for_mailbox_reasons() {
    let server = mailbox(&[]);
    server.add_user("idle", "se cret");
    server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'idle'");
    for name in ["alice", "nobody", "idle"] {
        let mut client = server.connect();
        client.expect(&format!("USER {name}"), OK);
        client.expect("PASS x", LOGON_FAILURE);
    }
    let mut client = server.connect();
    client.expect("USER idle", OK);
    client.expect("PASS se cret", LOGON_FAILURE);
}

/// USER is answered positively though there is no such mailbox.
#[test]
fn v0009_user_is_positive_without_a_mailbox() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    for name in ["nobody", "nobody@nowhere.example", "a/b/c", "x@y/z", "/", "@", "%s", "' OR 1=1 --", "\u{fc}ber"] {
        client.expect(&format!("USER {name}"), OK);
    }
    client.expect("PASS se cret", LOGON_FAILURE);
    client.expect_start("USER", PROTOCOL_ERROR);
}

/// Where plain-text passwords are not permitted, USER is refused, and for every name alike.
#[test]
fn v0010_user_is_refused_where_plain_text_is_not_permitted() {
    for (policy, clear) in [("SecureLogin", WANTS_TLS), ("PlainTextAuthentication", WANTS_TLS), ("PlainTextLogin", OK)]
    {
        let server = mailbox(&[("LoginType", policy)]);
        let mut client = server.connect();
        client.expect("USER alice", clear);
        client.expect("USER nobody", clear);
        let offered = client.capabilities();
        assert_eq!(offered.iter().any(|line| line == "USER"), clear == OK, "{policy}: {offered:?}");
        let refusal = format!("PLAIN failed: LoginType is {policy}");
        if clear == OK {
            assert!(!server.log().contains(&refusal), "{policy}");
        } else {
            eventually(&refusal, || server.log().contains(&refusal));
        }
        let mut secured = client.start_tls();
        secured.expect("USER nobody", OK);
        secured.expect("PASS x", LOGON_FAILURE);
        secured.log_in("alice", "se cret");
        server.connect_tls().log_in("alice", "se cret");
    }
}

/// A mailbox of another site: the login fails like any other.
#[test]
fn c0010_a_mailbox_of_another_site_fails_to_log_in() {
    let server = mailbox(&[("Site", "here")]);
    server.add_user("bob", "se cret");
    server.sql("UPDATE mailboxes SET site = 'elsewhere' WHERE name = 'alice'");
    server.sql("UPDATE mailboxes SET site = 'here' WHERE name = 'bob'");
    let attempt = |name: &str| {
        let mut client = server.connect();
        client.expect(&format!("USER {name}"), OK);
        client.say("PASS se cret")
    };
    eventually("the change of site acts", || attempt("alice") == LOGON_FAILURE);
    eventually("bob is at home here", || attempt("bob") == LOGON);
    server.sql("UPDATE mailboxes SET site = NULL WHERE name = 'alice'");
    eventually("a mailbox without a site is at home everywhere", || attempt("alice") == LOGON);
}

/// PASS takes the rest of the line, unquoted.
#[test]
fn v0011_pass_takes_the_rest_of_the_line() {
    let site = Site::with_alice(&[PLAIN]);
    site.add_user("bob", "  two  before, two  within ");
    let server = site.serve(&[]);
    let mut client = server.connect();
    for wrong in ["\"se cret\"", "'se cret'", "se", "se  cret"] {
        client.expect("USER alice", OK);
        client.expect(&format!("PASS {wrong}"), LOGON_FAILURE);
    }
    let mut client = server.connect();
    client.expect("USER alice", OK);
    client.expect("PASS se cret ", LOGON_FAILURE);
    client.log_in("alice", "se cret");
    server.connect().log_in("alice", " se cret");
    server.connect().log_in("bob", "  two  before, two  within ");
}

/// There is no APOP: no timestamp in the greeting, no capability, no command.
#[test]
fn v0012_there_is_no_apop() {
    let server = mailbox(&[]);
    let mut client = Client::plain(server.address("pop3"));
    let greeting = client.line();
    assert!(greeting == GREETING && !greeting.contains('<'));
    client.expect_start("APOP alice c4c9334bac560ecc979e58001b3e22fb", PROTOCOL_ERROR);
    assert!(!client.capabilities().iter().any(|line| line.contains("APOP")));
    assert!(server.try_sql("UPDATE settings SET value = 'ready <1.2@x>' WHERE name = 'Banner'").is_err());
}
