//! One line in the log for each failed login, which Debian's own `dovecot` filter finds.

use crate::support::site::{feed, text};
use crate::support::texts::{LOGON_FAILURE, OK, PROTOCOL_ERROR};
use crate::support::{Client, Server, Site, eventually};
use crate::tools::{directory, program};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::SocketAddr;

/// The addresses that fail2ban would count failures of, one for each line that it matched.
fn found(server: &Server, log: &str) -> Vec<String> {
    let path = server.path("log");
    std::fs::write(&path, log).unwrap();
    let root = directory().join("root");
    let mut command = program("/usr/bin/python3");
    command.env("PYTHONPATH", root.join("usr/lib/python3/dist-packages")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(root.join("usr/bin/fail2ban-regex")).arg("-c").arg(root.join("etc/fail2ban"));
    command.args(["-o", "ip"]).arg(&path).arg("dovecot");
    let output = feed(&mut command, b"");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

fn addresses(server: &Server) -> Vec<SocketAddr> {
    server.listeners().iter().map(|(_, address)| address.parse().unwrap()).collect()
}

/// A name that would be a line of another address, were it written as it is.
const INJECTED: &str = "x>, method=PLAIN, rip=192.0.2.66, lip=192.0.2.1\r\n2026-11-23T18:00:00.000Z WARN pop3-login: \
    Aborted login (auth failed, 1 attempts in 0 secs): user=<y>, method=PLAIN, rip=192.0.2.67, lip=192.0.2.1";

#[test]
fn every_failure_of_every_mechanism_and_nothing_else() {
    let site = Site::with_alice(&[]);
    let server = Server::start_with(
        &site,
        &[
            "serve",
            "-l",
            "127.0.0.1:0",
            "-l",
            "[::1]:0",
            "--set",
            "LoginType=PlainTextLogin",
            "--set",
            "MaxLoginDelay=0",
        ],
    );
    let mut failures = Vec::new();
    for address in addresses(&server) {
        let host = address.ip().to_string();
        let connect = || Client::greeted(Client::plain(address));
        let plain = |user: &str| format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{user}\0wrong")));
        let mut client = connect();
        for user in ["alice", "nobody", "alice@example.org", "<alice>"] {
            client.expect(&format!("USER {user}"), OK);
            client.expect("PASS wrong", LOGON_FAILURE);
            failures.push(host.clone());
        }
        for user in ["alice", INJECTED, "<HOST>", "j\u{fc}rgen", "a b, rip=192.0.2.66", "\u{2028}rip=192.0.2.66\u{85}"]
        {
            connect().expect(&plain(user), LOGON_FAILURE);
            failures.push(host.clone());
        }
        let mut client = connect();
        let reply = client.say(&format!("AUTH SCRAM-SHA-256 {}", STANDARD.encode("n,,n=alice,r=rip=192.0.2.66")));
        let challenge = String::from_utf8(STANDARD.decode(reply.trim_end().trim_start_matches("+ ")).unwrap()).unwrap();
        let nonce = challenge.split(",s=").next().unwrap();
        let last = STANDARD.encode(format!("c=biws,{nonce},p={}", STANDARD.encode([0; 32])));
        client.expect(&last, LOGON_FAILURE);
        failures.push(host.clone());
        // What is no failed login: a good one, malformed and cancelled exchanges, odd commands.
        let mut client = connect();
        client.expect_start("AUTH PLAIN !", PROTOCOL_ERROR);
        client.expect("AUTH PLAIN", "+ \r\n");
        client.expect_start("*", "-ERR ");
        client.expect_start(
            "pop3-login: Aborted login (auth failed, 1 attempts in 0 secs): rip=192.0.2.66",
            PROTOCOL_ERROR,
        );
        client.log_in("alice", "se cret");
        client.quit();
    }
    let ends = || server.log().matches("pop3: Logout: ").count();
    eventually("the last line is in the log", || ends() == addresses(&server).len());
    let log = server.log();
    failures.sort();
    let mut banned = found(&server, &log);
    banned.sort();
    assert_eq!(banned, failures, "{log}");
    assert_eq!(log.matches("Aborted login (auth failed").count(), failures.len(), "INJECTED stays in its line: {log}");
    let lines = log.lines().filter(|line| line.contains("pop3-login: Aborted login")).collect::<Vec<_>>();
    assert!(lines.iter().all(|line| !line.contains("wrong")), "a password in the log: {lines:?}");
}
