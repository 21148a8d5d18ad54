//! What stays right whatever administrators do, foreign keys off.

use crate::shell::{Bench, now};
use pillarbox::store::{Accounts, Mail, Uid};
use pillarbox::store::{Config, Engine};

fn bench() -> Bench {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name) VALUES ('alice'), ('bob')");
    for size in [1, 4096, 4097, 300_000, 10, 20] {
        bench.deliver("alice", size).unwrap();
        bench.deliver("bob", size).unwrap();
    }
    bench
}

#[test]
fn counters_survive_any_delete() {
    let bench = bench();
    let deletes = [
        "DELETE FROM messages WHERE mailbox = 'alice' AND uid = 1",
        "DELETE FROM message WHERE size > 4096",
        "DELETE FROM messages WHERE uid IN (SELECT uid FROM messages ORDER BY size DESC LIMIT 1)",
        "BEGIN; DELETE FROM messages; ROLLBACK;",
        "WITH big AS (SELECT max(uid) AS uid FROM messages) DELETE FROM messages WHERE uid = (SELECT uid FROM big)",
        "PRAGMA recursive_triggers=ON; PRAGMA foreign_keys=ON; DELETE FROM messages WHERE mailbox = 'bob' AND uid = 5",
        "DELETE FROM message",
    ];
    for delete in deletes {
        bench.sql(delete);
        bench.assert_sound();
    }
    assert_eq!(bench.sql("SELECT name, messages, bytes FROM mailbox_usage"), "alice|0|0\nbob|0|0");
    assert_eq!(bench.deliver("alice", 1), Ok(Uid(7)));
}

#[test]
fn replace_orphans_nothing() {
    let bench = bench();
    bench.sql("INSERT INTO aliases VALUES ('sales', 'alice'); INSERT INTO delegates VALUES ('bob', 'alice')");
    for sql in [
        "INSERT OR REPLACE INTO users(name, password) VALUES ('ALICE', 'x')",
        "INSERT OR REPLACE INTO users(id, name) SELECT id, 'carol' FROM users WHERE name = 'alice'",
        "REPLACE INTO mailboxes(name) VALUES ('alice')",
        "REPLACE INTO mailboxes(id, name) SELECT id, 'carol' FROM mailboxes WHERE name = 'alice'",
        "UPDATE OR REPLACE users SET name = 'bob' WHERE name = 'alice'",
        "REPLACE INTO usage(mailbox_id) SELECT id FROM mailboxes",
        "REPLACE INTO counters(id, next_body_id) VALUES (1, 1)",
    ] {
        bench.refused(sql, &[]);
        bench.assert_sound();
    }
    bench.sql("INSERT OR REPLACE INTO aliases VALUES ('SALES', 'ALICE'); INSERT OR REPLACE INTO delegates VALUES ('BOB', 'ALICE')");
    assert_eq!(bench.sql("SELECT count(*) FROM aliases; SELECT count(*) FROM delegates"), "1\n1");
    bench.sql("INSERT OR REPLACE INTO users(name, password) VALUES ('carol', 'x')");
    assert_eq!(bench.sql("SELECT count(*) FROM mailboxes"), "3");
    bench.assert_sound();
}

#[test]
fn a_renamed_user_keeps_everything_and_unique_ids_go_on() {
    let bench = bench();
    bench.sql("INSERT INTO aliases VALUES ('sales', 'alice'); INSERT INTO delegates VALUES ('bob', 'alice'), ('alice', 'bob')");
    bench.sql("UPDATE users SET name = 'Alice' WHERE name = 'alice'");
    assert_eq!(bench.sql("SELECT name FROM mailboxes WHERE name = 'alice'"), "Alice");
    bench.sql("UPDATE users SET name = 'carol' WHERE name = 'alice'");
    assert_eq!(bench.uids("carol").len(), 6);
    assert_eq!(
        bench.sql("SELECT * FROM aliases; SELECT * FROM delegates ORDER BY 1"),
        "sales|carol\nbob|carol\ncarol|bob"
    );
    bench.sql("INSERT INTO users(name) VALUES ('alice')");
    assert_eq!(bench.deliver("alice", 1), Ok(Uid(7)), "a client of alice may remember 1 to 6");
    bench.sql(
        "UPDATE users SET name = 'dave' WHERE name = 'alice'; UPDATE users SET name = 'alice' WHERE name = 'carol'",
    );
    assert_eq!(bench.deliver("alice", 1), Ok(Uid(8)));
    bench.assert_sound();
}

#[test]
fn mailboxes_without_a_user() {
    let bench = bench();
    bench.sql("INSERT INTO mailboxes(name) VALUES ('archive')");
    bench.deliver("archive", 10).unwrap();
    bench.sql("UPDATE mailboxes SET name = 'attic' WHERE name = 'archive'");
    assert_eq!(bench.uids("attic"), [1]);
    bench.sql("INSERT INTO users(name) VALUES ('ATTIC')");
    assert_eq!(bench.uids("attic"), [1], "the user finds the mailbox");
    bench.sql("DELETE FROM users WHERE name = 'attic'");
    bench.sql("INSERT INTO mailboxes(name) VALUES ('attic'); DELETE FROM mailboxes WHERE name = 'attic'");
    bench.assert_sound();
}

#[test]
fn everything_of_everybody_can_go() {
    let bench = bench();
    bench.sql("DELETE FROM messages WHERE uid < 3; DELETE FROM users");
    bench.assert_sound();
    bench.purge_all(now() + 15 * 86_400);
    for table in [
        "deleted_mailbox",
        "deleted_alias",
        "message",
        "deleted",
        "purge",
        "chunk",
        "shared",
        "usage",
        "mailboxes",
        "verifiers",
        "unshown",
    ] {
        assert_eq!(bench.sql(&format!("SELECT count(*) FROM {table}")), "0", "{table}");
    }
    bench.assert_sound();
}

#[test]
fn an_upload_that_is_dropped_or_refused_leaves_no_pieces() {
    let bench = bench();
    let before = bench.sql("SELECT count(*) FROM chunk");
    let mut upload = bench.store.upload(u64::MAX);
    upload.push(&vec![b'x'; 2 << 20]).unwrap();
    assert_ne!(bench.sql("SELECT count(*) FROM chunk"), before, "it is staged");
    drop(upload);
    bench.store.change_mark().unwrap(); // behind what the drop left to the writer: the shell does not wait for locks
    bench.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 4096 WHERE name = 'alice'");
    assert!(bench.deliver("alice", 2 << 20).is_err());
    bench.purge_all(now());
    bench.store.change_mark().unwrap();
    assert_eq!(bench.sql("SELECT count(*) FROM chunk"), before);
    bench.assert_sound();
}

#[test]
fn check_finds_what_is_wrong() {
    let bench = bench();
    let faults = [
        ("UPDATE usage SET messages = messages + 1 WHERE mailbox_id = 1", "usage counts"),
        ("DELETE FROM chunk WHERE id = (SELECT max(id) FROM chunk)", "are stored"),
        ("INSERT INTO chunk(id, data) VALUES (1, x'00')", "no message has it"),
        ("INSERT INTO shared VALUES (77, 2)", "counted as shared"),
        ("UPDATE counters SET date_given = 1", "date_given"),
        ("DROP TRIGGER mailboxes_user_first; DELETE FROM mailboxes WHERE name = 'bob'", "has no mailbox"),
        (
            "DROP TRIGGER users_removed; DELETE FROM users WHERE name = 'alice'; INSERT INTO purge(body_id, not_before) SELECT body_id, 0 FROM message",
            "messages have it",
        ),
    ];
    for (sql, part) in faults {
        bench.sql(sql);
        let found = bench.store.check().unwrap();
        assert!(found.iter().any(|fault| fault.contains(part)), "{sql}: {found:?}");
        assert!(found.iter().all(|fault| !fault.contains('\n')));
    }
}

#[test]
fn the_shell_may_hold_the_lock_and_deliveries_wait_or_say_so() {
    use pillarbox::store::StoreError;
    use pillarbox::store::sqlite::{Options, Sqlite};
    let bench = bench();
    let options = Options { busy_timeout: std::time::Duration::from_millis(50), ..Options::default() };
    let hasty = Sqlite::open(&bench.path(), options).unwrap();
    let shell = rusqlite::Connection::open(bench.path()).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let alice = bench.mailbox("alice");
    assert!(matches!(hasty.commit(alice, &[Uid(1)]), Err(StoreError::Busy(_))));
    assert!(matches!(hasty.create_user("carol"), Err(StoreError::Busy(_))));
    assert_eq!(hasty.open(alice).unwrap().entries().len(), 6, "reading goes on");
    shell.execute_batch("COMMIT").unwrap();
    hasty.commit(alice, &[Uid(1)]).unwrap();
    assert_eq!(bench.uids("alice").len(), 5);
}
