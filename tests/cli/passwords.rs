//! `pillarbox passwd` and `pillarbox hash`, fed by a pipe.

use super::support::Site;

fn stored(site: &Site, user: &str) -> String {
    site.sql(&format!("SELECT password FROM users WHERE name = '{user}'")).trim().to_owned()
}

#[test]
fn passwd_stores_a_hash_and_logs_in() {
    let site = Site::new();
    assert_eq!(site.succeed(&["passwd", "--create", "alice"], b"first one\n"), "");
    assert!(stored(&site, "alice").starts_with("$argon2id$"));
    site.succeed(&["passwd", "ALICE"], b"second  one \r\nnot this\n");
    let server = site.serve(&[]);
    let login = |password: &str| {
        let mut client = server.connect();
        client.say("USER alice");
        client.say(&format!("PASS {password}"))
    };
    assert!(login("second  one ").starts_with("+OK"));
    assert!(login("first one").starts_with("-ERR [AUTH]"));
    assert!(!site.files_hold(b"second  one"), "the clear password is nowhere");
}

#[test]
fn passwd_makes_verifiers_of_the_mechanisms() {
    let site = Site::new();
    site.succeed(&["passwd", "--create", "alice"], b"secret\n");
    let verifiers = || site.sql("SELECT scheme FROM verifiers ORDER BY scheme");
    let before = verifiers();
    assert_eq!(before.lines().count(), 1, "{before}");
    site.sql("UPDATE users SET ntlm = 1 WHERE name = 'alice'");
    site.succeed(&["passwd", "alice"], b"secret\n");
    assert_eq!(verifiers().lines().count(), 2, "{}", verifiers());
}

#[test]
fn passwd_names_what_was_wrong() {
    let site = Site::with_alice(&[]);
    let before = stored(&site, "alice");
    assert!(site.fail(&["passwd", "bob"], b"secret\n", 67).contains("\"bob\""));
    for input in [&b""[..], b"\n", b"a\0b\n", b"\xff\xfe\n", &[b'x'; 300]] {
        site.fail(&["passwd", "alice"], input, 65);
    }
    assert!(site.fail(&["passwd", "--create", "a b"], b"secret\n", 65).contains("users.name"));
    site.fail(&["passwd", "--create", "bob"], b"\n", 65);
    assert_eq!(site.sql("SELECT name FROM users").trim(), "alice", "a bad password makes no user");
    assert_eq!(stored(&site, "alice"), before);
}

#[test]
fn hash_prints_what_sql_takes() {
    let site = Site::new();
    let hash = site.succeed(&["hash"], b"se cret\n");
    assert!(hash.starts_with("$argon2id$v=19$") && hash.ends_with('\n') && hash.lines().count() == 1, "{hash:?}");
    assert_ne!(hash, site.succeed(&["hash"], b"se cret\n"), "salted");
    site.sql(&format!("INSERT INTO users(name, password) VALUES ('alice', '{}')", hash.trim()));
    let server = site.serve(&[]);
    server.connect().log_in("alice", "se cret");
    site.fail(&["hash"], b"", 65);
}

#[test]
fn hash_makes_one_of_each_line() {
    let site = Site::new();
    let passwords = ["se cret", "p\u{e4}ss", "3", "4", "5"];
    let hashes = site.succeed(&["hash", "--batch"], passwords.join("\r\n").as_bytes());
    assert_eq!(hashes.lines().count(), 5);
    for (at, hash) in hashes.lines().enumerate() {
        site.sql(&format!("INSERT INTO users(name, password) VALUES ('u{at}', '{hash}')"));
    }
    let server = site.serve(&[]);
    for (at, password) in passwords.iter().enumerate() {
        server.connect().log_in(&format!("u{at}"), password);
    }
    assert_eq!(site.succeed(&["hash", "--batch"], b""), "");
    let said = site.fail(&["hash", "--batch"], b"a\n\nb\n", 65);
    assert!(said.contains("line 2"), "{said}");
}
