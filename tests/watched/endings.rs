//! The last word of a session's line in the log, where the server ends it.

use crate::support::messages::PLAIN;
use crate::support::{Client, Server, Site, eventually};

fn expect_ending(server: &Server, word: &str) {
    let ended = || server.log().lines().any(|line| line.contains("pop3: Logout: user=<alice>") && line.ends_with(word));
    eventually(&format!("the line at the session's end says {word:?}"), ended);
    assert_eq!(server.log().matches("pop3: Logout: ").count(), 1, "{}", server.log());
}

#[test]
fn who_is_shut_out_is_ended() {
    let server = Site::with_alice(&[PLAIN]).serve(&[]);
    let mut client = server.alice();
    server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'");
    assert!(String::from_utf8_lossy(&client.rest()).starts_with("-ERR "));
    expect_ending(&server, ", ended");
}

/// It reads nothing of what it has asked for, so its connection is cut.
#[test]
fn who_is_shut_out_and_does_not_go_is_ended() {
    let site = Site::with_alice(&[&[PLAIN, &b"0123456789abcdef\r\n".repeat(2_000_000)].concat()]);
    let server = site.serve(&[]);
    let mut stuck = server.alice();
    stuck.send("RETR 1\r\n");
    stuck.line();
    server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'");
    expect_ending(&server, ", ended");
}

/// Neither line is written for it.
#[test]
fn a_refused_login_makes_no_session() {
    let server = Site::with_alice(&[PLAIN]).serve(&[("MaxConnectionsPerUser", "1")]);
    let first = server.alice();
    let mut second = server.connect();
    second.expect_start("USER alice", "+OK");
    second.refuse("PASS se cret");
    drop(second);
    first.quit();
    expect_ending(&server, ", quit");
    assert_eq!(server.log().matches("pop3-login: Login: ").count(), 1, "{}", server.log());
}

/// Whoever makes room before a login has no session, but is counted among those who were sent away.
#[test]
fn who_made_room_is_counted() {
    let server = Site::with_alice(&[PLAIN]).serve(&[("MaxConnections", "2"), ("HttpBindings", "127.0.0.1:0")]);
    let mut stranger = server.connect();
    let [_one, _two]: [Client; 2] = [(); 2].map(|()| server.alice());
    assert!(String::from_utf8_lossy(&stranger.rest()).starts_with("-ERR [SYS/TEMP] "));
    assert_eq!(crate::http::metric(&server, "refused_connections_total{reason=\"full\"}"), 1.0);
    assert!(!server.log().contains("pop3: Logout: "), "{}", server.log());
}
