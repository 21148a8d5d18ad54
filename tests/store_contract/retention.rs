//! Deletion by age ([MS-STANXPOP3] E0005). The tests say what time it is.

use crate::fixture::{Change, Fixture, deliver, message, now, octets, purge_all, reap_all, uids, uploaded, user};
use pillarbox::store::{Envelope, MailboxId, StoreError, Uid};

const DAY: i64 = 86_400;

/// A mailbox with these days and `messages` of them.
fn mailbox(fixture: &dyn Fixture, read: Option<u32>, unread: Option<u32>, messages: usize) -> MailboxId {
    let alice = user(fixture, "alice");
    fixture.change(Change::Retention("alice", read, unread, false));
    (0..messages).for_each(|_| _ = deliver(fixture, alice, b"Subject: x\r\n\r\ny\r\n"));
    alice
}

fn mark(fixture: &dyn Fixture, mailbox: MailboxId, index: usize) {
    fixture.store().mark_retrieved(message(mailbox, fixture, index));
    fixture.store().flush_marks().unwrap();
}

pub fn read_and_unread_mail_go_by_days_of_their_own(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, Some(7), Some(60), 3);
    mark(fixture, alice, 1);
    for (day, left) in [(0, vec![1, 2, 3]), (6, vec![1, 2, 3]), (8, vec![1, 3]), (59, vec![1, 3]), (61, vec![])] {
        reap_all(fixture, now() + day * DAY);
        assert_eq!(uids(fixture, alice), left, "day {day}");
    }
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(4));
}

pub fn days_are_inherited_zero_keeps_and_hold_suspends(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, None, None, 1);
    let (bob, carol) = (user(fixture, "bob"), user(fixture, "carol"));
    for mailbox in [bob, carol] {
        deliver(fixture, mailbox, b"x\r\n");
    }
    reap_all(fixture, now() + 1000 * DAY);
    fixture.change(Change::Setting("RetainUnreadDays", "5"));
    fixture.change(Change::Retention("bob", None, Some(0), false));
    fixture.change(Change::Retention("carol", None, None, true));
    reap_all(fixture, now() + 4 * DAY);
    let left = |fixture: &dyn Fixture| [alice, bob, carol].map(|mailbox| uids(fixture, mailbox).len());
    assert_eq!(left(fixture), [1, 1, 1]);
    reap_all(fixture, now() + 6 * DAY);
    assert_eq!(left(fixture), [0, 1, 1]);
    fixture.change(Change::Retention("carol", None, None, false));
    reap_all(fixture, now() + 6 * DAY);
    assert_eq!(left(fixture), [0, 1, 0]);
    fixture.change(Change::Setting("RetainUnreadDays", "0"));
    deliver(fixture, alice, b"x\r\n");
    reap_all(fixture, now() + 1000 * DAY);
    assert_eq!(left(fixture), [1, 1, 0]);
}

pub fn mail_that_is_read_late_goes_at_once(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, Some(7), Some(60), 2);
    reap_all(fixture, now() + 30 * DAY);
    assert_eq!(uids(fixture, alice), [1, 2]);
    mark(fixture, alice, 0);
    reap_all(fixture, now() + 30 * DAY);
    assert_eq!(uids(fixture, alice), [2]);
}

pub fn new_days_hold_for_old_mail(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, None, Some(60), 2);
    reap_all(fixture, now() + 30 * DAY);
    fixture.change(Change::Retention("alice", None, Some(20), false));
    deliver(fixture, alice, b"x\r\n");
    reap_all(fixture, now() + 19 * DAY);
    assert_eq!(uids(fixture, alice).len(), 3);
    reap_all(fixture, now() + 30 * DAY);
    assert!(uids(fixture, alice).is_empty());
}

pub fn an_open_session_still_lists_what_went(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, None, Some(1), 2);
    let listing = fixture.store().open(alice).unwrap();
    let first = message(alice, fixture, 0);
    reap_all(fixture, now() + 2 * DAY);
    assert_eq!(listing.entries().len(), 2);
    assert_eq!(octets(fixture, first), Err(StoreError::NoSuchMessage));
    assert_eq!(fixture.store().commit(alice, &[Uid(1), Uid(2)]), Ok(()), "gone already is no error");
    assert!(fixture.store().open(alice).unwrap().entries().is_empty());
}

pub fn what_is_brought_back_begins_anew(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, None, Some(5), 3);
    reap_all(fixture, now() + 6 * DAY);
    assert!(uids(fixture, alice).is_empty());
    deliver(fixture, alice, b"x\r\n");
    fixture.change(Change::BringBack("alice", 2));
    assert_eq!(uids(fixture, alice), [2, 4], "under its old unique-id");
    reap_all(fixture, now() + 4 * DAY);
    assert_eq!(uids(fixture, alice), [2, 4]);
    reap_all(fixture, now() + 6 * DAY);
    assert!(uids(fixture, alice).is_empty());
}

pub fn age_counts_from_the_import(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, Some(5), Some(5), 0);
    let envelope = Envelope { received_at: Some(1_000_000_000), ..Envelope::default() };
    uploaded(fixture, b"old\r\n").deliver(&[alice], &envelope).unwrap().remove(0).unwrap();
    reap_all(fixture, now() + 4 * DAY);
    assert_eq!(uids(fixture, alice), [1]);
    reap_all(fixture, now() + 6 * DAY);
    assert!(uids(fixture, alice).is_empty());
}

pub fn many_go_in_small_steps(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, None, Some(1), 150);
    let bob = user(fixture, "bob");
    fixture.change(Change::Retention("bob", None, Some(1), false));
    (0..150).for_each(|_| _ = deliver(fixture, bob, b"x\r\n"));
    let mut before = 300;
    loop {
        let done = fixture.store().reap(now() + 2 * DAY, 10).unwrap();
        let left = uids(fixture, alice).len() + uids(fixture, bob).len();
        assert!(before - left <= 10, "{} at once", before - left);
        before = left;
        if done == 0 {
            break;
        }
    }
    assert_eq!(before, 0);
    assert_eq!(deliver(fixture, alice, b"y\r\n"), Uid(151));
}

pub fn everything_that_goes_can_be_brought_back(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, None, Some(1), 4);
    fixture.store().commit(alice, &[Uid(1)]).unwrap();
    fixture.change(Change::DeleteMessage("alice", 2));
    reap_all(fixture, now() + 2 * DAY);
    assert!(uids(fixture, alice).is_empty());
    for uid in [3, 1, 2] {
        fixture.change(Change::BringBack("alice", uid));
    }
    assert_eq!(uids(fixture, alice), [1, 2, 3]);
    assert_eq!(octets(fixture, message(alice, fixture, 1)).unwrap(), b"Subject: x\r\n\r\ny\r\n");
    purge_all(fixture, now() + 15 * DAY);
    fixture.change(Change::BringBack("alice", 4));
    assert_eq!(uids(fixture, alice), [1, 2, 3], "what was purged is gone");
}

/// A day forward costs a message a day of its retention at most, and none of its time to be recovered.
pub fn a_clock_that_jumps_deletes_nothing_early_twice_over(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, None, Some(3), 2);
    reap_all(fixture, now() + DAY);
    reap_all(fixture, now() - DAY);
    reap_all(fixture, now() + 2 * DAY);
    assert_eq!(uids(fixture, alice), [1, 2]);
    reap_all(fixture, now() + 3 * DAY + 10);
    assert!(uids(fixture, alice).is_empty());
    assert_eq!(purge_all(fixture, now() + 13 * DAY), 0, "the time to recover begins with the deletion");
    reap_all(fixture, now() - DAY);
    fixture.change(Change::BringBack("alice", 2));
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(3));
    assert_eq!(uids(fixture, alice), [2, 3]);
    reap_all(fixture, now() + 2 * DAY);
    reap_all(fixture, now() - 365 * DAY);
    reap_all(fixture, now() + 2 * DAY);
    assert_eq!(uids(fixture, alice), [2, 3]);
    reap_all(fixture, now() + 4 * DAY);
    assert!(uids(fixture, alice).is_empty(), "a clock that was set back does not stop the reaper");
}
