//! Snapshots, reading, UPDATE (RFC 1939 sections 3 and 6; [MS-STANXPOP3] C0004).

use crate::bed::{Bed, Change, deliver, message, octets, uids, user};
use pillarbox::store::{Envelope, MailboxId, MessageId, StoreError, Uid};

pub fn a_snapshot_is_not_moved_by_what_comes_later(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    for text in [b"1\r\n", b"2\r\n", b"3\r\n"] {
        deliver(bed, alice, text);
    }
    let snapshot = bed.store().open(alice).unwrap();
    let before = (*snapshot).clone();
    deliver(bed, alice, b"4\r\n");
    bed.store().commit(alice, &[Uid(2)]).unwrap();
    assert_eq!(*snapshot, before);
    assert_eq!(snapshot.entries().len(), 3);
}

pub fn a_new_snapshot_shows_what_changed(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    assert!(bed.store().open(alice).unwrap().entries().is_empty());
    for round in 0..5 {
        let (first, second) = (deliver(bed, alice, b"stays\r\n"), deliver(bed, alice, b"goes\r\n"));
        assert_eq!(uids(bed, alice)[round..], [first.0, second.0]);
        assert_eq!(uids(bed, alice), uids(bed, alice));
        bed.store().commit(alice, &[second]).unwrap();
        assert_eq!(uids(bed, alice)[round..], [first.0]);
    }
    let bob = user(bed, "bob");
    assert!(bed.store().open(bob).unwrap().entries().is_empty(), "another's maildrop");
}

pub fn reading_what_was_deleted_is_no_such_message(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    deliver(bed, alice, b"first\r\n");
    deliver(bed, alice, b"second\r\n");
    let (first, second) = (message(alice, bed, 0), message(alice, bed, 1));
    bed.store().commit(alice, &[first.uid]).unwrap();
    assert_eq!(octets(bed, first), Err(StoreError::NoSuchMessage));
    assert_eq!(octets(bed, second).unwrap(), b"second\r\n");
    let strangers = MessageId { mailbox: MailboxId(second.mailbox.0 + 1000), ..second };
    assert_eq!(octets(bed, strangers), Err(StoreError::NoSuchMessage));
    let other_body = MessageId { body: first.body, ..second };
    assert_eq!(octets(bed, other_body), Err(StoreError::NoSuchMessage));
}

pub fn first_pieces_come_in_the_order_they_were_asked_for(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    for text in [b"1\r\n", b"2\r\n", b"3\r\n"] {
        deliver(bed, alice, text);
    }
    let [first, second, third] = [0, 1, 2].map(|index| message(alice, bed, index));
    bed.store().commit(alice, &[second.uid]).unwrap();
    let mut taken = Vec::new();
    bed.store().first_pieces(&[third, second, first, third], &mut |index, piece| {
        taken.push((index, piece.map(<[u8]>::to_vec)));
    });
    let wanted = [Ok(b"3\r\n".to_vec()), Err(StoreError::NoSuchMessage), Ok(b"1\r\n".to_vec()), Ok(b"3\r\n".to_vec())];
    assert_eq!(taken, wanted.into_iter().enumerate().collect::<Vec<_>>());
}

pub fn a_transfer_that_has_begun_goes_on(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let text: Vec<u8> = (0..700_000u32).map(|n| b'a' + (n % 23) as u8).collect();
    deliver(bed, alice, &text);
    let id = message(alice, bed, 0);
    let (mut whole, mut piece) = (Vec::new(), Vec::new());
    bed.store().read(id, 0, &mut piece).unwrap();
    whole.extend_from_slice(&piece);
    bed.store().commit(alice, &[id.uid]).unwrap();
    bed.store().purge(crate::bed::now() + 3000, 100).unwrap();
    for number in 1.. {
        bed.store().read(id, number, &mut piece).unwrap();
        if piece.is_empty() {
            break;
        }
        whole.extend_from_slice(&piece);
    }
    assert!(whole == text);
}

pub fn commit_deletes_what_it_names_and_nothing_else(bed: &mut dyn Bed) {
    let (alice, bob) = (user(bed, "alice"), user(bed, "bob"));
    for _ in 0..4 {
        deliver(bed, alice, b"x\r\n");
        deliver(bed, bob, b"x\r\n");
    }
    bed.store().commit(alice, &[]).unwrap();
    assert_eq!(uids(bed, alice), [1, 2, 3, 4]);
    bed.store().commit(alice, &[Uid(1), Uid(3)]).unwrap();
    assert_eq!(uids(bed, alice), [2, 4]);
    assert_eq!(uids(bed, bob), [1, 2, 3, 4]);
    bed.reopen();
    assert_eq!(uids(bed, alice), [2, 4]);
}

pub fn commit_of_what_is_gone_is_no_error(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    deliver(bed, alice, b"x\r\n");
    deliver(bed, alice, b"y\r\n");
    bed.store().commit(alice, &[Uid(1)]).unwrap();
    bed.store().commit(alice, &[Uid(1), Uid(2), Uid(77)]).unwrap();
    assert!(uids(bed, alice).is_empty());
    bed.change(Change::DeleteUser("alice"));
    bed.store().commit(alice, &[Uid(2)]).unwrap();
}

pub fn a_mailbox_that_is_gone(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    deliver(bed, alice, b"x\r\n");
    let id = message(alice, bed, 0);
    bed.change(Change::DeleteUser("alice"));
    assert_eq!(bed.store().open(alice), Err(StoreError::NoSuchMailbox));
    assert_eq!(octets(bed, id), Err(StoreError::NoSuchMessage));
    bed.store().mark_retrieved(id);
    bed.store().flush_marks().unwrap();
    let again = user(bed, "alice");
    assert_ne!(again, alice);
    assert!(uids(bed, again).is_empty());
}

pub fn read_marks_show_in_the_next_snapshot(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    for _ in 0..3 {
        deliver(bed, alice, b"x\r\n");
    }
    let before = bed.store().open(alice).unwrap();
    for _ in 0..2 {
        bed.store().mark_retrieved(message(alice, bed, 1));
    }
    let gone = message(alice, bed, 2);
    bed.store().commit(alice, &[gone.uid]).unwrap();
    bed.store().mark_retrieved(gone);
    bed.store().flush_marks().unwrap();
    bed.store().flush_marks().unwrap();
    let read = |bed: &dyn Bed| bed.store().open(alice).unwrap().entries().iter().map(|e| e.read).collect::<Vec<_>>();
    assert_eq!(read(bed), [false, true]);
    assert!(before.entries().iter().all(|entry| !entry.read), "the old snapshot");
    bed.reopen();
    assert_eq!(read(bed), [false, true]);
}

pub fn sessions_and_deliveries_at_once(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let store = bed.store();
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
    assert_eq!(uids(bed, alice), (1..=200).collect::<Vec<_>>());
}
