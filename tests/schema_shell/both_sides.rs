//! The conditions of triggers from both sides: what is refused, and that the neighbour of it is taken; whom a change
//! concerns, and that it concerns nobody else.

use crate::shell::Bench;

const PAGE: i64 = 4096;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name, password) VALUES ('alice', 'x'), ('bob', 'y'), ('carol', 'z')");
    bench.sql("INSERT INTO mailboxes(name) VALUES ('archive'), ('team')");
    bench
}

#[test]
fn ids_cannot_change_and_names_are_nobody_elses() {
    let bench = bench();
    for table in ["users", "mailboxes"] {
        bench.refused(&format!("UPDATE {table} SET id = 4711 WHERE name = 'alice'"), &[table, "id: cannot change"]);
        bench.sql(&format!("UPDATE {table} SET id = id WHERE name = 'alice'"));
    }
    for name in ["bob", "BOB"] {
        bench.refused(&format!("UPDATE users SET name = '{name}' WHERE name = 'alice'"), &["users.name", "exists"]);
        bench.refused(
            &format!("UPDATE mailboxes SET name = '{name}' WHERE name = 'archive'"),
            &["mailboxes.name", "exists"],
        );
    }
    bench.refused("UPDATE mailboxes SET name = 'dave' WHERE name = 'alice'", &["mailboxes.name", "rename the user"]);
    bench.refused("DELETE FROM mailboxes WHERE name = 'alice'", &["mailboxes.name", "delete the user"]);
    bench.sql("UPDATE users SET name = 'Alice' WHERE name = 'alice'; UPDATE mailboxes SET name = 'dave' WHERE name = 'archive'");
    assert_eq!(bench.sql("SELECT name FROM mailboxes ORDER BY id"), "Alice\nbob\ncarol\ndave\nteam");
    bench.refused(
        "INSERT OR REPLACE INTO users(id, name) SELECT id, 'eve' FROM users WHERE name = 'bob'",
        &["users.name"],
    );
    bench.refused(
        "INSERT OR REPLACE INTO mailboxes(id, name) SELECT id, 'eve' FROM mailboxes WHERE name = 'team'",
        &["mailboxes.name"],
    );
    bench.refused("INSERT OR REPLACE INTO mailboxes(name) VALUES ('TEAM')", &["mailboxes.name"]);
    bench.sql("INSERT INTO users(name) VALUES ('eve'), ('team')");
    assert_eq!(bench.sql("SELECT count(*) FROM mailboxes WHERE name = 'team'"), "1", "a user takes over a mailbox");
    bench.assert_sound();
}

#[test]
fn updates_are_checked_like_inserts() {
    let bench = bench();
    bench.sql("INSERT INTO aliases VALUES ('sales', 'alice'); INSERT INTO delegates VALUES ('bob', 'alice')");
    let odd = "CAST(x'ff' AS TEXT)";
    bench.refused("UPDATE aliases SET address = NULL", &["aliases.address: 1 to 255"]);
    bench.refused(&format!("UPDATE aliases SET address = {odd}"), &["aliases.address: must be UTF-8"]);
    bench.refused(&format!("UPDATE users SET name = {odd} WHERE name = 'alice'"), &["users.name: must be UTF-8"]);
    bench.refused(
        &format!("UPDATE users SET password = {odd} WHERE name = 'alice'"),
        &["users.password: must be UTF-8"],
    );
    for (column, name) in [("name", "archive"), ("site", "alice")] {
        let update = format!("UPDATE mailboxes SET {column} = {odd} WHERE name = '{name}'");
        bench.refused(&update, &[&format!("mailboxes.{column}: must be UTF-8")]);
    }
    bench.refused("UPDATE aliases SET mailbox = 'nobody'", &["aliases.mailbox"]);
    bench.refused("UPDATE delegates SET delegate = 'archive'", &["delegates.delegate: no such user"]);
    bench.refused("UPDATE delegates SET principal = 'nobody'", &["delegates.principal: no such mailbox"]);
    bench.sql("UPDATE aliases SET address = 'Sales2', mailbox = 'bob'; UPDATE delegates SET delegate = 'carol', principal = 'team'");
    assert_eq!(bench.sql("SELECT * FROM aliases; SELECT * FROM delegates"), "Sales2|bob\ncarol|team");
}

#[test]
fn an_nt_hash_is_for_whom_it_is_wanted() {
    let bench = bench();
    bench.sql("UPDATE users SET ntlm = 1 WHERE name = 'bob'");
    let insert = |name: &str, scheme: &str| {
        format!("INSERT INTO verifiers SELECT id, '{scheme}', x'00' FROM users WHERE name = '{name}'")
    };
    bench.refused(&insert("alice", "NT"), &["verifiers.scheme: NT only"]);
    bench.refused("INSERT INTO verifiers VALUES (4711, 'SCRAM-SHA-256', x'00')", &["verifiers.user_id: no such user"]);
    for (name, scheme) in [("alice", "SCRAM-SHA-256"), ("bob", "SCRAM-SHA-256"), ("bob", "NT")] {
        bench.sql(&insert(name, scheme));
    }
    bench.refused("UPDATE verifiers SET user_id = user_id + 1", &["cannot change"]);
    bench.refused("UPDATE verifiers SET scheme = 'NT'", &["cannot change"]);
    let all = "SELECT name, scheme FROM verifiers JOIN users ON id = user_id ORDER BY 1, 2";
    bench.sql("UPDATE users SET ntlm = 0 WHERE name = 'alice'; UPDATE users SET ntlm = 1 WHERE name = 'bob'");
    assert_eq!(bench.sql(all), "alice|SCRAM-SHA-256\nbob|NT\nbob|SCRAM-SHA-256");
    bench.sql("UPDATE users SET ntlm = 0 WHERE name = 'bob'");
    assert_eq!(bench.sql(all), "alice|SCRAM-SHA-256\nbob|SCRAM-SHA-256");
    bench.sql("UPDATE users SET password = 'x' WHERE name = 'alice'");
    assert_eq!(bench.sql(all), "alice|SCRAM-SHA-256\nbob|SCRAM-SHA-256", "the password is the same");
    bench.sql("UPDATE users SET password = 'new' WHERE name = 'alice'");
    assert_eq!(bench.sql(all), "bob|SCRAM-SHA-256");
    bench.sql("DELETE FROM users WHERE name = 'carol'");
    assert_eq!(bench.sql(all), "bob|SCRAM-SHA-256");
}

#[test]
fn a_rename_takes_its_own_along() {
    let bench = bench();
    bench.sql(
        "INSERT INTO aliases VALUES ('sales', 'alice'), ('sales', 'bob'), ('office', 'archive'), ('office', 'team')",
    );
    bench.sql("INSERT INTO delegates VALUES ('alice', 'bob'), ('bob', 'alice'), ('carol', 'bob'), ('bob', 'archive')");
    bench.sql("UPDATE users SET name = 'anna' WHERE name = 'alice'; UPDATE mailboxes SET name = 'attic' WHERE name = 'archive'");
    assert_eq!(bench.sql("SELECT * FROM aliases ORDER BY 1, 2"), "office|attic\noffice|team\nsales|anna\nsales|bob");
    assert_eq!(bench.sql("SELECT * FROM delegates ORDER BY 1, 2"), "anna|bob\nbob|anna\nbob|attic\ncarol|bob");
    bench.sql("DELETE FROM users WHERE name = 'anna'; DELETE FROM mailboxes WHERE name = 'attic'");
    assert_eq!(bench.sql("SELECT * FROM aliases ORDER BY 1, 2"), "office|team\nsales|bob");
    assert_eq!(bench.sql("SELECT * FROM delegates"), "carol|bob");
    let rows = "SELECT name FROM mailboxes JOIN usage ON mailbox_id = id ORDER BY 1";
    assert_eq!(bench.sql(rows), "bob\ncarol\nteam");
    assert_eq!(bench.sql("SELECT count(*) FROM reaping"), "3");
    bench.assert_sound();
}

/// A mailbox that is named as another one was goes on with the greater of both next uids.
#[test]
fn unique_ids_go_on_under_either_name() {
    let bench = bench();
    for (mailbox, messages) in [("archive", 5), ("team", 2)] {
        (0..messages).for_each(|_| _ = bench.deliver(mailbox, 10).unwrap());
    }
    bench
        .sql("DELETE FROM mailboxes WHERE name = 'archive'; UPDATE mailboxes SET name = 'archive' WHERE name = 'team'");
    assert_eq!(bench.deliver("archive", 10).unwrap().0, 6);
    bench.sql("INSERT INTO mailboxes(name) VALUES ('team')");
    assert_eq!(bench.deliver("team", 10).unwrap().0, 3, "as the one that had the name before");
    bench.sql("UPDATE mailboxes SET name = 'third' WHERE name = 'archive'");
    assert_eq!(bench.deliver("third", 10).unwrap().0, 7);
    bench.sql("UPDATE counters SET first_uid = 100; INSERT INTO mailboxes(name) VALUES ('archive'), ('fourth')");
    assert_eq!((bench.deliver("archive", 1).unwrap().0, bench.deliver("fourth", 1).unwrap().0), (100, 100));
    bench.assert_sound();
}

#[test]
fn counters_only_grow() {
    let bench = bench();
    let alice = "WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = 'alice')";
    bench.sql(&format!("UPDATE usage SET next_uid = 10 {alice}; UPDATE usage SET next_uid = 10 {alice}"));
    bench.refused(&format!("UPDATE usage SET next_uid = 9 {alice}"), &["usage.next_uid: only grows"]);
    bench.refused(&format!("UPDATE usage SET mailbox_id = 4711 {alice}"), &["usage.mailbox_id: cannot change"]);
    bench.refused(&format!("DELETE FROM usage {alice}"), &["usage.mailbox_id: belongs"]);
    bench.refused("INSERT INTO usage(mailbox_id) VALUES (4711)", &["usage.mailbox_id: no such mailbox"]);
    bench.refused(
        "INSERT OR REPLACE INTO usage(mailbox_id) SELECT id FROM mailboxes LIMIT 1",
        &["usage.mailbox_id: the row"],
    );
    bench.sql(
        "UPDATE counters SET next_body_id = 50, first_uid = 7; UPDATE counters SET next_body_id = 50, first_uid = 7",
    );
    bench.refused("UPDATE counters SET next_body_id = 49", &["counters.next_body_id: only grows"]);
    bench.refused("UPDATE counters SET first_uid = 6", &["counters.first_uid: only grows"]);
    bench.refused("INSERT OR REPLACE INTO counters(id, next_body_id) VALUES (1, 1)", &["counters: the row exists"]);
    bench.refused("DELETE FROM counters", &["counters: the row cannot be deleted"]);
}

/// A uid that was deleted is given to no other body, neither by an INSERT nor by one that names the deleted one.
#[test]
fn a_deleted_uid_is_not_given_to_another_body() {
    let bench = bench();
    (0..3).for_each(|_| _ = bench.deliver("alice", 10).unwrap());
    bench.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 2");
    let insert = |uid: u64, body: &str| {
        format!(
            "INSERT INTO message(mailbox_id, uid, body_id, size, flags, received_at, stored_at)
             SELECT id, {uid}, {body}, 10, 0, 0, 0 FROM mailboxes WHERE name = 'alice'"
        )
    };
    for uid in [1, 2, 3] {
        bench.refused(&insert(uid, "4711"), &["message.uid: already given out"]);
    }
    let others = "(SELECT body_id FROM message WHERE uid = 3)";
    bench.refused(&insert(2, others), &["message.uid: already given out"]);
    bench.refused(&insert(1, "(SELECT body_id FROM deleted WHERE uid = 2)"), &["message.uid: already given out"]);
    bench.refused(&insert(9_007_199_254_740_992, "4711"), &["out of unique-ids"]);
    bench.refused(
        &insert(4, "4711").replace("'alice'", "'alice' UNION ALL SELECT 4711, 1, 1, 1, 0, 0, 0"),
        &["no such mailbox"],
    );
    bench.sql("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice' AND uid = 2");
    assert_eq!(bench.uids("alice"), [1, 2, 3]);
    bench.assert_sound();
}

/// The quota is what may be there; the next page is refused.
#[test]
fn a_quota_can_be_filled_to_the_page() {
    for quota in [3 * PAGE, 3 * PAGE + 1, 4 * PAGE - 1] {
        let bench = bench();
        bench.sql(&format!("UPDATE mailboxes SET prohibit_send_receive_quota = {quota} WHERE name = 'alice'"));
        bench.deliver("alice", 4096).unwrap();
        bench.deliver("alice", 4097).unwrap();
        assert!(bench.deliver("alice", 1).is_err(), "{quota}");
        bench.deliver("bob", 1).unwrap();
        bench.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 1");
        assert!(bench.deliver("alice", 4097).is_err());
        bench.deliver("alice", 0).unwrap();
        assert!(bench.deliver("alice", 0).is_err(), "an empty message takes a page, too");
        bench.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 0 WHERE name = 'alice'");
        bench.deliver("alice", 1).unwrap();
        bench.sql("UPDATE mailboxes SET prohibit_send_receive_quota = NULL; UPDATE settings SET value = '16384' WHERE name = 'ProhibitSendReceiveQuota'");
        assert!(bench.deliver("alice", 1).is_err());
        (0..3).for_each(|_| _ = bench.deliver("bob", 4096).unwrap());
        assert!(bench.deliver("bob", 1).is_err());
        assert_eq!(bench.sql("SELECT percent FROM mailbox_usage WHERE name = 'bob'"), "100.0");
        bench.sql("UPDATE settings SET value = '0' WHERE name = 'ProhibitSendReceiveQuota'");
        bench.deliver("bob", 1).unwrap();
        bench.assert_sound();
    }
}

/// A number beyond 2^52 that came as plain text is given out by no mailbox that has seen it, in whatever state.
#[test]
fn a_great_number_is_taken_in_its_own_mailbox() {
    const FIRST: i64 = 4_503_599_627_370_497;
    let bench = bench();
    for number in [FIRST, FIRST + 1, FIRST + 2] {
        bench.import("alice", 10, Some(&number.to_string())).unwrap();
        bench.import("bob", 10, Some(&(number + 100).to_string())).unwrap();
    }
    bench.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid > 1");
    bench.sql("DELETE FROM recoverable WHERE mailbox = 'alice' AND uid > 2");
    let insert = |mailbox: &str, uid: i64| {
        format!(
            "INSERT INTO message(mailbox_id, uid, body_id, size, flags, received_at, stored_at)
             SELECT id, {uid}, 4711, 10, 0, 0, 0 FROM mailboxes WHERE name = '{mailbox}'"
        )
    };
    for uid in [FIRST, FIRST + 1, FIRST + 2] {
        bench.refused(&insert("alice", uid), &["message.uid: another message of the mailbox came with it"]);
        bench.sql(&format!("BEGIN; {}; ROLLBACK", insert("bob", uid)));
    }
    bench.sql(&insert("alice", FIRST + 3));
    for (uid, unique_id) in [(1, FIRST), (2, FIRST + 1), (3, FIRST + 2)] {
        assert!(bench.import("alice", 10, Some(&unique_id.to_string())).is_err(), "{uid} was shown as it");
    }
    bench.import("carol", 10, Some(&FIRST.to_string())).unwrap();
}

#[test]
fn columns_of_recoverable_and_of_messages_stay() {
    let bench = bench();
    bench.import("alice", 5000, Some("id")).unwrap();
    bench.sql("DELETE FROM messages");
    let change = |column: &str| match column {
        "uid" | "size" => "4711",
        "received_at" | "stored_at" => "'2020-01-01T00:00:00Z'",
        "mailbox" => "'bob'",
        _ => "'other'",
    };
    let columns = ["uid", "size", "received_at", "unique_id", "sender", "subject", "from_address", "message_id"];
    for column in columns.iter().chain(&["mailbox"]) {
        let update = format!("UPDATE recoverable SET deleted_at = NULL, {column} = {}", change(column));
        bench.refused(&update, &["recoverable.deleted_at: only SET"]);
    }
    bench.refused("UPDATE recoverable SET size = 1", &["recoverable.deleted_at: only SET"]);
    for column in ["id", "name", "messages", "bytes"] {
        let bench = Bench::new();
        bench.sql("INSERT INTO mailboxes(name) VALUES ('gone'); DELETE FROM mailboxes");
        let update = format!("UPDATE deleted_mailboxes SET deleted_at = NULL, {column} = 4711");
        bench.refused(&update, &["deleted_mailboxes.deleted_at: only SET"]);
    }
    bench.sql("UPDATE recoverable SET deleted_at = NULL");
    for column in columns.iter().chain(&["stored_at"]) {
        bench.refused(&format!("UPDATE messages SET {column} = {}", change(column)), &["messages: immutable"]);
    }
    for read in ["2", "-1", "NULL"] {
        bench.refused(&format!("UPDATE messages SET read = {read}"), &["messages.read: 0 or 1"]);
    }
    for read in ["1", "1", "0", "0"] {
        bench.sql(&format!("UPDATE messages SET read = {read}"));
        assert_eq!(bench.sql("SELECT read FROM messages"), read);
    }
    bench.assert_sound();
}

/// Under another name nobody knows which of the numbers that an import skipped clients were shown; another case is no
/// other name.
#[test]
fn skipped_numbers_are_closed_by_a_new_name() {
    for (name, open) in [("ARCHIVE", true), ("attic", false)] {
        let bench = bench();
        bench.import("archive", 10, Some("100")).unwrap();
        bench.sql(&format!("UPDATE mailboxes SET name = '{name}' WHERE name = 'archive'"));
        assert_eq!(bench.import(name, 10, Some("50")).is_ok(), open, "{name}");
        bench.import(name, 10, Some("200")).unwrap();
        bench.import(name, 10, Some("150")).unwrap();
        bench.assert_sound();
    }
}
