//! PIPELINING (RFC 2449 section 6.8): many commands at once, answered in order.

use crate::mailbox;
use crate::support::messages::{DOTTED, PLAIN, of_size, stuffed};
use crate::support::texts::{LOGON, OK, SIGNING_OFF};
use crate::support::{Client, Server, Site, server};
use std::io::Write;
use std::thread;
use std::time::Duration;

#[test]
fn ten_thousand_commands_are_answered_in_order() {
    let server = mailbox(&[]);
    answers_in_order(server.connect());
    answers_in_order(server.connect_tls());
}

fn answers_in_order(mut client: Client) {
    let round = "NOOP\r\nSTAT\r\nUIDL 1\r\nLIST 2\r\nRETR 2\r\n".repeat(2_000);
    client.send(format!("USER alice\r\nPASS se cret\r\n{round}QUIT\r\n"));
    assert_eq!((client.line(), client.line()), (OK.to_owned(), LOGON.to_owned()));
    for _ in 0..2_000 {
        assert_eq!(client.line(), OK);
        assert_eq!(client.line(), "+OK 2 8192\r\n");
        assert!(client.line().starts_with("+OK 1 "));
        assert_eq!(client.line(), "+OK 2 4096\r\n");
        assert_eq!(client.line(), OK);
        assert_eq!(client.stuffed_body(), stuffed(DOTTED));
    }
    assert_eq!(client.line(), SIGNING_OFF);
    client.expect_end();
}

/// What follows QUIT is not obeyed, and does not cost the client the reply to QUIT.
#[test]
fn what_follows_quit_is_dropped() {
    let server = mailbox(&[]);
    for round in 0..20 {
        let mut client = if round % 2 == 0 { server.connect() } else { server.connect_tls() };
        client.log_in("alice", "se cret");
        client.send(format!("NOOP\r\nQUIT\r\n{}", "DELE 1\r\nQUIT\r\n".repeat(100)));
        assert_eq!((client.line(), client.line()), (OK.to_owned(), SIGNING_OFF.to_owned()));
        client.expect_end();
    }
    assert_eq!(server.alice().stat().0, 2);
}

/// A client that writes 10,000 commands and reads nothing: the server's memory does not grow, others
/// are served, and when it reads at last every reply is there.
#[test]
fn a_client_that_reads_nothing_costs_no_memory() {
    let large = of_size(16_384);
    let server = Site::with_alice(&[&large, PLAIN]).serve(&[]);
    for mut client in [server.alice(), {
        let mut client = server.connect_tls();
        client.log_in("alice", "se cret");
        client
    }] {
        let before = memory_now(&server);
        flood(&mut client);
        thread::sleep(Duration::from_secs(1));
        let growth = memory_now(&server).saturating_sub(before);
        assert!(growth < 8 * 1024, "{growth} KiB more");
        assert_eq!(server.alice().multi("RETR 2"), PLAIN);
        for _ in 0..10_000 {
            assert_eq!(client.line(), OK);
            assert_eq!(client.stuffed_body().len(), large.len());
        }
        client.quit();
    }
}

/// Sends 10,000 times RETR: 80 KB, which the sockets' buffers hold.
fn flood(client: &mut Client) {
    client.send("RETR 1\r\n".repeat(10_000));
    (&mut client.tcp()).flush().unwrap();
}

fn memory_now(server: &Server) -> u64 {
    server::memory(server.pid(), "VmRSS:").unwrap()
}
