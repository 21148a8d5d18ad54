//! What triggers keep for the server: marks that say that something changed, queues of mailboxes that are due, sessions
//! that are to end. Each change moves its own, and no other.

use crate::shell::{Bench, now};

const NEVER: &str = "9007199254740991";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name, password) VALUES ('alice', 'x'), ('bob', 'y'), ('carol', 'z')");
    bench
}

/// Whether each statement moves the mark.
#[track_caller]
fn assert_moves(bench: &Bench, mark: &str, moves: bool, statements: &[&str]) {
    for statement in statements {
        let read = format!("SELECT {mark} FROM counters");
        let before = bench.sql(&read);
        bench.sql(statement);
        assert_eq!(bench.sql(&read) != before, moves, "{mark}: {statement}");
    }
}

#[test]
fn whatever_shuts_somebody_out_moves_revoked() {
    let bench = bench();
    bench.sql("INSERT INTO mailboxes(name) VALUES ('archive')");
    bench.sql("INSERT INTO session VALUES (1, 'bob', 'bob', '192.0.2.1', 1, 1)");
    let statements = [
        "INSERT INTO users(name) VALUES ('dave')",
        "INSERT INTO delegates VALUES ('bob', 'alice'), ('carol', 'alice')",
        "UPDATE users SET pop_enabled = 1",
        "UPDATE users SET password = password",
        "UPDATE users SET ntlm = 1, last_login = 5 WHERE name = 'alice'",
        "UPDATE mailboxes SET site = NULL",
        "UPDATE mailboxes SET retain_read_days = 5, issue_warning_quota = 5 WHERE name = 'alice'",
        "UPDATE settings SET value = 'x' WHERE name = 'Banner'",
        "DELETE FROM users WHERE name = 'nobody'",
    ];
    assert_moves(&bench, "revoked", false, &statements);
    let statements = [
        "UPDATE users SET pop_enabled = 0 WHERE name = 'alice'",
        "UPDATE users SET pop_enabled = 1 WHERE name = 'alice'",
        "UPDATE users SET password = 'new' WHERE name = 'alice'",
        "UPDATE users SET password = NULL WHERE name = 'alice'",
        "UPDATE mailboxes SET site = 'paris' WHERE name = 'alice'",
        "UPDATE delegates SET principal = 'archive' WHERE delegate = 'bob'",
        "DELETE FROM delegates WHERE delegate = 'carol'",
        "DELETE FROM mailboxes WHERE name = 'archive'",
        "DELETE FROM sessions WHERE name = 'bob'",
        "DELETE FROM users WHERE name = 'carol'",
    ];
    assert_moves(&bench, "revoked", true, &statements);
}

#[test]
fn whatever_capa_shows_moves_advertised() {
    let bench = bench();
    let statements = [
        "UPDATE users SET last_login = 5",
        "UPDATE mailboxes SET site = 'x', issue_warning_quota = 5",
        "UPDATE settings SET value = value WHERE name = 'RetainReadDays'",
        "UPDATE settings SET value = '5' WHERE name = 'RetainDeletedItemsDays'",
    ];
    assert_moves(&bench, "advertised", false, &statements);
    let statements = [
        "INSERT INTO users(name) VALUES ('dave')",
        "INSERT INTO mailboxes(name) VALUES ('archive')",
        "UPDATE users SET pop_enabled = 0 WHERE name = 'alice'",
        "UPDATE users SET password = 'new' WHERE name = 'alice'",
        "INSERT INTO verifiers SELECT id, 'SCRAM-SHA-256', x'00' FROM users WHERE name = 'bob'",
        "DELETE FROM verifiers",
        "UPDATE mailboxes SET retain_read_days = 5 WHERE name = 'alice'",
        "UPDATE mailboxes SET retain_unread_days = 5 WHERE name = 'alice'",
        "UPDATE mailboxes SET retention_hold = 1 WHERE name = 'alice'",
        "UPDATE settings SET value = '5' WHERE name = 'RetainReadDays'",
        "UPDATE settings SET value = '5' WHERE name = 'RetainUnreadDays'",
        "DELETE FROM mailboxes WHERE name = 'archive'",
        "DELETE FROM users WHERE name = 'dave'",
    ];
    assert_moves(&bench, "advertised", true, &statements);
}

#[test]
fn secrets_that_go_move_erased() {
    let bench = bench();
    bench.sql("UPDATE users SET ntlm = 1 WHERE name = 'alice'");
    let still = [
        "UPDATE users SET password = password",
        "UPDATE users SET ntlm = 0 WHERE name = 'bob'",
        "UPDATE users SET ntlm = 1 WHERE name = 'alice'",
    ];
    assert_moves(&bench, "erased", false, &still);
    let moving = [
        "UPDATE users SET ntlm = 0 WHERE name = 'alice'",
        "UPDATE users SET password = 'n' WHERE name = 'bob'",
        "DELETE FROM users WHERE name = 'carol'",
    ];
    assert_moves(&bench, "erased", true, &moving);
}

/// The mailboxes of which the reaper knows when they are due.
fn due(bench: &Bench) -> String {
    bench.sql("SELECT name, due_at FROM reaping JOIN mailboxes ON id = mailbox_id ORDER BY name")
}

#[test]
fn new_days_make_a_mailbox_due_and_no_other() {
    let bench = bench();
    let wait = || bench.sql(&format!("UPDATE reaping SET due_at = {NEVER}"));
    let due_of = |names: &str| {
        let due = if names.is_empty() { "''" } else { names };
        bench.sql(&format!(
            "SELECT count(*) FROM reaping JOIN mailboxes ON id = mailbox_id WHERE (due_at = 0) <> (name IN ({due}))"
        ))
    };
    assert_eq!(due_of("'alice', 'bob', 'carol'"), "0", "a new mailbox is looked at");
    for column in ["retain_read_days", "retain_unread_days", "retention_hold"] {
        wait();
        bench.sql(&format!("UPDATE mailboxes SET {column} = 1 WHERE name = 'alice'"));
        assert_eq!(due_of("'alice'"), "0", "{column}: {}", due(&bench));
    }
    wait();
    bench.sql("UPDATE settings SET value = value WHERE name LIKE 'Retain%'; UPDATE settings SET value = '9' WHERE name = 'RetainDeletedItemsDays'");
    bench.sql("UPDATE mailboxes SET site = 'x'");
    assert_eq!(due_of(""), "0", "{}", due(&bench));
    for name in ["RetainReadDays", "RetainUnreadDays"] {
        wait();
        bench.sql(&format!("UPDATE settings SET value = '7' WHERE name = '{name}'"));
        assert_eq!(due_of("'alice', 'bob', 'carol'"), "0", "{name}: {}", due(&bench));
    }
    bench.sql("DELETE FROM users WHERE name = 'bob'");
    assert_eq!(bench.sql("SELECT name FROM reaping JOIN mailboxes ON id = mailbox_id ORDER BY 1"), "alice\ncarol");
}

/// Reading brings the end of a message forward: its own mailbox is due then, if that is before it was due anyway.
#[test]
fn reading_makes_a_mailbox_due_earlier_never_later() {
    let bench = bench();
    bench.sql("UPDATE mailboxes SET retain_read_days = 2, retain_unread_days = 5 WHERE name IN ('alice', 'bob')");
    bench.sql("UPDATE mailboxes SET retain_read_days = 0, retain_unread_days = 0 WHERE name = 'carol'");
    for name in ["alice", "bob", "carol"] {
        bench.deliver(name, 10).unwrap();
    }
    let stored: i64 = bench.sql("SELECT min(stored_at) FROM message").parse().unwrap();
    let of = |name: &str| {
        bench.sql(&format!("SELECT due_at FROM reaping JOIN mailboxes ON id = mailbox_id WHERE name = '{name}'"))
    };
    let set = |due: i64| bench.sql(&format!("UPDATE reaping SET due_at = {due}"));
    let read =
        |name: &str, read: i64| bench.sql(&format!("UPDATE messages SET read = {read} WHERE mailbox = '{name}'"));
    let near = |found: String, days: i64| (found.parse::<i64>().unwrap() - stored - days * 86_400).abs() <= 5;
    let far = stored + 100 * 86_400;
    set(far);
    read("alice", 1);
    assert!(near(of("alice"), 2), "{}", of("alice"));
    assert_eq!(of("bob"), far.to_string());
    set(far);
    read("alice", 1);
    assert_eq!(of("alice"), far.to_string(), "it was read already");
    read("alice", 0);
    assert!(near(of("alice"), 5), "{}", of("alice"));
    let early = stored + 86_400;
    for (due, expected) in [(early, early), (0, 0)] {
        set(due);
        read("alice", 1);
        assert_eq!(of("alice"), expected.to_string());
        read("alice", 0);
        assert_eq!(of("alice"), expected.to_string());
    }
    set(-1);
    read("alice", 1);
    assert!(near(of("alice"), 2), "behind the back of a reaper that looks");
    for due in [far, -1] {
        set(due);
        read("carol", 1);
        assert_eq!(of("carol"), due.to_string(), "nothing goes by age there");
    }
    bench.sql(&format!("UPDATE reaping SET due_at = {NEVER}"));
    read("bob", 1);
    assert_eq!(of("bob"), NEVER);
}

fn overfull(bench: &Bench) -> String {
    bench.sql("SELECT name FROM overfull JOIN mailboxes ON id = mailbox_id ORDER BY name").replace('\n', " ")
}

/// A mailbox is overfull from its very quota on; what happens to one leaves the others as they are.
#[test]
fn who_is_overfull() {
    let bench = bench();
    let quota = |name: &str, quota: &str| {
        bench.sql(&format!("UPDATE mailboxes SET issue_warning_quota = {quota} WHERE name = '{name}'"));
    };
    for name in ["alice", "bob", "carol"] {
        quota(name, "8192");
        bench.deliver(name, 10).unwrap();
    }
    assert_eq!(overfull(&bench), "");
    for name in ["alice", "bob"] {
        bench.deliver(name, 10).unwrap();
    }
    assert_eq!(overfull(&bench), "alice bob", "8192 octets of 8192");
    bench.sql("UPDATE overfull SET due_at = 5");
    bench.deliver("alice", 10).unwrap();
    bench.sql("DELETE FROM messages WHERE mailbox = 'bob' AND uid = 2");
    assert_eq!(overfull(&bench), "alice", "bob fell below");
    bench.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 3");
    assert_eq!(overfull(&bench), "alice", "still at it");
    assert_eq!(bench.sql("SELECT due_at FROM overfull"), "5", "and warned when it was due");
    quota("carol", "4097");
    assert_eq!(overfull(&bench), "alice");
    quota("carol", "4096");
    assert_eq!(overfull(&bench), "alice carol");
    quota("carol", "0");
    assert_eq!(overfull(&bench), "alice");
    quota("alice", "8193");
    assert_eq!(overfull(&bench), "");
    for name in ["alice", "bob", "carol"] {
        quota(name, "NULL");
    }
    let all =
        |value: &str| bench.sql(&format!("UPDATE settings SET value = '{value}' WHERE name = 'IssueWarningQuota'"));
    for (value, expected) in
        [("8193", ""), ("8192", "alice"), ("4097", "alice"), ("4096", "alice bob carol"), ("0", "")]
    {
        all(value);
        assert_eq!(overfull(&bench), expected, "{value}");
    }
    all("4096");
    bench.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 2");
    assert_eq!(overfull(&bench), "alice bob carol", "4096 octets of 4096");
    bench.deliver("alice", 10).unwrap();
    all("8192");
    assert_eq!(overfull(&bench), "alice");
    quota("bob", "1");
    assert_eq!(overfull(&bench), "alice bob");
    all("9000");
    assert_eq!(overfull(&bench), "bob", "who has a quota of the own keeps it");
    bench.sql("UPDATE settings SET value = value WHERE name = 'IssueWarningQuota'");
    bench.sql("DELETE FROM users WHERE name = 'carol'");
    assert_eq!(overfull(&bench), "bob");
    bench.sql("DELETE FROM users WHERE name = 'bob'");
    assert_eq!(bench.sql("SELECT count(*) FROM overfull"), "0");
    bench.assert_sound();
}

/// One of the sessions of a user ends, and those that look the same; others go on.
#[test]
fn the_sessions_that_were_meant_end() {
    let bench = bench();
    let rows = [
        "(1, 'alice', 'alice', '192.0.2.1', 1, 1000)",
        "(2, 'alice', 'bob', '192.0.2.1', 1, 1000)",
        "(3, 'alice', 'alice', '192.0.2.2', 1, 1000)",
        "(4, 'alice', 'alice', '192.0.2.1', 0, 1000)",
        "(5, 'alice', 'alice', '192.0.2.1', 1, 2000)",
        "(6, 'bob', 'alice', '192.0.2.1', 1, 1000)",
        "(7, 'alice', 'alice', '192.0.2.1', 1, 1000)",
    ];
    bench.sql(&format!("INSERT INTO session VALUES {}", rows.join(", ")));
    let ended = |bench: &Bench| bench.sql("SELECT id FROM session_end ORDER BY id").replace('\n', " ");
    bench.sql("DELETE FROM sessions WHERE name = 'alice' AND principal = 'bob'");
    assert_eq!(ended(&bench), "2");
    bench.sql("DELETE FROM sessions WHERE tls = 0");
    assert_eq!(ended(&bench), "2 4");
    bench.sql("DELETE FROM sessions WHERE since = '1970-01-01T00:33:20Z'");
    assert_eq!(ended(&bench), "2 4 5");
    bench.sql("DELETE FROM sessions WHERE address = '192.0.2.2'");
    assert_eq!(ended(&bench), "2 3 4 5");
    assert_eq!(bench.sql("SELECT name, principal FROM sessions ORDER BY 1, 2"), "alice|alice\nalice|alice\nbob|alice");
    bench.sql("DELETE FROM sessions WHERE name = 'alice'");
    assert_eq!(ended(&bench), "1 2 3 4 5 7", "the two that nobody can tell apart");
    bench.sql("DELETE FROM session WHERE id = 3");
    assert_eq!(ended(&bench), "1 2 4 5 7");
    assert_eq!(bench.sql("SELECT * FROM sessions"), "bob|alice|192.0.2.1|1|1970-01-01T00:16:40Z");
}

#[test]
fn recent_logins_go_with_their_user() {
    let bench = bench();
    for name in ["alice", "bob"] {
        bench.sql(&format!("INSERT INTO recent_login VALUES ('{name}', '192.0.2.1', 'PLAIN', 1000, 2)"));
        bench.sql(&format!("INSERT INTO recent_failure VALUES ('{name}', '192.0.2.1', 'PLAIN', 1000, 2)"));
    }
    bench.sql("DELETE FROM users WHERE name = 'alice'");
    assert_eq!(bench.sql("SELECT * FROM recent_logins"), "bob|192.0.2.1|PLAIN|1970-01-01T00:16:40Z|2");
    assert_eq!(bench.sql("SELECT count(*) FROM recent_failures"), "2", "whoever they were");
}

/// The last second of `RetainDeletedItemsDays`, and the one after it.
#[test]
fn days_of_recovery_end_where_they_say() {
    let bench = bench();
    bench.deliver("alice", 10).unwrap();
    bench.sql("DELETE FROM messages; INSERT INTO mailboxes(name) VALUES ('archive'); DELETE FROM mailboxes WHERE name = 'archive'");
    for (ago, shown) in [(14 * 86_400 - 60, 1), (14 * 86_400, 0), (14 * 86_400 + 60, 0)] {
        let at = now() - ago;
        bench.sql(&format!("UPDATE deleted SET deleted_at = {at}; UPDATE deleted_mailbox SET deleted_at = {at}"));
        let rows = bench.sql("SELECT count(*) FROM recoverable; SELECT count(*) FROM deleted_mailboxes");
        assert_eq!(rows, format!("{shown}\n{shown}"), "{ago} seconds ago");
        bench.sql("UPDATE settings SET value = '15' WHERE name = 'RetainDeletedItemsDays'");
        let rows = bench.sql("SELECT count(*) FROM recoverable; SELECT count(*) FROM deleted_mailboxes");
        assert_eq!(rows, "1\n1");
        bench.sql("UPDATE settings SET value = '14' WHERE name = 'RetainDeletedItemsDays'");
    }
}
