//! A deleted user's mailbox, as long as it can be brought back.

use crate::shell::{Bench, now};
use pillarbox::store::{Accounts, Uid};

const BACK: &str = "UPDATE deleted_mailboxes SET deleted_at = NULL WHERE name = 'alice';";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name, password) VALUES ('alice', 'x'), ('bob', 'y')");
    bench.sql("INSERT INTO aliases VALUES ('sales', 'alice'), ('sales', 'bob'), ('Info@example.org', 'alice')");
    bench.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 1000000, retain_read_days = 7 WHERE name = 'alice'");
    bench.import("alice", 5000, Some("kept")).unwrap();
    bench.import("alice", 10, Some("gone")).unwrap();
    bench.import("alice", 10, Some("100")).unwrap();
    bench.deliver("alice", 10).unwrap();
    bench.sql("DELETE FROM messages WHERE unique_id = 'gone'");
    bench
}

const STATE: &str =
    "SELECT * FROM mailboxes; SELECT mailbox, uid, size, received_at, unique_id, sender, read FROM messages;
    SELECT * FROM recoverable; SELECT * FROM aliases; SELECT mailbox_id, next_uid, messages, bytes FROM usage;
    SELECT * FROM unshown; SELECT * FROM mailbox_usage";

#[test]
fn a_deleted_user_comes_back_as_it_was() {
    let bench = bench();
    let before = bench.sql(STATE);
    bench.sql("DELETE FROM users WHERE name = 'alice'");
    bench.assert_sound();
    assert_eq!(bench.sql("SELECT id, name, messages, bytes FROM deleted_mailboxes"), "1|alice|3|16384");
    let shape = "SELECT deleted_at GLOB '20??-??-??T??:??:??Z' FROM deleted_mailboxes";
    assert_eq!(bench.sql(shape), "1");
    assert_eq!(bench.sql("SELECT count(*) FROM messages; SELECT count(*) FROM recoverable"), "0\n0");
    assert_eq!(bench.sql("SELECT * FROM aliases"), "sales|bob");
    assert!(bench.store.recipients(&["alice".into()]).unwrap().is_empty());
    bench.sql(BACK);
    assert_eq!(bench.sql(STATE), before);
    assert_eq!(bench.sql("SELECT * FROM deleted_mailboxes"), "");
    bench.assert_sound();
    bench.sql("INSERT INTO users(name) VALUES ('alice')");
    assert_eq!(bench.sql(STATE), before, "a new user takes it over");
    assert!(bench.import("alice", 5, Some("kept")).is_err() && bench.import("alice", 5, Some("gone")).is_err());
}

/// Texts of RAISE are literals, so the refusal shows how to find the ids.
#[test]
fn of_two_of_a_name_one_is_chosen_by_its_id() {
    let bench = bench();
    bench.sql("DELETE FROM users WHERE name = 'alice'; INSERT INTO users(name) VALUES ('alice'); DELETE FROM users WHERE name = 'alice'");
    let ids = bench.sql("SELECT id FROM deleted_mailboxes WHERE name = 'alice' ORDER BY id");
    let (first, second) = ids.split_once('\n').unwrap();
    bench.refused(
        BACK,
        &["deleted_mailboxes.name", "several deleted ones", "SELECT id, name, deleted_at", "WHERE id ="],
    );
    assert_eq!(bench.sql("SELECT id FROM deleted_mailboxes ORDER BY id"), ids, "neither came back");
    bench.sql(&format!("UPDATE deleted_mailboxes SET deleted_at = NULL WHERE id = {first}"));
    assert_eq!(bench.uids("alice").len(), 3);
    assert_eq!(bench.sql("SELECT id FROM deleted_mailboxes"), second);
    bench.assert_sound();
}

#[test]
fn a_new_user_of_the_name_has_nothing_of_it_and_is_in_its_way() {
    let bench = bench();
    bench.sql("DELETE FROM users WHERE name = 'alice'; INSERT INTO users(name) VALUES ('ALICE')");
    assert!(bench.uids("alice").is_empty());
    assert_eq!(bench.deliver("alice", 1), Ok(Uid(102)));
    bench.refused(BACK, &["deleted_mailboxes.name", "exists"]);
    for wrong in ["name = 'x'", "id = 7", "deleted_at = 0", "messages = 0", "bytes = 1"] {
        bench.refused(&format!("UPDATE deleted_mailboxes SET {wrong}"), &["deleted_mailboxes.deleted_at"]);
    }
    bench.sql("UPDATE users SET name = 'carol' WHERE name = 'alice'");
    bench.sql(BACK);
    assert_eq!(bench.uids("alice").len(), 3);
    assert_eq!(bench.deliver("alice", 1), Ok(Uid(103)));
    bench.assert_sound();
}

#[test]
fn a_lower_quota_keeps_no_mailbox_away() {
    let bench = bench();
    bench.sql("DELETE FROM users WHERE name = 'bob'; DELETE FROM users; UPDATE settings SET value = 4096 WHERE name = 'ProhibitSendReceiveQuota'");
    bench.sql("UPDATE deleted_mailboxes SET deleted_at = NULL");
    assert_eq!(bench.sql("SELECT name, bytes FROM mailbox_usage"), "alice|16384\nbob|0");
    bench.assert_sound();
}

#[test]
fn purged_at_once_by_hand_or_after_its_days() {
    let octets = "SELECT count(*) FROM chunk; SELECT count(*) FROM purged_id; SELECT count(*) FROM deleted_alias";
    let empty = "0\n0\n0";
    let day = 86_400;
    let by_hand = bench();
    by_hand.sql("DELETE FROM users WHERE name = 'alice'; DELETE FROM deleted_mailboxes WHERE name = 'alice'");
    assert_eq!(by_hand.sql("SELECT count(*) FROM deleted_mailboxes; SELECT count(*) FROM deleted"), "0\n0");
    by_hand.assert_sound();
    by_hand.purge_all(now() + 3700);
    assert_eq!(by_hand.sql(octets), empty);
    let at_once = bench();
    at_once.sql(
        "UPDATE settings SET value = '0' WHERE name = 'RetainDeletedItemsDays'; DELETE FROM users WHERE name = 'alice'",
    );
    assert_eq!(at_once.sql("SELECT count(*) FROM deleted_mailbox; SELECT count(*) FROM deleted"), "0\n0");
    at_once.purge_all(now() + 3700);
    assert_eq!(at_once.sql(octets), empty);
    let after = bench();
    after.sql("DELETE FROM users WHERE name = 'alice'");
    after.purge_all(now() + 13 * day);
    assert_eq!(after.sql("SELECT name, messages FROM deleted_mailboxes"), "alice|3");
    after.purge_all(now() + 15 * day);
    assert_eq!(after.sql("SELECT count(*) FROM deleted_mailbox; SELECT count(*) FROM unshown"), "0\n0");
    assert_eq!(after.sql(octets), empty);
    for bench in [by_hand, at_once, after] {
        bench.assert_sound();
    }
}

#[test]
fn an_id_that_was_purged_meanwhile_is_not_given_again() {
    let bench = bench();
    bench.sql("UPDATE deleted SET deleted_at = deleted_at - 86400; DELETE FROM users WHERE name = 'alice'");
    bench.purge_all(now() + 86_400 * 27 / 2);
    bench.sql(BACK);
    assert_eq!(bench.sql("SELECT unique_id FROM purged_id"), "gone");
    assert!(bench.import("alice", 5, Some("gone")).is_err());
    bench.assert_sound();
}
