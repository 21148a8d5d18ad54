//! Passwords in `users.password`: what becomes of plain text, which hashes are taken.

use crate::support::messages::PLAIN;
use crate::support::texts::LOGON_FAILURE;
use crate::support::{Site, eventually};
use crate::{attempt, eventually_logs_in, mailbox};

/// What the column of a user holds.
fn stored(site: &Site, user: &str) -> String {
    site.sql(&format!("SELECT password FROM users WHERE name = '{user}'")).trim_end().to_owned()
}

/// `serve` replaces those that it finds; none stays in any file of the database.
#[test]
fn plain_passwords_are_replaced_at_the_start_without_residue() {
    let site = Site::with_alice(&[PLAIN]);
    site.add_user("bob", "Residue-4711-of-bob");
    assert!(site.files_hold(b"Residue-4711-of-bob"));
    let server = site.serve(&[]);
    for user in ["alice", "bob"] {
        eventually("the hash", || stored(&server, user).starts_with("$argon2id$"));
    }
    eventually("no residue", || !server.files_hold(b"Residue-4711-of-bob"));
    server.session("bob", "Residue-4711-of-bob").quit();
}

/// One set while the server runs is replaced within seconds, logged in with or not.
#[test]
fn plain_passwords_are_replaced_while_running_without_residue() {
    let server = mailbox(&[]);
    server.add_user("bob", "Residue-0815-of-bob");
    server.sql("UPDATE users SET password = 'Residue-0816-of-alice' WHERE name = 'alice'");
    for (user, password) in [("bob", "Residue-0815-of-bob"), ("alice", "Residue-0816-of-alice")] {
        eventually("the hash", || stored(&server, user).starts_with("$argon2id$"));
        eventually("no residue", || !server.files_hold(password.as_bytes()));
        server.session(user, password).quit();
    }
    assert!(!server.log().contains("Residue-"), "{}", server.log());
}

/// A reader that sits on the log delays the cleaning; when it goes, the cleaning happens.
#[test]
fn the_cleaning_is_retried_until_it_succeeds() {
    let server = mailbox(&[]);
    let mut reader = server.shell(&["BEGIN", "SELECT count(*) FROM users", ".shell sleep 4"]).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    server.add_user("bob", "Residue-1234-of-bob");
    eventually("the hash", || stored(&server, "bob").starts_with("$argon2id$"));
    assert!(reader.wait().unwrap().success());
    eventually("no residue", || !server.files_hold(b"Residue-1234-of-bob"));
}

/// What looks like a hash must be one.
#[test]
fn malformed_hashes_are_refused() {
    let server = mailbox(&[]);
    let before = stored(&server, "alice");
    for malformed in [
        "$argon2id$v=19$m=19456",
        "$argon2id$",
        "$argon2id$v=19$m=1,t=1,p=1$$",
        "$argon2x$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
    ] {
        let update = format!("UPDATE users SET password = '{malformed}' WHERE name = 'alice'");
        match server.try_sql(&update) {
            Err(error) => assert!(error.contains("password"), "{malformed}: {error}"),
            Ok(_) => panic!("taken: {malformed}"),
        }
    }
    assert_eq!(stored(&server, "alice"), before);
    server.alice().quit();
}

/// A hash that asks for gigabytes or hours gets neither: it is like a wrong password.
#[test]
fn hostile_parameters_cost_nothing() {
    let server = mailbox(&[]);
    server.alice().quit();
    let before = server.peak_memory();
    for (number, parameters) in
        ["m=4194304,t=1,p=1", "m=19456,t=1000000,p=1", "m=4294967295,t=1,p=1"].iter().enumerate()
    {
        let user = format!("user{number}");
        let hash = format!("$argon2id$v=19${parameters}$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g");
        if server.try_sql(&format!("INSERT INTO users(name, password) VALUES ('{user}', '{hash}')")).is_ok() {
            assert_eq!(attempt(&server, &user, "x"), LOGON_FAILURE, "{parameters}");
        }
    }
    let growth = server.peak_memory().saturating_sub(before);
    assert!(growth < 100 * 1024, "{growth} KiB more");
    server.alice().quit();
}

#[test]
fn hash_makes_a_string_for_sql() {
    let server = mailbox(&[]);
    let hash = server.succeed(&["hash"], b"from hash\n");
    assert!(hash.starts_with("$argon2id$") && hash.lines().count() == 1, "{hash}");
    assert_ne!(hash, server.succeed(&["hash"], b"from hash\n"), "the salt is random");
    server.sql(&format!("UPDATE users SET password = '{}' WHERE name = 'alice'", hash.trim_end()));
    eventually_logs_in(&server, "alice", "from hash", true);
    eventually_logs_in(&server, "alice", "se cret", false);
    server.add_user("bob", hash.trim_end());
    eventually_logs_in(&server, "bob", "from hash", true);
}

#[test]
fn passwd_sets_and_creates() {
    let server = mailbox(&[]);
    server.succeed(&["passwd", "alice"], b"by passwd\n");
    assert!(stored(&server, "alice").starts_with("$argon2id$"));
    eventually_logs_in(&server, "alice", "by passwd", true);
    eventually_logs_in(&server, "alice", "se cret", false);
    server.fail(&["passwd", "bob"], b"x\n", 67);
    server.succeed(&["passwd", "--create", "bob"], b" spaces, too \n");
    server.session("bob", " spaces, too ").quit();
    server.fail(&["passwd", "alice"], b"", 65);
    assert!(!server.files_hold(b"by passwd"));
}

/// NULL or an empty password: nobody logs in with it.
#[test]
fn without_a_password_nobody_logs_in() {
    let server = mailbox(&[]);
    let _ = server.try_sql("UPDATE users SET password = '' WHERE name = 'alice'");
    let _ = server.try_sql("INSERT INTO users(name) VALUES ('bob')");
    for user in ["alice", "bob"] {
        let mut client = server.connect();
        client.expect(&format!("USER {user}"), "+OK\r\n");
        client.refuse("PASS ");
        client.expect(&format!("USER {user}"), "+OK\r\n");
        client.refuse("PASS");
        client.expect("AUTH PLAIN", "+ \r\n");
        client.refuse("AGJvYgA=");
    }
}
