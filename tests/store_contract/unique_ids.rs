//! Unique-ids (RFC 1939 section 7; [MS-STANXPOP3] C0007; docs/interface.md section 2).

use crate::fixture::{Change, Fixture, assert_refused, deliver, import, purge_all, uids, unique_ids, uploaded, user};
use pillarbox::store::{Envelope, StoreError, Uid};

pub fn the_same_message_twice_has_two_ids(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    assert_ne!(deliver(fixture, alice, b"same\r\n"), deliver(fixture, alice, b"same\r\n"));
}

pub fn ids_grow_and_are_not_given_again_after_everything_was_deleted(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let mut highest = 0;
    for _ in 0..3 {
        for _ in 0..3 {
            let uid = deliver(fixture, alice, b"x\r\n").0;
            assert!(uid > highest);
            highest = uid;
        }
        let all: Vec<Uid> = uids(fixture, alice).into_iter().map(Uid).collect();
        fixture.store().commit(alice, &all).unwrap();
        purge_all(fixture, crate::fixture::now() + 86_400 * 365);
        fixture.reopen();
    }
}

pub fn ids_go_on_when_a_mailbox_is_made_anew(fixture: &mut dyn Fixture) {
    for name in ["alice", "ALICE", "Alice"] {
        let mailbox = user(fixture, name);
        deliver(fixture, mailbox, b"x\r\n");
        deliver(fixture, mailbox, b"x\r\n");
        fixture.change(Change::DeleteUser(name));
        fixture.reopen();
    }
    let mailbox = user(fixture, "alice");
    assert_eq!(deliver(fixture, mailbox, b"x\r\n"), Uid(7));
    assert_refused(import(fixture, mailbox, "3"), "unique-id taken");
}

pub fn an_imported_id_stands_in_for_the_number(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    deliver(fixture, alice, b"x\r\n");
    let longest = "~".repeat(70);
    for id in ["00000a1b4c", &longest, "!"] {
        import(fixture, alice, id).unwrap();
    }
    deliver(fixture, alice, b"x\r\n");
    assert_eq!(unique_ids(fixture, alice), ["1", "00000a1b4c", &longest, "!", "5"]);
    fixture.store().commit(alice, &[Uid(2)]).unwrap();
    assert_eq!(unique_ids(fixture, alice), ["1", &longest, "!", "5"]);
}

pub fn an_imported_id_of_another_message_is_refused(fixture: &mut dyn Fixture) {
    let (alice, bob) = (user(fixture, "alice"), user(fixture, "bob"));
    deliver(fixture, alice, b"x\r\n");
    import(fixture, alice, "abc").unwrap();
    assert_refused(import(fixture, alice, "abc"), "unique-id exists");
    assert_refused(import(fixture, alice, "1"), "unique-id taken");
    import(fixture, alice, "ABC").unwrap();
    import(fixture, bob, "abc").unwrap();
    import(fixture, bob, "1").unwrap();
    fixture.store().commit(alice, &[Uid(1), Uid(2)]).unwrap();
    assert_refused(import(fixture, alice, "abc"), "unique-id taken");
    assert_refused(import(fixture, alice, "1"), "unique-id taken");
    assert_eq!(unique_ids(fixture, alice), ["ABC"]);
}

pub fn an_imported_number_moves_the_next_uid_above_it(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    import(fixture, alice, "500").unwrap();
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(501));
    import(fixture, alice, "4503599627370496").unwrap();
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(4_503_599_627_370_497));
    assert_eq!(unique_ids(fixture, alice), ["500", "501", "4503599627370496", "4503599627370497"]);
}

/// Half of all numbers cannot be reached by what somebody made up.
pub fn greater_numbers_move_nothing(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let ids = ["4503599627370497", "9007199254740990", "9007199254740991", "9007199254740992", "9999999999999999"];
    for id in ids {
        import(fixture, alice, id).unwrap();
        assert_refused(import(fixture, alice, id), "unique-id exists");
    }
    assert_eq!(unique_ids(fixture, alice), ids);
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(6));
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(7));
}

pub fn a_number_that_came_as_plain_text_is_not_given_out(fixture: &mut dyn Fixture) {
    const FIRST: u64 = (1 << 52) + 1;
    let shown = |number: u64| (FIRST + number).to_string();
    let alice = user(fixture, "alice");
    let came = [1, 3, 4].map(|number| import(fixture, alice, &shown(number)).unwrap());
    // Live, deleted and purged.
    fixture.store().commit(alice, &[came[1]]).unwrap();
    purge_all(fixture, crate::fixture::now() + 86_400 * 365);
    fixture.store().commit(alice, &[came[2]]).unwrap();
    import(fixture, alice, "4503599627370496").unwrap();
    let given = [(); 3].map(|()| deliver(fixture, alice, b"x\r\n").0 - FIRST);
    assert_eq!(given, [0, 2, 5]);
    for number in 0..6 {
        assert!(import(fixture, alice, &shown(number)).is_err(), "{number}");
    }
    fixture.store().commit(alice, &uids(fixture, alice).into_iter().map(Uid).collect::<Vec<_>>()).unwrap();
    purge_all(fixture, crate::fixture::now() + 86_400 * 365);
    for number in 0..6 {
        assert_refused(import(fixture, alice, &shown(number)), "unique-id taken");
    }
}

pub fn a_mailbox_at_the_end_of_its_numbers_says_so(fixture: &mut dyn Fixture) {
    let (alice, bob) = (user(fixture, "alice"), user(fixture, "bob"));
    fixture.change(Change::NextUid("alice", (1 << 53) - 2));
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid((1 << 53) - 2));
    assert_eq!(import(fixture, alice, "text"), Ok(Uid((1 << 53) - 1)));
    for size in [10, 600_000] {
        let answers = uploaded(fixture, &vec![b'x'; size]).deliver(&[alice, bob], &Envelope::default()).unwrap();
        assert_eq!(answers[0], Err(StoreError::OutOfUids));
        assert!(answers[1].is_ok(), "{answers:?}");
    }
    assert_eq!(import(fixture, alice, "more"), Err(StoreError::OutOfUids));
    fixture.reopen();
    assert_eq!(unique_ids(fixture, alice), ["9007199254740990", "text"]);
}

pub fn imported_numbers_in_any_order(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    for id in ["500", "499", "20", "300", "301", "299", "1", "2", "plain"] {
        import(fixture, alice, id).unwrap();
    }
    for id in ["500", "499", "300", "1", "2"] {
        assert_refused(import(fixture, alice, id), "unique-id exists");
    }
    let natural = deliver(fixture, alice, b"x\r\n").0;
    assert!(natural > 500);
    assert_refused(import(fixture, alice, &natural.to_string()), "unique-id taken");
    import(fixture, alice, "498").unwrap();
    import(fixture, alice, "3").unwrap();
    let all: Vec<Uid> = uids(fixture, alice).into_iter().map(Uid).collect();
    fixture.store().commit(alice, &all).unwrap();
    purge_all(fixture, crate::fixture::now() + 86_400 * 365);
    for id in ["500", "499", "20", "300", "301", "299", "1", "2", "498", "3"] {
        assert_refused(import(fixture, alice, id), "unique-id taken");
    }
    import(fixture, alice, "4").unwrap();
    import(fixture, alice, "302").unwrap();
    assert!(deliver(fixture, alice, b"x\r\n").0 > natural);
}

pub fn numbers_that_were_skipped_may_still_be_imported(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let earlier = fixture.store().open(alice).unwrap();
    fixture.store().skip_to(alice, Uid(41)).unwrap();
    import(fixture, alice, "1").unwrap();
    let new = deliver(fixture, alice, b"x\r\n").0;
    assert!(new > 40, "{new}");
    for id in ["40", "16", "plain", "17", "2"] {
        import(fixture, alice, id).unwrap();
    }
    fixture.store().skip_to(alice, Uid(1000)).unwrap();
    fixture.reopen();
    import(fixture, alice, "999").unwrap();
    import(fixture, alice, "998").unwrap();
    for id in ["1", "40", "16", "999"] {
        assert_refused(import(fixture, alice, id), "unique-id exists");
    }
    assert_refused(import(fixture, alice, &new.to_string()), "unique-id taken");
    let newest = deliver(fixture, alice, b"x\r\n").0;
    assert!(newest > 999, "{newest}");
    let shown: Vec<String> = ["1", &new.to_string(), "40", "16", "plain", "17", "2", "999", "998", &newest.to_string()]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(unique_ids(fixture, alice), shown);
    assert!(earlier.entries().is_empty());
}

pub fn skipping_never_goes_back_nor_opens_what_was_given(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    deliver(fixture, alice, b"x\r\n");
    deliver(fixture, alice, b"x\r\n");
    for next in [0, 2, 3] {
        fixture.store().skip_to(alice, Uid(next)).unwrap();
    }
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(3));
    fixture.store().skip_to(alice, Uid(10)).unwrap();
    for id in ["1", "3", "10"] {
        // The number 10 is the next: it may come, and then new mail goes on above it.
        assert_eq!(import(fixture, alice, id).is_ok(), id == "10", "{id}");
    }
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(11));
    fixture.store().skip_to(alice, Uid(u64::MAX)).unwrap();
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid((1 << 52) + (1 << 32)));
    fixture.change(Change::DeleteUser("alice"));
    fixture.store().skip_to(alice, Uid(5)).unwrap_err();
}

pub fn an_imported_id_is_not_given_again_after_its_message_was_purged(fixture: &mut dyn Fixture) {
    let (alice, bob) = (user(fixture, "alice"), user(fixture, "bob"));
    let back = import(fixture, alice, "back").unwrap();
    let gone = import(fixture, alice, "gone").unwrap();
    fixture.store().commit(alice, &[back, gone]).unwrap();
    fixture.change(Change::BringBack("alice", back.0));
    purge_all(fixture, crate::fixture::now() + 86_400 * 365);
    fixture.reopen();
    assert_refused(import(fixture, alice, "gone"), "unique-id taken");
    assert_refused(import(fixture, alice, "back"), "unique-id exists");
    import(fixture, alice, "GONE").unwrap();
    import(fixture, bob, "gone").unwrap();
    fixture.store().commit(alice, &[back]).unwrap();
    fixture.change(Change::BringBack("alice", back.0));
    assert_eq!(unique_ids(fixture, alice), ["back", "GONE"]);
    // Of a mailbox that is gone nothing is left.
    fixture.change(Change::DeleteUser("alice"));
    let alice = user(fixture, "alice");
    import(fixture, alice, "gone").unwrap();
}

pub fn what_was_deleted_is_found_by_its_id(fixture: &mut dyn Fixture) {
    let (alice, bob) = (user(fixture, "alice"), user(fixture, "bob"));
    import(fixture, alice, "300").unwrap();
    import(fixture, alice, "x").unwrap();
    let natural = deliver(fixture, alice, b"x\r\n");
    let (number, uids) = (natural.0.to_string(), uids(fixture, alice));
    let found = |id: &str| fixture.store().deleted(alice, id).unwrap();
    assert_eq!([found("300"), found("x"), found(&number)], [None; 3]);
    let uids: Vec<Uid> = uids.into_iter().map(Uid).collect();
    fixture.store().commit(alice, &uids).unwrap();
    assert_eq!([found("300"), found("x"), found(&number)], [Some(uids[0]), Some(uids[1]), Some(natural)]);
    assert_eq!([found("1"), found("X"), found(&format!("0{number}")), found("")], [None; 4]);
    assert_eq!(fixture.store().deleted(bob, "x").unwrap(), None);
    purge_all(fixture, crate::fixture::now() + 86_400 * 365);
    assert_eq!([found("300"), found("x"), found(&number)], [None; 3]);
}

pub fn digits_that_are_no_number_are_plain_text(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let ids = ["0", "007", "9007199254740991", "18446744073709551616", "+5", "5 ".trim_end(), "1.5"];
    for id in ids {
        import(fixture, alice, id).unwrap();
    }
    assert_eq!(unique_ids(fixture, alice), ids);
    assert!(deliver(fixture, alice, b"x\r\n").0 < 20);
}

pub fn malformed_ids_are_refused(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let long = "x".repeat(71);
    for id in ["", &long, "a b", "tab\t", "\u{e9}", "\u{7f}"] {
        assert_refused(import(fixture, alice, id), "unique_id: 1 to 70 characters of 0x21 to 0x7E");
    }
    assert_eq!(deliver(fixture, alice, b"x\r\n"), Uid(1));
}

pub fn a_deleted_copy_with_lines_of_its_own_can_be_read_whole(fixture: &mut dyn Fixture) {
    let (alice, bob) = (user(fixture, "alice"), user(fixture, "bob"));
    let large = b"0123456789abcd\r\n".repeat(1 << 16);
    let copies = [alice, bob].map(|to| (to, format!("X-To: {}\r\n", to.0)));
    let answers = uploaded(fixture, &large).deliver_each(&copies, &Envelope::default()).unwrap();
    assert!(answers.iter().all(Result::is_ok));
    fixture.store().commit(alice, &[Uid(1)]).unwrap();
    let (mut whole, mut chunk) = (Vec::new(), Vec::new());
    for number in 0.. {
        fixture.store().read_deleted(alice, Uid(1), number, &mut chunk).unwrap();
        if chunk.is_empty() {
            break;
        }
        whole.extend_from_slice(&chunk);
    }
    assert!(whole == [copies[0].1.as_bytes(), &large].concat(), "{} octets", whole.len());
}

pub fn what_was_deleted_can_be_read_until_it_is_purged(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let long: Vec<u8> = b"0123456\r\n".repeat(60_000);
    for octets in [&b"x\r\n"[..], &long] {
        let uid = deliver(fixture, alice, octets);
        let read = |fixture: &dyn Fixture| {
            let (mut all, mut chunk) = (Vec::new(), Vec::new());
            for number in 0.. {
                fixture.store().read_deleted(alice, uid, number, &mut chunk)?;
                if chunk.is_empty() {
                    break;
                }
                all.extend_from_slice(&chunk);
            }
            Ok(all)
        };
        assert_eq!(read(fixture), Err(StoreError::NoSuchMessage), "it lives");
        fixture.store().commit(alice, &[uid]).unwrap();
        assert!(read(fixture).unwrap() == octets);
        purge_all(fixture, crate::fixture::now() + 86_400 * 365);
        assert_eq!(read(fixture), Err(StoreError::NoSuchMessage), "it is gone");
    }
}

pub fn imported_messages_are_known_as_such(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    deliver(fixture, alice, b"x\r\n");
    import(fixture, alice, "abc").unwrap();
    let envelope = Envelope { imported: true, ..Envelope::default() };
    uploaded(fixture, b"y\r\n").deliver(&[alice], &envelope).unwrap()[0].clone().unwrap();
    fixture.reopen();
    let listing = fixture.store().open(alice).unwrap();
    let imported: Vec<bool> = listing.entries().iter().map(|entry| entry.imported).collect();
    assert_eq!(imported, [false, true, true]);
    for (index, without_id) in [false, false, true].into_iter().enumerate() {
        let message = crate::fixture::message(alice, fixture, index);
        assert_eq!(fixture.store().envelope(message).unwrap().imported, without_id);
    }
}
