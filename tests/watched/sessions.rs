//! One line at login, one at the end of a session.

use crate::support::messages::{DOTTED, PLAIN};
use crate::support::texts::OK;
use crate::support::{Client, Server, Site, eventually};

/// The lines of the log that have this in them, once there are so many.
fn lines(server: &Server, part: &str, number: usize) -> Vec<String> {
    let found = || server.log().lines().filter(|line| line.contains(part)).map(str::to_owned).collect::<Vec<_>>();
    eventually(&format!("{number} times {part:?} in the log"), || found().len() >= number);
    assert_eq!(found().len(), number, "{}", server.log());
    found()
}

#[track_caller]
fn assert_holds(line: &str, parts: &[&str]) {
    for part in parts {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
}

#[test]
fn who_fetched_what_from_where() {
    let server = Site::with_alice(&[PLAIN, DOTTED, PLAIN]).serve(&[]);
    let mut client = server.connect_tls();
    client.log_in("alice", "se cret");
    client.multi("RETR 1");
    client.multi("RETR 2");
    client.multi("TOP 3 0");
    client.refuse("RETR 9");
    client.expect_start("DELE 1", "+OK");
    client.expect_start("RSET", "+OK");
    client.expect_start("DELE 3", "+OK");
    client.quit();
    let login = lines(&server, " INFO pop3-login: Login: ", 1);
    assert_holds(&login[0], &["user=<alice>", "principal=<alice>", "method=PLAIN", "rip=127.0.0.1", "TLSv1.3 TLS_"]);
    let end = lines(&server, " INFO pop3: Logout: ", 1);
    let retr = format!("retr=2/{} top=1 dele=1 left=2, quit", PLAIN.len() + DOTTED.len());
    assert_holds(&end[0], &["user=<alice>", "rip=127.0.0.1", " secs, ", &retr]);
}

#[test]
fn pipelined_messages_count_too() {
    let server = Site::with_alice(&[PLAIN; 5]).serve(&[]);
    let mut client = server.alice();
    client.send("RETR 1\r\nRETR 2\r\nTOP 3 1\r\nRETR 4\r\nDELE 4\r\n");
    for _ in 0..4 {
        assert_eq!(client.line(), OK);
        client.stuffed_body();
    }
    client.line();
    client.hang_up();
    // Nothing is deleted when a client goes without QUIT.
    let end = lines(&server, "pop3: Logout: ", 1);
    assert_holds(&end[0], &[&format!("retr=3/{} top=1 dele=0 left=5, dropped", 3 * PLAIN.len())]);
    assert_holds(&lines(&server, "pop3-login: Login: ", 1)[0], &["no TLS"]);
}

#[test]
fn who_never_logged_in_has_no_line() {
    let server = Site::with_alice(&[]).serve(&[]);
    let mut client = server.connect();
    client.refuse("STAT");
    client.quit();
    server.alice().quit();
    lines(&server, "pop3: Logout: ", 1);
}

#[test]
fn the_servers_end_is_no_fault_of_the_client() {
    let mut server = Site::with_alice(&[]).serve(&[]);
    let mut client = server.alice();
    server.signal(nix::sys::signal::Signal::SIGTERM);
    client.rest();
    server.wait();
    assert_holds(&lines(&server, "pop3: Logout: ", 1)[0], &["retr=0/0 top=0 dele=0 left=0, ended"]);
}

#[test]
fn a_client_that_says_nothing_has_timed_out() {
    let server = Site::with_alice(&[]).serve(&[("AuthenticatedConnectionTimeout", "30")]);
    let mut silent = server.alice();
    // Longer than the client waits for a line.
    std::thread::sleep(std::time::Duration::from_secs(20));
    assert!(String::from_utf8_lossy(&silent.rest()).starts_with("-ERR Connection is closed."));
    assert_holds(&lines(&server, "pop3: Logout: ", 1)[0], &["left=0, timeout"]);
}

#[test]
fn a_delegate_and_the_mailbox_are_both_named() {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "s3cret");
    site.sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice')");
    let server = site.serve(&[]);
    let mut client = server.connect();
    client.log_in("local/bob/alice", "s3cret");
    client.quit();
    assert_holds(&lines(&server, "pop3-login: Login: ", 1)[0], &["user=<bob>", "principal=<alice>"]);
    assert_holds(&lines(&server, "pop3: Logout: ", 1)[0], &["user=<bob>"]);
}

/// A name that would end the line, or look like another field, were it written as it is.
#[test]
fn no_name_makes_a_line() {
    let site = Site::with_alice(&[]);
    site.add_user("eve>,rip=192.0.2.1", "s3cret");
    let server = site.serve(&[]);
    let mut client: Client = server.connect();
    client.log_in("eve>,rip=192.0.2.1", "s3cret");
    client.quit();
    assert_holds(&lines(&server, "pop3: Logout: ", 1)[0], &["user=<eve??rip=192.0.2.1>, rip=127.0.0.1, "]);
}
