//! Clients of proxies, where the server or their address has its share.

use crate::support::messages::PLAIN;
use crate::support::{Client, Server, Site, eventually};
use std::time::Duration;

fn proxied(settings: &[(&str, &str)]) -> Server {
    let settings = [&[("ProxyNetworks", "127.0.0.0/8")], settings].concat();
    Site::with_alice(&[PLAIN]).serve(&settings)
}

/// A connection of this client, by way of the proxy.
fn connect(server: &Server, address: &str) -> Client {
    let (family, own) = if address.contains(':') { ("TCP6", "2001:db8:ff::1") } else { ("TCP4", "198.51.100.1") };
    let mut client = Client::plain(server.address("pop3"));
    client.send(format!("PROXY {family} {address} {own} 4711 110\r\n"));
    client
}

fn alice(server: &Server, address: &str) -> Client {
    let mut client = connect(server, address).greeted();
    client.log_in("alice", "se cret");
    client
}

#[test]
fn who_has_not_logged_in_makes_room() {
    let server = proxied(&[("MaxConnections", "2")]);
    let _first = alice(&server, "203.0.113.1");
    let mut stranger = connect(&server, "203.0.113.2").greeted();
    let mut second = alice(&server, "203.0.113.3");
    let said = String::from_utf8_lossy(&stranger.rest()).into_owned();
    assert!(said.starts_with("-ERR [SYS/TEMP] "), "{said:?}");
    // Nobody makes room who has logged in.
    let full = String::from_utf8_lossy(&connect(&server, "203.0.113.4").rest()).into_owned();
    assert!(full.is_empty() || full.contains("MaxConnections"), "{full:?}");
    second.stat();
}

/// Whoever has not even said who it is.
#[test]
fn a_proxy_that_says_nothing_makes_room() {
    let server = proxied(&[("MaxConnections", "2")]);
    let _first = alice(&server, "203.0.113.1");
    let mut silent = Client::plain(server.address("pop3"));
    std::thread::sleep(Duration::from_millis(300));
    let mut second = alice(&server, "203.0.113.3");
    assert_eq!(silent.rest(), b"");
    second.stat();
}

#[test]
fn ipv6_counts_by_network() {
    let server = proxied(&[("MaxConnectionFromSingleIP", "2")]);
    let held = ["2001:db8::1", "2001:db8::2"].map(|address| connect(&server, address).greeted());
    let third = String::from_utf8_lossy(&connect(&server, "2001:db8::ffff:3").rest()).into_owned();
    assert!(third.starts_with("-ERR [SYS/TEMP] ") && third.contains("MaxConnectionFromSingleIP"), "{third:?}");
    connect(&server, "2001:db8:0:1::1").greeted().quit();
    held.into_iter().for_each(Client::quit);
    eventually("the place is free again", || connect(&server, "2001:db8::4").line().starts_with("+OK"));
}

/// One line a minute for each client, and the proxy has none.
#[test]
fn refused_clients_are_not_logged_one_by_one() {
    let server = proxied(&[("MaxConnectionFromSingleIP", "1"), ("HttpBindings", "127.0.0.1:0")]);
    let _held = ["203.0.113.1", "203.0.113.2"].map(|address| connect(&server, address).greeted());
    for address in ["203.0.113.1", "203.0.113.1", "203.0.113.1", "203.0.113.2"] {
        assert!(connect(&server, address).line().starts_with("-ERR [SYS/TEMP] "));
    }
    assert_eq!(crate::http::metric(&server, "refused_connections_total{reason=\"address\"}"), 4.0);
    let log = server.log();
    assert_eq!(log.matches("203.0.113.1 refused: ").count(), 1, "{log}");
    assert_eq!(log.matches("203.0.113.2 refused: ").count(), 1, "{log}");
    assert!(!log.contains("127.0.0.1 refused"), "{log}");
}

/// Failed logins are the client's, in the table as in the log.
#[test]
fn failures_are_the_clients() {
    let server = proxied(&[("MaxLoginDelay", "0")]);
    let mut wrong = connect(&server, "203.0.113.9").greeted();
    wrong.expect_start("USER alice", "+OK");
    wrong.refuse("PASS wrong");
    let address = || server.sql("SELECT address FROM recent_failures").trim().to_owned();
    eventually("the table shows the client", || address() == "203.0.113.9");
}
