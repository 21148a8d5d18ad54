//! RFC 1939 section 8: quotas, warnings, retention.

use crate::support::messages::{PLAIN, message, of_size};
use crate::support::texts::{OK, SIGNING_OFF};
use crate::support::{Client, Server, Site, eventually};

/// Exit code of `deliver` for a mailbox that is full (sysexits: temporary failure).
const TEMPORARY: i32 = 75;

/// Each mailbox inherits the quota of the settings unless it has one of its own.
#[test]
fn e0003_quota_inherited_and_per_mailbox() {
    let site = Site::with_alice(&[PLAIN]);
    site.add_user("bob", "x");
    let server = site.serve(&[]);
    site.set("ProhibitSendReceiveQuota", "10000");
    site.deliver("alice", PLAIN);
    site.fail(&["deliver", "alice"], PLAIN, TEMPORARY);
    site.fail(&["deliver", "bob"], &of_size(10_000), TEMPORARY);
    let mut client = server.alice();
    assert_eq!(client.stat(), (2, 8192));
    assert_eq!(client.multi("RETR 2"), PLAIN);
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 20000 WHERE name = 'alice'");
    site.deliver("alice", PLAIN);
    site.fail(&["deliver", "alice"], &of_size(8192), TEMPORARY);
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = NULL WHERE name = 'alice'");
    site.fail(&["deliver", "alice"], PLAIN, TEMPORARY);
    assert!(site.try_sql("UPDATE mailboxes SET prohibit_send_receive_quota = -1 WHERE name = 'alice'").is_err());
    site.set("ProhibitSendReceiveQuota", "0");
    site.deliver("alice", &of_size(100_000));
    assert_eq!(server.alice().stat(), (4, 3 * 4096 + 102_400));
    one_refusal_touches_nobody_else(&site);
    a_full_mailbox_is_read_and_emptied(&site, &server);
}

/// Over the quota of one recipient the others get their copies.
fn one_refusal_touches_nobody_else(site: &Site) {
    site.add_user("carol", "x");
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 1 WHERE name = 'carol'");
    site.fail(&["deliver", "bob", "carol", "alice"], PLAIN, TEMPORARY);
    assert_eq!(site.sql("SELECT name, messages FROM mailbox_usage ORDER BY 1"), "alice|5\nbob|1\ncarol|0\n");
}

/// However far a mailbox is over its quota, its owner reads and deletes, and SQL counts at once.
fn a_full_mailbox_is_read_and_emptied(site: &Site, server: &Server) {
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 4096 WHERE name = 'alice'");
    let mut client = server.alice();
    assert_eq!(client.multi("RETR 1"), PLAIN);
    (2..=5).for_each(|number| client.expect(&format!("DELE {number}"), OK));
    client.expect("QUIT", SIGNING_OFF);
    site.fail(&["deliver", "alice"], PLAIN, TEMPORARY);
    site.sql("DELETE FROM messages WHERE mailbox = 'alice'");
    assert_eq!(site.sql("SELECT bytes, percent FROM mailbox_usage WHERE name = 'alice'"), "0|0.0\n");
    site.deliver("alice", PLAIN);
    site.assert_sound();
}

/// A server whose reaper looks each second.
fn eager(site: &std::sync::Arc<Site>) -> Server {
    site.serve(&[("ReaperInterval", "1"), ("Domains", "example.org")])
}

/// Who comes near the limit finds a warning in the mailbox, once; a full mailbox takes it too.
#[test]
fn e0004_a_warning_near_the_limit() {
    let site = Site::with_alice(&[PLAIN]);
    let server = eager(&site);
    site.sql(
        "UPDATE mailboxes SET issue_warning_quota = 8192, prohibit_send_receive_quota = 12288 WHERE name = 'alice'",
    );
    site.deliver("alice", PLAIN);
    eventually("a warning", || server.alice().stat().0 == 3);
    let text = String::from_utf8(server.alice().multi("RETR 3")).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    for field in [
        "From: Mail service <postmaster@example.org>",
        "To: <alice@example.org>",
        "Subject: Your mailbox is almost full",
        "Importance: High",
        "X-Priority: 1 (Highest)",
        "Auto-Submitted: auto-generated",
        "Content-Type: text/plain; charset=utf-8",
    ] {
        assert!(head.lines().any(|line| line == field), "{field:?} is not in {head}");
    }
    for part in ["8.0 KB (8192 octets)", "12.0 KB (12288 octets)", "What to do: "] {
        assert!(body.contains(part), "{part:?} is not in {body}");
    }
    // Full now: 8,192 octets and the warning.
    site.fail(&["deliver", "alice"], PLAIN, TEMPORARY);
    empty(server.alice());
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 8192 WHERE name = 'alice'");
    (0..2).for_each(|_| site.deliver("alice", PLAIN));
    eventually("a warning in a full mailbox, anew", || server.alice().stat() == (3, 12_288));
    let text = String::from_utf8(server.alice().multi("RETR 3")).unwrap();
    assert!(text.contains("\r\nSubject: Your mailbox is full\r\n"), "{text}");
    // Another mailbox's warning shows that the reaper has come by and left alice alone.
    site.add_user("bob", "x");
    site.sql("UPDATE mailboxes SET issue_warning_quota = 4096, prohibit_send_receive_quota = 8193 WHERE name = 'bob'");
    site.deliver("bob", PLAIN);
    site.add_user("carol", "x");
    site.sql("UPDATE mailboxes SET issue_warning_quota = 4096, prohibit_send_receive_quota = 0 WHERE name = 'carol'");
    site.deliver("carol", PLAIN);
    let usage = "SELECT name, messages FROM mailbox_usage ORDER BY 1";
    eventually("carol's warning", || site.sql(usage).contains("carol|2\n"));
    assert_eq!(site.sql(usage), "alice|3\nbob|1\ncarol|2\n", "none under half of the limit, none twice a day");
    site.assert_sound();
}

fn empty(mut client: Client) {
    (1..=client.stat().0).for_each(|number| client.expect(&format!("DELE {number}"), OK));
    client.expect("QUIT", SIGNING_OFF);
}

/// Makes all mail older, which no statement of the documentation can.
fn age(site: &Site, days: u32) {
    let fixed = site.sql("SELECT sql FROM sqlite_schema WHERE name = 'message_fixed'");
    site.sql(&format!(
        "BEGIN IMMEDIATE; DROP TRIGGER message_fixed; UPDATE message SET stored_at = stored_at - 86400 * {days};
         UPDATE reaping SET due_at = 0; {}; COMMIT",
        fixed.trim()
    ));
}

/// Read and unread mail goes after days of its own; a session still lists what went; it can be brought back.
#[test]
fn e0005_retention_by_age() {
    let site = Site::with_alice(&[PLAIN, &message("read", "x")]);
    site.add_user("bob", "x");
    site.deliver("bob", PLAIN);
    let server = eager(&site);
    let mut client = server.alice();
    client.multi("RETR 2");
    eventually("the read mark", || site.sql("SELECT count(*) FROM messages WHERE read").trim() == "1");
    expire_follows(&site, &server);
    site.set("RetainUnreadDays", "60");
    site.sql("UPDATE mailboxes SET retain_read_days = 7 WHERE name = 'alice'");
    site.sql("UPDATE mailboxes SET retention_hold = 1 WHERE name = 'bob'");
    age(&site, 8);
    eventually("the read message gone", || server.alice().stat().0 == 1);
    assert_eq!(server.alice().multi("RETR 1"), PLAIN);
    assert_eq!(client.stat().0, 2, "a snapshot");
    client.refuse("RETR 2");
    assert_eq!(client.multi("RETR 1"), PLAIN);
    client.expect("DELE 2", OK);
    client.quit();
    age(&site, 53);
    eventually("the unread message gone", || server.alice().stat() == (0, 0));
    assert_eq!(server.session("bob", "x").stat().0, 1, "retention_hold");
    assert_eq!(site.sql("SELECT uid FROM recoverable WHERE mailbox = 'alice' ORDER BY uid"), "1\n2\n");
    site.sql("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice' AND uid = 1");
    assert_eq!(server.alice().unique_ids(), ["1"]);
    assert!(site.try_sql("UPDATE mailboxes SET retain_read_days = -1 WHERE name = 'alice'").is_err());
    site.assert_sound();
}

/// RFC 2449 section 6.7: the least for everybody before login, the owner's own after it.
fn expire_follows(site: &Site, server: &Server) {
    let expire = |mut client: Client| {
        let lines = client.capabilities();
        lines.into_iter().find(|line| line.starts_with("EXPIRE ")).unwrap()
    };
    let shows = |stranger: &str, alice: &str| {
        eventually(stranger, || expire(server.connect()) == stranger);
        assert_eq!(expire(server.alice()), alice);
    };
    shows("EXPIRE NEVER", "EXPIRE NEVER");
    site.set("RetainReadDays", "30");
    shows("EXPIRE 30", "EXPIRE 30");
    site.sql("UPDATE mailboxes SET retain_read_days = 7, retain_unread_days = 60 WHERE name = 'alice'");
    shows("EXPIRE 7 USER", "EXPIRE 7");
    assert_eq!(expire(server.session("bob", "x")), "EXPIRE 30");
    site.sql("UPDATE mailboxes SET retention_hold = 1 WHERE name = 'alice'");
    shows("EXPIRE 30 USER", "EXPIRE NEVER");
    site.sql("UPDATE mailboxes SET retain_read_days = NULL, retain_unread_days = NULL, retention_hold = 0 WHERE name = 'alice'");
    site.set("RetainReadDays", "0");
    shows("EXPIRE NEVER", "EXPIRE NEVER");
}
