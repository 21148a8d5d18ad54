//! Unique-ids (RFC 1939 section 7; [MS-STANXPOP3] C0007; interface.md section 2).

use crate::bed::{Bed, Change, assert_refused, deliver, import, purge_all, uids, unique_ids, uploaded, user};
use pillarbox::store::{Envelope, StoreError, Uid};

pub fn the_same_message_twice_has_two_ids(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    assert_ne!(deliver(bed, alice, b"same\r\n"), deliver(bed, alice, b"same\r\n"));
}

pub fn ids_grow_and_are_not_given_again_after_everything_was_deleted(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let mut highest = 0;
    for _ in 0..3 {
        for _ in 0..3 {
            let uid = deliver(bed, alice, b"x\r\n").0;
            assert!(uid > highest);
            highest = uid;
        }
        let all: Vec<Uid> = uids(bed, alice).into_iter().map(Uid).collect();
        bed.store().commit(alice, &all).unwrap();
        purge_all(bed, crate::bed::now() + 86_400 * 365);
        bed.reopen();
    }
}

pub fn ids_go_on_when_a_mailbox_is_made_anew(bed: &mut dyn Bed) {
    for name in ["alice", "ALICE", "Alice"] {
        let mailbox = user(bed, name);
        deliver(bed, mailbox, b"x\r\n");
        deliver(bed, mailbox, b"x\r\n");
        bed.change(Change::DeleteUser(name));
        bed.reopen();
    }
    let mailbox = user(bed, "alice");
    assert_eq!(deliver(bed, mailbox, b"x\r\n"), Uid(7));
    assert_refused(import(bed, mailbox, "3"), "unique-id taken");
}

pub fn an_imported_id_stands_in_for_the_number(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    deliver(bed, alice, b"x\r\n");
    let longest = "~".repeat(70);
    for id in ["00000a1b4c", &longest, "!"] {
        import(bed, alice, id).unwrap();
    }
    deliver(bed, alice, b"x\r\n");
    assert_eq!(unique_ids(bed, alice), ["1", "00000a1b4c", &longest, "!", "5"]);
    bed.store().commit(alice, &[Uid(2)]).unwrap();
    assert_eq!(unique_ids(bed, alice), ["1", &longest, "!", "5"]);
}

pub fn an_imported_id_of_another_message_is_refused(bed: &mut dyn Bed) {
    let (alice, bob) = (user(bed, "alice"), user(bed, "bob"));
    deliver(bed, alice, b"x\r\n");
    import(bed, alice, "abc").unwrap();
    assert_refused(import(bed, alice, "abc"), "unique-id exists");
    assert_refused(import(bed, alice, "1"), "unique-id taken");
    import(bed, alice, "ABC").unwrap();
    import(bed, bob, "abc").unwrap();
    import(bed, bob, "1").unwrap();
    bed.store().commit(alice, &[Uid(1), Uid(2)]).unwrap();
    assert_refused(import(bed, alice, "abc"), "unique-id taken");
    assert_refused(import(bed, alice, "1"), "unique-id taken");
    assert_eq!(unique_ids(bed, alice), ["ABC"]);
}

pub fn an_imported_number_moves_the_next_uid_above_it(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    import(bed, alice, "500").unwrap();
    assert_eq!(deliver(bed, alice, b"x\r\n"), Uid(501));
    let last = ((1u64 << 53) - 2).to_string();
    import(bed, alice, &last).unwrap();
    assert_eq!(deliver(bed, alice, b"x\r\n"), Uid((1 << 53) - 1));
    assert_eq!(unique_ids(bed, alice), ["500", "501", &last, "9007199254740991"]);
}

pub fn imported_numbers_in_any_order(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    for id in ["500", "499", "20", "300", "301", "299", "1", "2", "plain"] {
        import(bed, alice, id).unwrap();
    }
    for id in ["500", "499", "300", "1", "2"] {
        assert_refused(import(bed, alice, id), "unique-id exists");
    }
    let natural = deliver(bed, alice, b"x\r\n").0;
    assert!(natural > 500);
    assert_refused(import(bed, alice, &natural.to_string()), "unique-id taken");
    import(bed, alice, "498").unwrap();
    import(bed, alice, "3").unwrap();
    let all: Vec<Uid> = uids(bed, alice).into_iter().map(Uid).collect();
    bed.store().commit(alice, &all).unwrap();
    purge_all(bed, crate::bed::now() + 86_400 * 365);
    for id in ["500", "499", "20", "300", "301", "299", "1", "2", "498", "3"] {
        assert_refused(import(bed, alice, id), "unique-id taken");
    }
    import(bed, alice, "4").unwrap();
    import(bed, alice, "302").unwrap();
    assert!(deliver(bed, alice, b"x\r\n").0 > natural);
}

pub fn numbers_that_were_skipped_may_still_be_imported(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let earlier = bed.store().open(alice).unwrap();
    bed.store().skip_to(alice, Uid(41)).unwrap();
    import(bed, alice, "1").unwrap();
    let new = deliver(bed, alice, b"x\r\n").0;
    assert!(new > 40, "{new}");
    for id in ["40", "16", "plain", "17", "2"] {
        import(bed, alice, id).unwrap();
    }
    bed.store().skip_to(alice, Uid(1000)).unwrap();
    bed.reopen();
    import(bed, alice, "999").unwrap();
    import(bed, alice, "998").unwrap();
    for id in ["1", "40", "16", "999"] {
        assert_refused(import(bed, alice, id), "unique-id exists");
    }
    assert_refused(import(bed, alice, &new.to_string()), "unique-id taken");
    let newest = deliver(bed, alice, b"x\r\n").0;
    assert!(newest > 999, "{newest}");
    let shown: Vec<String> = ["1", &new.to_string(), "40", "16", "plain", "17", "2", "999", "998", &newest.to_string()]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(unique_ids(bed, alice), shown);
    assert!(earlier.entries().is_empty());
}

pub fn skipping_never_goes_back_nor_opens_what_was_given(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    deliver(bed, alice, b"x\r\n");
    deliver(bed, alice, b"x\r\n");
    for next in [0, 2, 3] {
        bed.store().skip_to(alice, Uid(next)).unwrap();
    }
    assert_eq!(deliver(bed, alice, b"x\r\n"), Uid(3));
    bed.store().skip_to(alice, Uid(10)).unwrap();
    for id in ["1", "3", "10"] {
        // The number 10 is the next: it may come, and then new mail goes on above it.
        assert_eq!(import(bed, alice, id).is_ok(), id == "10", "{id}");
    }
    assert_eq!(deliver(bed, alice, b"x\r\n"), Uid(11));
    bed.store().skip_to(alice, Uid(u64::MAX)).unwrap();
    assert_eq!(deliver(bed, alice, b"x\r\n"), Uid((1 << 53) - 1));
    bed.change(Change::DeleteUser("alice"));
    bed.store().skip_to(alice, Uid(5)).unwrap_err();
}

pub fn an_imported_id_is_not_given_again_after_its_message_was_purged(bed: &mut dyn Bed) {
    let (alice, bob) = (user(bed, "alice"), user(bed, "bob"));
    let back = import(bed, alice, "back").unwrap();
    let gone = import(bed, alice, "gone").unwrap();
    bed.store().commit(alice, &[back, gone]).unwrap();
    bed.change(Change::BringBack("alice", back.0));
    purge_all(bed, crate::bed::now() + 86_400 * 365);
    bed.reopen();
    assert_refused(import(bed, alice, "gone"), "unique-id taken");
    assert_refused(import(bed, alice, "back"), "unique-id exists");
    import(bed, alice, "GONE").unwrap();
    import(bed, bob, "gone").unwrap();
    bed.store().commit(alice, &[back]).unwrap();
    bed.change(Change::BringBack("alice", back.0));
    assert_eq!(unique_ids(bed, alice), ["back", "GONE"]);
    // Of a mailbox that is gone nothing is left.
    bed.change(Change::DeleteUser("alice"));
    let alice = user(bed, "alice");
    import(bed, alice, "gone").unwrap();
}

pub fn what_was_deleted_is_found_by_its_id(bed: &mut dyn Bed) {
    let (alice, bob) = (user(bed, "alice"), user(bed, "bob"));
    import(bed, alice, "300").unwrap();
    import(bed, alice, "x").unwrap();
    let natural = deliver(bed, alice, b"x\r\n");
    let (number, uids) = (natural.0.to_string(), uids(bed, alice));
    let found = |id: &str| bed.store().deleted(alice, id).unwrap();
    assert_eq!([found("300"), found("x"), found(&number)], [None; 3]);
    let uids: Vec<Uid> = uids.into_iter().map(Uid).collect();
    bed.store().commit(alice, &uids).unwrap();
    assert_eq!([found("300"), found("x"), found(&number)], [Some(uids[0]), Some(uids[1]), Some(natural)]);
    assert_eq!([found("1"), found("X"), found(&format!("0{number}")), found("")], [None; 4]);
    assert_eq!(bed.store().deleted(bob, "x").unwrap(), None);
    purge_all(bed, crate::bed::now() + 86_400 * 365);
    assert_eq!([found("300"), found("x"), found(&number)], [None; 3]);
}

pub fn digits_that_are_no_number_are_plain_text(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let ids = ["0", "007", "9007199254740991", "18446744073709551616", "+5", "5 ".trim_end(), "1.5"];
    for id in ids {
        import(bed, alice, id).unwrap();
    }
    assert_eq!(unique_ids(bed, alice), ids);
    assert!(deliver(bed, alice, b"x\r\n").0 < 20);
}

pub fn malformed_ids_are_refused(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let long = "x".repeat(71);
    for id in ["", &long, "a b", "tab\t", "\u{e9}", "\u{7f}"] {
        assert_refused(import(bed, alice, id), "unique_id: 1 to 70 characters of 0x21 to 0x7E");
    }
    assert_eq!(deliver(bed, alice, b"x\r\n"), Uid(1));
}

pub fn what_was_deleted_can_be_read_until_it_is_purged(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let long: Vec<u8> = b"0123456\r\n".repeat(60_000);
    for octets in [&b"x\r\n"[..], &long] {
        let uid = deliver(bed, alice, octets);
        let read = |bed: &dyn Bed| {
            let (mut all, mut piece) = (Vec::new(), Vec::new());
            for number in 0.. {
                bed.store().read_deleted(alice, uid, number, &mut piece)?;
                if piece.is_empty() {
                    break;
                }
                all.extend_from_slice(&piece);
            }
            Ok(all)
        };
        assert_eq!(read(bed), Err(StoreError::NoSuchMessage), "it lives");
        bed.store().commit(alice, &[uid]).unwrap();
        assert!(read(bed).unwrap() == octets);
        purge_all(bed, crate::bed::now() + 86_400 * 365);
        assert_eq!(read(bed), Err(StoreError::NoSuchMessage), "it is gone");
    }
}

pub fn imported_messages_are_known_as_such(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    deliver(bed, alice, b"x\r\n");
    import(bed, alice, "abc").unwrap();
    let envelope = Envelope { imported: true, ..Envelope::default() };
    uploaded(bed, b"y\r\n").deliver(&[alice], &envelope).unwrap()[0].clone().unwrap();
    bed.reopen();
    let listing = bed.store().open(alice).unwrap();
    let imported: Vec<bool> = listing.entries().iter().map(|entry| entry.imported).collect();
    assert_eq!(imported, [false, true, true]);
    for (index, without_id) in [false, false, true].into_iter().enumerate() {
        let message = crate::bed::message(alice, bed, index);
        assert_eq!(bed.store().envelope(message).unwrap().imported, without_id);
    }
}
