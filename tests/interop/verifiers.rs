//! A password is one thing, however it was set: every way in takes the new one, and none the old.

use crate::support::texts::{LOGON, OK};
use crate::support::{Server, Site, eventually};
use crate::tools::{Login, WELCOME, curl, offered, python, said, wait_for};

/// Whether this password gets in with PASS, SCRAM and NTLM.
fn ways(server: &Server, user: &str, password: &str) -> [bool; 3] {
    let port = server.address("pop3").port().to_string();
    let scram = said(&mut python("scram.py", &[&port, "pop3", user, password, "n"]));
    let ntlm = curl(server, "pop3", "NTLM", &format!("{user}:{password}"), &[]);
    [pass(server, user, password), scram == WELCOME, ntlm == Login::In]
}

fn pass(server: &Server, user: &str, password: &str) -> bool {
    let mut client = server.connect();
    client.expect(&format!("USER {user}"), OK);
    client.say(&format!("PASS {password}")) == LOGON
}

/// Alice, and bob who keeps NTLM and SCRAM on offer whatever happens to her.
fn server() -> Server {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "builder");
    site.sql("UPDATE users SET ntlm = 1");
    site.serve(&[])
}

#[test]
fn passwd_makes_all_and_voids_all_at_once() {
    let server = server();
    assert_eq!(ways(&server, "alice", "se cret"), [true; 3]);
    assert!(pass(&server, "alice", "se cret"), "and remembered");
    server.succeed(&["passwd", "alice"], b"second one\n");
    assert_eq!(ways(&server, "alice", "se cret"), [false; 3]);
    assert_eq!(ways(&server, "alice", "second one"), [true; 3]);
    server.succeed(&["passwd", "--create", "carol"], b"third one\n");
    server.sql("UPDATE users SET ntlm = 1 WHERE name = 'carol'");
    server.succeed(&["passwd", "carol"], b"fourth one\n");
    assert_eq!(ways(&server, "carol", "third one"), [false; 3]);
    assert_eq!(ways(&server, "carol", "fourth one"), [true; 3]);
}

#[test]
fn a_plain_password_in_sql_makes_all_and_voids_all_at_once() {
    let server = server();
    for round in ["first", "second", "third"] {
        let old = if round == "first" { "se cret" } else { "changed" };
        assert_eq!(ways(&server, "alice", old), [true; 3]);
        assert!(pass(&server, "alice", old), "and remembered");
        let new = if round == "first" { "changed" } else { round };
        server.sql(&format!("UPDATE users SET password = '{new}' WHERE name = 'alice'"));
        match round {
            // Whichever comes first, the client or the server's own round.
            "first" => assert_eq!(ways(&server, "alice", old), [false; 3]),
            "second" => eventually("the hash replaces it", || {
                server.sql("SELECT password FROM users WHERE name = 'alice'").starts_with("$argon2id$")
            }),
            _ => assert!(pass(&server, "alice", new)),
        }
        assert_eq!(ways(&server, "alice", old), [false; 3]);
        assert_eq!(ways(&server, "alice", new), [true; 3], "{round}");
        server.sql("UPDATE users SET password = 'changed' WHERE name = 'alice'");
    }
}

/// A hash written with SQL voids what there was, too; the next login with PASS makes the rest.
#[test]
fn a_hash_in_sql_voids_all_and_a_login_makes_the_rest() {
    let server = server();
    assert_eq!(ways(&server, "alice", "se cret"), [true; 3]);
    let hash = server.succeed(&["hash"], b"hashed one\n");
    server.sql(&format!("UPDATE users SET password = '{}' WHERE name = 'alice'", hash.trim()));
    assert!(!pass(&server, "alice", "se cret"));
    assert_eq!(server.sql("SELECT count(*) FROM verifiers JOIN users ON id = user_id WHERE name = 'alice'"), "0\n");
    wait_for(&server, "SCRAM-SHA-256", false);
    assert!(pass(&server, "alice", "hashed one"));
    wait_for(&server, "SCRAM-SHA-256", true);
    assert_eq!(ways(&server, "alice", "hashed one"), [true; 3]);
    assert_eq!(ways(&server, "alice", "se cret"), [false; 3]);
}

#[test]
fn no_password_is_no_way_in() {
    let server = server();
    // Of somebody else, so that NTLM is offered all the time.
    server.sql("UPDATE users SET ntlm = 1, password = 'builder' WHERE name = 'bob'");
    wait_for(&server, "SCRAM-SHA-256", true);
    assert_eq!(ways(&server, "alice", "se cret"), [true; 3]);
    server.sql("UPDATE users SET password = NULL WHERE name = 'alice'");
    assert_eq!(ways(&server, "alice", "se cret"), [false; 3]);
    assert!(offered(&server, "pop3").contains(&"SCRAM-SHA-256".to_owned()), "she can use none of them");
    server.sql("UPDATE users SET password = 'se cret', pop_enabled = 0 WHERE name = 'alice'");
    assert_eq!(ways(&server, "alice", "se cret"), [false; 3]);
}
