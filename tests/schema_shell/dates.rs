//! The date that age counts from, where the shell gives it: it does not go back (`counters.latest_at` of `schema.sql`).

use crate::shell::{Bench, now};
use pillarbox::store::{Mail, Uid};

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// More than a test takes.
const MOMENT: i64 = 1000;

/// Alice with two messages, and the latest date so many seconds from now.
fn bench(latest: i64) -> Bench {
    let bench = Bench::new();
    bench.sql("INSERT INTO users(name) VALUES ('alice')");
    (0..2).for_each(|_| _ = bench.deliver("alice", 100).unwrap());
    bench.sql(&format!("UPDATE counters SET latest_at = {}", now() + latest));
    bench
}

/// Seconds from now to the moment that this query answers.
fn from_now(bench: &Bench, query: &str) -> i64 {
    bench.sql(query).parse::<i64>().unwrap() - now()
}

/// `moment`, or as much before it as the test took.
#[track_caller]
fn assert_is(moment: i64, expected: i64) {
    assert!((expected - MOMENT..=expected).contains(&moment), "{moment}, not {expected}");
}

#[test]
fn a_deletion_is_dated_by_the_clock() {
    let bench = bench(-9 * DAY);
    bench.sql("DELETE FROM messages WHERE mailbox = 'alice'");
    for query in ["SELECT min(deleted_at) FROM deleted", "SELECT latest_at FROM counters"] {
        assert_is(from_now(&bench, query), 0);
    }
    bench.assert_sound();
}

/// The clock is a day back, for now.
#[test]
fn a_deletion_is_not_dated_before_the_latest_date() {
    let bench = bench(DAY);
    bench.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 1");
    assert_is(from_now(&bench, "SELECT deleted_at FROM deleted"), DAY);
    bench.purge_all(now() + 15 * DAY - MOMENT);
    assert_eq!(bench.sql("SELECT uid FROM recoverable"), "1");
    bench.purge_all(now() + 15 * DAY);
    assert_eq!(bench.sql("SELECT uid FROM recoverable"), "");
}

/// A date of a clock that was wildly wrong once.
#[test]
fn a_latest_date_that_is_far_ahead_is_forgotten() {
    let bench = bench(3 * DAY);
    bench.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 1");
    assert_is(from_now(&bench, "SELECT deleted_at FROM deleted"), 0);
    assert_is(from_now(&bench, "SELECT latest_at FROM counters"), 0);
}

#[test]
fn a_message_that_is_brought_back_is_not_dated_before_the_latest_date() {
    let bench = bench(0);
    bench.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 1");
    for (latest, expected) in [(DAY, DAY), (3 * DAY, 0), (-9 * DAY, 0)] {
        bench.sql(&format!("UPDATE counters SET latest_at = {}", now() + latest));
        bench.sql("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice'");
        let query = "SELECT strftime('%s', stored_at) FROM messages WHERE mailbox = 'alice' AND uid = 1";
        assert_is(from_now(&bench, query), expected);
        bench.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 1");
    }
}

#[test]
fn a_user_who_is_deleted_goes_at_the_latest_date() {
    for (latest, expected) in [(DAY, DAY), (3 * DAY, 0), (-9 * DAY, 0)] {
        let bench = bench(latest);
        bench.sql("DELETE FROM users WHERE name = 'alice'");
        assert_is(from_now(&bench, "SELECT deleted_at FROM deleted_mailbox"), expected);
        assert_is(from_now(&bench, "SELECT max(deleted_at) FROM deleted"), expected);
        bench.sql("DELETE FROM deleted_mailboxes");
        assert_eq!(bench.sql("SELECT count(*) FROM purge"), "2");
        assert_is(from_now(&bench, "SELECT min(not_before) FROM purge"), expected + HOUR);
        bench.assert_sound();
    }
}

/// The next one through the server goes on from what the shell noted, and the other way round.
#[test]
fn shell_and_server_share_the_latest_date() {
    let bench = bench(DAY);
    bench.deliver("alice", 100).unwrap();
    let query = "SELECT strftime('%s', stored_at) FROM messages WHERE mailbox = 'alice' AND uid = 3";
    assert_is(from_now(&bench, query), DAY);
    bench.sql("UPDATE counters SET latest_at = 0");
    bench.store.commit(bench.mailbox("alice"), &[Uid(1)]).unwrap();
    assert_is(from_now(&bench, "SELECT latest_at FROM counters"), 0);
    assert_eq!(bench.sql("SELECT date_given FROM counters"), "0", "the server's date is for the server only");
}
