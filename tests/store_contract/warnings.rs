//! Warnings of mailboxes that fill up ([MS-STANXPOP3] E0004). The tests say what time it is.

use crate::fixture::{Change, Fixture, deliver, message, now, octets, uids, uploaded, user};
use pillarbox::store::{Envelope, MailboxId, Overfull, StoreError, Uid};

const HOUR: i64 = 3600;
const TEXT: &[u8] = b"Subject: Your mailbox is almost full\r\n\r\n.\r\n";

/// A mailbox with these quotas that holds `messages` of 4,096 octets each.
fn mailbox(fixture: &dyn Fixture, warning: Option<u64>, limit: Option<u64>, messages: usize) -> MailboxId {
    let alice = user(fixture, "alice");
    fixture.change(Change::Warning("alice", warning));
    fixture.change(Change::Quota("alice", limit));
    (0..messages).for_each(|_| _ = deliver(fixture, alice, b"x\r\n"));
    alice
}

fn due(fixture: &dyn Fixture, now: i64) -> usize {
    fixture.store().overfull(now, 10).unwrap().len()
}

pub fn crossing_earns_one_warning_a_day(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, Some(12_288), Some(20_480), 2);
    assert_eq!(due(fixture, now()), 0);
    assert_eq!(fixture.store().warn(alice, TEXT, now()), Ok(false));
    deliver(fixture, alice, b"x\r\n");
    let expected = Overfull { mailbox: alice, name: "alice".into(), bytes: 12_288, warning: 12_288, limit: 20_480 };
    assert_eq!(fixture.store().overfull(now(), 10).unwrap(), [expected]);
    assert_eq!(fixture.store().overfull(now(), 0).unwrap(), []);
    assert_eq!(fixture.store().warn(alice, TEXT, now()), Ok(true));
    assert_eq!(octets(fixture, message(alice, fixture, 3)).unwrap(), TEXT);
    assert_eq!(fixture.store().warn(alice, TEXT, now() + HOUR), Ok(false));
    deliver(fixture, alice, b"x\r\n");
    assert_eq!((due(fixture, now() + 23 * HOUR), due(fixture, now() + 25 * HOUR)), (0, 1));
    assert_eq!(fixture.store().warn(alice, TEXT, now() + 25 * HOUR), Ok(true));
    assert_eq!((due(fixture, now() + 48 * HOUR), due(fixture, now() + 50 * HOUR)), (0, 1));
    assert_eq!(uids(fixture, alice), [1, 2, 3, 4, 5, 6]);
}

pub fn a_full_mailbox_takes_its_warning(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, Some(8192), Some(8192), 2);
    let refused = uploaded(fixture, b"x\r\n").deliver(&[alice], &Envelope::default()).unwrap().remove(0);
    assert_eq!(refused, Err(StoreError::OverQuota));
    assert_eq!(fixture.store().warn(alice, TEXT, now()), Ok(true));
    assert_eq!(uids(fixture, alice), [1, 2, 3]);
    fixture.store().commit(alice, &[Uid(1), Uid(3)]).unwrap();
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(4));
}

/// It takes no message, not even that: the next one waits for its turn.
pub fn a_mailbox_out_of_unique_ids_holds_up_nobody(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, Some(4096), Some(0), 1);
    fixture.change(Change::NextUid("alice", 1 << 53));
    assert_eq!(due(fixture, now()), 1);
    assert_eq!(fixture.store().warn(alice, TEXT, now()), Ok(false));
    assert_eq!((due(fixture, now()), due(fixture, now() + 25 * HOUR)), (0, 1));
    assert_eq!(uids(fixture, alice), [1]);
}

pub fn falling_below_and_crossing_anew_earns_another(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, Some(8192), Some(0), 2);
    assert_eq!(fixture.store().warn(alice, TEXT, now()), Ok(true));
    fixture.store().commit(alice, &[Uid(1)]).unwrap();
    assert_eq!(due(fixture, now() + 100 * HOUR), 1, "8,192 octets are not below");
    fixture.store().commit(alice, &[Uid(2)]).unwrap();
    assert_eq!(due(fixture, now() + 100 * HOUR), 0);
    assert_eq!(fixture.store().warn(alice, TEXT, now() + 100 * HOUR), Ok(false));
    deliver(fixture, alice, b"x\r\n");
    assert_eq!(due(fixture, now()), 1, "at once");
    fixture.change(Change::DeleteUser("alice"));
    assert_eq!(due(fixture, now()), 0);
    assert_eq!(fixture.store().warn(alice, TEXT, now()), Ok(false));
}

pub fn none_where_the_warning_is_under_half_of_the_limit(fixture: &mut dyn Fixture) {
    mailbox(fixture, Some(4096), Some(8193), 2);
    assert_eq!(due(fixture, now()), 0);
    for (warning, limit, expected) in [(4096, 8192, 1), (4096, 0, 1), (0, 0, 0), (0, 8192, 0), (4096, 100_000, 0)] {
        fixture.change(Change::Warning("alice", Some(warning)));
        fixture.change(Change::Quota("alice", Some(limit)));
        assert_eq!(due(fixture, now()), expected, "warning {warning}, limit {limit}");
    }
}

pub fn quotas_that_change_cross_too(fixture: &mut dyn Fixture) {
    mailbox(fixture, None, None, 2);
    let bob = user(fixture, "bob");
    fixture.change(Change::Warning("bob", Some(1_000_000)));
    deliver(fixture, bob, &[b'x'; 9000]);
    fixture.change(Change::Setting("ProhibitSendReceiveQuota", "0"));
    assert_eq!(due(fixture, now()), 0);
    fixture.change(Change::Setting("IssueWarningQuota", "8192"));
    let names = |fixture: &dyn Fixture| {
        fixture.store().overfull(now(), 10).unwrap().into_iter().map(|it| it.name).collect::<Vec<_>>()
    };
    assert_eq!(names(fixture), ["alice"], "bob's own quota is above");
    fixture.change(Change::Warning("bob", None));
    assert_eq!(names(fixture).len(), 2);
    fixture.change(Change::Setting("IssueWarningQuota", "12288"));
    assert_eq!(names(fixture), ["bob"]);
    fixture.change(Change::Setting("IssueWarningQuota", "0"));
    assert_eq!(due(fixture, now()), 0);
}

pub fn a_clock_that_is_set_back_does_not_silence_them(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, Some(4096), Some(0), 1);
    assert_eq!(fixture.store().warn(alice, TEXT, now() + 1000 * HOUR), Ok(true));
    assert_eq!(due(fixture, now()), 0, "one was sent just now");
    assert_eq!((due(fixture, now() + 23 * HOUR), due(fixture, now() + 25 * HOUR)), (0, 1));
}

pub fn a_day_back_and_forth_earns_none(fixture: &mut dyn Fixture) {
    let alice = mailbox(fixture, Some(4096), Some(0), 1);
    assert_eq!(fixture.store().warn(alice, TEXT, now()), Ok(true));
    assert_eq!(due(fixture, now() - 24 * HOUR), 0);
    assert_eq!(
        (due(fixture, now() + 23 * HOUR), due(fixture, now() + 25 * HOUR)),
        (0, 1),
        "the interval was not shortened"
    );
}
