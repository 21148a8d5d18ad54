//! Upkeep: changes from outside, retention, purge.

use crate::bed::{Bed, Change, deliver, message, now, octets, purge_all, uploaded, user};
use pillarbox::store::{Envelope, Expire, MailboxId, StoreError, Uid};

const DAY: i64 = 86_400;

pub fn the_change_mark_moves_with_changes_from_outside_only(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let before = bed.store().change_mark().unwrap();
    deliver(bed, alice, b"x\r\n");
    bed.store().commit(alice, &[Uid(1)]).unwrap();
    assert_eq!(bed.store().change_mark().unwrap(), before);
    bed.change(Change::Setting("MaxCommandSize", "255"));
    let after = bed.store().change_mark().unwrap();
    assert_ne!(after, before);
    assert_eq!(bed.store().change_mark().unwrap(), after);
}

pub fn settings_that_were_set_come_back(bed: &mut dyn Bed) {
    bed.change(Change::Setting("Banner", "Hello, world."));
    bed.change(Change::Setting("Site", ""));
    let settings = bed.store().settings().unwrap();
    let value = |name: &str| settings.iter().find(|row| row.0 == name).map(|row| row.1.as_slice());
    assert_eq!(value("Banner"), Some(&b"Hello, world."[..]));
    assert_eq!(value("Site"), Some(&b""[..]));
    assert_eq!(value("Nonsense"), None);
}

pub fn retention_of_a_mailbox_and_of_all(bed: &mut dyn Bed) {
    let all = |bed: &dyn Bed| bed.store().shortest_retention().unwrap();
    assert_eq!(all(bed), Expire::Never);
    bed.change(Change::Setting("RetainUnreadDays", "60"));
    assert_eq!(all(bed), Expire::Days(60), "what a first mailbox would get");
    let (alice, bob) = (user(bed, "alice"), user(bed, "bob"));
    assert_eq!(all(bed), Expire::Days(60));
    bed.change(Change::Setting("RetainReadDays", "7"));
    assert_eq!(all(bed), Expire::Days(7));
    bed.change(Change::Retention("alice", Some(0), None, false));
    assert_eq!(bed.store().retention(alice).unwrap(), Expire::Days(60));
    assert_eq!(bed.store().retention(bob).unwrap(), Expire::Days(7));
    assert_eq!(all(bed), Expire::DaysUser(7));
    bed.change(Change::Retention("bob", None, None, true));
    assert_eq!(bed.store().retention(bob).unwrap(), Expire::Never);
    assert_eq!(all(bed), Expire::DaysUser(60), "somebody's mail is kept for ever");
    bed.change(Change::Retention("alice", Some(0), Some(0), false));
    assert_eq!(all(bed), Expire::Never);
    assert_eq!(bed.store().retention(MailboxId(4711)), Err(StoreError::NoSuchMailbox));
}

pub fn purge_frees_nothing_early_and_ends(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    for _ in 0..30 {
        deliver(bed, alice, &[b'x'; 300_000]);
    }
    let keep = message(alice, bed, 29);
    let gone: Vec<Uid> = (1..30).map(Uid).collect();
    bed.store().commit(alice, &gone).unwrap();
    assert_eq!(purge_all(bed, now() + 13 * DAY), 0, "RetainDeletedItemsDays is 14");
    assert!(bed.store().purge(now() + 15 * DAY, 3).unwrap() <= 3);
    assert!(purge_all(bed, now() + 15 * DAY) > 0);
    assert_eq!(purge_all(bed, now() + 15 * DAY), 0);
    assert_eq!(octets(bed, keep).unwrap(), [b'x'; 300_000]);
    bed.change(Change::Setting("RetainDeletedItemsDays", "0"));
    bed.store().commit(alice, &[Uid(30)]).unwrap();
    assert_eq!(purge_all(bed, now() + 3000), 0, "an hour at least");
    assert!(purge_all(bed, now() + 3700) > 0);
}

pub fn purge_keeps_what_somebody_else_still_has(bed: &mut dyn Bed) {
    let everybody = ["alice", "bob", "carol"].map(|name| user(bed, name));
    let [alice, bob, carol] = everybody;
    for size in [100, 700_000] {
        uploaded(bed, &vec![b'x'; size]).deliver(&everybody, &Envelope::default()).unwrap();
    }
    bed.store().commit(alice, &[Uid(1), Uid(2)]).unwrap();
    purge_all(bed, now() + 15 * DAY);
    bed.finish();
    bed.change(Change::DeleteUser("bob"));
    assert_eq!(purge_all(bed, now() + 3000), 0);
    purge_all(bed, now() + 3700);
    bed.finish();
    assert_eq!(octets(bed, message(carol, bed, 1)).unwrap(), vec![b'x'; 700_000]);
    bed.store().commit(carol, &[Uid(1), Uid(2)]).unwrap();
    assert!(purge_all(bed, now() + 15 * DAY) > 0);
    assert_eq!(bed.store().open(bob), Err(StoreError::NoSuchMailbox));
}
