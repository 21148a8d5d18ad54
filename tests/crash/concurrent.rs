//! Sessions and deliveries at once: every message arrives once, whole, and goes once.

use crate::support::messages::{message, of_size};
use crate::support::{Client, Server, Site, eventually};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, spawn};

/// Two mailboxes, 4 deliverers of 20 messages each, 2 sessions at a time on each mailbox.
#[test]
fn sessions_and_deliveries_at_once() {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "se cret");
    let server = site.serve(&[]);
    let done = AtomicBool::new(false);
    let (done, server) = (&done, &server);
    let mut seen: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    scope(|scope| {
        let collectors: Vec<_> = ["alice", "alice", "bob", "bob"]
            .into_iter()
            .map(|user| scope.spawn(move || collect(server, user, done)))
            .collect();
        let deliverers: Vec<_> = (0..4).map(|who| scope.spawn(move || deliver(server, who))).collect();
        deliverers.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, Ordering::Release);
        for collector in collectors {
            seen.extend(collector.join().unwrap());
        }
    });
    assert_eq!(seen.len(), 2 * 4 * 20);
    for (name, octets) in seen {
        let subject = name.split_once(' ').unwrap().1;
        assert!(octets == numbered(subject), "{name} is damaged");
    }
    assert_eq!(server.sql("SELECT sum(messages), sum(bytes) FROM mailbox_usage"), "0|0\n");
    server.assert_sound();
}

fn numbered(subject: &str) -> Vec<u8> {
    message(subject, &format!("{subject}\r\n").repeat(500))
}

fn deliver(server: &Server, who: usize) {
    for number in 0..20 {
        server.succeed(&["deliver", "alice", "bob"], &numbered(&format!("{who}-{number}")));
    }
}

/// Fetches and deletes until the deliverers are done and the mailbox is empty. Another session may
/// have taken a message first: then RETR is refused, and that session has it.
fn collect(server: &Server, user: &str, done: &AtomicBool) -> BTreeMap<String, Vec<u8>> {
    let mut seen = BTreeMap::new();
    loop {
        let last = done.load(Ordering::Acquire);
        let mut client = server.session(user, "se cret");
        let messages = client.stat().0;
        for number in 1..=messages {
            if let Some(octets) = retrieve(&mut client, number) {
                let text = String::from_utf8_lossy(&octets).into_owned();
                let subject = text.split("Subject: ").nth(1).unwrap().split('\r').next().unwrap().to_owned();
                seen.insert(format!("{user} {subject}"), octets);
            }
            client.expect(&format!("DELE {number}"), "+OK\r\n");
        }
        client.quit();
        if last && messages == 0 {
            return seen;
        }
    }
}

fn retrieve(client: &mut Client, number: u64) -> Option<Vec<u8>> {
    let reply = client.say(&format!("RETR {number}"));
    (reply == "+OK\r\n").then(|| crate::support::messages::unstuffed(&client.stuffed_body()))
}

/// Two sessions that delete the same messages: both QUITs are answered, each message goes once.
#[test]
fn two_sessions_delete_the_same_messages() {
    let messages: Vec<Vec<u8>> = (0..6).map(|number| numbered(&number.to_string())).collect();
    let server = Site::with_alice(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>()).serve(&[]);
    let (mut first, mut second) = (server.alice(), server.alice());
    for number in 1..=4 {
        first.expect(&format!("DELE {number}"), "+OK\r\n");
        second.expect(&format!("DELE {}", number + 1), "+OK\r\n");
    }
    let other = spawn(move || second.quit());
    first.quit();
    other.join().unwrap();
    let mut client = server.alice();
    assert_eq!(client.stat().0, 1);
    assert_eq!(client.multi("RETR 1"), messages[5]);
    assert_eq!(server.sql("SELECT count(*) FROM recoverable WHERE mailbox = 'alice'"), "5\n");
    server.assert_sound();
}

/// A transfer that has begun finishes, although another session deletes the message and it is purged at the first
/// opportunity. (Whoever is shut out is cut: tests/security/shut_out.rs.)
#[test]
fn a_transfer_that_has_begun_finishes() {
    let large = of_size(16 << 20);
    let server = Site::with_alice(&[&large, b"S: other\r\n\r\n"])
        .serve(&[("RetainDeletedItemsDays", "0"), ("ReaperInterval", "1")]);
    let mut readers: Vec<Client> = (0..2).map(|_| server.alice()).collect();
    for reader in &mut readers {
        reader.expect("RETR 1", "+OK\r\n");
    }
    let mut deleting = server.alice();
    deleting.expect("DELE 1", "+OK\r\n");
    deleting.quit();
    for _ in 0..2 {
        server.sql("INSERT INTO purge(body_id, not_before) VALUES (4711, 0)");
        eventually("the reaper purges", || server.sql("SELECT count(*) FROM purge WHERE not_before = 0").trim() == "0");
    }
    assert!(readers[0].stuffed_body() == large, "cut or damaged by DELE");
    readers[0].refuse("RETR 1");
    server.deliver("alice", &of_size(4 << 20));
    assert!(readers[1].stuffed_body() == large, "damaged by new mail");
    readers[1].refuse("RETR 1");
    server.assert_sound();
}
