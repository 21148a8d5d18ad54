//! No mechanism leaves a secret in any log, however much is logged.

use crate::bearer::{Issuer, claims, oauthbearer, settings, xoauth2};
use crate::kdc::Kdc;
use crate::support::texts::{LOGON, LOGON_FAILURE};
use crate::support::{Client, Server, Site, eventually};
use crate::tools::{REFUSED, WELCOME, python, said, wait_for};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

const RIGHT: &str = "Tr0ub4dor-and-3-more";
const WRONG: &str = "Wr0ub4dor-and-3-more";

/// Octets of base64 in a row that only data of an exchange has. (Paths have dots in them, ciphers underscores.)
const LONGEST_RUN: usize = 40;

/// Everything that was logged, the protocol log too.
fn logged(server: &Server) -> String {
    let mut log = server.log();
    for file in std::fs::read_dir(server.path("pop3-logs")).unwrap() {
        log += &String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap());
    }
    log
}

fn longest_run(line: &str) -> &str {
    let runs = line.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/' | '='));
    runs.max_by_key(|run| run.len()).unwrap_or_default()
}

/// USER and PASS, and PLAIN with and without an initial response.
fn in_clear(server: &Server, password: &str, reply: &str) {
    let response = STANDARD.encode(format!("\0alice\0{password}"));
    let mut client = server.connect();
    client.expect_start("USER alice", "+OK");
    client.expect(&format!("PASS {password}"), reply);
    let mut client = server.connect_tls();
    client.expect(&format!("AUTH PLAIN {response}"), reply);
    let mut client = server.connect();
    client.expect("AUTH PLAIN", "+ \r\n");
    client.expect(&response, reply);
}

#[test]
fn no_log_holds_a_secret_of_any_mechanism() {
    let kdc = Kdc::start(&[("alice", "kerberos")], &["pop/localhost"]);
    let (site, issuer) = (Site::new(), Issuer::new());
    site.add_user("alice", RIGHT);
    site.sql("UPDATE users SET ntlm = 1 WHERE name = 'alice'");
    let file = site.path("keys.pem");
    std::fs::write(&file, issuer.pem()).unwrap();
    for (name, value) in settings(file.to_str().unwrap()) {
        site.set(name, &value);
    }
    let keytab = format!("GssapiKeytab={}", kdc.keytab("pop.keytab", &["pop/localhost"]));
    let options = [
        "LoginType=PlainTextLogin",
        "MaxLoginDelay=0",
        "ProtocolLogEnabled=1",
        "ExtendedProtectionPolicy=Allow",
        &keytab,
    ];
    let mut arguments = vec!["serve", "-l", "127.0.0.1:0", "-s", "127.0.0.1:0"];
    options.iter().for_each(|option| arguments.extend(["--set", option]));
    let server = Server::launch(&site, site.command(&arguments).env("RUST_LOG", "trace"));

    wait_for(&server, "NTLM", true);
    in_clear(&server, RIGHT, LOGON);
    in_clear(&server, WRONG, LOGON_FAILURE);
    let port = |kind: &str| server.address(kind).port().to_string();
    for (password, end) in [(RIGHT, WELCOME), (WRONG, REFUSED)] {
        for (kind, which) in [("pop3", "n"), ("pop3s", "right")] {
            assert_eq!(said(&mut python("scram.py", &[&port(kind), kind, "alice", password, which])), end);
        }
        assert_eq!(said(&mut python("ntlm.py", &[&port("pop3"), "pop3", "alice", password, "none"])), end);
    }
    let tokens = [claims("alice", json!({})), claims("nobody", json!({}))].map(|claims| issuer.es256(&claims));
    for (token, reply) in tokens.iter().zip([LOGON, LOGON_FAILURE]) {
        assert_eq!(oauthbearer(&server, "", token), reply);
        assert_eq!(xoauth2(&server, "alice", token), if reply == LOGON { LOGON } else { LOGON_FAILURE });
    }
    let tickets = kdc.tickets("alice", "kerberos");
    assert_eq!(
        said(&mut kdc.python("gssapi_login.py", &tickets, &[&port("pop3s"), "pop3s", "pop", "", "none"])),
        WELCOME
    );

    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "NTLM", "OAUTHBEARER", "XOAUTH2", "GSSAPI"] {
        let login = format!("method={mechanism}, ");
        eventually(&format!("the login by {mechanism} is in the log"), || {
            server.log().lines().any(|line| line.contains("pop3-login: Login: ") && line.contains(&login))
        });
    }
    let mut stray = Client::plain(server.address("pop3s"));
    stray.send("this is no TLS\r\n");
    stray.rest();
    eventually("it logs all that it can", || server.log().contains(" DEBUG "));
    let log = logged(&server);
    for secret in [RIGHT, WRONG, "ub4dor", "$argon2", "kerberos"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    for token in &tokens {
        assert!(token.split('.').all(|part| !log.contains(part)), "a part of a token is in the log");
    }
    for line in log.lines() {
        let run = longest_run(line);
        assert!(run.len() < LONGEST_RUN, "{run:?} in {line}");
    }
}
