//! Programs that were not written here. A missing one fails its test: the set-up installs them.

use crate::support::site::{feed, text};
use crate::support::{Server, Site};
use std::process::{Command, Stdio};

fn swaks(arguments: &[&str]) -> String {
    let mut command = Command::new("swaks");
    command.args(["--protocol", "LMTP", "--from", "bob@b.example", "--timeout", "20"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = feed(&mut command, b"");
    assert!(output.status.success(), "swaks {arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn swaks_over_tcp_with_pipelining() {
    let server = Site::with_alice(&[]).serve(&[]);
    let address = server.address("lmtp").to_string();
    swaks(&["--server", &address, "--to", "alice@example.org", "--pipeline", "--body", ".dot\n..\nend"]);
    let mut client = server.alice();
    let message = String::from_utf8(client.multi("RETR 1")).unwrap();
    assert!(message.contains("\r\n\r\n.dot\r\n..\r\nend\r\n"), "{message}");
    assert!(message.starts_with("Return-Path: <bob@b.example>\r\n"), "{message}");
}

#[test]
fn swaks_over_a_unix_socket() {
    let site = Site::with_alice(&[]);
    let path = site.path("lmtp");
    let server = Server::start_with(&site, &["serve", "-m", path.to_str().unwrap()]);
    let said = swaks(&["--socket", path.to_str().unwrap(), "--to", "alice,alice@example.org"]);
    assert_eq!(said.matches("250 2.0.0 <alice").count(), 2, "{said}");
    assert_eq!(server.sql("SELECT count(*) FROM messages"), "1\n");
}
