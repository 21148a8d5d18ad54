//! Unique-ids after a promotion: the primary before may have shown numbers that nobody remembers.

use crate::shell::Bench;

const JUMP: u64 = 1 << 20;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name) VALUES ('alice'), ('bob')");
    for uid in 1..=3 {
        assert_eq!(bench.import("alice", 10, Some(&format!("a{uid}"))), Ok(uid));
        assert_eq!(bench.import("bob", 10, Some(&format!("b{uid}"))), Ok(uid));
    }
    bench.server_sql("UPDATE site SET uid_epoch = uid_epoch + 1");
    bench
}

#[test]
fn a_mailbox_jumps_once() {
    let bench = bench();
    assert_eq!(bench.import("alice", 10, Some("x")), Ok(4 + JUMP));
    assert_eq!(bench.import("alice", 10, Some("y")), Ok(5 + JUMP));
    bench.sql("UPDATE messages SET mailbox = 'bob' WHERE mailbox = 'alice' AND unique_id = 'a1'");
    assert_eq!(bench.sql("SELECT max(uid) FROM messages WHERE mailbox = 'bob'"), (4 + JUMP).to_string());
    bench.assert_sound();
}

#[test]
fn whoever_takes_a_name_over_jumps_too() {
    let bench = bench();
    bench.sql("DELETE FROM users WHERE name = 'alice'; INSERT INTO users(name) VALUES ('alice')");
    assert_eq!(bench.import("alice", 10, Some("x")), Ok(4 + JUMP));
    bench.sql("DELETE FROM users WHERE name = 'bob'; INSERT INTO users(name) VALUES ('carol')");
    assert_eq!(bench.import("carol", 10, Some("x")), Ok(1), "a new name starts at 1");
    bench.sql("UPDATE users SET name = 'bob' WHERE name = 'carol'");
    assert_eq!(bench.import("bob", 10, Some("y")), Ok(4 + JUMP));
    bench.sql("DELETE FROM users WHERE name = 'bob'");
    bench.sql("UPDATE deleted_mailboxes SET deleted_at = NULL WHERE name = 'bob' AND messages = 3");
    assert_eq!(bench.import("bob", 10, Some("z")), Ok(5 + 2 * JUMP));
    bench.assert_sound();
}
