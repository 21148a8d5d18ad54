//! The PROXY protocol, on a listener of POP3 and of LMTP.

use crate::support::messages::PLAIN;
use crate::support::texts::GREETING;
use crate::support::{Client, Lmtp, Server, Site, eventually};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A server that takes us for a proxy.
fn proxied(settings: &[(&str, &str)]) -> Server {
    let settings = [&[("ProxyNetworks", "127.0.0.0/8")], settings].concat();
    Site::with_alice(&[PLAIN]).serve(&settings)
}

/// A connection that begins with these octets.
fn connect(server: &Server, header: &[u8]) -> Client {
    let mut client = Client::plain(server.address("pop3"));
    client.send(header);
    client
}

fn version1(address: &str) -> Vec<u8> {
    format!("PROXY TCP4 {address} 198.51.100.1 4711 110\r\n").into_bytes()
}

/// Version 2 for 203.0.113.9, with these extensions.
fn version2(extensions: &[u8]) -> Vec<u8> {
    let addresses = [203, 0, 113, 9, 198, 51, 100, 1, 0x12, 0x67, 0, 110];
    let length = ((addresses.len() + extensions.len()) as u16).to_be_bytes();
    [SIGNATURE, &[0x21, 0x11], &length, &addresses, extensions].concat()
}

#[test]
fn the_log_and_the_table_show_the_client() {
    let server = proxied(&[]);
    let mut client = connect(&server, &version1("203.0.113.7")).greeted();
    client.log_in("alice", "se cret");
    eventually("the table shows the client", || server.sql("SELECT address FROM sessions").trim() == "203.0.113.7");
    client.quit();
    let mut wrong = connect(&server, &version2(&[])).greeted();
    wrong.expect_start("USER alice", "+OK");
    wrong.refuse("PASS wrong");
    eventually("both are in the log", || {
        let log = server.log();
        log.contains("rip=203.0.113.7, lip=198.51.100.1") && log.contains("rip=203.0.113.9, lip=198.51.100.1")
    });
}

#[test]
fn what_the_proxy_sends_behind_its_header_is_the_clients() {
    let server = proxied(&[]);
    for header in [version1("203.0.113.7"), version2(&[4, 0, 3, 1, 2, 3])] {
        let mut client = connect(&server, &[&header[..], b"USER alice\r\nPASS se cret\r\nNOOP\r\n"].concat()).greeted();
        for _ in 0..3 {
            assert!(client.line().starts_with("+OK"));
        }
        client.quit();
    }
}

#[test]
fn a_header_may_come_octet_by_octet_and_tls_after_it() {
    let server = proxied(&[]);
    let mut client = Client::plain(server.address("pop3"));
    for octet in version2(&[]) {
        client.send([octet]);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    client.greeted().start_tls().quit();
    let mut implicit = Client::plain(server.address("pop3s"));
    implicit.send(version1("203.0.113.7"));
    let mut implicit = implicit.upgrade().greeted();
    implicit.log_in("alice", "se cret");
    implicit.quit();
}

#[test]
fn the_proxys_own_connections_are_its_own() {
    let server = proxied(&[]);
    let local = [SIGNATURE, &[0x20, 0, 0, 0]].concat();
    for header in [&local[..], b"PROXY UNKNOWN\r\n"] {
        let mut client = connect(&server, header).greeted();
        client.log_in("alice", "se cret");
        client.quit();
    }
    eventually("they are in the log", || server.log().matches("Login: user=<alice>").count() == 2);
    assert_eq!(server.log().matches("method=PLAIN, rip=127.0.0.1").count(), 2, "{}", server.log());
}

#[test]
fn a_proxy_must_send_a_header() {
    let server = proxied(&[("PreAuthenticatedConnectionTimeout", "30"), ("HttpBindings", "127.0.0.1:0")]);
    let huge = [SIGNATURE, &[0x21, 0x11, 0xff, 0xff], &[0; 5000][..]].concat();
    for wrong in [&b"CAPA\r\n"[..], b"\x16\x03\x01", b"PROXY TCP4 x y 1 2\r\n", &[b'P'; 200], &huge] {
        let mut client = connect(&server, wrong);
        assert_eq!(client.rest(), b"", "{wrong:?}");
    }
    eventually("it is in the log", || server.log().matches("closed without the PROXY header").count() == 5);
    assert_eq!(crate::http::metric(&server, "refused_connections_total{reason=\"proxy\"}"), 5.0);
    // Nor does it hold a worker for ever.
    let mut silent = connect(&server, b"PROXY TCP4");
    std::thread::sleep(std::time::Duration::from_secs(15));
    assert_eq!(silent.rest(), b"");
}

#[test]
fn nobody_else_may_send_one() {
    let server = Site::with_alice(&[]).serve(&[("ProxyNetworks", "192.0.2.0/24")]);
    for header in [version1("203.0.113.7"), version2(&[])] {
        let mut client = connect(&server, &header);
        assert_eq!(client.line(), GREETING);
        let said = String::from_utf8_lossy(&client.rest()).into_owned();
        assert!(said.lines().count() <= 4, "the connection ends: {said}");
    }
    assert!(!server.log().contains("203.0.113"), "{}", server.log());
    eventually("it is in the log", || server.log().contains("which is not in ProxyNetworks"));
}

#[test]
fn limits_and_trust_are_the_clients() {
    let settings =
        [("LoginType", "SecureLogin"), ("TrustedNetworks", "203.0.113.7"), ("MaxConnectionFromSingleIP", "2")];
    let server = proxied(&settings);
    let mut first = connect(&server, &version1("203.0.113.7")).greeted();
    first.log_in("alice", "se cret");
    let mut second = connect(&server, &version1("203.0.113.7")).greeted();
    assert!(second.capabilities().iter().any(|line| line == "USER"));
    let third = String::from_utf8_lossy(&connect(&server, &version1("203.0.113.7")).rest()).into_owned();
    assert!(third.starts_with("-ERR [SYS/TEMP] ") && third.contains("MaxConnectionFromSingleIP"), "{third:?}");
    // The proxy itself has more than two by now.
    let mut others: Vec<Client> =
        (1..5).map(|n| connect(&server, &version1(&format!("192.0.2.{n}"))).greeted()).collect();
    assert!(!others[0].capabilities().iter().any(|line| line == "USER"), "not everybody is trusted");
    first.quit();
    second.quit();
    eventually("the place is free again", || connect(&server, &version1("203.0.113.7")).line().starts_with("+OK"));
}

/// PP2_TYPE_SSL says that the client is under TLS with the proxy.
#[test]
fn tls_that_ends_at_the_proxy_is_secure_only_if_the_proxy_says_so() {
    let server = proxied(&[("LoginType", "SecureLogin")]);
    let ssl = |client: u8| [&[0x20, 0, 15, client, 0, 0, 0, 0][..], &[0x21, 0, 7], b"TLSv1.3"].concat();
    let mut secure = connect(&server, &version2(&ssl(1))).greeted();
    let listed = secure.capabilities();
    assert!(listed.iter().any(|line| line == "USER") && !listed.iter().any(|line| line == "STLS"), "{listed:?}");
    secure.refuse("STLS");
    secure.log_in("alice", "se cret");
    secure.quit();
    eventually("the log shows it", || server.log().contains("TLSv1.3 by proxy"));
    let mut clear = connect(&server, &version2(&ssl(0))).greeted();
    assert!(!clear.capabilities().iter().any(|line| line == "USER"));
    clear.refuse("USER alice");
}

#[test]
fn lmtp_sees_the_client_too() {
    let server = proxied(&[]);
    let mut mta = Lmtp::tcp(server.address("lmtp"));
    mta.send(version1("203.0.113.7"));
    let mut mta = mta.greeted();
    mta.deliver("alice", b"Subject: x\r\n\r\ny\r\n");
    let mut client = connect(&server, &version1("203.0.113.8")).greeted();
    client.log_in("alice", "se cret");
    let mail = String::from_utf8(client.multi("RETR 2")).unwrap();
    assert!(mail.contains("([203.0.113.7])"), "{mail}");
    let mut wrong = Lmtp::tcp(server.address("lmtp"));
    wrong.send("LHLO x\r\n");
    wrong.expect_end();
}
