//! What is too much for one step is done in several, whole.

use crate::fixture::{Change, Fixture, deliver, message, now, octets, purge_all, uids, uploaded, user};
use pillarbox::store::{Envelope, StoreError, Uid};

const DAY: i64 = 86_400;

/// The octets of one message go step by step; the next one in line is neither forgotten nor taken along.
pub fn a_body_too_large_for_one_purge_step(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    deliver(fixture, alice, &[b'a'; 3 << 20]);
    deliver(fixture, alice, &[b'b'; 3 << 20]);
    deliver(fixture, alice, &[b'c'; 3 << 20]);
    let kept = message(alice, fixture, 2);
    fixture.store().commit(alice, &[Uid(1), Uid(2)]).unwrap();
    let mut steps = 0;
    loop {
        match fixture.store().purge(now() + 15 * DAY, 3).unwrap() {
            0 => break,
            done => assert!(done <= 3, "{done} at once"),
        }
        steps += 1;
        assert!(steps < 10_000, "purge does not end");
        if steps == 1 {
            fixture.change(Change::BringBack("alice", 1));
            assert_eq!(uids(fixture, alice), [3], "what is half gone cannot be brought back");
        }
        if steps == 2 {
            fixture.finish();
        }
    }
    assert_eq!(uids(fixture, alice), [3]);
    assert_eq!(octets(fixture, kept).unwrap(), vec![b'c'; 3 << 20]);
    fixture.finish();
}

/// A large copy that others share goes with the last of them, however many steps that takes.
pub fn a_large_body_that_was_shared(fixture: &mut dyn Fixture) {
    let everybody = ["alice", "bob"].map(|name| user(fixture, name));
    uploaded(fixture, &vec![b'x'; 3 << 20]).deliver(&everybody, &Envelope::default()).unwrap();
    fixture.store().commit(everybody[0], &[Uid(1)]).unwrap();
    purge_all(fixture, now() + 15 * DAY);
    let left = message(everybody[1], fixture, 0);
    assert_eq!(octets(fixture, left).unwrap().len(), 3 << 20);
    fixture.change(Change::DeleteUser("bob"));
    fixture.store().purge(now() + 15 * DAY, 2).unwrap();
    fixture.finish();
    purge_all(fixture, now() + 15 * DAY);
    assert_eq!(octets(fixture, left), Err(StoreError::NoSuchMessage));
    fixture.finish();
}
