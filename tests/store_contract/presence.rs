//! Who is on and who was.

use crate::fixture::{Fixture, now, user};
use pillarbox::store::SessionStart;

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
