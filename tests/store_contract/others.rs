//! What is done to one user or mailbox touches nobody else.

use crate::fixture::{Change, Fixture, deliver, message, names, now, octets, reap_all, uids, user};
use pillarbox::auth::credential::Secret;
use pillarbox::store::{Scheme, SessionStart, Uid, UserId};

const DAY: i64 = 86_400;

fn id(fixture: &dyn Fixture, name: &str) -> UserId {
    fixture.store().account(&names(&[name])).unwrap().unwrap().user
}

fn delegated(fixture: &dyn Fixture, who: &str, candidates: &[&str]) -> bool {
    fixture.store().principal(id(fixture, who), &names(candidates)).unwrap().unwrap().delegated
}

/// By the mailbox's name and by an alias of it: for the delegate, for nobody else, and to no other mailbox.
pub fn a_delegation_is_for_its_delegate(fixture: &mut dyn Fixture) {
    for name in ["alice", "bob", "carol", "dave"] {
        user(fixture, name);
    }
    fixture.change(Change::Alias("sales", "alice"));
    fixture.change(Change::Alias("team", "alice"));
    fixture.change(Change::Alias("team", "carol"));
    fixture.change(Change::Delegate("bob", "alice"));
    for candidates in [&["alice"][..], &["sales"], &["team"], &["nobody", "sales"]] {
        assert!(delegated(fixture, "bob", candidates), "{candidates:?}");
        for stranger in ["dave", "carol"] {
            assert!(!delegated(fixture, stranger, candidates), "{stranger} through {candidates:?}");
        }
    }
    assert!(!delegated(fixture, "bob", &["carol"]));
    fixture.change(Change::Delegate("dave", "carol"));
    let target = |fixture: &dyn Fixture, who: &str| {
        fixture.store().principal(id(fixture, who), &names(&["team"])).unwrap().unwrap().name
    };
    assert_eq!((target(fixture, "bob").as_str(), target(fixture, "dave").as_str()), ("alice", "carol"));
}

fn arrival(session: u64, name: &str) -> SessionStart {
    SessionStart {
        session,
        name: name.into(),
        principal: name.into(),
        address: "192.0.2.1".parse().unwrap(),
        tls: true,
        mechanism: "PLAIN",
        at: now() - 100 + session as i64,
    }
}

pub fn a_user_that_is_deleted_takes_nothing_of_others_along(fixture: &mut dyn Fixture) {
    let [_, bob, carol] = ["alice", "bob", "carol"].map(|name| user(fixture, name));
    let scram = [(Scheme::ScramSha256, Secret::from("v"))];
    for (session, name) in [(1, "alice"), (2, "bob"), (3, "carol")] {
        fixture.store().login(arrival(session, name));
        let hash = Secret::from("{PLAIN}x");
        assert!(fixture.store().set_password(id(fixture, name), None, &hash, &scram).unwrap());
    }
    fixture.store().flush_presence().unwrap();
    for mailbox in [bob, carol] {
        deliver(fixture, mailbox, b"x\r\n");
    }
    fixture.change(Change::Alias("sales", "bob"));
    fixture.change(Change::Alias("sales", "alice"));
    fixture.change(Change::Delegate("carol", "bob"));
    fixture.change(Change::Delegate("carol", "alice"));
    fixture.change(Change::DeleteUser("alice"));
    let logins: Vec<String> = fixture.recent_logins().into_iter().map(|row| row.0).collect();
    assert_eq!(logins, ["bob", "carol"]);
    assert!(fixture.last_login("bob").is_some());
    for (name, mailbox) in [("bob", bob), ("carol", carol)] {
        assert_eq!(uids(fixture, mailbox), [1], "{name}");
        assert_eq!(octets(fixture, message(mailbox, fixture, 0)).unwrap(), b"x\r\n");
        assert!(fixture.store().verifier(id(fixture, name), Scheme::ScramSha256).unwrap().is_some(), "{name}");
    }
    assert!(delegated(fixture, "carol", &["bob"]));
    let sales = fixture.store().recipients(&names(&["sales"])).unwrap();
    assert_eq!(sales.iter().map(|mailbox| mailbox.id).collect::<Vec<_>>(), [bob]);
}

pub fn a_password_that_changes_is_one_users(fixture: &mut dyn Fixture) {
    for name in ["alice", "bob"] {
        user(fixture, name);
        fixture.change(Change::Ntlm(name, true));
        let verifiers = [(Scheme::ScramSha256, Secret::from("v")), (Scheme::NtHash, Secret::from("n"))];
        assert!(fixture.store().set_password(id(fixture, name), None, &"{PLAIN}x".into(), &verifiers).unwrap());
    }
    let generation =
        |fixture: &dyn Fixture, name| fixture.store().account(&names(&[name])).unwrap().unwrap().generation;
    let before = generation(fixture, "bob");
    fixture.change(Change::Ntlm("alice", false));
    let has =
        |fixture: &dyn Fixture, name, scheme| fixture.store().verifier(id(fixture, name), scheme).unwrap().is_some();
    assert!(!has(fixture, "alice", Scheme::NtHash));
    assert!(has(fixture, "alice", Scheme::ScramSha256), "only the NT hash goes");
    assert!(has(fixture, "bob", Scheme::NtHash));
    fixture.change(Change::Password("alice", "new"));
    assert!(has(fixture, "bob", Scheme::NtHash) && has(fixture, "bob", Scheme::ScramSha256));
    assert_eq!(generation(fixture, "bob"), before);
}

/// Each of the two kinds of days alone, of one mailbox and of all.
pub fn read_days_alone_reap_what_was_read(fixture: &mut dyn Fixture) {
    let [alice, bob] = ["alice", "bob"].map(|name| user(fixture, name));
    for mailbox in [alice, bob] {
        (0..2).for_each(|_| _ = deliver(fixture, mailbox, b"x\r\n"));
        fixture.store().mark_retrieved(message(mailbox, fixture, 0));
    }
    fixture.store().flush_marks().unwrap();
    fixture.change(Change::Retention("bob", Some(20), None, false));
    fixture.change(Change::Setting("RetainReadDays", "5"));
    let left = |fixture: &dyn Fixture| [alice, bob].map(|mailbox| uids(fixture, mailbox));
    for (day, expected) in [(4, [vec![1, 2], vec![1, 2]]), (6, [vec![2], vec![1, 2]]), (19, [vec![2], vec![1, 2]])] {
        reap_all(fixture, now() + day * DAY);
        assert_eq!(left(fixture), expected, "day {day}");
    }
    reap_all(fixture, now() + 21 * DAY);
    assert_eq!(left(fixture), [[2], [2]]);
    reap_all(fixture, now() + 1000 * DAY);
    assert_eq!(left(fixture), [[2], [2]], "what nobody has read is kept");
}

/// Marks of several messages in several mailboxes wait for the same flush, each for its own message.
pub fn read_marks_that_wait_together(fixture: &mut dyn Fixture) {
    let [alice, bob] = ["alice", "bob"].map(|name| user(fixture, name));
    for mailbox in [alice, bob] {
        (0..5).for_each(|_| _ = deliver(fixture, mailbox, b"x\r\n"));
    }
    for (mailbox, index) in [(bob, 3), (alice, 0), (alice, 4), (bob, 1), (alice, 0), (alice, 2)] {
        fixture.store().mark_retrieved(message(mailbox, fixture, index));
    }
    // What is deleted meanwhile takes no other mark along.
    fixture.store().commit(alice, &[Uid(3), Uid(4)]).unwrap();
    fixture.store().flush_marks().unwrap();
    let read = |fixture: &dyn Fixture, mailbox| {
        let listing = fixture.store().open(mailbox).unwrap();
        listing.entries().iter().filter(|entry| entry.read).map(|entry| entry.uid.0).collect::<Vec<_>>()
    };
    assert_eq!((read(fixture, alice), read(fixture, bob)), (vec![1, 5], vec![2, 4]));
    fixture.store().flush_marks().unwrap();
    assert_eq!(read(fixture, alice), [1, 5]);
}
