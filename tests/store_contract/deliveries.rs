//! Mail in: octets, sizes, several recipients, quota ([MS-STANXPOP3] 2.1.4, E0003).

use crate::bed::{Bed, Change, deliver, message, octets, purge_all, uids, uploaded, user};
use pillarbox::store::{Envelope, MailboxId, StoreError, Uid, storage_size};

pub fn octets_come_back_as_they_went_in(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let all: Vec<u8> = (0..=255).collect();
    let texts: [&[u8]; 4] = [b"Subject: x\r\n\r\n.\r\n..two\r\n", b"no end", &all, &vec![b'x'; 256 << 10]];
    for text in texts {
        deliver(bed, alice, text);
    }
    for (index, text) in texts.iter().enumerate() {
        assert!(octets(bed, message(alice, bed, index)).unwrap() == *text, "message {index}");
        assert_eq!(bed.store().open(alice).unwrap().entries()[index].octets as usize, text.len());
    }
}

pub fn an_empty_message(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    bed.store().upload(u64::MAX).deliver(&[alice], &Envelope::default()).unwrap().remove(0).unwrap();
    assert_eq!(bed.store().open(alice).unwrap().entries()[0].octets, 0);
    assert_eq!(octets(bed, message(alice, bed, 0)).unwrap(), b"");
}

pub fn lines_with_dots_are_known(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let rows: [(&[&[u8]], bool); 6] = [
        (&[b".first\r\n"], true),
        (&[b"a\r\n", b".b\r\n"], true),
        (&[b"a\r\n.b\r\n"], true),
        (&[b"a\r", b"\n", b"", b"."], true),
        (&[b"a.\r\n", b"b.c\r\n"], false),
        (&[b"a", b".b\r\n"], false),
    ];
    for (pushes, _) in rows {
        let mut upload = bed.store().upload(u64::MAX);
        pushes.iter().for_each(|octets| upload.push(octets).unwrap());
        upload.deliver(&[alice], &Envelope::default()).unwrap();
    }
    let dotted: Vec<bool> = bed.store().open(alice).unwrap().entries().iter().map(|entry| entry.dotted).collect();
    assert_eq!(dotted, rows.map(|(_, dotted)| dotted));
}

pub fn fifty_mebibytes(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let block: Vec<u8> = (0..1u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut upload = bed.store().upload(u64::MAX);
    for part in 0..50u8 {
        upload.push(&[part]).unwrap();
        upload.push(&block[1..]).unwrap();
    }
    upload.deliver(&[alice], &Envelope::default()).unwrap().remove(0).unwrap();
    bed.reopen();
    let whole = octets(bed, message(alice, bed, 0)).unwrap();
    assert_eq!(whole.len(), 50 << 20);
    for (part, got) in whole.chunks(1 << 20).enumerate() {
        assert!(got[0] == part as u8 && got[1..] == block[1..], "MiB {part}");
    }
}

pub fn an_upload_that_is_dropped_leaves_nothing(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    drop(uploaded(bed, b"small"));
    drop(uploaded(bed, &vec![b'x'; 1 << 20]));
    assert!(uids(bed, alice).is_empty());
    assert!(purge_all(bed, crate::bed::now()) <= 10);
    assert_eq!(deliver(bed, alice, b"next\r\n"), Uid(1));
}

pub fn a_copy_for_each_mailbox(bed: &mut dyn Bed) {
    let (alice, bob) = (user(bed, "alice"), user(bed, "bob"));
    for size in [10, 600_000] {
        let text = vec![b'x'; size];
        let answers = uploaded(bed, &text).deliver(&[alice, bob], &Envelope::default()).unwrap();
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    bed.store().commit(alice, &[Uid(1), Uid(2)]).unwrap();
    bed.change(Change::DeleteUser("alice"));
    purge_all(bed, crate::bed::now() + 86_400 * 100);
    assert_eq!(octets(bed, message(bob, bed, 0)).unwrap(), vec![b'x'; 10]);
    assert_eq!(octets(bed, message(bob, bed, 1)).unwrap(), vec![b'x'; 600_000]);
    let none = uploaded(bed, b"for nobody").deliver(&[], &Envelope::default()).unwrap();
    assert!(none.is_empty());
}

pub fn one_over_quota_does_not_touch_the_others(bed: &mut dyn Bed) {
    let (alice, bob, carol) = (user(bed, "alice"), user(bed, "bob"), user(bed, "carol"));
    bed.change(Change::Quota("bob", Some(4096)));
    for size in [5000, 500_000] {
        let answers = uploaded(bed, &vec![b'x'; size]).deliver(&[alice, bob, carol], &Envelope::default()).unwrap();
        assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
        assert_eq!(answers[1], Err(StoreError::OverQuota));
        let refused = uploaded(bed, &vec![b'x'; size]).deliver(&[bob], &Envelope::default()).unwrap();
        assert_eq!(refused, [Err(StoreError::OverQuota)]);
    }
    assert_eq!(uids(bed, alice), [1, 2]);
    assert!(uids(bed, bob).is_empty());
    assert_eq!(uids(bed, carol), [1, 2]);
    purge_all(bed, crate::bed::now());
}

pub fn quota_counts_storage_and_deleting_makes_room(bed: &mut dyn Bed) {
    assert_eq!([0, 1, 4096, 4097].map(storage_size), [4096, 4096, 4096, 8192]);
    let alice = user(bed, "alice");
    bed.change(Change::Setting("ProhibitSendReceiveQuota", "8192"));
    let full = |bed: &dyn Bed| uploaded(bed, b"x").deliver(&[alice], &Envelope::default()).unwrap().remove(0);
    deliver(bed, alice, b"one page\r\n");
    deliver(bed, alice, &[b'x'; 4096]);
    assert_eq!(full(bed), Err(StoreError::OverQuota));
    bed.store().commit(alice, &[Uid(1)]).unwrap();
    full(bed).unwrap();
    assert_eq!(full(bed), Err(StoreError::OverQuota));
    bed.change(Change::Quota("alice", Some(0)));
    full(bed).unwrap();
    bed.change(Change::Quota("alice", None));
    assert_eq!(full(bed), Err(StoreError::OverQuota));
}

pub fn an_unknown_mailbox_does_not_touch_the_others(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let answers = uploaded(bed, b"x\r\n").deliver(&[MailboxId(4711), alice], &Envelope::default()).unwrap();
    assert_eq!(answers, [Err(StoreError::NoSuchMailbox), Ok(Uid(1))]);
}

pub fn too_big_is_refused_early_and_stays_refused(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let mut upload = bed.store().upload(1_000_000);
    upload.push(&[b'x'; 600_000]).unwrap();
    assert_eq!(upload.push(&[b'x'; 400_001]), Err(StoreError::TooBig));
    assert_eq!(upload.push(b"x"), Err(StoreError::TooBig));
    assert_eq!(upload.deliver(&[alice], &Envelope::default()), Err(StoreError::TooBig));
    assert!(uids(bed, alice).is_empty());
    purge_all(bed, crate::bed::now());
}

pub fn the_greatest_size_fits(bed: &mut dyn Bed) {
    let alice = user(bed, "alice");
    let mut upload = bed.store().upload(10);
    upload.push(b"12345678\r\n").unwrap();
    assert_eq!(upload.deliver(&[alice], &Envelope::default()), Ok(vec![Ok(Uid(1))]));
    assert_eq!(bed.store().upload(10).push(b"123456789\r\n"), Err(StoreError::TooBig));
}
