//! Quotas, locks, connections that break: nothing hangs, nothing bounces that need not.

use crate::support::messages::{PLAIN, of_size};
use crate::support::{Lmtp, Site, eventually};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader, Write};

#[test]
fn over_quota_is_temporary_unless_set() {
    let site = Site::with_alice(&[PLAIN]);
    site.add_user("bob", "x");
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 8192 WHERE name = 'alice'");
    for (permanent, code) in [("0", "452 4.2.2 <alice>"), ("1", "552 5.2.2 <alice>")] {
        let server = site.serve(&[("OverQuotaPermanent", permanent)]);
        let mut lmtp = server.lmtp();
        // What is said to be too much is not sent at all.
        lmtp.say("MAIL FROM:<a@b> SIZE=4097", "250 ");
        lmtp.say("RCPT TO:<alice>", code);
        lmtp.say("RSET", "250 ");
        lmtp.say("MAIL FROM:<a@b> SIZE=4096", "250 ");
        lmtp.say("RCPT TO:<alice>", "250 ");
        lmtp.say("RSET", "250 ");
        lmtp.begin("a@b", &["bob", "alice", "bob"]);
        lmtp.send(of_size(6000));
        lmtp.send(".\r\n");
        lmtp.expect("250 2.0.0 <bob>");
        lmtp.expect(code);
        lmtp.expect("250 2.0.0 <bob>");
        lmtp.say("NOOP", "250 2.0.0 OK");
    }
    assert_eq!(site.sql("SELECT name, messages FROM mailbox_usage ORDER BY name"), "alice|1\nbob|2\n");
    site.assert_sound();
}

/// Nobody sends 80 MB for nothing.
#[test]
fn a_mailbox_that_is_full_is_refused_at_rcpt() {
    let site = Site::with_alice(&[PLAIN]);
    site.add_user("bob", "x");
    site.sql("INSERT INTO aliases(address, mailbox) VALUES ('team', 'alice'), ('team', 'bob'), ('full', 'alice')");
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 4096 WHERE name = 'alice'");
    let server = site.serve(&[]);
    let mut lmtp = server.lmtp();
    lmtp.say("MAIL FROM:<a@b>", "250 ");
    lmtp.say("RCPT TO:<alice>", "452 4.2.2 <alice> mailbox is over its quota");
    lmtp.say("RCPT TO:<full>", "452 4.2.2 <full>");
    lmtp.say("DATA", "503 5.5.1 ");
    // One of them has room.
    lmtp.say("RCPT TO:<team>", "250 ");
    lmtp.say("DATA", "354 ");
    lmtp.send(PLAIN);
    lmtp.send(".\r\n");
    lmtp.expect("452 4.2.2 <team>");
    assert_eq!(site.sql("SELECT name, messages FROM mailbox_usage ORDER BY name"), "alice|1\nbob|1\n");
}

#[test]
fn a_mailbox_out_of_unique_ids_is_not_called_busy() {
    let site = Site::with_alice(&[PLAIN]);
    site.add_user("bob", "x");
    site.sql(
        "UPDATE usage SET next_uid = 9007199254740992 WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = 'bob')",
    );
    let server = site.serve(&[]);
    let mut lmtp = server.lmtp();
    for message in [PLAIN.to_vec(), of_size(700_000)] {
        lmtp.begin("a@b", &["bob", "alice"]);
        lmtp.send(message);
        lmtp.send(".\r\n");
        lmtp.expect("450 4.2.1 <bob> mailbox has given out all of its unique-ids");
        lmtp.expect("250 2.0.0 <alice>");
    }
}

/// What long senders and notifications look like: VERP, BATV, and clients that ask for DSN unasked.
#[test]
fn what_an_mta_has_accepted_does_not_bounce() {
    let server = Site::with_alice(&[]).serve(&[]);
    let mut lmtp = server.lmtp();
    let long = format!("{}@b.example", "x".repeat(983 - 10));
    let quotes = format!("\"{}\"@b.example", " ".repeat(983 - 12));
    for sender in [&long, &quotes] {
        lmtp.say(&format!("MAIL FROM:<{sender}> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=QQ+2Bx"), "250 ");
        lmtp.say("RCPT TO:<alice> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;bob+2Bx@b.example", "250 ");
        lmtp.say("DATA", "354 ");
        lmtp.send("Subject: x\r\n\r\n.\r\n");
        lmtp.expect("250 2.0.0 ");
    }
    lmtp.say(&format!("MAIL FROM:<x{long}>"), "501 5.1.7 ");
    lmtp.say("MAIL FROM:<a@b> RET=ALL", "555 5.5.4 ");
    lmtp.say("MAIL FROM:<a@b>", "250 ");
    lmtp.say("RCPT TO:<alice> NOTIFY=NEVER,SUCCESS", "555 5.5.4 ");
    let mut client = server.alice();
    for (number, sender) in [(1, &long), (2, &quotes)] {
        let message = String::from_utf8(client.multi(&format!("RETR {number}"))).unwrap();
        assert_eq!(message.lines().next().unwrap(), format!("Return-Path: <{sender}>"));
        assert!(message.lines().all(|line| line.len() <= 998));
    }
}

/// An administrator's transaction: every recipient is told to come back, and the server goes on.
#[test]
fn a_locked_database_is_a_temporary_fault() {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "x");
    let server = site.serve(&[]);
    let mut shell = site.shell(&[]).spawn().unwrap();
    let mut stdin = shell.stdin.take().unwrap();
    stdin.write_all(b"BEGIN IMMEDIATE;\nSELECT 'held';\n").unwrap();
    let mut line = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
    std::thread::scope(|scope| {
        for size in [500, 900_000] {
            let server = &server;
            scope.spawn(move || {
                let mut lmtp = server.lmtp();
                lmtp.begin("a@b", &["alice", "bob"]);
                lmtp.send(of_size(size));
                lmtp.send(".\r\n");
                lmtp.expect("451 4.3.0 <alice>");
                lmtp.expect("451 4.3.0 <bob>");
                lmtp.say("NOOP", "250 2.0.0 OK");
            });
        }
    });
    stdin.write_all(b"ROLLBACK;\n").unwrap();
    drop(stdin);
    assert!(shell.wait().unwrap().success());
    let mut lmtp = server.lmtp();
    assert!(lmtp.deliver("alice", PLAIN).starts_with("250 "));
    assert_eq!(site.sql("SELECT name, messages FROM mailbox_usage ORDER BY name"), "alice|1\nbob|0\n");
    site.assert_sound();
}

#[test]
fn a_connection_that_is_cut_stores_nothing() {
    let server = Site::with_alice(&[]).serve(&[]);
    for size in [10, 100_000, 2_000_000] {
        let mut lmtp = server.lmtp();
        lmtp.begin("a@b", &["alice"]);
        lmtp.send(of_size(size.max(64)));
        drop(lmtp);
        let mut lmtp = server.lmtp();
        lmtp.say("MAIL FROM:<>", "250 ");
        lmtp.say("RCPT TO:<alice>", "250 ");
        lmtp.send(format!("BDAT {}\r\n", size + 1));
        lmtp.send(vec![b'x'; size]);
    }
    let mut lmtp = server.lmtp();
    assert!(lmtp.deliver("alice", PLAIN).starts_with("250 "));
    assert_eq!(server.alice().stat().0, 1);
    // What was staged is handed to the reaper at once.
    eventually("nothing is kept for a day", || server.sql("SELECT count(*) FROM staging").trim() == "0");
    server.assert_sound();
}

/// A pool of their own: LMTP clients that do nothing keep no POP3 client out, and the other way round.
#[test]
fn connections_are_bounded() {
    let server = Site::with_alice(&[]).serve(&[("LmtpMaxConnections", "2"), ("MaxConnections", "1")]);
    let (first, _second) = (server.lmtp(), server.lmtp());
    let mut third = Lmtp::tcp(server.address("lmtp"));
    third.expect("421 4.3.2 ");
    third.expect_end();
    let client = server.alice();
    drop(first);
    eventually("a place is free", || {
        Lmtp::tcp(server.address("lmtp")).try_reply().is_some_and(|reply| reply.starts_with("220 "))
    });
    client.quit();
}

/// What is acknowledged is stored; of what has not come whole the MTA hears that it may come again, and nothing stays.
#[test]
fn a_server_that_is_stopped_says_so_in_the_middle_of_a_message() {
    let site = Site::with_alice(&[]);
    let mut server = site.serve(&[]);
    let (mut idle, mut data, mut chunks) = (server.lmtp(), server.lmtp(), server.lmtp());
    assert!(data.deliver("alice", PLAIN).starts_with("250 "));
    data.begin("a@b", &["alice"]);
    data.send("Subject: half\r\n\r\nof a li");
    chunks.say("MAIL FROM:<>", "250 ");
    chunks.say("RCPT TO:<alice>", "250 ");
    chunks.send("BDAT 700000\r\n");
    chunks.send(vec![b'x'; 700_000]);
    chunks.expect("250 ");
    server.signal(Signal::SIGTERM);
    for lmtp in [&mut idle, &mut data, &mut chunks] {
        lmtp.expect("421 4.3.2 ");
        lmtp.expect_end();
    }
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(site.sql("SELECT count(*) FROM message"), "1\n");
    site.assert_sound();
}
