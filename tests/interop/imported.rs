//! Hashes that came from elsewhere: they verify, and give way to ours at the next login.

use crate::support::texts::{LOGON, LOGON_FAILURE, OK};
use crate::support::{Server, Site};
use crate::tools::{WELCOME, crypt, logged, python, said, wait_for};

/// Of the password `password`, from the reference implementation's own tests.
const ARGON2ID: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
const ARGON2I: &str = "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA";
/// How a hash of ours begins.
const OURS: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

fn pass(server: &Server, user: &str, password: &str) -> String {
    let mut client = server.connect();
    client.expect(&format!("USER {user}"), OK);
    client.say(&format!("PASS {password}"))
}

#[test]
fn imported_hashes_verify_and_are_upgraded() {
    let site = Site::new();
    let bcrypt = crypt("password", "$2b$05$abcdefghijklmnopqrstuu");
    let sha512 = crypt("password", "$6$saltstring");
    let rounds = crypt("password", "$6$rounds=10000$saltstring");
    let hashes = [
        ARGON2ID.to_owned(),
        ARGON2I.to_owned(),
        bcrypt.clone(),
        bcrypt.replacen("$2b$", "$2a$", 1),
        bcrypt.replacen("$2b$", "$2y$", 1),
        sha512.clone(),
        rounds,
        format!("{{ARGON2ID}}{ARGON2ID}"),
        format!("{{ARGON2I}}{ARGON2I}"),
        format!("{{BLF-CRYPT}}{bcrypt}"),
        format!("{{BLF-CRYPT}}{}", bcrypt.replacen("$2b$", "$2y$", 1)),
        format!("{{SHA512-CRYPT}}{sha512}"),
        format!("{{CRYPT}}{sha512}"),
        format!("{{crypt}}{bcrypt}"),
    ];
    for (number, hash) in hashes.iter().enumerate() {
        site.add_user(&format!("user{number}"), hash);
    }
    let server = site.serve(&[]);
    let stored = |user: &str| server.sql(&format!("SELECT password FROM users WHERE name = '{user}'"));
    for (number, hash) in hashes.iter().enumerate() {
        let user = format!("user{number}");
        assert_eq!(pass(&server, &user, "Password"), LOGON_FAILURE, "{hash}");
        assert_eq!(stored(&user).trim(), hash, "a wrong password changes nothing");
        assert_eq!(pass(&server, &user, "password"), LOGON, "{hash}");
        assert!(stored(&user).starts_with(OURS), "{hash} became {}", stored(&user));
        assert_eq!(pass(&server, &user, "password"), LOGON, "{hash}");
        assert_eq!(pass(&server, &user, "Password"), LOGON_FAILURE, "{hash}");
    }
    // Now everybody has SCRAM keys too.
    wait_for(&server, "SCRAM-SHA-256", true);
    let port = server.address("pop3").port().to_string();
    assert_eq!(said(&mut python("scram.py", &[&port, "pop3", "user3", "password", "n"])), WELCOME);
}

/// Hashes that would cost gigabytes or minutes are no password of anybody, and cost nothing.
#[test]
fn hostile_parameters_are_refused() {
    let site = Site::with_alice(&[]);
    let tail = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let sha512 = crypt("password", "$6$saltstring").replacen("$6$", "$6$rounds=999999999$", 1);
    let bcrypt = crypt("password", "$2b$04$abcdefghijklmnopqrstuu").replacen("$04$", "$31$", 1);
    let hostile = [
        format!("$argon2id$v=19$m=4294967295,t=2,p=1${tail}"),
        format!("$argon2id$v=19$m=16777216,t=1,p=1${tail}"),
        format!("$argon2id$v=19$m=65536,t=4294967295,p=1${tail}"),
        format!("$argon2id$v=19$m=65536,t=2,p=16777215${tail}"),
        format!("$argon2d$v=99$m=65536,t=2,p=1${tail}"),
        format!("{{ARGON2ID}}$argon2id$v=19$m=4294967295,t=2,p=1${tail}"),
        sha512,
        bcrypt,
    ];
    let trigger = site.sql("SELECT sql FROM sqlite_schema WHERE name = 'users_password_usable_insert'");
    let mut users = Vec::new();
    for hash in &hostile {
        let user = format!("user{}", users.len());
        let insert = format!("INSERT INTO users(name, password) VALUES ('{user}', '{hash}')");
        let refusal = site.try_sql(&insert).unwrap_err();
        assert!(refusal.contains("users.password"), "{hash}: {refusal}");
        // No shell can write them while that trigger is there.
        if site.try_sql(&format!("DROP TRIGGER users_password_usable_insert; {insert}; {trigger}")).is_ok() {
            users.push((user, hash));
        } else {
            site.sql(&trigger);
        }
    }
    assert!(users.len() >= 6, "{users:?}");
    let server = site.serve(&[]);
    for (user, hash) in &users {
        assert_eq!(pass(&server, user, "password"), LOGON_FAILURE, "{hash}");
        let stored = server.sql(&format!("SELECT password FROM users WHERE name = '{user}'"));
        assert_eq!(stored.trim(), *hash);
    }
    assert_eq!(pass(&server, "alice", "se cret"), LOGON);
    assert!(server.peak_memory() < 200 * 1024, "{} KiB", server.peak_memory());
    logged(&server, "users.password of user0: unusable hash");
}
