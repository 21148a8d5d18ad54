//! A server whose clock jumps while it runs, and between two runs: the real binary under libfaketime.
//!
//! Nothing is deleted early, warned of twice or given another place. That something does *not* happen is seen by
//! something else that the same round of the reaper does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod faketime;

use faketime::FakeClock;
use std::sync::Arc;
use support::messages::PLAIN;
use support::texts::{OK, SIGNING_OFF};
use support::{Server, Site, eventually};

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// Alice's empty mailbox, whose mail is kept for a day, and a clock that is right.
fn site() -> (Arc<Site>, FakeClock) {
    let site = Site::with_alice(&[]);
    site.sql("UPDATE mailboxes SET retain_unread_days = 1 WHERE name = 'alice'");
    let clock = FakeClock::new(&site);
    (site, clock)
}

/// A mailbox with a message that is three days old, for [`Old::goes`].
struct Old<'a>(&'a str);

impl<'a> Old<'a> {
    fn new(site: &Site, clock: &FakeClock, name: &'a str) -> Self {
        site.sql(&format!("INSERT INTO users(name) VALUES ('{name}')"));
        clock.deliver_at(-3 * DAY, name, PLAIN);
        Self(name)
    }

    /// Waits until the reaper has deleted it: whatever else was due went too.
    fn goes(&self, site: &Site) {
        let name = self.0;
        site.sql(&format!("UPDATE mailboxes SET retain_unread_days = 1 WHERE name = '{name}'"));
        let messages = format!("SELECT messages FROM mailbox_usage WHERE name = '{name}'");
        eventually("old mail has gone", || site.sql(&messages) == "0\n");
    }
}

/// Waits until the owner of a new mailbox that is full has been warned: whoever else was due is warned too.
fn somebody_is_warned(server: &Server, name: &str) {
    for each in [format!("{name}1"), format!("{name}2")] {
        server.sql(&format!("INSERT INTO users(name) VALUES ('{each}')"));
        server.sql(&format!(
            "UPDATE mailboxes SET issue_warning_quota = 4096, prohibit_send_receive_quota = 0 WHERE name = '{each}'"
        ));
        deliver(server, &each);
        let messages = format!("SELECT messages FROM mailbox_usage WHERE name = '{each}'");
        eventually("somebody else is warned", || server.sql(&messages) == "2\n");
    }
}

fn deliver(server: &Server, recipient: &str) {
    let reply = server.lmtp().deliver(recipient, PLAIN);
    assert!(reply.starts_with("250 "), "{reply}");
}

fn delete(server: &Server, number: usize) {
    let mut client = server.alice();
    client.expect(&format!("DELE {number}"), OK);
    client.expect("QUIT", SIGNING_OFF);
}

fn jump_is_logged(server: &Server) {
    eventually("the jump is seen", || server.log().contains("the clock has jumped by "));
}

#[test]
fn a_day_ahead_for_a_while_deletes_nothing() {
    let (site, clock) = site();
    let old = ["old1", "old2", "old3"].map(|name| Old::new(&site, &clock, name));
    let server = clock.serve();
    deliver(&server, "alice");
    old[0].goes(&site);
    clock.set(DAY + HOUR);
    old[1].goes(&site);
    jump_is_logged(&server);
    assert_eq!(server.alice().unique_ids(), ["1"]);
    clock.set(0);
    old[2].goes(&site);
    assert_eq!(server.alice().unique_ids(), ["1"]);
    site.assert_sound();
}

/// Mail of these hours would be a day too old when the clock is put right.
#[test]
fn mail_that_comes_while_the_clock_is_a_day_back_is_not_deleted_early() {
    let (site, clock) = site();
    let old = ["old1", "old2"].map(|name| Old::new(&site, &clock, name));
    let server = clock.serve();
    deliver(&server, "alice");
    old[0].goes(&site);
    clock.set(-DAY);
    deliver(&server, "alice");
    jump_is_logged(&server);
    assert!(server.terminate().success());
    // Who has not seen the jump has the latest date in the database.
    clock.deliver_at(-DAY, "alice", PLAIN);
    clock.set(DAY - HOUR);
    let server = clock.serve();
    old[1].goes(&site);
    assert_eq!(server.alice().unique_ids(), ["1", "2", "3"], "23 hours old");
    assert!(server.terminate().success());
    clock.set(DAY + HOUR);
    let server = clock.serve();
    eventually("mail that is a day old has gone", || server.alice().stat() == (0, 0));
    site.assert_sound();
}

#[test]
fn the_order_of_messages_stays_that_of_their_unique_ids() {
    let (site, clock) = site();
    let server = clock.serve();
    for jump in [0, DAY, -DAY, 0, 4000 * DAY, -4000 * DAY] {
        clock.set(jump);
        deliver(&server, "alice");
    }
    let ids = ["1", "2", "3", "4", "5", "6"];
    assert_eq!(server.alice().unique_ids(), ids);
    let by_date = site.sql("SELECT group_concat(uid) FROM (SELECT uid FROM messages ORDER BY received_at)");
    assert_eq!(by_date, "6,3,1,4,2,5\n", "the clock did jump");
    assert!(server.terminate().success());
    let server = clock.serve();
    deliver(&server, "alice");
    assert_eq!(server.alice().unique_ids(), [&ids[..], &["7"]].concat());
    delete(&server, 7);
    clock.set(0);
    deliver(&server, "alice");
    assert_eq!(server.alice().unique_ids(), [&ids[..], &["8"]].concat());
    site.assert_sound();
}

#[test]
fn a_server_that_was_down_for_days_deletes_what_is_due() {
    let (site, clock) = site();
    let server = clock.serve();
    deliver(&server, "alice");
    assert!(server.terminate().success());
    clock.set(2 * DAY);
    let server = clock.serve();
    eventually("the message has gone", || server.alice().stat() == (0, 0));
    assert_eq!(clock.sql("SELECT mailbox, uid FROM recoverable"), "alice|1\n");
    clock.sql("UPDATE recoverable SET deleted_at = NULL");
    assert_eq!(server.alice().unique_ids(), ["1"], "its age counts anew");
    site.assert_sound();
}

/// A client, the shell, and the clock a day back for one of them.
#[test]
fn deleted_mail_can_be_brought_back_for_all_its_days() {
    let (site, clock) = site();
    site.set("RetainDeletedItemsDays", "2");
    site.sql("UPDATE mailboxes SET retain_unread_days = 0 WHERE name = 'alice'");
    site.add_user("bob", "x");
    let server = clock.serve();
    (0..4).for_each(|_| deliver(&server, "alice"));
    deliver(&server, "bob");
    delete(&server, 1);
    clock.set(-DAY);
    delete(&server, 1);
    clock.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 3");
    clock.set(0);
    site.sql("DELETE FROM users WHERE name = 'bob'; DELETE FROM deleted_mailboxes");
    assert!(server.terminate().success());
    clock.set(2 * DAY - HOUR);
    let server = clock.serve();
    // Purged in the same step, before what has been deleted for its days.
    eventually("bob's octets have gone", || site.sql("SELECT count(*) FROM purge") == "0\n");
    assert_eq!(clock.sql("SELECT uid FROM recoverable ORDER BY uid"), "1\n2\n3\n");
    clock.sql("UPDATE recoverable SET deleted_at = NULL WHERE uid = 2");
    assert_eq!(server.alice().unique_ids(), ["2", "4"]);
    assert!(server.terminate().success());
    clock.set(2 * DAY + HOUR);
    let server = clock.serve();
    eventually("the others are purged", || site.sql("SELECT count(*) FROM deleted") == "0\n");
    assert_eq!(server.alice().unique_ids(), ["2", "4"]);
    site.assert_sound();
}

#[test]
fn warnings_come_once_in_24_hours_whatever_the_clock_does() {
    let (site, clock) = site();
    site.sql("UPDATE mailboxes SET issue_warning_quota = 4096, retain_unread_days = 0 WHERE name = 'alice'");
    site.set("ProhibitSendReceiveQuota", "0");
    let server = clock.serve();
    deliver(&server, "alice");
    eventually("a warning", || server.alice().stat().0 == 2);
    for (jump, name) in [(DAY + HOUR, "bob"), (0, "carol"), (-DAY, "dave"), (0, "eve")] {
        clock.set(jump);
        somebody_is_warned(&server, name);
        assert_eq!(server.alice().stat().0, 2, "the clock is wrong by {jump} seconds");
    }
    assert!(server.terminate().success());
    clock.set(DAY + HOUR);
    let server = clock.serve();
    eventually("another warning after a day", || server.alice().stat().0 == 3);
}

/// The clocks of two processes are days apart: the server may take nothing from a message that is still coming.
#[test]
fn a_message_that_takes_long_is_whole_whatever_the_servers_clock_says() {
    for days in [2, 3, 40] {
        let (site, clock) = site();
        let old = ["old1", "old2"].map(|name| Old::new(&site, &clock, name));
        clock.set(0);
        let mut mail = site.command(&["deliver", "bob"]);
        site.sql("INSERT INTO users(name) VALUES ('bob')");
        let mut mail = mail.spawn().unwrap();
        let mut input = mail.stdin.take().unwrap();
        let half = b"0123456789abcd\r\n".repeat(50_000);
        std::io::Write::write_all(&mut input, &half).unwrap();
        eventually("half of it has come", || site.sql("SELECT count(*) FROM chunk WHERE id / 4096 > 2") > "2\n".into());
        clock.set(days * DAY);
        let server = clock.serve();
        old[0].goes(&site);
        old[1].goes(&site);
        std::io::Write::write_all(&mut input, &half).unwrap();
        drop(input);
        assert!(mail.wait().unwrap().success());
        assert_eq!(site.sql("SELECT size FROM messages WHERE mailbox = 'bob'"), format!("{}\n", 2 * half.len()));
        drop(server);
        site.assert_sound();
    }
}
