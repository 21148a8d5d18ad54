//! `MaxConnections`, `MaxConnectionFromSingleIP`, `MaxConnectionsPerUser`: one clear -ERR each.

use crate::mailbox;
use crate::support::texts::{GREETING, LOGON, OK};
use crate::support::{Client, Server, eventually};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;

/// Asserts that a new connection gets one line that names the setting, and the end.
fn expect_refusal(mut client: Client, setting: &str) {
    let line = client.line();
    assert!(line.starts_with("-ERR ") && line.contains(setting), "{line:?}");
    client.expect_end();
}

fn another(server: &Server) -> Client {
    Client::plain(server.address("pop3"))
}

#[test]
fn max_connections() {
    let server = mailbox(&[("MaxConnections", "5")]);
    let mut clients: Vec<Client> = (0..5).map(|_| server.alice()).collect();
    for _ in 0..3 {
        expect_refusal(another(&server), "MaxConnections");
    }
    for client in &mut clients {
        client.stat();
    }
    clients.pop().unwrap().quit();
    eventually("a place is free again", || another(&server).line() == GREETING);
    clients.remove(0).hang_up();
    eventually("a place is free again", || another(&server).line() == GREETING);
}

/// On the TLS port there is nobody to tell, but the end comes.
#[test]
fn max_connections_on_the_tls_port() {
    let server = mailbox(&[("MaxConnections", "2")]);
    let held = [(); 2].map(|()| {
        let mut client = server.connect_tls();
        client.log_in("alice", "se cret");
        client
    });
    let mut refused = Client::plain(server.address("pop3s"));
    assert!(!refused.rest().starts_with(b"+OK"));
    expect_refusal(another(&server), "MaxConnections");
    drop(held);
    eventually("a place is free again", || another(&server).line() == GREETING);
    server.connect_tls().log_in("alice", "se cret");
}

#[test]
fn max_connections_from_a_single_address() {
    let server = mailbox(&[("MaxConnectionFromSingleIP", "3")]);
    let held: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    expect_refusal(another(&server), "MaxConnectionFromSingleIP");
    let mut neighbour = from(Ipv4Addr::new(127, 0, 0, 2), server.address("pop3"));
    assert_eq!(neighbour.line(), GREETING);
    neighbour.log_in("alice", "se cret");
    drop(held);
    eventually("a place is free again", || another(&server).line() == GREETING);
}

/// A connection from this address of loopback.
fn from(source: Ipv4Addr, to: SocketAddr) -> Client {
    let SocketAddr::V4(to) = to else { panic!("{to} is not IPv4") };
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(source, 0))).unwrap();
    connect(socket.as_raw_fd(), &SockaddrIn::from(to)).unwrap();
    Client::over(TcpStream::from(socket))
}

/// Counted by who logged in, told after a good password only, and the session may try again.
#[test]
fn max_connections_per_user() {
    let server = mailbox(&[("MaxConnectionsPerUser", "2")]);
    server.add_user("bob", "builder");
    server.sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice')");
    let mut held = vec![server.alice(), server.alice()];
    let mut third = server.connect();
    third.expect("USER alice", OK);
    let reply = third.refuse("PASS se cret");
    assert!(reply.contains("MaxConnectionsPerUser") && !reply.contains("[AUTH]"), "{reply:?}");
    let mut wrong = server.connect();
    wrong.expect("USER alice", OK);
    assert!(wrong.refuse("PASS wrong").contains("[AUTH]"));
    let delegate = server.session("bob@example.org/alice", "builder");
    held.pop().unwrap().quit();
    eventually("alice has a place again", || {
        let mut client = server.connect();
        client.say("USER alice") == OK && client.say("PASS se cret") == LOGON
    });
    drop(delegate);
}

/// The limits are settings: raised in the shell, they act without a restart.
#[test]
fn limits_change_live() {
    let server = mailbox(&[]);
    server.set("MaxConnections", "2");
    let _held = [server.alice(), server.alice()];
    eventually("two are enough", || another(&server).line().contains("MaxConnections"));
    server.set("MaxConnections", "3");
    eventually("three are allowed", || another(&server).line() == GREETING);
}
