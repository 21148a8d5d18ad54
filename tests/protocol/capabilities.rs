//! CAPA (RFC 2449 section 5) in every state, and bare AUTH.

use crate::mailbox;
use crate::support::texts::{PROTOCOL_ERROR, WANTS_TLS};

/// What is there in every state, whatever the policy.
const ALWAYS: [&str; 6] = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER"];

/// Asserts that every one of [`ALWAYS`] and of `also` is there, none of `not`, and nothing twice.
fn assert_capabilities(mut listed: Vec<String>, also: &[&str], not: &[&str]) {
    for tag in ALWAYS.iter().chain(also) {
        assert!(listed.iter().any(|line| line == tag), "{tag} is not in {listed:?}");
    }
    for tag in not.iter().chain(&["APOP", "LOGIN-DELAY"]) {
        assert!(!listed.iter().any(|line| line.split(' ').next() == Some(tag)), "{tag} is in {listed:?}");
    }
    assert!(listed.iter().any(|line| line.starts_with("IMPLEMENTATION ")), "{listed:?}");
    listed.sort();
    assert!(listed.windows(2).all(|pair| pair[0] != pair[1]), "twice: {listed:?}");
}

/// The mechanisms that a client may use now.
fn mechanisms(listed: &[String]) -> Vec<String> {
    let line = listed.iter().find_map(|line| line.strip_prefix("SASL "));
    line.map_or(Vec::new(), |names| names.split(' ').map(str::to_owned).collect())
}

/// Asserts that USER and PLAIN are offered, or that neither is.
fn assert_passwords(listed: &[String], offered: bool) {
    assert_eq!(listed.contains(&"USER".to_owned()), offered, "{listed:?}");
    assert_eq!(mechanisms(listed).contains(&"PLAIN".to_owned()), offered, "{listed:?}");
}

/// Where clear passwords are allowed, all is offered; after login the same less STLS.
#[test]
fn in_clear_with_plain_text_login() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    let before = client.capabilities();
    assert_capabilities(before.clone(), &["STLS"], &[]);
    assert_passwords(&before, true);
    client.log_in("alice", "se cret");
    let mut after = client.capabilities();
    assert_capabilities(after.clone(), &[], &["STLS"]);
    after.push("STLS".to_owned());
    assert_eq!(sorted(after), sorted(before), "the same less STLS");
    client.expect_start("CAPA now", PROTOCOL_ERROR);
}

/// What is offered when `ready` is printed is what is offered from then on: users whose passwords were
/// plain text until this start have their verifiers by then.
#[test]
fn nothing_changes_after_ready() {
    let server = mailbox(&[]);
    let first = server.connect().capabilities();
    server.has_looked();
    assert_eq!(server.connect().capabilities(), first);
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// With SecureLogin nothing but STLS is offered before TLS, and all after it.
#[test]
fn with_secure_login() {
    let server = mailbox(&[("LoginType", "SecureLogin")]);
    let mut client = server.connect();
    assert_capabilities(client.capabilities(), &["STLS"], &["USER", "SASL"]);
    client.refuse("AUTH PLAIN");
    let mut client = client.start_tls();
    let secured = client.capabilities();
    assert_capabilities(secured.clone(), &[], &["STLS"]);
    assert_passwords(&secured, true);
    client.log_in("alice", "se cret");
    assert_eq!(client.capabilities(), secured);
    assert_eq!(server.connect_tls().capabilities(), secured);
}

/// With PlainTextAuthentication passwords wait for TLS; mechanisms that send none do not.
#[test]
fn with_plain_text_authentication() {
    let server = mailbox(&[("LoginType", "PlainTextAuthentication")]);
    let mut client = server.connect();
    assert_passwords(&client.capabilities(), false);
    client.refuse("AUTH PLAIN");
    client.expect("USER alice", WANTS_TLS);
    assert_passwords(&client.start_tls().capabilities(), true);
}

/// Clients of trusted networks count as secured.
#[test]
fn from_a_trusted_network() {
    let server = mailbox(&[("LoginType", "SecureLogin"), ("TrustedNetworks", "10.0.0.0/8,127.0.0.0/8")]);
    let mut client = server.connect();
    let trusted = client.capabilities();
    assert_capabilities(trusted.clone(), &["STLS"], &[]);
    assert_passwords(&trusted, true);
    client.log_in("alice", "se cret");
    let server = mailbox(&[("LoginType", "SecureLogin"), ("TrustedNetworks", "10.0.0.0/8,::1/128")]);
    assert_capabilities(server.connect().capabilities(), &["STLS"], &["USER", "SASL"]);
}

/// Bare AUTH lists what would be accepted now, one mechanism a line, as CAPA does.
#[test]
fn bare_auth_lists_the_mechanisms() {
    let server = mailbox(&[("LoginType", "SecureLogin")]);
    let mut client = server.connect();
    assert_eq!(client.multi("AUTH"), b"");
    let mut client = client.start_tls();
    let offered = mechanisms(&client.capabilities());
    assert!(offered.contains(&"PLAIN".to_owned()), "{offered:?}");
    assert_eq!(client.lines("AUTH"), offered);
    assert_eq!(client.lines("AUTH "), offered);
    client.log_in("alice", "se cret");
    client.refuse("AUTH");
}
