//! Mail that is moved to another mailbox, and deleted mail that goes for good.

use crate::shell::{Bench, now};
use pillarbox::store::{Mail, StoreError, Uid};

fn bench() -> Bench {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name) VALUES ('alice'), ('bob')");
    bench.deliver("bob", 100).unwrap();
    for unique_id in [None, Some("kept"), Some("100"), None] {
        bench.import("alice", 5000, unique_id).unwrap();
    }
    bench.sql("UPDATE messages SET read = 1 WHERE mailbox = 'alice' AND uid = 1");
    bench
}

#[test]
fn a_message_moves() {
    let bench = bench();
    let octets = |mailbox: &str, at: usize| {
        let mailbox = bench.mailbox(mailbox);
        let entry = bench.store.open(mailbox).unwrap().entries()[at];
        let id = pillarbox::store::MessageId { mailbox, uid: entry.uid, body: entry.body };
        let mut chunk = Vec::new();
        bench.store.read(id, 0, &mut chunk).map(|()| chunk.len())
    };
    bench.sql("UPDATE messages SET mailbox = 'BOB' WHERE mailbox = 'alice' AND uid < 3");
    assert_eq!((bench.uids("alice"), bench.uids("bob")), (vec![3, 101], vec![1, 2, 3]));
    let there =
        "SELECT uid, size, received_at, unique_id, sender, read FROM messages WHERE mailbox = 'bob' AND uid > 1";
    let date = "2026-11-23T10:00:00Z";
    assert_eq!(bench.sql(there), format!("2|5000|{date}||bob@example.org|1\n3|5000|{date}||bob@example.org|0"));
    assert_eq!(bench.sql("SELECT name, messages, bytes FROM mailbox_usage"), "alice|2|16384\nbob|3|20480");
    assert_eq!(bench.sql("SELECT * FROM recoverable"), "", "it is not deleted");
    assert_eq!(octets("bob", 1), Ok(5000));
    bench.assert_sound();
    bench.sql("UPDATE messages SET mailbox = 'bob', read = 1 WHERE mailbox = 'alice'");
    assert_eq!(bench.sql("SELECT sum(read), count(*) FROM messages"), "3|5");
    bench.purge_all(now() + 86_400 * 365);
    assert_eq!(octets("bob", 4), Ok(5000));
    // The old ids are not given again, nor taken.
    for unique_id in ["kept", "100", "2"] {
        let again = bench.import("alice", 5, Some(unique_id));
        assert!(matches!(again, Err(StoreError::Refused(_))) || unique_id == "2", "{unique_id}: {again:?}");
    }
    assert!(bench.deliver("alice", 1).unwrap() > Uid(101));
    bench.assert_sound();
}

#[test]
fn moves_that_are_refused() {
    let bench = bench();
    bench.refused("UPDATE messages SET mailbox = 'nobody' WHERE uid = 1", &["messages.mailbox", "no such mailbox"]);
    bench.refused("UPDATE messages SET mailbox = NULL", &["messages.mailbox"]);
    bench.refused("UPDATE messages SET mailbox = 'bob', uid = 7", &["immutable"]);
    bench.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 16384 WHERE name = 'bob'");
    bench.refused("UPDATE messages SET mailbox = 'bob' WHERE mailbox = 'alice'", &["over quota"]);
    // Where it is already, nothing moves.
    bench.sql("UPDATE messages SET mailbox = 'ALICE' WHERE mailbox = 'alice'");
    assert_eq!(bench.uids("alice"), [1, 2, 3, 101]);
    bench.assert_sound();
}

#[test]
fn deleted_mail_goes_for_good() {
    let bench = bench();
    bench.sql("DELETE FROM messages");
    bench.sql("DELETE FROM recoverable WHERE mailbox = 'alice'");
    assert_eq!(bench.sql("SELECT mailbox, uid FROM recoverable"), "bob|1");
    bench.assert_sound();
    bench.purge_all(now() + 3700);
    assert_eq!(bench.sql("SELECT count(*) FROM chunk"), "1");
    assert!(bench.import("alice", 5, Some("kept")).is_err());
    bench.assert_sound();
}
