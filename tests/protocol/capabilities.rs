//! CAPA (RFC 2449 section 5) in every state, and bare AUTH.

use crate::mailbox;
use crate::support::texts::PROTOCOL_ERROR;

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

/// Where clear passwords are allowed, all is offered; after login the same less STLS.
#[test]
fn in_clear_with_plain_text_login() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    assert_capabilities(client.capabilities(), &["USER", "SASL PLAIN", "STLS"], &[]);
    client.log_in("alice", "se cret");
    assert_capabilities(client.capabilities(), &["USER", "SASL PLAIN"], &["STLS"]);
    client.expect_start("CAPA now", PROTOCOL_ERROR);
}

/// With SecureLogin nothing but STLS is offered before TLS, and all after it.
#[test]
fn with_secure_login() {
    let server = mailbox(&[("LoginType", "SecureLogin")]);
    let mut client = server.connect();
    assert_capabilities(client.capabilities(), &["STLS"], &["USER", "SASL"]);
    client.refuse("AUTH PLAIN");
    let mut client = client.start_tls();
    assert_capabilities(client.capabilities(), &["USER", "SASL PLAIN"], &["STLS"]);
    client.log_in("alice", "se cret");
    assert_capabilities(client.capabilities(), &["USER", "SASL PLAIN"], &["STLS"]);
    assert_capabilities(server.connect_tls().capabilities(), &["USER", "SASL PLAIN"], &["STLS"]);
}

/// Clients of trusted networks count as secured.
#[test]
fn from_a_trusted_network() {
    let server = mailbox(&[("LoginType", "SecureLogin"), ("TrustedNetworks", "10.0.0.0/8,127.0.0.0/8")]);
    let mut client = server.connect();
    assert_capabilities(client.capabilities(), &["USER", "SASL PLAIN", "STLS"], &[]);
    client.log_in("alice", "se cret");
    let server = mailbox(&[("LoginType", "SecureLogin"), ("TrustedNetworks", "10.0.0.0/8,::1/128")]);
    assert_capabilities(server.connect().capabilities(), &["STLS"], &["USER", "SASL"]);
}

/// Bare AUTH lists what would be accepted now, one mechanism a line.
#[test]
fn bare_auth_lists_the_mechanisms() {
    let server = mailbox(&[("LoginType", "SecureLogin")]);
    let mut client = server.connect();
    assert_eq!(client.multi("AUTH"), b"");
    let mut client = client.start_tls();
    assert_eq!(client.multi("AUTH"), b"PLAIN\r\n");
    assert_eq!(client.multi("AUTH "), b"PLAIN\r\n");
    client.log_in("alice", "se cret");
    client.refuse("AUTH");
}
