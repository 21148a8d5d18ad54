//! Dates of what is stored and deleted, by a clock that jumps. The tests set the store's clock; `now()` is the machine's,
//! which goes on as if nothing had happened.

use crate::fixture::{
    Change, Fixture, deliver, import, message, now, octets, purge_all, reap_all, uids, uploaded, user,
};
use pillarbox::store::{Envelope, MailboxId, StoreError, Uid};

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// More than a test takes.
const MOMENT: i64 = 1000;

/// A mailbox that keeps its messages for 5 days, with one of them.
fn mailbox(fixture: &dyn Fixture) -> MailboxId {
    let alice = user(fixture, "alice");
    fixture.change(Change::Retention("alice", Some(5), Some(5), false));
    deliver(fixture, alice, b"x\r\n");
    alice
}

/// What is left after so many days, and a moment more or less.
fn left(fixture: &dyn Fixture, mailbox: MailboxId, days: i64, moment: i64) -> Vec<u64> {
    reap_all(fixture, now() + days * DAY + moment);
    uids(fixture, mailbox)
}

pub fn age_counts_from_the_stores_own_clock(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    fixture.clock().pass(100 * DAY as u64);
    deliver(fixture, alice, b"x\r\n");
    assert_eq!(left(fixture, alice, 105, -MOMENT), [2]);
    assert!(left(fixture, alice, 105, MOMENT).is_empty());
}

pub fn mail_that_comes_while_the_clock_is_a_day_back_does_not_go_early(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    fixture.clock().jump(-DAY);
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(2));
    assert_eq!(deliver(fixture, alice, &[b'x'; 600_000]), Uid(3), "one that comes in chunks");
    fixture.clock().jump(DAY);
    assert_eq!(left(fixture, alice, 5, -MOMENT), [1, 2, 3]);
    assert!(left(fixture, alice, 5, MOMENT).is_empty());
}

pub fn hours_with_the_clock_a_day_back_count_too(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    fixture.clock().jump(-DAY);
    fixture.clock().pass(10 * HOUR as u64);
    deliver(fixture, alice, b"x\r\n");
    fixture.clock().jump(DAY);
    assert_eq!(left(fixture, alice, 5, 10 * HOUR - MOMENT), [2]);
    assert!(left(fixture, alice, 5, 10 * HOUR + MOMENT).is_empty());
}

pub fn mail_that_comes_while_the_clock_is_a_day_ahead_goes_at_most_that_later(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    fixture.clock().jump(DAY);
    deliver(fixture, alice, b"x\r\n");
    fixture.clock().jump(-DAY);
    deliver(fixture, alice, b"x\r\n");
    assert_eq!(left(fixture, alice, 5, -MOMENT), [1, 2, 3]);
    assert_eq!(left(fixture, alice, 5, MOMENT), [2, 3], "dates do not go back");
    assert!(left(fixture, alice, 6, MOMENT).is_empty());
}

pub fn a_restart_does_not_forget_the_latest_date(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    fixture.clock().jump(-DAY);
    fixture.reopen();
    deliver(fixture, alice, b"x\r\n");
    fixture.store().commit(alice, &[Uid(1)]).unwrap();
    fixture.clock().jump(DAY);
    fixture.reopen();
    assert_eq!(left(fixture, alice, 5, -MOMENT), [2]);
    assert_eq!(purge_all(fixture, now() + 14 * DAY - MOMENT), 0);
    assert!(purge_all(fixture, now() + 14 * DAY + MOMENT) > 0);
}

pub fn deleted_mail_can_be_recovered_as_long_whatever_the_clock_did(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    for _ in 2..=3 {
        deliver(fixture, alice, b"x\r\n");
    }
    fixture.store().commit(alice, &[Uid(1)]).unwrap();
    fixture.clock().jump(-DAY);
    fixture.store().commit(alice, &[Uid(2)]).unwrap();
    fixture.clock().jump(DAY);
    assert_eq!(purge_all(fixture, now() + 14 * DAY - MOMENT), 0);
    assert_eq!(purge_all(fixture, now() + 14 * DAY + MOMENT), 2);
    fixture.clock().pass(30 * DAY as u64);
    fixture.store().commit(alice, &[Uid(3)]).unwrap();
    assert_eq!(purge_all(fixture, now() + 44 * DAY - MOMENT), 0);
    assert_eq!(purge_all(fixture, now() + 44 * DAY + MOMENT), 1);
}

pub fn what_the_reaper_deletes_is_dated_by_the_clock(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    fixture.clock().pass(30 * DAY as u64);
    fixture.clock().jump(-DAY);
    assert!(left(fixture, alice, 29, 0).is_empty());
    fixture.clock().jump(DAY);
    assert_eq!(purge_all(fixture, now() + 44 * DAY - MOMENT), 0);
    assert_eq!(purge_all(fixture, now() + 44 * DAY + MOMENT), 1);
}

pub fn imported_mail_counts_from_the_import_whatever_the_clock_did(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    fixture.clock().jump(-DAY);
    let envelope = Envelope {
        received_at: Some(1_000_000_000),
        unique_id: Some("old-1".into()),
        read: true,
        ..Envelope::default()
    };
    uploaded(fixture, b"old\r\n").deliver(&[alice], &envelope).unwrap().remove(0).unwrap();
    fixture.clock().jump(DAY);
    assert_eq!(fixture.store().envelope(message(alice, fixture, 1)).unwrap(), envelope);
    assert_eq!(left(fixture, alice, 5, -MOMENT), [1, 2]);
    assert!(left(fixture, alice, 5, MOMENT).is_empty());
}

pub fn read_marks_made_with_the_clock_a_day_back_age_nothing(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    fixture.change(Change::Retention("alice", Some(5), Some(60), false));
    deliver(fixture, alice, b"x\r\n");
    fixture.clock().jump(-DAY);
    fixture.store().mark_retrieved(message(alice, fixture, 0));
    fixture.store().flush_marks().unwrap();
    fixture.clock().jump(DAY);
    assert_eq!(left(fixture, alice, 5, -MOMENT), [1, 2]);
    assert_eq!(left(fixture, alice, 5, MOMENT), [2]);
}

pub fn a_clock_that_was_wildly_wrong_once_is_forgotten(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    fixture.clock().jump(4000 * DAY);
    fixture.store().commit(alice, &[Uid(1)]).unwrap();
    fixture.clock().jump(-4000 * DAY);
    deliver(fixture, alice, b"x\r\n");
    deliver(fixture, alice, b"x\r\n");
    fixture.store().commit(alice, &[Uid(2)]).unwrap();
    assert!(left(fixture, alice, 5, MOMENT).is_empty());
    assert_eq!(purge_all(fixture, now() + 14 * DAY + MOMENT), 2, "uid 2 and 3; uid 1 stays for long");
}

pub fn received_at_is_what_the_clock_says(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    fixture.clock().jump(-DAY);
    deliver(fixture, alice, b"x\r\n");
    let received_at = fixture.store().envelope(message(alice, fixture, 1)).unwrap().received_at.unwrap();
    assert!((now() - DAY - MOMENT..=now() - DAY).contains(&received_at), "{received_at}");
}

pub fn unique_ids_grow_whatever_the_clock_does(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    for jump in [-DAY, DAY, DAY, -DAY, -4000 * DAY, 8000 * DAY] {
        let before = uids(fixture, alice);
        fixture.clock().jump(jump);
        let uid = deliver(fixture, alice, b"x\r\n");
        fixture.reopen();
        assert_eq!(uids(fixture, alice), [before, vec![uid.0]].concat(), "the order is that of arrival");
    }
    fixture.store().commit(alice, &[Uid(7)]).unwrap();
    fixture.clock().jump(-4000 * DAY);
    assert_eq!(import(fixture, alice, "8"), Ok(Uid(8)));
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(9));
}

/// A session that reads on when its mailbox was deleted has an hour for it.
pub fn the_octets_of_a_mailbox_that_is_gone_stay_their_hour(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture);
    let first = message(alice, fixture, 0);
    fixture.change(Change::Setting("RetainDeletedItemsDays", "0"));
    fixture.change(Change::DeleteUser("alice"));
    assert_eq!(purge_all(fixture, now() + HOUR - MOMENT), 0);
    assert_eq!(octets(fixture, first), Err(StoreError::NoSuchMessage));
    assert_eq!(purge_all(fixture, now() + HOUR + MOMENT), 1);
}
