//! `DrainSeconds`, and the greeting as a health check.

use crate::http::ask;
use crate::support::messages::PLAIN;
use crate::support::{Client, Lmtp, Server, Site, eventually};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

fn draining(seconds: &str) -> Server {
    let settings = [("DrainSeconds", seconds), ("HttpBindings", "127.0.0.1:0")];
    Site::with_alice(&[PLAIN]).serve(&settings)
}

fn healthz(server: &Server) -> String {
    ask(TcpStream::connect(server.address("http")).unwrap(), "GET /healthz HTTP/1.0\r\n\r\n").0
}

#[test]
fn new_clients_are_sent_away_and_old_ones_go_on() {
    let mut server = draining("5");
    let mut old = server.alice();
    let start = Instant::now();
    server.signal(Signal::SIGTERM);
    eventually("health says so", || healthz(&server).starts_with("HTTP/1.1 503 "));
    for mut client in [Client::plain(server.address("pop3")), Client::tls(server.address("pop3s"))] {
        let line = client.line();
        assert!(line.starts_with("-ERR [SYS/TEMP] "), "{line}");
        client.expect_end();
    }
    let mut lmtp = Lmtp::tcp(server.address("lmtp"));
    assert!(lmtp.try_line().unwrap().starts_with("421 4.3.2 "));
    old.multi("RETR 1");
    old.expect_start("DELE 1", "+OK");
    old.quit();
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(start.elapsed() >= Duration::from_secs(5));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = draining("3600");
    let _idle = server.alice();
    server.signal(Signal::SIGTERM);
    eventually("it drains", || healthz(&server).starts_with("HTTP/1.1 503 "));
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
}

/// A client that takes nothing of what it has asked for would be waited for.
#[test]
fn a_second_signal_cuts_what_runs() {
    let site = Site::with_alice(&[&[PLAIN, &b"0123456789abcdef\r\n".repeat(2_000_000)].concat()]);
    let mut server = site.serve(&[]);
    let mut stuck = server.alice();
    stuck.send("RETR 1\r\n");
    stuck.line();
    server.signal(Signal::SIGTERM);
    eventually("it ends", || server.log().contains("no new connections"));
    std::thread::sleep(Duration::from_millis(300));
    server.signal(Signal::SIGINT);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(server.log().contains("1 connections were cut"), "{}", server.log());
    site.assert_sound();
}

#[test]
fn without_the_setting_the_end_is_as_quick_as_ever() {
    let mut server = draining("0");
    let mut idle = server.alice();
    server.signal(Signal::SIGTERM);
    assert!(String::from_utf8_lossy(&idle.rest()).starts_with("-ERR Connection is closed."));
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(!server.log().contains("turning new clients away"));
}

/// A table that is not there stands for a disk that does not answer: nothing can be read, and then it can again.
#[test]
fn a_store_that_cannot_be_reached_turns_new_clients_away() {
    let server = draining("0");
    server.sql("PRAGMA legacy_alter_table = 1; ALTER TABLE settings RENAME TO elsewhere");
    let greeting = || Client::plain(server.address("pop3")).line();
    eventually("the greeting says so", || greeting().starts_with("-ERR [SYS/TEMP] "));
    assert!(Lmtp::tcp(server.address("lmtp")).try_line().unwrap().starts_with("421 4.3.0 "));
    assert!(healthz(&server).starts_with("HTTP/1.1 503 "));
    server.sql("PRAGMA legacy_alter_table = 1; ALTER TABLE elsewhere RENAME TO settings");
    eventually("clients are served again", || greeting().starts_with("+OK "));
    assert!(healthz(&server).starts_with("HTTP/1.1 200 "));
}

/// Somebody writes for longer than any write waits: mail can be read all the while.
#[test]
fn a_lock_is_no_reason_to_send_clients_away() {
    let server = draining("0");
    let mut shell = server.shell(&[]);
    let mut shell = shell.spawn().unwrap();
    writeln!(shell.stdin.as_ref().unwrap(), "BEGIN IMMEDIATE; SELECT 'locked';").unwrap();
    let mut line = String::new();
    BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "locked\n");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(14) {
        server.connect().quit();
        std::thread::sleep(Duration::from_millis(500));
    }
    shell.kill().unwrap();
    shell.wait().unwrap();
    assert!(!server.log().contains("cannot be reached"), "{}", server.log());
}

/// systemd would kill what ends for longer than TimeoutStopSec (sd_notify(3)).
#[test]
fn the_service_manager_is_asked_for_time() {
    let site = Site::with_alice(&[]);
    let path = site.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = site.command(&["serve", "-l", "127.0.0.1:0", "--set", "DrainSeconds=2"]);
    let mut server = Server::launch(&site, command.env("NOTIFY_SOCKET", &path));
    server.signal(Signal::SIGTERM);
    let mut said = String::new();
    let asked =
        |said: &str| said.split_once("STOPPING=1").is_some_and(|(_, after)| after.contains("EXTEND_TIMEOUT_USEC="));
    while !asked(&said) {
        let mut octets = [0; 1024];
        let length = manager.recv(&mut octets).unwrap_or_else(|error| panic!("{error} after {said}"));
        said += &String::from_utf8_lossy(&octets[..length]);
    }
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
}
