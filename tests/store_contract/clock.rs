//! Dates of what is stored and deleted, by a clock that jumps. The tests set the store's clock; `now()` is the machine's,
//! which goes on as if nothing had happened.

use crate::bed::{Bed, Change, deliver, import, message, now, octets, purge_all, reap_all, uids, uploaded, user};
use pillarbox::store::{Envelope, MailboxId, StoreError, Uid};

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// More than a test takes.
const MOMENT: i64 = 1000;

/// A mailbox that keeps its messages for 5 days, with one of them.
fn mailbox(bed: &dyn Bed) -> MailboxId {
    let alice = user(bed, "alice");
    bed.change(Change::Retention("alice", Some(5), Some(5), false));
    deliver(bed, alice, b"x\r\n");
    alice
}

/// What is left after so many days, and a moment more or less.
fn left(bed: &dyn Bed, mailbox: MailboxId, days: i64, moment: i64) -> Vec<u64> {
    reap_all(bed, now() + days * DAY + moment);
    uids(bed, mailbox)
}

pub fn age_counts_from_the_stores_own_clock(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    bed.clock().pass(100 * DAY as u64);
    deliver(bed, alice, b"x\r\n");
    assert_eq!(left(bed, alice, 105, -MOMENT), [2]);
    assert!(left(bed, alice, 105, MOMENT).is_empty());
}

pub fn mail_that_comes_while_the_clock_is_a_day_back_does_not_go_early(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    bed.clock().jump(-DAY);
    assert_eq!(deliver(bed, alice, b"x\r\n"), Uid(2));
    assert_eq!(deliver(bed, alice, &[b'x'; 600_000]), Uid(3), "one that comes in pieces");
    bed.clock().jump(DAY);
    assert_eq!(left(bed, alice, 5, -MOMENT), [1, 2, 3]);
    assert!(left(bed, alice, 5, MOMENT).is_empty());
}

pub fn hours_with_the_clock_a_day_back_count_too(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    bed.clock().jump(-DAY);
    bed.clock().pass(10 * HOUR as u64);
    deliver(bed, alice, b"x\r\n");
    bed.clock().jump(DAY);
    assert_eq!(left(bed, alice, 5, 10 * HOUR - MOMENT), [2]);
    assert!(left(bed, alice, 5, 10 * HOUR + MOMENT).is_empty());
}

pub fn mail_that_comes_while_the_clock_is_a_day_ahead_goes_at_most_that_later(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    bed.clock().jump(DAY);
    deliver(bed, alice, b"x\r\n");
    bed.clock().jump(-DAY);
    deliver(bed, alice, b"x\r\n");
    assert_eq!(left(bed, alice, 5, -MOMENT), [1, 2, 3]);
    assert_eq!(left(bed, alice, 5, MOMENT), [2, 3], "dates do not go back");
    assert!(left(bed, alice, 6, MOMENT).is_empty());
}

pub fn a_restart_does_not_forget_the_latest_date(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    bed.clock().jump(-DAY);
    bed.reopen();
    deliver(bed, alice, b"x\r\n");
    bed.store().commit(alice, &[Uid(1)]).unwrap();
    bed.clock().jump(DAY);
    bed.reopen();
    assert_eq!(left(bed, alice, 5, -MOMENT), [2]);
    assert_eq!(purge_all(bed, now() + 14 * DAY - MOMENT), 0);
    assert!(purge_all(bed, now() + 14 * DAY + MOMENT) > 0);
}

pub fn deleted_mail_can_be_recovered_as_long_whatever_the_clock_did(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    for _ in 2..=3 {
        deliver(bed, alice, b"x\r\n");
    }
    bed.store().commit(alice, &[Uid(1)]).unwrap();
    bed.clock().jump(-DAY);
    bed.store().commit(alice, &[Uid(2)]).unwrap();
    bed.clock().jump(DAY);
    assert_eq!(purge_all(bed, now() + 14 * DAY - MOMENT), 0);
    assert_eq!(purge_all(bed, now() + 14 * DAY + MOMENT), 2);
    bed.clock().pass(30 * DAY as u64);
    bed.store().commit(alice, &[Uid(3)]).unwrap();
    assert_eq!(purge_all(bed, now() + 44 * DAY - MOMENT), 0);
    assert_eq!(purge_all(bed, now() + 44 * DAY + MOMENT), 1);
}

pub fn what_the_reaper_deletes_is_dated_by_the_clock(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    bed.clock().pass(30 * DAY as u64);
    bed.clock().jump(-DAY);
    assert!(left(bed, alice, 29, 0).is_empty());
    bed.clock().jump(DAY);
    assert_eq!(purge_all(bed, now() + 44 * DAY - MOMENT), 0);
    assert_eq!(purge_all(bed, now() + 44 * DAY + MOMENT), 1);
}

pub fn imported_mail_counts_from_the_import_whatever_the_clock_did(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    bed.clock().jump(-DAY);
    let envelope = Envelope {
        received_at: Some(1_000_000_000),
        unique_id: Some("old-1".into()),
        read: true,
        ..Envelope::default()
    };
    uploaded(bed, b"old\r\n").deliver(&[alice], &envelope).unwrap().remove(0).unwrap();
    bed.clock().jump(DAY);
    assert_eq!(bed.store().envelope(message(alice, bed, 1)).unwrap(), envelope);
    assert_eq!(left(bed, alice, 5, -MOMENT), [1, 2]);
    assert!(left(bed, alice, 5, MOMENT).is_empty());
}

pub fn read_marks_made_with_the_clock_a_day_back_age_nothing(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    bed.change(Change::Retention("alice", Some(5), Some(60), false));
    deliver(bed, alice, b"x\r\n");
    bed.clock().jump(-DAY);
    bed.store().mark_retrieved(message(alice, bed, 0));
    bed.store().flush_marks().unwrap();
    bed.clock().jump(DAY);
    assert_eq!(left(bed, alice, 5, -MOMENT), [1, 2]);
    assert_eq!(left(bed, alice, 5, MOMENT), [2]);
}

pub fn a_clock_that_was_wildly_wrong_once_is_forgotten(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    bed.clock().jump(4000 * DAY);
    bed.store().commit(alice, &[Uid(1)]).unwrap();
    bed.clock().jump(-4000 * DAY);
    deliver(bed, alice, b"x\r\n");
    deliver(bed, alice, b"x\r\n");
    bed.store().commit(alice, &[Uid(2)]).unwrap();
    assert!(left(bed, alice, 5, MOMENT).is_empty());
    assert_eq!(purge_all(bed, now() + 14 * DAY + MOMENT), 2, "uid 2 and 3; uid 1 stays for long");
}

pub fn received_at_is_what_the_clock_says(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    bed.clock().jump(-DAY);
    deliver(bed, alice, b"x\r\n");
    let received_at = bed.store().envelope(message(alice, bed, 1)).unwrap().received_at.unwrap();
    assert!((now() - DAY - MOMENT..=now() - DAY).contains(&received_at), "{received_at}");
}

pub fn unique_ids_grow_whatever_the_clock_does(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    for jump in [-DAY, DAY, DAY, -DAY, -4000 * DAY, 8000 * DAY] {
        let before = uids(bed, alice);
        bed.clock().jump(jump);
        let uid = deliver(bed, alice, b"x\r\n");
        bed.reopen();
        assert_eq!(uids(bed, alice), [before, vec![uid.0]].concat(), "the order is that of arrival");
    }
    bed.store().commit(alice, &[Uid(7)]).unwrap();
    bed.clock().jump(-4000 * DAY);
    assert_eq!(import(bed, alice, "8"), Ok(Uid(8)));
    assert_eq!(deliver(bed, alice, b"x\r\n"), Uid(9));
}

/// A session that reads on when its mailbox was deleted has an hour for it.
pub fn the_octets_of_a_mailbox_that_is_gone_stay_their_hour(bed: &mut dyn Bed) {
    let alice = mailbox(bed);
    let first = message(alice, bed, 0);
    bed.change(Change::DeleteUser("alice"));
    assert_eq!(purge_all(bed, now() + HOUR - MOMENT), 0);
    assert_eq!(octets(bed, first), Err(StoreError::NoSuchMessage));
    assert_eq!(purge_all(bed, now() + HOUR + MOMENT), 1);
}
