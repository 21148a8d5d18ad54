//! Two nodes, one database.

use super::support::messages::{message, of_size};
use super::support::postgres::Cluster;
use super::support::server::memory;
use super::support::{Client, Server, eventually};
use super::{database, node, serve};
use std::time::{Duration, Instant};

#[test]
fn mail_comes_in_on_one_node_and_goes_out_on_the_other() {
    let database = database(Cluster::shared());
    let one = node(&database, None);
    one.succeed(&["passwd", "--create", "alice"], b"se cret\n");
    let two = node(&database, Some(&one));
    let (first, second) = (serve(&one), serve(&two));
    let reply = first.lmtp().deliver("alice", &message("Hello", "one\r\n"));
    assert!(reply.starts_with("250 "), "{reply}");
    let reply = second.lmtp().deliver("alice", &message("Hello", "two\r\n"));
    assert!(reply.starts_with("250 "), "{reply}");
    let mut session = second.session("alice", "se cret");
    assert_eq!(session.unique_ids(), ["1", "2"]);
    let got = String::from_utf8(session.multi("RETR 1")).unwrap();
    assert!(got.contains("one\r\n"), "{got:?}");
    session.expect_start("DELE 1", "+OK");
    session.quit();
    let mut session = first.session("alice", "se cret");
    assert_eq!(session.unique_ids(), ["2"]);
    // What an administrator does acts on all nodes.
    database.sql("UPDATE settings SET value = 'Another banner.' WHERE name = 'Banner'");
    for server in [&first, &second] {
        eventually("the banner is the new one", || {
            Client::plain(server.address("pop3")).line().contains("Another banner.")
        });
    }
    database.sql("UPDATE settings SET value = '1' WHERE name = 'MaxConnectionsPerUser'");
    eventually("the limit counts over nodes", || {
        let mut client = Client::plain(second.address("pop3"));
        client.line();
        client.say("USER alice");
        let refused = !client.say("PASS se cret").starts_with("+OK");
        client.hang_up();
        refused
    });
    assert_eq!(database.sql("SELECT name FROM sessions").trim(), "alice");
    database.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'");
    assert!(session.line().starts_with("-ERR [SYS/PERM]"));
    session.expect_end();
    assert!(first.terminate().success());
    assert!(second.terminate().success());
    assert_eq!(one.succeed(&["check"], b""), "");
}

#[test]
fn a_node_with_another_key_file_does_not_start() {
    let database = database(Cluster::shared());
    let one = node(&database, None);
    one.succeed(&["passwd", "--create", "alice"], b"se cret\n");
    let stranger = node(&database, None);
    let error = stranger.fail(&["serve", "-l", "127.0.0.1:0"], b"", 78);
    let file = stranger.path("pillarbox.seal");
    assert!(error.contains(file.to_str().unwrap()), "{error}");
    let error = stranger.fail(&["passwd", "alice"], b"other\n", 78);
    assert!(error.contains(file.to_str().unwrap()), "{error}");
    assert!(!file.exists(), "none is made that would be the wrong one");
    std::fs::write(&file, format!("{}=\n", "A".repeat(43))).unwrap();
    let error = stranger.fail(&["serve", "-l", "127.0.0.1:0"], b"", 78);
    assert!(error.contains(file.to_str().unwrap()) && file.exists(), "{error}");
    std::fs::copy(one.path("pillarbox.seal"), &file).unwrap();
    assert!(serve(&stranger).terminate().success());
}

/// A login on one node makes the verifier that SCRAM was missing.
#[test]
fn what_a_login_makes_usable_is_offered_by_all_nodes() {
    let database = database(Cluster::shared());
    let one = node(&database, None);
    one.succeed(&["passwd", "--create", "alice"], b"se cret\n");
    database.sql("DELETE FROM verifiers");
    let (first, second) = (serve(&one), serve(&node(&database, Some(&one))));
    let offers = |server: &Server| {
        let capabilities = Client::plain(server.address("pop3")).greeted().capabilities();
        capabilities.iter().any(|line| line.starts_with("SASL ") && line.contains("SCRAM-SHA-256"))
    };
    assert!(!offers(&first) && !offers(&second));
    first.session("alice", "se cret").quit();
    eventually("the node itself offers it", || offers(&first));
    let since = Instant::now();
    eventually("the other node offers it", || offers(&second));
    // Once a minute it is looked at in any case.
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
}

/// Some of what comes next is read ahead: each is what it is all the same, and gone when it is gone.
#[test]
fn messages_are_fetched_one_after_the_other() {
    let database = database(Cluster::shared());
    let one = node(&database, None);
    one.succeed(&["passwd", "--create", "alice"], b"se cret\n");
    let (first, second) = (serve(&one), serve(&node(&database, Some(&one))));
    let mut lmtp = first.lmtp();
    for number in 1..=40 {
        let reply = lmtp.deliver("alice", &message("Hello", &format!("number {number}\r\n")));
        assert!(reply.starts_with("250 "), "{reply}");
    }
    let mut session = first.session("alice", "se cret");
    let is_whole = |session: &mut Client, number: u32| {
        let got = String::from_utf8(session.multi(&format!("RETR {number}"))).unwrap();
        assert!(got.contains(&format!("\r\nnumber {number}\r\n")), "{number}: {got}");
    };
    for number in (1..=20).chain((1..=20).rev()).chain([5, 6, 8, 7, 6, 6, 7, 8, 9]) {
        is_whole(&mut session, number);
    }
    // 25 is in memory when it goes.
    for number in 21..=23 {
        is_whole(&mut session, number);
    }
    let mut other = second.session("alice", "se cret");
    other.expect_start("DELE 25", "+OK");
    other.quit();
    eventually("what another node has deleted is gone", || {
        is_whole(&mut session, 24);
        session.send("RETR 25\r\n");
        let gone = session.line().starts_with("-ERR");
        if !gone {
            session.stuffed_body();
        }
        gone
    });
    for number in 26..=40 {
        is_whole(&mut session, number);
    }
}

#[test]
fn large_mail_in_and_out_takes_little_memory() {
    let database = database(Cluster::shared());
    let one = node(&database, None);
    one.succeed(&["passwd", "--create", "alice"], b"se cret\n");
    let server = serve(&one);
    // A first message, so that what is loaded once is loaded.
    server.lmtp().deliver("alice", b"x: y\r\n\r\nz\r\n");
    server.session("alice", "se cret").multi("RETR 1");
    let before = memory(server.pid(), "VmHWM").unwrap();
    let large = of_size(25 << 20);
    let reply = server.lmtp().deliver("alice", &large);
    assert!(reply.starts_with("250 "), "{reply}");
    let mut session = server.session("alice", "se cret");
    let got = session.multi("RETR 2");
    assert!(got.len() >= large.len() && got.ends_with(&large[1 << 20..]), "all of it came back");
    let grown = memory(server.pid(), "VmHWM").unwrap().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} octets");
}
