//! The views `sessions` and `recent_logins`, as people look at them.

use crate::support::{Site, eventually};

const SESSIONS: &str = "SELECT name, principal, address, tls FROM sessions";
const LOGINS: &str = "SELECT name, address, mechanism, count FROM recent_logins ORDER BY name, mechanism";

#[test]
fn who_is_on_since_when_and_from_where() {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "x");
    site.add_user("carol", "x");
    site.sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice')");
    let server = site.serve(&[]);
    let alice = server.alice();
    let mut bob = server.connect_tls();
    bob.log_in("example.org/bob/alice", "x");
    let both = "alice|alice|127.0.0.1|0\nbob|alice|127.0.0.1|1\n";
    eventually("both are on", || site.sql(SESSIONS) == both);
    let since = site.sql("SELECT since FROM sessions LIMIT 1");
    let shape: String = since.trim().chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(shape, "9999-99-99T99:99:99Z");
    alice.quit();
    bob.hang_up();
    eventually("nobody is on", || site.sql(SESSIONS).is_empty());
    server.connect().say("AUTH PLAIN AGFsaWNlAHNlIGNyZXQ=");
    server.alice().quit();
    // USER and PASS count as PLAIN.
    let logins = "alice|127.0.0.1|PLAIN|3\nbob|127.0.0.1|PLAIN|1\n";
    eventually("who was on", || site.sql(LOGINS) == logins);
    assert_eq!(site.sql("SELECT name FROM users WHERE last_login IS NULL"), "carol\n");
    assert_eq!(site.sql("SELECT count(*) FROM users WHERE abs(last_login - strftime('%s', 'now')) < 3600"), "2\n");
    assert_eq!(site.sql("SELECT count(*) FROM recent_logins WHERE at NOT GLOB '20??-??-??T??:??:??Z'"), "0\n");
}

/// Wrong passwords are no logins; a server that was killed leaves nobody on.
#[test]
fn sessions_of_a_crashed_server_are_gone_at_the_next_start() {
    let site = Site::with_alice(&[]);
    let server = site.serve(&[]);
    crate::attempt(&server, "alice", "wrong");
    let _alice = server.alice();
    eventually("alice is on", || site.sql(SESSIONS).starts_with("alice|"));
    assert_eq!(site.sql("SELECT sum(count) FROM recent_logins"), "1\n");
    server.kill();
    assert!(site.sql(SESSIONS).starts_with("alice|"));
    let server = site.serve(&[]);
    assert_eq!(site.sql(SESSIONS), "", "before it said that it is ready");
    drop(server.alice());
    site.sql("DELETE FROM users WHERE name = 'alice'");
    assert!(server.terminate().success());
    assert_eq!(site.sql(SESSIONS), "");
}

/// A batch that fails is logged, and nobody who logs in notices.
#[test]
fn a_batch_that_fails_stops_nobody() {
    let site = Site::with_alice(&[]);
    let server = site.serve(&[]);
    site.sql("CREATE TRIGGER fault BEFORE INSERT ON session BEGIN SELECT RAISE(ABORT, 'fault'); END");
    let mut alice = server.alice();
    eventually("a line in the log", || server.log().contains("cannot write sessions: fault"));
    assert_eq!(alice.stat(), (0, 0));
    server.alice().quit();
    site.sql("DROP TRIGGER fault");
    eventually("it is tried again", || site.sql(SESSIONS) == "alice|alice|127.0.0.1|0\n");
    assert_eq!(site.sql("SELECT sum(count) FROM recent_logins"), "2\n");
}
