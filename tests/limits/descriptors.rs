//! A system that gives few file descriptors.

use crate::support::messages::PLAIN;
use crate::support::texts::GREETING;
use crate::support::{Client, Server, Site};
use std::process::{Command, Stdio};

/// Fewer than `MaxConnections`.
const DESCRIPTORS: usize = 256;

/// Who come and say nothing.
const CROWD: usize = 2 * DESCRIPTORS;

fn server() -> Server {
    let site = Site::with_alice(&[PLAIN]);
    let plain = site.command(&["serve", "-l", "127.0.0.1:0", "-s", "127.0.0.1:0", "-m", "127.0.0.1:0"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -n {DESCRIPTORS}; exec \"$0\" \"$@\"")]);
    limited.arg(plain.get_program()).args(plain.get_args());
    limited.args(["--set", "LoginType=PlainTextLogin", "--set", "MaxConnectionFromSingleIP=100000"]);
    limited.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Server::launch(&site, &mut limited)
}

/// Strangers make room before descriptors run out, so that nobody waits for one, the store neither.
#[test]
fn strangers_do_not_take_the_last_descriptor() {
    let server = server();
    let mut before = server.alice();
    let crowd: Vec<Client> = (0..CROWD)
        .map(|_| {
            let mut client = Client::plain(server.address("pop3"));
            assert_eq!(client.line(), GREETING);
            client
        })
        .collect();
    before.expect_start("STAT", "+OK 1 ");
    server.alice().quit();
    server.lmtp().deliver("alice", PLAIN);
    let log = server.log();
    assert!(!log.contains("cannot accept"), "{log}");
    assert!(log.contains("open files (RLIMIT_NOFILE) is 256"), "{log}");
    before.quit();
    drop(crowd);
}
