//! Who is on and who was.

use crate::fixture::{Change, Fixture, now, user};
use pillarbox::store::{FAILURES, LoginFailure, SessionStart};

fn arrival(session: u64, name: &str, address: &str) -> SessionStart {
    SessionStart {
        session,
        name: name.into(),
        principal: "sales".into(),
        address: address.parse().unwrap(),
        tls: session.is_multiple_of(2),
        mechanism: if session.is_multiple_of(2) { "PLAIN" } else { "USER" },
        at: now() - 100 + session as i64,
    }
}

fn row(name: &str, address: &str, tls: bool) -> (String, String, String, bool) {
    (name.into(), "sales".into(), address.into(), tls)
}

fn login(name: &str, address: &str, mechanism: &str, count: i64) -> (String, String, String, i64) {
    (name.into(), address.into(), mechanism.into(), count)
}

pub fn who_is_on_and_who_was(fixture: &mut dyn Fixture) {
    let store = fixture.store();
    store.flush_presence().unwrap();
    assert!(fixture.sessions().is_empty() && fixture.recent_logins().is_empty());
    store.login(arrival(1, "alice", "192.0.2.1"));
    store.login(arrival(2, "bob", "::ffff:192.0.2.2"));
    store.login(arrival(3, "alice", "192.0.2.1"));
    store.logout(3);
    store.flush_presence().unwrap();
    assert_eq!(fixture.sessions(), [row("alice", "192.0.2.1", false), row("bob", "192.0.2.2", true)]);
    let logins = [login("alice", "192.0.2.1", "USER", 2), login("bob", "192.0.2.2", "PLAIN", 1)];
    assert_eq!(fixture.recent_logins(), logins);
    store.logout(1);
    store.login(arrival(4, "alice", "2001:db8::1"));
    store.login(arrival(5, "alice", "192.0.2.1"));
    store.logout(5);
    store.flush_presence().unwrap();
    assert_eq!(fixture.sessions(), [row("bob", "192.0.2.2", true), row("alice", "2001:db8::1", true)]);
    assert_eq!(fixture.recent_logins()[0], login("alice", "192.0.2.1", "USER", 3));
    assert_eq!(fixture.recent_logins()[1], login("alice", "2001:db8::1", "PLAIN", 1));
    [2, 4, 4, 77].into_iter().for_each(|session| store.logout(session));
    store.flush_presence().unwrap();
    assert!(fixture.sessions().is_empty());
}

pub fn the_last_login_is_kept(fixture: &mut dyn Fixture) {
    user(fixture, "alice");
    user(fixture, "bob");
    let store = fixture.store();
    let (early, late) = (arrival(1, "alice", "192.0.2.2"), arrival(50, "alice", "192.0.2.1"));
    store.login(late.clone());
    store.login(early);
    store.logout(50);
    store.flush_presence().unwrap();
    assert_eq!(fixture.last_login("alice"), Some(late.at));
    assert_eq!(fixture.last_login("bob"), None);
}

pub fn a_crash_leaves_nobody_on(fixture: &mut dyn Fixture) {
    user(fixture, "alice");
    fixture.store().login(arrival(1, "alice", "192.0.2.1"));
    fixture.store().flush_presence().unwrap();
    fixture.reopen();
    assert_eq!(fixture.sessions().len(), 1, "nobody has said that they left");
    fixture.store().reset_presence().unwrap();
    assert!(fixture.sessions().is_empty());
    assert_eq!(fixture.recent_logins().len(), 1);
}

pub fn who_is_dismissed_is_told(fixture: &mut dyn Fixture) {
    for (session, name) in [(1, "alice"), (2, "bob"), (3, "alice")] {
        fixture.store().login(arrival(session, name, "192.0.2.1"));
    }
    fixture.store().flush_presence().unwrap();
    assert_eq!(fixture.store().dismissed().unwrap(), [0; 0]);
    fixture.change(Change::Dismiss("alice"));
    assert_eq!(fixture.sessions(), [row("bob", "192.0.2.1", true)]);
    let mut dismissed = fixture.store().dismissed().unwrap();
    dismissed.sort();
    assert_eq!(dismissed, [1, 3]);
    fixture.store().logout(1);
    assert_eq!(fixture.store().dismissed().unwrap(), [3]);
    fixture.store().logout(3);
    fixture.store().flush_presence().unwrap();
    assert_eq!(fixture.store().dismissed().unwrap(), [0; 0]);
    assert_eq!(fixture.sessions().len(), 1);
}

pub fn the_last_thousand_failures_are_kept(fixture: &mut dyn Fixture) {
    let fail = |name: &str, at| {
        let address = "::ffff:192.0.2.1".parse().unwrap();
        fixture.store().login_failed(LoginFailure { name: name.into(), address, mechanism: "PLAIN", at });
    };
    fail("first", 1);
    fail("second", 2);
    fixture.store().flush_presence().unwrap();
    fail("second", 3);
    fixture.store().flush_presence().unwrap();
    let of = |name, count| login(name, "192.0.2.1", "PLAIN", count);
    assert_eq!(fixture.recent_failures(), [of("first", 1), of("second", 2)]);
    for index in 0..FAILURES as i64 - 1 {
        fail(&format!("x{index}"), 10 + index);
    }
    fixture.store().flush_presence().unwrap();
    let rows = fixture.recent_failures();
    assert_eq!((rows.len(), &rows[0]), (FAILURES, &of("second", 2)), "the oldest has gone");
    let known = fixture.store().known_addresses().unwrap();
    assert!(known.is_empty(), "who has failed is not known: {known:?}");
    fixture.store().login(arrival(1, "alice", "192.0.2.7"));
    fixture.store().flush_presence().unwrap();
    assert_eq!(fixture.store().known_addresses().unwrap(), [("alice".to_owned(), "192.0.2.7".parse().unwrap())]);
}
