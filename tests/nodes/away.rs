//! A database that is away comes back, and nobody has to do anything for it.

use super::support::messages::message;
use super::support::postgres::Cluster;
use super::support::{Client, Lmtp, eventually};
use super::{node, serve};

#[test]
fn a_database_that_is_away_comes_back_by_itself() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start()));
    let database = cluster.empty_database();
    let one = node(&database, None);
    one.succeed(&["init"], b"");
    one.succeed(&["passwd", "--create", "alice"], b"se cret\n");
    let server = serve(&one);
    server.lmtp().deliver("alice", &message("Hello", "one\r\n"));
    let mut session = server.session("alice", "se cret");
    let mut waiting = Client::plain(server.address("pop3")).greeted();
    let mut lmtp = server.lmtp();
    cluster.stop("immediate");
    // Whoever is in stays in, and is told.
    session.expect_start("RETR 1", "-ERR [SYS/TEMP]");
    session.expect_start("NOOP", "+OK");
    session.expect_start("RETR 1", "-ERR [SYS/TEMP]");
    waiting.expect_start("USER alice", "+OK");
    waiting.expect_start("PASS se cret", "-ERR [SYS/TEMP]");
    lmtp.say("MAIL FROM:<bob@example.net>", "250 ");
    lmtp.say("RCPT TO:<alice>", "451 ");
    eventually("new clients are sent away", || {
        Client::plain(server.address("pop3")).line().starts_with("-ERR [SYS/TEMP]")
    });
    Lmtp::tcp(server.address("lmtp")).expect("421 ");
    let error = one.fail(&["deliver", "alice"], b"x\r\n", 75);
    assert!(error.contains("connection"), "{error}");
    one.fail(&["check"], b"", 69);
    cluster.start_again();
    eventually("new clients are served", || Client::plain(server.address("pop3")).line().starts_with("+OK"));
    assert!(String::from_utf8(session.multi("RETR 1")).unwrap().contains("one\r\n"));
    let reply = server.lmtp().deliver("alice", &message("Hello", "two\r\n"));
    assert!(reply.starts_with("250 "), "{reply}");
    session.quit();
    assert_eq!(server.session("alice", "se cret").unique_ids(), ["1", "2"]);
    // One line when it goes, one when it is back.
    let log = server.log();
    let lines = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!((lines("the database is away: "), lines("the database is back: ")), (1, 1), "{log}");
    let told = ["settings: ", "security: ", "a login could not be checked", "the database is "];
    let more = log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
    let more: Vec<_> = more.filter(|line| !told.iter().any(|told| line.contains(told))).collect();
    assert_eq!(more.len(), 0, "{more:#?}");
    assert!(server.terminate().success());
    drop(database);
    cluster.stop("fast");
}

#[test]
fn a_node_does_not_start_without_its_database() {
    let site = super::support::Site::node("postgresql:///mail?host=/nowhere/at/all&user=nobody");
    let error = site.fail(&["serve", "-l", "127.0.0.1:0"], b"", 69);
    assert!(error.contains("/nowhere/at/all"), "{error}");
    site.fail(&["deliver", "alice"], b"x\r\n", 75);
    site.fail(&["init"], b"", 69);
}
