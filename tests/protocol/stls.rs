//! STLS (RFC 2595 section 4): nothing sent in clear survives it.

use crate::mailbox;
use crate::support::Client;
use crate::support::texts::{BEGIN_TLS, LOGON, OK, PROTOCOL_ERROR, WRONG_STATE};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
use std::net::TcpStream;

/// Commands that came in one packet with STLS are dropped, not obeyed after the handshake.
#[test]
fn what_was_pipelined_in_clear_is_dropped() {
    let server = mailbox(&[]);
    for injected in ["USER alice\r\n", "CAPA\r\nNOOP\r\nQUIT\r\n", "USER alice\r\nPASS se cret\r\nSTAT\r\n", "US"] {
        let mut client = server.connect();
        client.send(format!("STLS\r\n{injected}"));
        assert_eq!(client.line(), BEGIN_TLS);
        let mut client = client.upgrade();
        client.expect("PASS se cret", WRONG_STATE);
        client.expect("STAT", WRONG_STATE);
        client.log_in("alice", "se cret");
        client.expect("STAT", "+OK 2 8192\r\n");
    }
}

/// USER before STLS is forgotten.
#[test]
fn user_is_forgotten() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    client.expect("USER alice", OK);
    let mut client = client.start_tls();
    client.expect("PASS se cret", WRONG_STATE);
    client.log_in("alice", "se cret");
}

/// STLS is refused under TLS, after login and with an argument; the session goes on.
#[test]
fn where_it_is_refused() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    client.expect_start("STLS now", PROTOCOL_ERROR);
    let mut client = client.start_tls();
    client.expect("STLS", WRONG_STATE);
    client.log_in("alice", "se cret");
    client.expect("STLS", WRONG_STATE);
    server.connect_tls().expect("STLS", WRONG_STATE);
    server.alice().expect("STLS", WRONG_STATE);
}

/// A client that fails the handshake costs nobody else anything.
#[test]
fn a_failed_handshake_ends_only_that_connection() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    client.expect("STLS", BEGIN_TLS);
    client.send("USER alice\r\nPASS se cret\r\nSTAT\r\n");
    let answer = client.rest();
    assert!(!answer.windows(3).any(|window| window == b"+OK" || window == b"-ER"), "commands obeyed without TLS");
    server.connect().start_tls().log_in("alice", "se cret");
}

/// TLS 1.2 and 1.3, on both ports.
#[test]
fn tls_1_2_and_1_3() {
    let server = mailbox(&[]);
    for (version, name) in [(SslVersion::TLS1_2, "TLSv1.2"), (SslVersion::TLS1_3, "TLSv1.3")] {
        let mut client = Client::tls_of(server.address("pop3s"), version).greeted();
        assert_eq!(client.tls_version(), name);
        client.expect("AUTH PLAIN AGFsaWNlAHNlIGNyZXQ=", LOGON);
        client.quit();
    }
    assert_eq!(server.connect().start_tls().tls_version(), "TLSv1.3");
}

/// TLS 1.1 is refused by the server, though this client would take it.
#[test]
fn tls_1_1_is_refused() {
    let server = mailbox(&[]);
    let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_cipher_list("DEFAULT:@SECLEVEL=0").unwrap();
    builder.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
    builder.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
    let tcp = TcpStream::connect(server.address("pop3s")).unwrap();
    let error = builder.build().connect("localhost", tcp).expect_err("TLS 1.1 was taken").to_string();
    assert!(error.contains("protocol version"), "{error}");
    server.connect_tls().log_in("alice", "se cret");
}
