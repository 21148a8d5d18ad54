//! Users, mailboxes, aliases and delegates as rows.

use crate::support::messages::{DOTTED, PLAIN};
use crate::support::texts::LOGON;
use crate::support::{Site, eventually};
use crate::{attempt, eventually_logs_in, mailbox};

#[test]
fn a_user_made_in_the_shell_can_log_in_and_has_a_mailbox() {
    let server = mailbox(&[]);
    server.sql("INSERT INTO users(name, password) VALUES ('bob', 'correct horse')");
    assert_eq!(server.sql("SELECT name FROM mailboxes ORDER BY name"), "alice\nbob\n");
    server.deliver("bob", PLAIN);
    eventually_logs_in(&server, "bob", "correct horse", true);
    assert_eq!(server.session("BOB", "correct horse").multi("RETR 1"), PLAIN);
}

#[test]
fn a_password_changed_in_the_shell() {
    let server = mailbox(&[]);
    assert_eq!(attempt(&server, "alice", "se cret"), LOGON);
    server.sql("UPDATE users SET password = 'new secret' WHERE name = 'alice'");
    eventually_logs_in(&server, "alice", "new secret", true);
    eventually_logs_in(&server, "alice", "se cret", false);
}

#[test]
fn pop_enabled() {
    let server = mailbox(&[]);
    server.alice().quit();
    server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'");
    eventually_logs_in(&server, "alice", "se cret", false);
    server.deliver("alice", PLAIN);
    server.sql("UPDATE users SET pop_enabled = 1 WHERE name = 'alice'");
    eventually_logs_in(&server, "alice", "se cret", true);
    assert_eq!(server.alice().stat().0, 3);
}

#[test]
fn a_deleted_user_is_gone_with_all_mail() {
    let server = mailbox(&[]);
    let mut open = server.alice();
    server.sql("DELETE FROM users WHERE name = 'alice'");
    eventually_logs_in(&server, "alice", "se cret", false);
    let line = open.line();
    assert!(line.starts_with("-ERR [SYS/PERM] Connection is closed. "), "{line:?}");
    open.expect_end();
    server.fail(&["deliver", "alice"], PLAIN, 67);
    for table in ["mailboxes", "messages", "users", "mailbox_usage"] {
        assert_eq!(server.sql(&format!("SELECT count(*) FROM {table}")), "0\n", "{table}");
    }
    server.add_user("alice", "another");
    eventually_logs_in(&server, "alice", "another", true);
    assert_eq!(server.session("alice", "another").stat(), (0, 0));
    server.assert_sound();
}

#[test]
fn aliases_and_addresses() {
    let server = mailbox(&[("Domains", "example.org")]);
    server.set("Domains", "example.org");
    server.sql("INSERT INTO aliases(address, mailbox) VALUES ('sales@example.org', 'alice')");
    for address in ["sales@example.org", "alice", "alice@example.org", "Alice@EXAMPLE.org", "alice+news@example.org"] {
        server.deliver(address, PLAIN);
    }
    assert_eq!(server.alice().stat().0, 7);
    for stranger in ["alice@elsewhere.example", "sales", "nobody@example.org"] {
        server.fail(&["deliver", stranger], PLAIN, 67);
    }
    server.add_user("bob", "x");
    server.fail(&["deliver", "bob", "nobody@example.org"], PLAIN, 67);
    assert_eq!(server.sql("SELECT messages FROM mailbox_usage WHERE name = 'bob'"), "0\n");
    assert!(server.try_sql("INSERT INTO aliases(address, mailbox) VALUES ('x@example.org', 'nobody')").is_err());
    server.session("alice@example.org", "se cret").quit();
    server.session("EXAMPLE\\alice", "se cret").quit();
    server.session("Alice@Example.org.", "se cret").quit();
    assert_ne!(attempt(&server, "alice@elsewhere.example", "se cret"), LOGON);
}

#[test]
fn full_addresses_as_users() {
    let server = mailbox(&[]);
    server.add_user("alice@a.example", "one");
    server.add_user("alice@b.example", "two");
    server.deliver("alice@a.example", PLAIN);
    eventually_logs_in(&server, "alice@b.example", "two", true);
    assert_eq!(server.session("alice@a.example", "one").stat().0, 1);
    assert_eq!(server.session("alice@b.example", "two").stat().0, 0);
    assert_eq!(server.alice().stat().0, 2);
}

#[test]
fn names_that_are_refused() {
    let site = Site::new();
    let long = "n".repeat(256);
    for name in ["", "a b", "a/b", "a\\b", "a@b@c", "a\tb", &long] {
        let insert = format!("INSERT INTO users(name, password) VALUES ('{name}', 'x')");
        let error = site.try_sql(&insert).expect_err(name);
        assert!(error.contains("name"), "{name:?}: {error}");
    }
    site.add_user("carol", "x");
    assert!(site.try_sql("INSERT INTO users(name, password) VALUES ('CAROL', 'x')").is_err());
    assert!(site.try_sql("INSERT OR REPLACE INTO users(name, password) VALUES ('carol', 'x')").is_err());
    assert_eq!(site.sql("SELECT count(*) FROM users"), "1\n");
    site.add_user(&"n".repeat(255), "x");
    site.assert_sound();
}

#[test]
fn quotas_and_retention_of_one_mailbox() {
    let server = mailbox(&[]);
    server.sql(
        "UPDATE mailboxes SET prohibit_send_receive_quota = 1073741824, issue_warning_quota = 966367641 WHERE name = 'alice'",
    );
    server.sql("UPDATE mailboxes SET retain_read_days = 7, retain_unread_days = 60 WHERE name = 'alice'");
    let usage = "SELECT name, messages, bytes, warning_quota, limit_quota, percent FROM mailbox_usage";
    let row = server.sql(usage);
    assert!(row.starts_with("alice|2|8192|966367641|1073741824|0"), "{row}");
    for wrong in [
        "prohibit_send_receive_quota = -1",
        "issue_warning_quota = -1",
        "retain_read_days = -1",
        "retain_unread_days = -1",
        "prohibit_send_receive_quota = 'much'",
        "retain_read_days = 1.5",
    ] {
        let column = wrong.split(' ').next().unwrap();
        let error = server.try_sql(&format!("UPDATE mailboxes SET {wrong} WHERE name = 'alice'")).expect_err(wrong);
        assert!(error.contains(column), "{wrong}: {error}");
    }
    assert_eq!(server.sql(usage), row);
}

#[test]
fn delegates_are_of_existing_users_and_mailboxes() {
    let server = mailbox(&[]);
    server.add_user("bob", "builder");
    server.sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice')");
    eventually_logs_in(&server, "bob@example.org/alice", "builder", true);
    assert_eq!(server.session("bob@example.org/alice", "builder").multi("RETR 2"), DOTTED);
    assert!(server.try_sql("INSERT INTO delegates(delegate, principal) VALUES ('nobody', 'alice')").is_err());
    assert!(server.try_sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'nobody')").is_err());
    server.sql("DELETE FROM users WHERE name = 'bob'");
    assert_eq!(server.sql("SELECT count(*) FROM delegates"), "0\n");
    eventually("bob is gone", || attempt(&server, "bob@example.org/alice", "builder") != LOGON);
}
