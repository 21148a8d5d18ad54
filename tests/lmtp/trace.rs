//! The header fields that are stamped on a copy.

use crate::support::Site;
use std::sync::Arc;

fn headers(site: &Site, user: &str) -> String {
    site.sql(&format!(
        "SELECT CAST(c.data AS TEXT) FROM mailboxes m JOIN message g ON g.mailbox_id = m.id
           JOIN chunk c ON c.id = g.body_id * 4096 WHERE m.name = '{user}'"
    ))
    .replace("\r\n", "\n")
}

#[test]
fn every_copy_names_its_own_recipient_and_no_other() {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "x");
    site.sql("INSERT INTO aliases(address, mailbox) VALUES ('info@example.org', 'bob')");
    let server = site.serve(&[]);
    let mut lmtp = server.lmtp();
    lmtp.begin("carol@c.example", &["alice@example.org", "info@example.org"]);
    lmtp.send("Subject: x\r\n\r\n.\r\n");
    lmtp.expect("250 2.0.0 <alice@example.org>");
    lmtp.expect("250 2.0.0 <info@example.org>");
    let alice = headers(&server, "alice");
    assert!(alice.starts_with("Return-Path: <carol@c.example>\nDelivered-To: alice@example.org\nReceived: from client.example ([127.0.0.1])\n\tby "), "{alice}");
    assert!(alice.contains(" with LMTP id ") && alice.contains("\n\tfor <alice@example.org>; "), "{alice}");
    assert!(alice.ends_with(" +0000\nSubject: x\n\n\n"), "{alice}");
    let bob = headers(&server, "bob");
    assert!(
        bob.starts_with(
            "Return-Path: <carol@c.example>\nX-Original-To: info@example.org\nDelivered-To: bob@example.org\n"
        ),
        "{bob}"
    );
    assert!(!bob.contains("alice") && !alice.contains("info"));
    assert_eq!(server.sql("SELECT DISTINCT sender FROM messages"), "carol@c.example\n");
}

/// `all` leads to `user0` to `user39`.
fn with_alias_for_forty() -> Arc<Site> {
    let site = Site::new();
    for number in 0..40 {
        site.add_user(&format!("user{number}"), "x");
    }
    site.sql("INSERT INTO aliases(address, mailbox) SELECT 'all', name FROM mailboxes");
    site
}

/// Many copies: each says whose it is, and those of a large message have its octets in common.
#[test]
fn a_large_alias() {
    let server = with_alias_for_forty().serve(&[]);
    let mut lmtp = server.lmtp();
    assert_eq!(lmtp.deliver("all", b"Subject: x\r\n\r\n"), "250 2.0.0 <all> stored");
    assert_eq!(server.sql("SELECT count(*), count(DISTINCT body_id) FROM message"), "40|40\n");
    let text = headers(&server, "user7");
    assert!(
        text.starts_with("Return-Path: <bob@client.example>\nX-Original-To: all\nDelivered-To: user7\nReceived: "),
        "{text}"
    );
    assert!(text.contains("\n\tfor <all>; ") && !text.contains("user8"), "{text}");
    let large = format!("Subject: y\r\n\r\n{}", "y\r\n".repeat(200_000));
    assert_eq!(lmtp.deliver("all", large.as_bytes()), "250 2.0.0 <all> stored");
    let octets = server.sql("SELECT sum(length(data)) FROM chunk").trim().parse::<usize>().unwrap();
    assert!((large.len()..large.len() + 40 * 1000).contains(&octets), "stored once: {octets}");
    let mut user = server.session("user7", "x");
    let second = String::from_utf8(user.multi("RETR 2")).unwrap();
    let (stamp, content) = second.split_once("Subject: y").unwrap();
    let expected = text[..text.find("Received: ").unwrap()].replace('\n', "\r\n");
    assert!(stamp.starts_with(&expected) && stamp.contains("\tfor <all>; "), "{stamp}");
    assert_eq!(content.len() + "Subject: y".len(), large.len());
    server.assert_sound();
}

/// The limit is that of the message, whoever keeps it.
#[test]
fn a_message_that_is_too_large_for_many() {
    let server = with_alias_for_forty().serve(&[("MaxReceiveSize", "1000")]);
    let mut lmtp = server.lmtp();
    let reply = lmtp.deliver("all", format!("Subject: x\r\n\r\n{}", "x\r\n".repeat(400)).as_bytes());
    assert!(reply.starts_with("552 5.3.4 "), "{reply}");
    assert_eq!(server.sql("SELECT count(*) FROM message"), "0\n");
}

#[test]
fn internationalized_mail() {
    let server = Site::with_alice(&[]).serve(&[]);
    let mut lmtp = server.lmtp();
    lmtp.say("MAIL FROM:<j\u{f6}rg@b.example>", "553 5.6.7 ");
    lmtp.say("MAIL FROM:<j\u{f6}rg@b.example> SMTPUTF8 BODY=8BITMIME", "250 ");
    lmtp.say("RCPT TO:<alice>", "250 ");
    lmtp.say("DATA", "354 ");
    lmtp.send("Subject: gr\u{fc}n\r\n\r\n.\r\n");
    lmtp.expect("250 2.0.0 ");
    let text = headers(&server, "alice");
    assert!(text.starts_with("Return-Path: <j\u{f6}rg@b.example>\n") && text.contains(" with UTF8LMTP id "), "{text}");
    assert_eq!(server.sql("SELECT flags & 4 FROM message"), "4\n");
}
