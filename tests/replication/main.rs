//! The database under the real Litestream: what its replica holds, what it costs, and what stays.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

mod litestream;

#[path = "../support/mod.rs"]
mod support;

use litestream::Litestream;
use std::collections::BTreeMap;
use std::sync::Arc;
use support::messages::{message, stuffed};
use support::texts::{OK, SIGNING_OFF};
use support::{Lmtp, Server, Site, eventually};

/// A message that tells which one it is; every tenth has several chunks.
fn numbered(number: usize) -> Vec<u8> {
    let lines = if number.is_multiple_of(10) { 9000 } else { 20 };
    message(&format!("number {number}"), &format!("body of number {number}, with a line\r\n").repeat(lines))
}

/// Delivers all of these.
fn deliver(server: &Server, numbers: std::ops::Range<usize>) {
    let expected: Vec<_> = numbers.clone().collect();
    assert_eq!(stream(Lmtp::tcp(server.address("lmtp")), numbers), expected);
}

/// Delivers these until the server is gone; answers those that were acknowledged.
fn stream(mut lmtp: Lmtp, numbers: std::ops::Range<usize>) -> Vec<usize> {
    let mut attempt = |number: usize| {
        let mut wire = b"LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<alice>\r\nDATA\r\n".to_vec();
        wire.extend(stuffed(&numbered(number)));
        wire.extend(b".\r\n");
        // Greeting first, then a reply to each line, then one to the content.
        let replies = if lmtp.try_send(&wire) { 5 + usize::from(number == numbers.start) } else { 0 };
        let last = (0..replies).map_while(|_| lmtp.try_reply()).nth(replies.wrapping_sub(1))?;
        if last.starts_with("421 ") {
            return None;
        }
        assert!(last.starts_with("250 "), "{last}");
        Some(number)
    };
    numbers.clone().map_while(&mut attempt).collect()
}

/// Every message of alice by its unique-id, each compared with what was delivered.
fn maildrop(server: &Server, password: &str) -> BTreeMap<u64, usize> {
    let mut client = server.session("alice", password);
    let ids = client.unique_ids();
    let mut found = BTreeMap::new();
    for (at, id) in ids.iter().enumerate() {
        let octets = client.multi(&format!("RETR {}", at + 1));
        let start = memchr::memmem::find(&octets, b"From: a@example.org").unwrap();
        let head = String::from_utf8_lossy(&octets[start..start + 60]).into_owned();
        let number: usize = head.split("number ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
        assert!(octets[start..] == numbered(number), "message {number} is damaged");
        assert_eq!(found.insert(id.parse().unwrap(), number), None);
    }
    client.quit();
    found
}

/// Marks every second message as deleted; answers which.
fn delete_some(server: &Server, password: &str) -> Vec<usize> {
    let numbers: Vec<usize> = maildrop(server, password).into_values().collect();
    let mut client = server.session("alice", password);
    let marked: Vec<usize> = (1..=numbers.len()).step_by(2).collect();
    marked.iter().for_each(|at| client.expect(&format!("DELE {at}"), OK));
    client.expect("QUIT", SIGNING_OFF);
    marked.iter().map(|at| numbers[at - 1]).collect()
}

/// What is restored from a replica, as a site of its own.
fn restored(litestream: &Litestream) -> Arc<Site> {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("restored.db");
    litestream.restore(&database);
    // As with the `umask 077` of the documentation.
    std::fs::set_permissions(&database, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let site = Site::at(directory, database);
    site.assert_sound();
    site
}

/// Deliveries never stop, while each round does to the database what else may happen to it.
#[test]
fn a_replica_holds_every_acknowledged_message_of_a_busy_server() {
    const ROUND: usize = 60;
    let site = Site::with_alice(&[]);
    let mut litestream = Litestream::start(&site);
    let mut server = site.serve(&[("ReaperInterval", "1")]);
    let (mut acknowledged, mut deleted) = (Vec::new(), Vec::new());
    let mut password = String::from("se cret");
    for round in 0..7 {
        let lmtp = Lmtp::tcp(server.address("lmtp"));
        let deliveries = std::thread::spawn(move || stream(lmtp, round * ROUND..(round + 1) * ROUND));
        match round {
            0 | 4 => {
                password = format!("new {round}");
                site.sql(&format!("UPDATE users SET password = '{password}' WHERE name = 'alice'"));
            }
            1 => deleted = delete_some(&server, &password),
            2 => {
                server.kill();
                server = site.serve(&[("ReaperInterval", "1")]);
            }
            3 => litestream = litestream.kill().again(),
            // What was deleted goes for good: the octets are written over, and pages given back.
            5 => {
                site.set("RetainDeletedItemsDays", "0");
                site.sql("UPDATE deleted SET deleted_at = deleted_at - 3601");
            }
            _ => {
                assert!(server.terminate().success());
                server = site.serve(&[("ReaperInterval", "1")]);
            }
        }
        acknowledged.extend(deliveries.join().unwrap());
    }
    eventually("the octets of what was deleted are gone", || site.sql("SELECT count(*) FROM deleted") == "0\n");
    litestream.catch_up();
    let ended = litestream.kill();
    let live = maildrop(&server, &password);
    let expected: Vec<usize> = acknowledged.into_iter().filter(|number| !deleted.contains(number)).collect();
    let missing: Vec<_> = expected.iter().filter(|number| !live.values().any(|it| it == *number)).collect();
    assert!(missing.is_empty() && expected.len() > ROUND, "{missing:?} of {}", expected.len());
    let copy = restored(&ended);
    assert!(maildrop(&copy.serve(&[]), &password) == live, "the replica is another maildrop");
}

/// The recipe of docs/backup.md to its end: Litestream goes on after it.
#[test]
fn a_database_made_anew_from_a_replica_gives_out_new_ids_and_is_replicated_again() {
    let site = Site::with_alice(&[]);
    let litestream = Litestream::start(&site);
    let server = site.serve(&[]);
    deliver(&server, 0..20);
    litestream.catch_up();
    // This one the replica does not know.
    let ended = litestream.kill();
    deliver(&server, 20..21);
    let before = maildrop(&server, "se cret");
    assert!(server.terminate().success());

    let copy = site.path("copy");
    ended.restore(&copy);
    site.succeed(&["restore", copy.to_str().unwrap()], b"");
    let litestream = ended.again();
    let server = site.serve(&[]);
    deliver(&server, 21..30);
    let after = maildrop(&server, "se cret");
    assert_eq!(after.len(), 29);
    let new: Vec<_> = after.iter().filter(|(_, number)| **number > 20).map(|(id, _)| id).collect();
    assert!(new.len() == 9 && new.iter().all(|id| !before.contains_key(id) && **id > 1 << 32), "{new:?}");
    litestream.catch_up();
    let copy = restored(&litestream.kill());
    assert!(maildrop(&copy.serve(&[]), "se cret") == after);
}

/// Litestream 0.5.17 goes by what it finds at the end of what it has read, and believes that it missed nothing
/// if that is still there: a log that starts again must not leave it there.
#[test]
fn a_replica_has_what_was_changed_while_litestream_did_not_run() {
    let site = Site::with_alice(&[]);
    let server = site.serve(&[]);
    let litestream = Litestream::start(&site);
    // Litestream ends somewhere in the middle of the log.
    deliver(&server, 1..30);
    litestream.catch_up();
    let ended = litestream.terminate();
    site.set("ReaperInterval", "77");
    let log = |at: std::ops::Range<usize>| std::fs::read(site.path("mail.db-wal")).unwrap()[at].to_vec();
    let salt = log(16..24);
    let mut next = 30;
    while log(16..24) == salt {
        deliver(&server, next..next + 1);
        next += 1;
        assert!(next < 5000, "the log never starts again");
    }
    let litestream = ended.again();
    deliver(&server, next..next + 5);
    litestream.catch_up();
    let copy = restored(&litestream.kill());
    assert_eq!(copy.sql("SELECT value FROM settings WHERE name = 'ReaperInterval'").trim(), "77");
    assert!(maildrop(&copy.serve(&[]), "se cret") == maildrop(&server, "se cret"));
}

/// It holds a lock for as long as it runs, so the log cannot be cut; mail goes on all the same.
#[test]
fn residue_goes_as_soon_as_litestream_lets_go() {
    let site = Site::with_alice(&[]);
    let litestream = Litestream::start(&site);
    let server = site.serve(&[]);
    site.sql("UPDATE users SET password = 'Residue-4711-of-alice' WHERE name = 'alice'");
    eventually("the plain text is replaced", || {
        !site.sql("SELECT password FROM users").contains("Residue-4711-of-alice")
    });
    deliver(&server, 0..30);
    let ended = litestream.terminate();
    eventually("no residue", || !site.files_hold(b"Residue-4711-of-alice"));
    deliver(&server, 30..60);
    let litestream = ended.again();
    deliver(&server, 60..90);
    litestream.catch_up();
    let copy = restored(&litestream.kill());
    assert_eq!(maildrop(&copy.serve(&[]), "Residue-4711-of-alice").len(), 90);
}

#[test]
fn a_database_that_is_replicated_is_in_use() {
    let site = Site::with_alice(&[]);
    let backup = site.path("backup");
    site.succeed(&["backup", backup.to_str().unwrap()], b"");
    let litestream = Litestream::start(&site);
    site.fail(&["restore", backup.to_str().unwrap()], b"", 75);
    drop(litestream.kill());
    site.succeed(&["restore", backup.to_str().unwrap()], b"");
}
