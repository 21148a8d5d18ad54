//! RFC 1939 section 7, UIDL.

use crate::support::messages::{PLAIN, message};
use crate::support::texts::{OK, OUT_OF_RANGE, PROTOCOL_ERROR};
use crate::support::{Server, Site};

/// The unique-ids of a new session, which must all be decimal.
fn ids(server: &Server) -> Vec<u64> {
    server.alice().unique_ids().iter().map(|id| id.parse().unwrap()).collect()
}

/// Marks everything and quits.
fn empty(server: &Server) {
    let mut client = server.alice();
    for number in 1..=client.stat().0 {
        client.expect(&format!("DELE {number}"), OK);
    }
    client.quit();
}

/// Decimal integers that increase.
#[test]
fn c0007_unique_ids_are_decimal_and_increase() {
    let site = Site::with_alice(&[PLAIN, PLAIN, PLAIN, PLAIN]);
    let server = site.serve(&[]);
    let first = ids(&server);
    assert!(first.len() == 4 && first.is_sorted_by(|a, b| a < b), "{first:?}");
    let mut client = server.alice();
    client.expect("UIDL 2", &format!("+OK 2 {}\r\n", first[1]));
    client.expect("DELE 2", OK);
    client.expect("UIDL 5", OUT_OF_RANGE);
    client.expect_start("UIDL x", PROTOCOL_ERROR);
    client.quit();
    assert_eq!(ids(&server), [first[0], first[2], first[3]]);
    let descending = site.serve(&[("MessageRetrievalSortOrder", "Descending")]);
    assert_eq!(ids(&descending), [first[3], first[2], first[0]]);
}

/// Never reused: not after deleting everything, VACUUM, restart, or a mailbox made anew.
#[test]
fn c0008_unique_ids_are_never_reused() {
    let site = Site::with_alice(&[PLAIN, PLAIN]);
    let mut server = site.serve(&[]);
    let mut highest = *ids(&server).last().unwrap();
    let mut grows = |server: &Server, after: &str| {
        server.deliver("alice", PLAIN);
        let id = *ids(server).last().unwrap();
        assert!(id > highest, "{id} after {highest}: reused after {after}");
        highest = id;
    };
    empty(&server);
    server.alice().expect("UIDL 1", OUT_OF_RANGE);
    grows(&server, "deleting everything");
    empty(&server);
    assert!(server.terminate().success());
    site.sql("VACUUM");
    server = site.serve(&[]);
    grows(&server, "VACUUM and restart");
    site.sql("DELETE FROM messages WHERE mailbox = 'alice'");
    grows(&server, "DELETE in the shell");
    site.sql("DELETE FROM users WHERE name = 'alice'");
    site.add_user("alice", "se cret");
    grows(&server, "making the mailbox anew");
    assert_eq!(ids(&server).len(), 1);
}

/// Identical messages have different ids; ids that messages were carried over with stay.
#[test]
fn c0009_identical_messages_differ_and_old_ids_stay() {
    let site = Site::with_alice(&[PLAIN, PLAIN]);
    carry_over(&site, "AAADadKAAAQz+HlExtz3sqU2uoxlY1qf");
    site.deliver("alice", &message("new", "x"));
    let server = site.serve(&[]);
    let ids = server.alice().unique_ids();
    assert_eq!(ids.len(), 4);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[2], "AAADadKAAAQz+HlExtz3sqU2uoxlY1qf");
    assert!(ids[3].parse::<u64>().unwrap() > ids[1].parse().unwrap());
    server.alice().expect("UIDL 3", "+OK 3 AAADadKAAAQz+HlExtz3sqU2uoxlY1qf\r\n");
    assert_eq!(server.alice().multi("RETR 3"), b"S: old\r\n\r\n");
    server.alice().expect("UIDL 5", OUT_OF_RANGE);
    site.assert_sound();
}

/// Puts a message into alice's mailbox whose unique-id is one of Exchange 2003, as an import does.
fn carry_over(site: &Site, unique_id: &str) {
    site.sql(&format!(
        "BEGIN;
         UPDATE counters SET next_body_id = next_body_id + 1;
         INSERT INTO chunk (id, data)
           SELECT (next_body_id - 1) * 4096, CAST('S: old' || char(13, 10, 13, 10) AS BLOB) FROM counters;
         INSERT INTO message (mailbox_id, uid, body_id, size, flags, unique_id, received_at, stored_at)
           SELECT mailbox_id, next_uid, next_body_id - 1, 10, 0, '{unique_id}', 1000000000, 1000000000
             FROM usage, counters;
         COMMIT"
    ));
}
