//! Guessing: slow for who guesses, and of no weight for who does not.

use crate::mailbox;
use crate::support::messages::{DOTTED, PLAIN};
use crate::support::texts::{CANCELLED, GREETING, LOGON, OK};
use crate::support::{Client, Server, Site, eventually};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// A connection from this address of loopback.
fn from(last: u8, server: &Server) -> Client {
    let SocketAddr::V4(to) = server.address("pop3") else { panic!("not IPv4") };
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), 0))).unwrap();
    connect(socket.as_raw_fd(), &SockaddrIn::from(to)).unwrap();
    let mut client = Client::over(TcpStream::from(socket));
    assert_eq!(client.line(), GREETING);
    client
}

fn wait_for_scram(server: &Server) {
    eventually("SCRAM is offered", || {
        server.connect().capabilities().iter().any(|line| line.contains("SCRAM-SHA-256"))
    });
}

/// AUTH with a first message for this name.
fn first_message(name: &str) -> String {
    format!("AUTH SCRAM-SHA-256 {}\r\n", STANDARD.encode(format!("n,,n={name},r=rOprNGfwEbeRWgbNEkqO")))
}

/// Salt and rounds that a client is told for this name.
pub fn challenge(server: &Server, name: &str) -> String {
    let mut client = server.connect();
    client.send(first_message(name));
    let line = String::from_utf8(client.raw_line()).unwrap();
    let text = STANDARD.decode(line.strip_prefix("+ ").unwrap_or_else(|| panic!("{line}")).trim_end()).unwrap();
    client.expect("*", CANCELLED);
    String::from_utf8(text).unwrap().split_once(",s=").unwrap().1.to_owned()
}

/// 600 wrong passwords from six addresses wait already; who comes from a seventh is served at once, not after them.
#[test]
fn a_crowd_of_guessers_does_not_keep_anybody_waiting() {
    let server = mailbox(&[]);
    let mut crowd: Vec<Client> = Vec::new();
    for index in 0..600_u16 {
        let mut client = from(10 + (index % 6) as u8, &server);
        client.send(format!("USER victim{}\r\nPASS wrong\r\n", index % 50));
        crowd.push(client);
    }
    let mut honest = from(100, &server);
    honest.log_in("alice", "se cret");
    let answered = crowd.iter().filter(|client| has_failed(client.tcp())).count();
    assert!(answered < 500, "{answered} guesses were answered first");
    honest.quit();
}

/// Whether the answer to PASS has come; nothing is taken.
fn has_failed(tcp: &TcpStream) -> bool {
    tcp.set_nonblocking(true).unwrap();
    let mut octets = [0; 512];
    let n = tcp.peek(&mut octets).unwrap_or(0);
    octets[..n].windows(4).any(|window| window == b"-ERR")
}

/// Neither a line for fail2ban nor a row, however often.
#[test]
fn what_was_cancelled_or_left_is_no_failed_login() {
    let server = mailbox(&[]);
    wait_for_scram(&server);
    for _ in 0..3 {
        challenge(&server, "alice");
        let mut client = server.connect();
        client.send(first_message("alice"));
        client.raw_line();
        client.hang_up();
    }
    let mut client = server.connect();
    for _ in 0..4 {
        client.expect("USER alice", OK);
        assert!(client.refuse("PASS wrong").contains("[AUTH]"));
    }
    client.log_in("alice", "se cret");
    eventually("the row of the failures", || server.sql("SELECT count FROM recent_failures") == "4\n");
    assert_eq!(server.log().matches("auth failed").count(), 4, "{}", server.log());
}

/// However many connections there are: an exchange that is open is a place that is taken.
#[test]
fn an_address_has_so_many_challenges_at_a_time() {
    let server = mailbox(&[]);
    wait_for_scram(&server);
    let begin = || {
        let mut client = from(20, &server);
        client.send(first_message("nobody"));
        client
    };
    let mut open: Vec<Client> = (0..8).map(|_| begin()).collect();
    open.iter_mut().for_each(|client| drop(client.raw_line()));
    let waiting = begin();
    waiting.tcp().set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    let early = waiting.tcp().peek(&mut [0; 10]);
    assert!(matches!(&early, Err(error) if error.kind() == ErrorKind::WouldBlock), "{early:?}");
    // Another address has places of its own, and who was right a moment ago needs none.
    from(21, &server).log_in("alice", "se cret");
    from(20, &server).log_in("alice", "se cret");
    drop(open);
    waiting.tcp().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut octets = [0; 2];
    waiting.tcp().read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"+ ");
}

/// Of nobody both forms have the same salt; so they have of somebody.
#[test]
fn salts_do_not_show_who_exists() {
    let site = Site::with_alice(&[PLAIN, DOTTED]);
    site.set("Domains", "a.example,b.example");
    site.add_user("bob@a.example", "builder");
    let server = site.serve(&[]);
    wait_for_scram(&server);
    for name in ["alice", "bob", "carol"] {
        let all: Vec<String> = ["", "@a.example", "@A.EXAMPLE", "@b.example"]
            .iter()
            .map(|domain| challenge(&server, &format!("{name}{domain}")))
            .collect();
        assert!(all.iter().all(|one| *one == all[0]), "{name}: {all:?}");
    }
    assert_ne!(challenge(&server, "alice"), challenge(&server, "carol"));
}

#[test]
fn an_attack_is_seen_with_the_shell() {
    let server = mailbox(&[]);
    for name in ["alice", "alice", "root'; --", "\u{202e}evil"] {
        let mut client = server.connect();
        client.expect(&format!("USER {name}"), OK);
        client.refuse("PASS wrong");
    }
    let rows = "SELECT name, address, mechanism, count, last_at GLOB '20[0-9][0-9]-[01][0-9]-*T*Z' FROM recent_failures ORDER BY count DESC, name";
    let expected = "alice|127.0.0.1|PLAIN|2|1\nroot'; --|127.0.0.1|PLAIN|1|1\n\u{202e}evil|127.0.0.1|PLAIN|1|1\n";
    eventually("the rows", || server.sql(rows) == expected);
    let mut client = server.connect();
    client.expect("USER alice", OK);
    client.expect("PASS se cret", LOGON);
}

#[test]
fn a_thousand_rows_are_enough() {
    let server = mailbox(&[]);
    server.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
         INSERT INTO recent_failure SELECT 'name' || i, '192.0.2.1', 'PLAIN', i, 1 FROM n",
    );
    let mut client = server.connect();
    client.expect("USER fresh", OK);
    client.refuse("PASS wrong");
    eventually("a thousand", || {
        server.sql("SELECT count(*), sum(name = 'fresh'), min(name = 'name1') FROM recent_failures") == "1000|1|0\n"
    });
}
