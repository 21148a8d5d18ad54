//! Snapshots, reading, UPDATE (RFC 1939 sections 3 and 6; [MS-STANXPOP3] C0004).

use crate::fixture::{Change, Fixture, deliver, message, octets, uids, user};
use pillarbox::store::{Envelope, MailboxId, MessageId, StoreError, Uid};

pub fn a_snapshot_is_not_moved_by_what_comes_later(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    for text in [b"1\r\n", b"2\r\n", b"3\r\n"] {
        deliver(fixture, alice, text);
    }
    let snapshot = fixture.store().open(alice).unwrap();
    let before = (*snapshot).clone();
    deliver(fixture, alice, b"4\r\n");
    fixture.store().commit(alice, &[Uid(2)]).unwrap();
    assert_eq!(*snapshot, before);
    assert_eq!(snapshot.entries().len(), 3);
}

pub fn a_new_snapshot_shows_what_changed(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    assert!(fixture.store().open(alice).unwrap().entries().is_empty());
    for round in 0..5 {
        let (first, second) = (deliver(fixture, alice, b"stays\r\n"), deliver(fixture, alice, b"goes\r\n"));
        assert_eq!(uids(fixture, alice)[round..], [first.0, second.0]);
        assert_eq!(uids(fixture, alice), uids(fixture, alice));
        fixture.store().commit(alice, &[second]).unwrap();
        assert_eq!(uids(fixture, alice)[round..], [first.0]);
    }
    let bob = user(fixture, "bob");
    assert!(fixture.store().open(bob).unwrap().entries().is_empty(), "another's maildrop");
}

pub fn reading_what_was_deleted_is_no_such_message(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    deliver(fixture, alice, b"first\r\n");
    deliver(fixture, alice, b"second\r\n");
    let (first, second) = (message(alice, fixture, 0), message(alice, fixture, 1));
    fixture.store().commit(alice, &[first.uid]).unwrap();
    assert_eq!(octets(fixture, first), Err(StoreError::NoSuchMessage));
    assert_eq!(octets(fixture, second).unwrap(), b"second\r\n");
    let strangers = MessageId { mailbox: MailboxId(second.mailbox.0 + 1000), ..second };
    assert_eq!(octets(fixture, strangers), Err(StoreError::NoSuchMessage));
    let other_body = MessageId { body: first.body, ..second };
    assert_eq!(octets(fixture, other_body), Err(StoreError::NoSuchMessage));
}

pub fn first_chunks_come_in_the_order_they_were_asked_for(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    for text in [b"1\r\n", b"2\r\n", b"3\r\n"] {
        deliver(fixture, alice, text);
    }
    let [first, second, third] = [0, 1, 2].map(|index| message(alice, fixture, index));
    fixture.store().commit(alice, &[second.uid]).unwrap();
    let mut taken = Vec::new();
    fixture.store().first_chunks(&[third, second, first, third], &mut |index, chunk| {
        taken.push((index, chunk.map(<[u8]>::to_vec)));
    });
    let wanted = [Ok(b"3\r\n".to_vec()), Err(StoreError::NoSuchMessage), Ok(b"1\r\n".to_vec()), Ok(b"3\r\n".to_vec())];
    assert_eq!(taken, wanted.into_iter().enumerate().collect::<Vec<_>>());
}

pub fn a_transfer_that_has_begun_goes_on(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let text: Vec<u8> = (0..700_000u32).map(|n| b'a' + (n % 23) as u8).collect();
    deliver(fixture, alice, &text);
    let id = message(alice, fixture, 0);
    let (mut whole, mut chunk) = (Vec::new(), Vec::new());
    fixture.store().read(id, 0, &mut chunk).unwrap();
    whole.extend_from_slice(&chunk);
    fixture.store().commit(alice, &[id.uid]).unwrap();
    fixture.store().purge(crate::fixture::now() + 3000, 100).unwrap();
    for number in 1.. {
        fixture.store().read(id, number, &mut chunk).unwrap();
        if chunk.is_empty() {
            break;
        }
        whole.extend_from_slice(&chunk);
    }
    assert!(whole == text);
}

pub fn commit_deletes_what_it_names_and_nothing_else(fixture: &mut dyn Fixture) {
    let (alice, bob) = (user(fixture, "alice"), user(fixture, "bob"));
    for _ in 0..4 {
        deliver(fixture, alice, b"x\r\n");
        deliver(fixture, bob, b"x\r\n");
    }
    fixture.store().commit(alice, &[]).unwrap();
    assert_eq!(uids(fixture, alice), [1, 2, 3, 4]);
    fixture.store().commit(alice, &[Uid(1), Uid(3)]).unwrap();
    assert_eq!(uids(fixture, alice), [2, 4]);
    assert_eq!(uids(fixture, bob), [1, 2, 3, 4]);
    fixture.reopen();
    assert_eq!(uids(fixture, alice), [2, 4]);
}

pub fn commit_of_what_is_gone_is_no_error(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    deliver(fixture, alice, b"x\r\n");
    deliver(fixture, alice, b"y\r\n");
    fixture.store().commit(alice, &[Uid(1)]).unwrap();
    fixture.store().commit(alice, &[Uid(1), Uid(2), Uid(77)]).unwrap();
    assert!(uids(fixture, alice).is_empty());
    fixture.change(Change::DeleteUser("alice"));
    fixture.store().commit(alice, &[Uid(2)]).unwrap();
}

pub fn a_mailbox_that_is_gone(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    deliver(fixture, alice, b"x\r\n");
    let id = message(alice, fixture, 0);
    fixture.change(Change::DeleteUser("alice"));
    assert_eq!(fixture.store().open(alice), Err(StoreError::NoSuchMailbox));
    assert_eq!(octets(fixture, id), Err(StoreError::NoSuchMessage));
    fixture.store().mark_retrieved(id);
    fixture.store().flush_marks().unwrap();
    let again = user(fixture, "alice");
    assert_ne!(again, alice);
    assert!(uids(fixture, again).is_empty());
}

pub fn a_mailbox_that_comes_back(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    fixture.change(Change::Alias("sales", "alice"));
    for text in [b"1\r\n", b"2\r\n", b"3\r\n"] {
        deliver(fixture, alice, text);
    }
    fixture.store().commit(alice, &[Uid(2)]).unwrap();
    let listing = fixture.store().open(alice).unwrap();
    fixture.change(Change::DeleteUser("alice"));
    let other = user(fixture, "alice");
    assert_eq!(deliver(fixture, other, b"4\r\n"), Uid(4));
    fixture.change(Change::DeleteUser("alice"));
    // Of two of one name only one can be there, so this one goes for good.
    fixture.change(Change::PurgeMailbox(other));
    fixture.change(Change::BringBackMailbox("alice"));
    assert_eq!(fixture.store().open(alice).unwrap().entries(), listing.entries());
    assert_eq!(fixture.store().recipients(&["sales".into()]).unwrap()[0].id, alice);
    assert_eq!(octets(fixture, message(alice, fixture, 1)).unwrap(), b"3\r\n");
    assert_eq!(user(fixture, "alice"), alice, "a new user takes it over");
    fixture.change(Change::BringBack("alice", 2));
    assert_eq!(deliver(fixture, alice, b"5\r\n"), Uid(5));
    assert_eq!(uids(fixture, alice), [1, 2, 3, 5]);
}

pub fn read_marks_show_in_the_next_snapshot(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    for _ in 0..3 {
        deliver(fixture, alice, b"x\r\n");
    }
    let before = fixture.store().open(alice).unwrap();
    for _ in 0..2 {
        fixture.store().mark_retrieved(message(alice, fixture, 1));
    }
    let gone = message(alice, fixture, 2);
    fixture.store().commit(alice, &[gone.uid]).unwrap();
    fixture.store().mark_retrieved(gone);
    fixture.store().flush_marks().unwrap();
    fixture.store().flush_marks().unwrap();
    let read = |fixture: &dyn Fixture| {
        fixture.store().open(alice).unwrap().entries().iter().map(|e| e.read).collect::<Vec<_>>()
    };
    assert_eq!(read(fixture), [false, true]);
    assert!(before.entries().iter().all(|entry| !entry.read), "the old snapshot");
    fixture.reopen();
    assert_eq!(read(fixture), [false, true]);
}

pub fn sessions_and_deliveries_at_once(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let store = fixture.store();
    std::thread::scope(|scope| {
        for writer in 0..4u8 {
            scope.spawn(move || {
                for _ in 0..50 {
                    let mut upload = store.upload(u64::MAX);
                    upload.push(&[b'a' + writer; 100]).unwrap();
                    upload.deliver(&[alice], &Envelope::default()).unwrap().remove(0).unwrap();
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(move || {
                let mut last = 0;
                while last < 200 {
                    let listing = store.open(alice).unwrap();
                    assert!(listing.entries().windows(2).all(|pair| pair[0].uid.0 + 1 == pair[1].uid.0));
                    assert!(listing.entries().len() >= last);
                    last = listing.entries().len();
                }
            });
        }
    });
    assert_eq!(uids(fixture, alice), (1..=200).collect::<Vec<_>>());
}
