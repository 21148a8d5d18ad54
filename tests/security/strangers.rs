//! What somebody may do before logging in.

use crate::mailbox;
use crate::support::texts::{AUTOLOGOUT, GREETING, OK};
use crate::support::{Client, Server, eventually};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use std::net::TcpStream;

fn another(server: &Server) -> Client {
    Client::plain(server.address("pop3"))
}

/// All of it, as lines.
fn rest(client: &mut Client) -> Vec<String> {
    String::from_utf8(client.rest()).unwrap().split_terminator("\r\n").map(str::to_owned).collect()
}

#[test]
fn twenty_commands_may_fail() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    client.send("FOO\r\n".repeat(100));
    let lines = rest(&mut client);
    assert_eq!(lines.len(), 21, "{lines:?}");
    assert!(lines[..20].iter().all(|line| line.starts_with("-ERR Protocol error.")), "{lines:?}");
    assert!(lines[20].starts_with("-ERR Connection is closed. "), "{lines:?}");
    // One at a time, of every kind that fails.
    let mut client = server.connect();
    for command in
        ["STAT", "RETR 1", "PASS x", "AUTH X", "CAPA x", "", "QUIT x", "AUTH PLAIN !"].iter().cycle().take(19)
    {
        client.refuse(command);
    }
    client.refuse(&"x".repeat(600));
    assert!(client.line().starts_with(AUTOLOGOUT));
    client.expect_end();
}

#[test]
fn what_succeeds_and_wrong_passwords_do_not_count() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    for _ in 0..19 {
        client.refuse("NOOP");
        client.capabilities();
    }
    for _ in 0..4 {
        client.expect("USER alice", OK);
        assert!(client.refuse("PASS wrong").contains("[AUTH]"));
    }
    client.log_in("alice", "se cret");
    for _ in 0..50 {
        client.refuse("FOO");
    }
    client.quit();
}

/// Neither STLS nor an exchange that is cancelled gives anything back.
#[test]
fn the_budget_is_that_of_the_connection() {
    let server = mailbox(&[]);
    let mut client = server.connect();
    for _ in 0..10 {
        client.refuse("FOO");
    }
    let mut client = client.start_tls();
    for _ in 0..10 {
        client.expect("AUTH PLAIN", "+ \r\n");
        client.refuse("*");
    }
    assert!(client.line().starts_with(AUTOLOGOUT));
    client.expect_end();
}

/// A page in a browser that posts a form here has written the lines that follow the request, not its owner.
#[test]
fn a_web_form_cannot_log_in() {
    let server = mailbox(&[]);
    for verb in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT", "PATCH", "TRACE", "DELETE"] {
        for target in ["/".to_owned(), format!("/{}", "a".repeat(3000))] {
            let mut client = server.connect();
            client.send(format!("{verb} {target} HTTP/1.1\r\nHost: x\r\n\r\nUSER alice\r\nPASS se cret\r\nSTAT\r\n"));
            let lines = rest(&mut client);
            assert_eq!(lines.len(), 1, "{verb}: {lines:?}");
            assert!(lines[0].starts_with("-ERR "), "{lines:?}");
        }
    }
    let mut client = server.connect();
    client.refuse("FOO");
    client.refuse("GET / HTTP/1.1");
    client.log_in("alice", "se cret");
}

#[test]
fn who_speaks_other_protocols_only_gets_no_tls() {
    let server = mailbox(&[]);
    let connect = |protocols: Option<&[u8]>| {
        let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
        builder.set_verify(SslVerifyMode::NONE);
        if let Some(protocols) = protocols {
            builder.set_alpn_protos(protocols).unwrap();
        }
        let tcp = TcpStream::connect(server.address("pop3s")).unwrap();
        let connected = builder.build().connect("localhost", tcp);
        connected.map(|tls| tls.ssl().selected_alpn_protocol().map(<[u8]>::to_vec)).ok()
    };
    assert_eq!(connect(None), Some(None));
    assert_eq!(connect(Some(b"\x04pop3")), Some(Some(b"pop3".to_vec())));
    assert_eq!(connect(Some(b"\x02h2\x04pop3")), Some(Some(b"pop3".to_vec())));
    for foreign in [&b"\x02h2\x08http/1.1"[..], b"\x04imap", b"\x04POP3", b"\x05pop3s"] {
        assert_eq!(connect(Some(foreign)), None, "{foreign:?}");
    }
}

#[test]
fn when_the_house_is_full_who_has_waited_longest_makes_room() {
    let server = mailbox(&[("MaxConnections", "4")]);
    let mut alice = server.alice();
    let mut waiting: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for _ in 0..2 {
        let fresh = server.connect();
        let mut oldest = waiting.remove(0);
        let line = oldest.line();
        assert!(line.starts_with("-ERR [SYS/TEMP] ") && line.contains("MaxConnections"), "{line}");
        oldest.expect_end();
        waiting.push(fresh);
    }
    alice.stat();
    for client in &mut waiting {
        client.log_in("alice", "se cret");
    }
    // Nobody is left who could make room.
    let mut late = another(&server);
    assert!(late.line().starts_with("-ERR [SYS/TEMP] "));
    late.expect_end();
    for mut client in waiting {
        client.stat();
    }
}

/// Whether they are silent, in the middle of a handshake, or do not read what they have asked for.
#[test]
fn a_crowd_that_holds_every_place_keeps_nobody_out() {
    let server = mailbox(&[("MaxConnections", "20")]);
    let mut crowd: Vec<Client> = Vec::new();
    for index in 0..60 {
        let mut client = match index % 3 {
            0 => Client::plain(server.address("pop3s")),
            _ => another(&server),
        };
        if index % 3 == 2 {
            client.try_send(&b"CAPA\r\n".repeat(5000));
        }
        crowd.push(client);
        if index % 10 == 9 {
            let mut alice = another(&server);
            assert_eq!(alice.line(), GREETING);
            alice.log_in("alice", "se cret");
            alice.quit();
        }
    }
    drop(crowd);
}

/// journald would drop what fail2ban should see.
#[test]
fn refused_connections_are_one_line_a_minute() {
    let server = mailbox(&[("MaxConnectionFromSingleIP", "1")]);
    let _held = server.connect();
    for _ in 0..500 {
        assert!(another(&server).line().starts_with("-ERR [SYS/TEMP] "));
    }
    let lines = server.log().lines().filter(|line| line.contains("MaxConnectionFromSingleIP")).count();
    assert_eq!(lines, 1, "{}", server.log());
}

#[test]
fn each_failed_login_has_its_line() {
    let server = mailbox(&[]);
    for _ in 0..30 {
        let mut client = server.connect();
        client.expect("USER nobody", OK);
        client.refuse("PASS wrong");
    }
    let failed =
        || server.log().lines().filter(|line| line.contains("pop3-login: Aborted login (auth failed,")).count();
    eventually("thirty lines", || failed() == 30);
}
