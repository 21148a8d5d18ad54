//! Counters that a statement writes at its end: whatever else the statement does, they are right.

use crate::shell::Bench;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name) VALUES ('alice'), ('bob'), ('carol')");
    for name in ["alice", "bob", "carol"] {
        for octets in [10, 5000, 9000] {
            bench.import(name, octets, Some(&format!("{name}{octets}"))).unwrap();
        }
    }
    bench.sql("DELETE FROM messages WHERE uid = 3");
    bench
}

/// What its tables hold, also of mailboxes that went and are back.
fn assert_counted(bench: &Bench, line: &str) {
    bench.assert_sound();
    bench.sql("UPDATE deleted_mailboxes SET deleted_at = NULL");
    let count = "SELECT string_agg(concat_ws(' ', name, messages, bytes), ',' ORDER BY name) FROM";
    let counted = bench.sql(&format!("{count} mailbox_usage"));
    let held = "SELECT u.name, count(m.uid) AS messages, coalesce(sum(greatest(ceil(m.size / 4096.0), 1) * 4096) FILTER (WHERE m.uid > 0), 0)::bigint AS bytes
                  FROM mailbox_usage u LEFT JOIN messages m ON m.mailbox = u.name GROUP BY u.name";
    assert_eq!(counted, bench.sql(&format!("{count} ({held}) AS held")), "{line}");
    bench.assert_sound();
}

#[test]
fn of_mailboxes_that_the_same_statement_deletes() {
    for line in [
        "WITH x AS (DELETE FROM messages WHERE mailbox = 'alice') DELETE FROM users WHERE name = 'alice'",
        "WITH x AS (DELETE FROM messages WHERE mailbox = 'alice' RETURNING mailbox) DELETE FROM users USING x WHERE name = x.mailbox",
        "WITH x AS (DELETE FROM users WHERE name = 'alice' RETURNING name) DELETE FROM messages USING x WHERE mailbox = x.name",
        "WITH x AS (UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice' RETURNING mailbox)
           DELETE FROM users WHERE name IN (SELECT mailbox FROM x LIMIT 1)",
    ] {
        let bench = bench();
        bench.sql(line);
        assert_counted(&bench, line);
    }
}

#[test]
fn of_several_mailboxes_and_after_failures() {
    for line in [
        "WITH x AS (DELETE FROM messages WHERE mailbox = 'alice') UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'bob'",
        "UPDATE messages SET mailbox = CASE mailbox WHEN 'alice' THEN 'bob' ELSE 'carol' END, read = 1 - read",
        "BEGIN; DELETE FROM messages WHERE mailbox = 'bob'; SAVEPOINT s; DELETE FROM messages; ROLLBACK TO s; COMMIT",
        "DO $$ BEGIN DELETE FROM messages WHERE 1 / (uid - 2) < 9; EXCEPTION WHEN division_by_zero THEN NULL; END $$",
        "DELETE FROM messages WHERE uid = 1; UPDATE messages SET read = 1; UPDATE recoverable SET deleted_at = NULL",
    ] {
        let bench = bench();
        bench.sql(line);
        assert_counted(&bench, line);
    }
}
