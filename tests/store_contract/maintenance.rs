//! Maintenance: changes from outside, retention, purge.

use crate::fixture::{Change, Fixture, deliver, message, now, octets, purge_all, uploaded, user};
use pillarbox::store::{CertificateFiles, Envelope, Expire, MailboxId, StoreError, Uid};

const DAY: i64 = 86_400;

pub fn the_change_mark_moves_with_changes_from_outside_only(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    let before = fixture.store().change_mark().unwrap();
    deliver(fixture, alice, b"x\r\n");
    fixture.store().commit(alice, &[Uid(1)]).unwrap();
    assert_eq!(fixture.store().change_mark().unwrap(), before);
    fixture.change(Change::Setting("MaxCommandSize", "255"));
    let after = fixture.store().change_mark().unwrap();
    assert_ne!(after, before);
    assert_eq!(fixture.store().change_mark().unwrap(), after);
}

pub fn settings_that_were_set_come_back(fixture: &mut dyn Fixture) {
    fixture.change(Change::Setting("Banner", "Hello, world."));
    fixture.change(Change::Setting("Site", ""));
    let settings = fixture.store().settings().unwrap();
    let value = |name: &str| settings.iter().find(|row| row.0 == name).map(|row| row.1.as_slice());
    assert_eq!(value("Banner"), Some(&b"Hello, world."[..]));
    assert_eq!(value("Site"), Some(&b""[..]));
    assert_eq!(value("Nonsense"), None);
}

pub fn retention_of_a_mailbox_and_of_all(fixture: &mut dyn Fixture) {
    let all = |fixture: &dyn Fixture| fixture.store().advertised().unwrap().expire;
    assert_eq!(all(fixture), Expire::Never);
    fixture.change(Change::Setting("RetainUnreadDays", "60"));
    assert_eq!(all(fixture), Expire::Days(60), "what a first mailbox would get");
    let (alice, bob) = (user(fixture, "alice"), user(fixture, "bob"));
    assert_eq!(all(fixture), Expire::Days(60));
    fixture.change(Change::Setting("RetainReadDays", "7"));
    assert_eq!(all(fixture), Expire::Days(7));
    fixture.change(Change::Retention("alice", Some(0), None, false));
    assert_eq!(fixture.store().retention(alice).unwrap(), Expire::Days(60));
    assert_eq!(fixture.store().retention(bob).unwrap(), Expire::Days(7));
    assert_eq!(all(fixture), Expire::DaysUser(7));
    fixture.change(Change::Retention("bob", None, None, true));
    assert_eq!(fixture.store().retention(bob).unwrap(), Expire::Never);
    assert_eq!(all(fixture), Expire::DaysUser(60), "somebody's mail is kept for ever");
    fixture.change(Change::Retention("alice", Some(0), Some(0), false));
    assert_eq!(all(fixture), Expire::Never);
    assert_eq!(fixture.store().retention(MailboxId(4711)), Err(StoreError::NoSuchMailbox));
}

pub fn certificates_of_names(fixture: &mut dyn Fixture) {
    assert_eq!(fixture.store().certificates(), Ok(Vec::new()));
    let before = fixture.store().change_mark().unwrap();
    fixture.change(Change::Certificate("mail.example.net", "/etc/a.pem", "/etc/a.key"));
    fixture.change(Change::Certificate("*.example.net", "/etc/b \u{fc}.pem", "/etc/b.key"));
    assert_ne!(fixture.store().change_mark().unwrap(), before);
    let row = |name: &str, certificate: &str, key: &str| CertificateFiles {
        name: name.into(),
        certificate: certificate.into(),
        key: key.into(),
    };
    let rows =
        [row("*.example.net", "/etc/b \u{fc}.pem", "/etc/b.key"), row("mail.example.net", "/etc/a.pem", "/etc/a.key")];
    assert_eq!(fixture.store().certificates().unwrap(), rows);
}

pub fn exact_sizes_of_a_mailbox(fixture: &mut dyn Fixture) {
    let (alice, bob) = (user(fixture, "alice"), user(fixture, "bob"));
    for exact in [Some(true), Some(false), None] {
        fixture.change(Change::ExactSizes("alice", exact));
        assert_eq!(fixture.store().exact_sizes(alice), Ok(exact));
        assert_eq!(fixture.store().exact_sizes(bob), Ok(None));
    }
    assert_eq!(fixture.store().exact_sizes(MailboxId(4711)), Err(StoreError::NoSuchMailbox));
}

pub fn purge_frees_nothing_early_and_ends(fixture: &mut dyn Fixture) {
    let alice = user(fixture, "alice");
    for _ in 0..30 {
        deliver(fixture, alice, &[b'x'; 300_000]);
    }
    let keep = message(alice, fixture, 29);
    let gone: Vec<Uid> = (1..30).map(Uid).collect();
    fixture.store().commit(alice, &gone).unwrap();
    assert_eq!(purge_all(fixture, now() + 13 * DAY), 0, "RetainDeletedItemsDays is 14");
    assert!(fixture.store().purge(now() + 15 * DAY, 3).unwrap() <= 3);
    assert!(purge_all(fixture, now() + 15 * DAY) > 0);
    assert_eq!(purge_all(fixture, now() + 15 * DAY), 0);
    assert_eq!(octets(fixture, keep).unwrap(), [b'x'; 300_000]);
    fixture.change(Change::Setting("RetainDeletedItemsDays", "0"));
    fixture.store().commit(alice, &[Uid(30)]).unwrap();
    assert_eq!(purge_all(fixture, now() + 3000), 0, "an hour at least");
    assert!(purge_all(fixture, now() + 3700) > 0);
}

pub fn purge_keeps_what_somebody_else_still_has(fixture: &mut dyn Fixture) {
    let everybody = ["alice", "bob", "carol"].map(|name| user(fixture, name));
    let [alice, bob, carol] = everybody;
    for size in [100, 700_000] {
        uploaded(fixture, &vec![b'x'; size]).deliver(&everybody, &Envelope::default()).unwrap();
    }
    fixture.store().commit(alice, &[Uid(1), Uid(2)]).unwrap();
    purge_all(fixture, now() + 15 * DAY);
    fixture.finish();
    fixture.change(Change::DeleteUser("bob"));
    assert_eq!(purge_all(fixture, now() + 13 * DAY), 0, "bob can be brought back");
    purge_all(fixture, now() + 15 * DAY);
    fixture.finish();
    assert_eq!(octets(fixture, message(carol, fixture, 1)).unwrap(), vec![b'x'; 700_000]);
    fixture.store().commit(carol, &[Uid(1), Uid(2)]).unwrap();
    assert!(purge_all(fixture, now() + 15 * DAY) > 0);
    assert_eq!(fixture.store().open(bob), Err(StoreError::NoSuchMailbox));
}
