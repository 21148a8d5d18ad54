//! Deletion by age ([MS-STANXPOP3] E0005). The tests say what time it is.

use crate::bed::{Bed, Change, deliver, message, now, octets, purge_all, reap_all, uids, uploaded, user};
use pillarbox::store::{Envelope, MailboxId, StoreError, Uid};

const DAY: i64 = 86_400;

/// A mailbox with these days and `messages` of them.
fn mailbox(bed: &dyn Bed, read: Option<u32>, unread: Option<u32>, messages: usize) -> MailboxId {
    let alice = user(bed, "alice");
    bed.change(Change::Retention("alice", read, unread, false));
    (0..messages).for_each(|_| _ = deliver(bed, alice, b"Subject: x\r\n\r\ny\r\n"));
    alice
}

fn mark(bed: &dyn Bed, mailbox: MailboxId, index: usize) {
    bed.store().mark_retrieved(message(mailbox, bed, index));
    bed.store().flush_marks().unwrap();
}

pub fn read_and_unread_mail_go_by_days_of_their_own(bed: &mut dyn Bed) {
    let alice = mailbox(bed, Some(7), Some(60), 3);
    mark(bed, alice, 1);
    for (day, left) in [(0, vec![1, 2, 3]), (6, vec![1, 2, 3]), (8, vec![1, 3]), (59, vec![1, 3]), (61, vec![])] {
        reap_all(bed, now() + day * DAY);
        assert_eq!(uids(bed, alice), left, "day {day}");
    }
    assert_eq!(deliver(bed, alice, b"x\r\n"), Uid(4));
}

pub fn days_are_inherited_zero_keeps_and_hold_suspends(bed: &mut dyn Bed) {
    let alice = mailbox(bed, None, None, 1);
    let (bob, carol) = (user(bed, "bob"), user(bed, "carol"));
    for mailbox in [bob, carol] {
        deliver(bed, mailbox, b"x\r\n");
    }
    reap_all(bed, now() + 1000 * DAY);
    bed.change(Change::Setting("RetainUnreadDays", "5"));
    bed.change(Change::Retention("bob", None, Some(0), false));
    bed.change(Change::Retention("carol", None, None, true));
    reap_all(bed, now() + 4 * DAY);
    let left = |bed: &dyn Bed| [alice, bob, carol].map(|mailbox| uids(bed, mailbox).len());
    assert_eq!(left(bed), [1, 1, 1]);
    reap_all(bed, now() + 6 * DAY);
    assert_eq!(left(bed), [0, 1, 1]);
    bed.change(Change::Retention("carol", None, None, false));
    reap_all(bed, now() + 6 * DAY);
    assert_eq!(left(bed), [0, 1, 0]);
    bed.change(Change::Setting("RetainUnreadDays", "0"));
    deliver(bed, alice, b"x\r\n");
    reap_all(bed, now() + 1000 * DAY);
    assert_eq!(left(bed), [1, 1, 0]);
}

pub fn mail_that_is_read_late_goes_at_once(bed: &mut dyn Bed) {
    let alice = mailbox(bed, Some(7), Some(60), 2);
    reap_all(bed, now() + 30 * DAY);
    assert_eq!(uids(bed, alice), [1, 2]);
    mark(bed, alice, 0);
    reap_all(bed, now() + 30 * DAY);
    assert_eq!(uids(bed, alice), [2]);
}

pub fn new_days_hold_for_old_mail(bed: &mut dyn Bed) {
    let alice = mailbox(bed, None, Some(60), 2);
    reap_all(bed, now() + 30 * DAY);
    bed.change(Change::Retention("alice", None, Some(20), false));
    deliver(bed, alice, b"x\r\n");
    reap_all(bed, now() + 19 * DAY);
    assert_eq!(uids(bed, alice).len(), 3);
    reap_all(bed, now() + 30 * DAY);
    assert!(uids(bed, alice).is_empty());
}

pub fn an_open_session_still_lists_what_went(bed: &mut dyn Bed) {
    let alice = mailbox(bed, None, Some(1), 2);
    let listing = bed.store().open(alice).unwrap();
    let first = message(alice, bed, 0);
    reap_all(bed, now() + 2 * DAY);
    assert_eq!(listing.entries().len(), 2);
    assert_eq!(octets(bed, first), Err(StoreError::NoSuchMessage));
    assert_eq!(bed.store().commit(alice, &[Uid(1), Uid(2)]), Ok(()), "gone already is no error");
    assert!(bed.store().open(alice).unwrap().entries().is_empty());
}

pub fn what_is_brought_back_begins_anew(bed: &mut dyn Bed) {
    let alice = mailbox(bed, None, Some(5), 3);
    reap_all(bed, now() + 6 * DAY);
    assert!(uids(bed, alice).is_empty());
    deliver(bed, alice, b"x\r\n");
    bed.change(Change::BringBack("alice", 2));
    assert_eq!(uids(bed, alice), [2, 4], "under its old unique-id");
    reap_all(bed, now() + 4 * DAY);
    assert_eq!(uids(bed, alice), [2, 4]);
    reap_all(bed, now() + 6 * DAY);
    assert!(uids(bed, alice).is_empty());
}

pub fn age_counts_from_the_import(bed: &mut dyn Bed) {
    let alice = mailbox(bed, Some(5), Some(5), 0);
    let envelope = Envelope { received_at: Some(1_000_000_000), ..Envelope::default() };
    uploaded(bed, b"old\r\n").deliver(&[alice], &envelope).unwrap().remove(0).unwrap();
    reap_all(bed, now() + 4 * DAY);
    assert_eq!(uids(bed, alice), [1]);
    reap_all(bed, now() + 6 * DAY);
    assert!(uids(bed, alice).is_empty());
}

pub fn many_go_in_small_steps(bed: &mut dyn Bed) {
    let alice = mailbox(bed, None, Some(1), 150);
    let bob = user(bed, "bob");
    bed.change(Change::Retention("bob", None, Some(1), false));
    (0..150).for_each(|_| _ = deliver(bed, bob, b"x\r\n"));
    let mut before = 300;
    loop {
        let done = bed.store().reap(now() + 2 * DAY, 10).unwrap();
        let left = uids(bed, alice).len() + uids(bed, bob).len();
        assert!(before - left <= 10, "{} at once", before - left);
        before = left;
        if done == 0 {
            break;
        }
    }
    assert_eq!(before, 0);
    assert_eq!(deliver(bed, alice, b"y\r\n"), Uid(151));
}

pub fn everything_that_goes_can_be_brought_back(bed: &mut dyn Bed) {
    let alice = mailbox(bed, None, Some(1), 4);
    bed.store().commit(alice, &[Uid(1)]).unwrap();
    bed.change(Change::DeleteMessage("alice", 2));
    reap_all(bed, now() + 2 * DAY);
    assert!(uids(bed, alice).is_empty());
    for uid in [3, 1, 2] {
        bed.change(Change::BringBack("alice", uid));
    }
    assert_eq!(uids(bed, alice), [1, 2, 3]);
    assert_eq!(octets(bed, message(alice, bed, 1)).unwrap(), b"Subject: x\r\n\r\ny\r\n");
    purge_all(bed, now() + 15 * DAY);
    bed.change(Change::BringBack("alice", 4));
    assert_eq!(uids(bed, alice), [1, 2, 3], "what was purged is gone");
}

/// A day forward costs a message a day of its retention at most, and none of its time to be recovered.
pub fn a_clock_that_jumps_deletes_nothing_early_twice_over(bed: &mut dyn Bed) {
    let alice = mailbox(bed, None, Some(3), 2);
    reap_all(bed, now() + DAY);
    reap_all(bed, now() - DAY);
    reap_all(bed, now() + 2 * DAY);
    assert_eq!(uids(bed, alice), [1, 2]);
    reap_all(bed, now() + 3 * DAY + 10);
    assert!(uids(bed, alice).is_empty());
    assert_eq!(purge_all(bed, now() + 13 * DAY), 0, "the time to recover begins with the deletion");
    reap_all(bed, now() - DAY);
    bed.change(Change::BringBack("alice", 2));
    assert_eq!(deliver(bed, alice, b"x\r\n"), Uid(3));
    assert_eq!(uids(bed, alice), [2, 3]);
    reap_all(bed, now() + 2 * DAY);
    reap_all(bed, now() - 365 * DAY);
    reap_all(bed, now() + 2 * DAY);
    assert_eq!(uids(bed, alice), [2, 3]);
    reap_all(bed, now() + 4 * DAY);
    assert!(uids(bed, alice).is_empty(), "a clock that was set back does not stop the reaper");
}
