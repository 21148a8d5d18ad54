//! Mail in: octets, sizes, several recipients, quota ([MS-STANXPOP3] 2.1.4, E0003).

use crate::fixture::{Change, Fixture, deliver, message, octets, purge_all, uids, unique_ids, uploaded, user};
use pillarbox::store::{Envelope, LARGEST_TOGETHER, MailboxId, StoreError, Uid, storage_size};

pub fn octets_come_back_as_they_went_in(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let all: Vec<u8> = (0..=255).collect();
    let texts: [&[u8]; 4] = [b"Subject: x\r\n\r\n.\r\n..two\r\n", b"no end", &all, &vec![b'x'; 256 << 10]];
    for text in texts {
        deliver(fixture, alice, text);
    }
    for (index, text) in texts.iter().enumerate() {
        assert!(octets(fixture, message(alice, fixture, index)).unwrap() == *text, "message {index}");
        assert_eq!(fixture.store().open(alice).unwrap().entries()[index].octets as usize, text.len());
    }
}

pub fn an_empty_message(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    fixture.store().upload(u64::MAX).deliver(&[alice], &Envelope::default()).unwrap().remove(0).unwrap();
    assert_eq!(fixture.store().open(alice).unwrap().entries()[0].octets, 0);
    assert_eq!(octets(fixture, message(alice, fixture, 0)).unwrap(), b"");
}

pub fn lines_with_dots_are_known(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let rows: [(&[&[u8]], bool); 6] = [
        (&[b".first\r\n"], true),
        (&[b"a\r\n", b".b\r\n"], true),
        (&[b"a\r\n.b\r\n"], true),
        (&[b"a\r", b"\n", b"", b"."], true),
        (&[b"a.\r\n", b"b.c\r\n"], false),
        (&[b"a", b".b\r\n"], false),
    ];
    for (pushes, _) in rows {
        let mut upload = fixture.store().upload(u64::MAX);
        pushes.iter().for_each(|octets| upload.push(octets).unwrap());
        upload.deliver(&[alice], &Envelope::default()).unwrap();
    }
    let dotted: Vec<bool> = fixture.store().open(alice).unwrap().entries().iter().map(|entry| entry.dotted).collect();
    assert_eq!(dotted, rows.map(|(_, dotted)| dotted));
}

pub fn fifty_mebibytes(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let block: Vec<u8> = (0..1u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut upload = fixture.store().upload(u64::MAX);
    for part in 0..50u8 {
        upload.push(&[part]).unwrap();
        upload.push(&block[1..]).unwrap();
    }
    upload.deliver(&[alice], &Envelope::default()).unwrap().remove(0).unwrap();
    fixture.reopen();
    let whole = octets(fixture, message(alice, fixture, 0)).unwrap();
    assert_eq!(whole.len(), 50 << 20);
    for (part, got) in whole.chunks(1 << 20).enumerate() {
        assert!(got[0] == part as u8 && got[1..] == block[1..], "MiB {part}");
    }
}

pub fn an_upload_that_is_dropped_leaves_nothing(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    drop(uploaded(fixture, b"small"));
    drop(uploaded(fixture, &vec![b'x'; 1 << 20]));
    assert!(uids(fixture, alice).is_empty());
    assert!(purge_all(fixture, crate::fixture::now()) <= 17, "pieces of 64 KiB, and what refers to them");
    assert_eq!(deliver(fixture, alice, b"next\r\n"), Uid(1));
}

pub fn a_copy_for_each_mailbox(fixture: &mut dyn Fixture) {
    let (alice, bob) = (user(fixture, "alice"), user(fixture, "bob"));
    for size in [10, 600_000] {
        let text = vec![b'x'; size];
        let answers = uploaded(fixture, &text).deliver(&[alice, bob], &Envelope::default()).unwrap();
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    fixture.store().commit(alice, &[Uid(1), Uid(2)]).unwrap();
    fixture.change(Change::DeleteUser("alice"));
    purge_all(fixture, crate::fixture::now() + 86_400 * 100);
    assert_eq!(octets(fixture, message(bob, fixture, 0)).unwrap(), vec![b'x'; 10]);
    assert_eq!(octets(fixture, message(bob, fixture, 1)).unwrap(), vec![b'x'; 600_000]);
    let none = uploaded(fixture, b"for nobody").deliver(&[], &Envelope::default()).unwrap();
    assert!(none.is_empty());
}

pub fn one_over_quota_does_not_touch_the_others(fixture: &mut dyn Fixture) {
    let (alice, bob, carol) = (user(fixture, "alice"), user(fixture, "bob"), user(fixture, "carol"));
    fixture.change(Change::Quota("bob", Some(4096)));
    for size in [5000, 500_000] {
        let answers = uploaded(fixture, &vec![b'x'; size]).deliver(&[alice, bob, carol], &Envelope::default()).unwrap();
        assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
        assert_eq!(answers[1], Err(StoreError::OverQuota));
        let refused = uploaded(fixture, &vec![b'x'; size]).deliver(&[bob], &Envelope::default()).unwrap();
        assert_eq!(refused, [Err(StoreError::OverQuota)]);
    }
    assert_eq!(uids(fixture, alice), [1, 2]);
    assert!(uids(fixture, bob).is_empty());
    assert_eq!(uids(fixture, carol), [1, 2]);
    purge_all(fixture, crate::fixture::now());
}

pub fn quota_counts_storage_and_deleting_makes_room(fixture: &mut dyn Fixture) {
    assert_eq!([0, 1, 4096, 4097].map(storage_size), [4096, 4096, 4096, 8192]);
    let alice = user(fixture, "alice");
    fixture.change(Change::Setting("ProhibitSendReceiveQuota", "8192"));
    let full =
        |fixture: &dyn Fixture| uploaded(fixture, b"x").deliver(&[alice], &Envelope::default()).unwrap().remove(0);
    deliver(fixture, alice, b"one page\r\n");
    deliver(fixture, alice, &[b'x'; 4096]);
    assert_eq!(full(fixture), Err(StoreError::OverQuota));
    fixture.store().commit(alice, &[Uid(1)]).unwrap();
    full(fixture).unwrap();
    assert_eq!(full(fixture), Err(StoreError::OverQuota));
    fixture.change(Change::Quota("alice", Some(0)));
    full(fixture).unwrap();
    fixture.change(Change::Quota("alice", None));
    assert_eq!(full(fixture), Err(StoreError::OverQuota));
}

pub fn an_unknown_mailbox_does_not_touch_the_others(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let answers = uploaded(fixture, b"x\r\n").deliver(&[MailboxId(4711), alice], &Envelope::default()).unwrap();
    assert_eq!(answers, [Err(StoreError::NoSuchMailbox), Ok(Uid(1))]);
}

pub fn too_big_is_refused_early_and_stays_refused(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let mut upload = fixture.store().upload(1_000_000);
    upload.push(&[b'x'; 600_000]).unwrap();
    assert_eq!(upload.push(&[b'x'; 400_001]), Err(StoreError::TooBig));
    assert_eq!(upload.push(b"x"), Err(StoreError::TooBig));
    assert_eq!(upload.deliver(&[alice], &Envelope::default()), Err(StoreError::TooBig));
    assert!(uids(fixture, alice).is_empty());
    purge_all(fixture, crate::fixture::now());
}

pub fn the_greatest_size_fits(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let mut upload = fixture.store().upload(10);
    upload.push(b"12345678\r\n").unwrap();
    assert_eq!(upload.deliver(&[alice], &Envelope::default()), Ok(vec![Ok(Uid(1))]));
    assert_eq!(fixture.store().upload(10).push(b"123456789\r\n"), Err(StoreError::TooBig));
}

/// One that is small, one of a chunk, and of several.
const SIZES: [usize; 5] = [0, 10, 60_000, 100_000, 700_000];

fn headed(fixture: &dyn Fixture, size: usize, to: &[MailboxId]) -> Vec<Result<Uid, StoreError>> {
    let copies: Vec<(MailboxId, String)> = to.iter().map(|id| (*id, format!("To: {}\r\n", id.0))).collect();
    uploaded(fixture, &vec![b'x'; size]).deliver_each(&copies, &Envelope::default()).unwrap()
}

/// Each message of a mailbox must be its header and so many octets.
fn assert_headed(fixture: &dyn Fixture, mailbox: MailboxId, sizes: &[usize]) {
    let listing = fixture.store().open(mailbox).unwrap();
    assert_eq!(listing.entries().len(), sizes.len());
    for (index, size) in sizes.iter().enumerate() {
        let expected = [format!("To: {}\r\n", mailbox.0).into_bytes(), vec![b'x'; *size]].concat();
        assert!(octets(fixture, message(mailbox, fixture, index)).unwrap() == expected, "{size}");
        assert_eq!(listing.entries()[index].octets as usize, expected.len());
        let mut first = Vec::new();
        let mut take = |_, chunk: Result<&[u8], StoreError>| first = chunk.unwrap().to_vec();
        fixture.store().first_chunks(&[message(mailbox, fixture, index)], &mut take);
        assert!(first == expected || size + 20 > 64 << 10, "{size}: small messages are one chunk");
    }
}

pub fn copies_with_lines_of_their_own(fixture: &mut dyn Fixture) {
    let (alice, bob, carol) = (user(fixture, "alice"), user(fixture, "bob"), user(fixture, "carol"));
    fixture.change(Change::Quota("bob", Some(4095)));
    for size in SIZES {
        let answers = headed(fixture, size, &[alice, bob, MailboxId(4711), carol]);
        assert!(answers[0].is_ok() && answers[3].is_ok(), "{answers:?}");
        assert_eq!(answers[1..3], [Err(StoreError::OverQuota), Err(StoreError::NoSuchMailbox)]);
        assert_eq!(headed(fixture, size, &[bob]), [Err(StoreError::OverQuota)]);
        assert_eq!(headed(fixture, size, &[]), []);
    }
    fixture.reopen();
    assert_headed(fixture, alice, &SIZES);
    assert_headed(fixture, carol, &SIZES);
    assert!(uids(fixture, bob).is_empty());
}

pub fn one_copy_of_many_goes_without_the_others(fixture: &mut dyn Fixture) {
    let all = ["alice", "bob", "carol"].map(|name| user(fixture, name));
    for size in SIZES {
        assert!(headed(fixture, size, &all).iter().all(Result::is_ok));
    }
    let later = crate::fixture::now() + 86_400 * 100;
    fixture.change(Change::DeleteUser("alice"));
    purge_all(fixture, later);
    assert_headed(fixture, all[1], &SIZES);
    let uids: Vec<Uid> = uids(fixture, all[1]).into_iter().map(Uid).collect();
    fixture.store().commit(all[1], &uids).unwrap();
    purge_all(fixture, later);
    assert_headed(fixture, all[2], &SIZES);
    fixture.change(Change::DeleteUser("carol"));
    let freed = purge_all(fixture, later);
    assert!(freed >= SIZES.len(), "{freed}");
    assert_eq!(purge_all(fixture, later), 0);
}

pub fn the_room_that_a_mailbox_has(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    fixture.change(Change::Alias("sales", "alice"));
    let room = |fixture: &dyn Fixture| {
        let [named, addressed] =
            ["alice", "sales"].map(|name| fixture.store().recipients(&[name.into()]).map(|it| it[0].room));
        assert_eq!(named, addressed);
        named
    };
    fixture.change(Change::Setting("ProhibitSendReceiveQuota", "10000"));
    assert_eq!(room(fixture), Ok(10_000));
    deliver(fixture, alice, b"x");
    assert_eq!(room(fixture), Ok(5904));
    fixture.change(Change::Quota("alice", Some(4096)));
    assert_eq!(room(fixture), Ok(0));
    fixture.change(Change::Quota("alice", Some(1)));
    assert_eq!(room(fixture), Ok(0));
    fixture.change(Change::Quota("alice", Some(0)));
    assert_eq!(room(fixture), Ok(u64::MAX));
}

const DAY: u64 = 86_400;

/// Clocks do not count, only how long nothing came.
pub fn an_upload_lives_as_long_as_chunks_come(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let mut upload = uploaded(fixture, &[b'x'; 600_000]);
    for jump in [2, -4, 4000, -8000] {
        purge_all(fixture, crate::fixture::now() + 365 * DAY as i64);
        fixture.clock().jump(jump * DAY as i64);
        purge_all(fixture, crate::fixture::now() + 4000 * DAY as i64);
        fixture.clock().pass(DAY - 1000);
        purge_all(fixture, crate::fixture::now());
        upload.push(&[b'x'; 600_000]).unwrap();
    }
    purge_all(fixture, crate::fixture::now() + 365 * DAY as i64);
    assert_eq!(upload.deliver(&[alice], &Envelope::default()), Ok(vec![Ok(Uid(1))]));
    assert!(octets(fixture, message(alice, fixture, 0)).unwrap() == vec![b'x'; 3_000_000]);
}

pub fn an_upload_that_stalls_is_whole_or_refused(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    // With more to come, at its end, and at its end with headers.
    for case in 0..3 {
        let mut upload = uploaded(fixture, &[b'x'; 600_000]);
        purge_all(fixture, 0);
        for _ in 0..3 {
            fixture.clock().pass(DAY);
            purge_all(fixture, 0);
        }
        let pushed = if case == 0 { upload.push(&[b'x'; 600_000]) } else { Ok(()) };
        let stored = match case {
            2 => upload.deliver_each(&[(alice, "A: b\r\n".into()), (alice, "A: b\r\n".into())], &Envelope::default()),
            _ => upload.deliver(&[alice], &Envelope::default()),
        };
        match stored {
            Ok(stored) => assert!(pushed.is_ok() && stored.iter().all(Result::is_ok)),
            Err(error) => {
                assert_eq!(error, StoreError::Abandoned);
                assert!(uids(fixture, alice).is_empty());
            }
        }
    }
    for index in 0..uids(fixture, alice).len() {
        assert!(octets(fixture, message(alice, fixture, index)).unwrap().len() >= 600_000);
    }
}

/// One refused unique-id keeps no other message out; behind a quota nothing is stored, so that the order stays.
pub fn messages_that_come_together(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let envelope = |id: &str| Envelope { unique_id: Some(id.to_owned()), ..Envelope::default() };
    let whole = vec![b'x'; LARGEST_TOGETHER as usize];
    let messages = vec![
        (b".one\r\n".to_vec(), envelope("a")),
        (whole.clone(), Envelope { imported: true, read: true, ..Envelope::default() }),
        (b"three\r\n".to_vec(), envelope("a")),
        (Vec::new(), envelope("b")),
    ];
    let answers = fixture.store().deliver_all(alice, messages);
    assert_eq!((answers.len(), &answers[0], &answers[1]), (4, &Ok(Uid(1)), &Ok(Uid(2))));
    assert!(matches!(answers[2], Err(StoreError::Refused(_))), "{answers:?}");
    assert!(answers[3].is_ok());
    fixture.reopen();
    assert_eq!(unique_ids(fixture, alice), ["a", "2", "b"]);
    let entries = fixture.store().open(alice).unwrap().entries().to_vec();
    assert_eq!([0, 1].map(|at| entries[at].dotted), [true, false]);
    assert!(octets(fixture, message(alice, fixture, 1)).unwrap() == whole);
    assert_eq!(octets(fixture, message(alice, fixture, 2)).unwrap(), b"");
    let bob = user(fixture, "bob");
    fixture.change(Change::Quota("bob", Some(8192)));
    let of_size = |octets: usize| (vec![b'x'; octets], Envelope::default());
    let answers = fixture.store().deliver_all(bob, [10, 5000, 10].map(of_size).to_vec());
    assert_eq!(answers, [Ok(Uid(1)), Err(StoreError::OverQuota)]);
    let answers = fixture.store().deliver_all(bob, vec![of_size(1 + LARGEST_TOGETHER as usize), of_size(1)]);
    assert_eq!(answers, [Err(StoreError::TooBig)]);
    assert_eq!(
        fixture.store().deliver_all(MailboxId(4711), vec![of_size(1), of_size(1)]),
        [Err(StoreError::NoSuchMailbox)]
    );
    assert_eq!(uids(fixture, bob), [1]);
    purge_all(fixture, crate::fixture::now());
}
