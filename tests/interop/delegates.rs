//! Delegates ([MS-OXPOP3] 2.2.2): a refusal looks like a wrong password, whatever the reason.

use crate::support::texts::{LOGON, LOGON_FAILURE, OK};
use crate::support::{Server, Site};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bob may open alice's mailbox, those of a disabled user and of another site; carol none.
fn office() -> Server {
    let site = Site::with_alice(&[b"Subject: x\n\ny\n", b"Subject: z\n\ny\n"]);
    for user in ["bob", "carol", "off", "away"] {
        site.add_user(user, "builder");
    }
    site.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'off'");
    site.sql("UPDATE mailboxes SET site = 'elsewhere' WHERE name = 'away'");
    site.sql("INSERT INTO aliases(address, mailbox) VALUES ('sales@example.org', 'alice')");
    for principal in ["alice", "off", "away"] {
        site.sql(&format!("INSERT INTO delegates(delegate, principal) VALUES ('bob', '{principal}')"));
    }
    site.serve(&[("Domains", "example.org"), ("Site", "here")])
}

/// The replies to USER and PASS, and what follows them up to the end of STAT.
fn user(server: &Server, name: &str, password: &str) -> Vec<String> {
    let mut client = server.connect();
    [format!("USER {name}"), format!("PASS {password}"), "STAT".into()].map(|line| client.say(&line)).to_vec()
}

fn plain(server: &Server, authzid: &str, authcid: &str, password: &str) -> Vec<String> {
    let mut client = server.connect();
    let message = STANDARD.encode(format!("{authzid}\0{authcid}\0{password}"));
    [format!("AUTH PLAIN {message}"), "STAT".into()].map(|line| client.say(&line)).to_vec()
}

#[test]
fn the_four_forms_and_the_authorization_identity() {
    let server = office();
    let alices = [OK, LOGON, "+OK 2 8192\r\n"];
    for form in [
        "example/bob/alice",
        "bob@example.org/alice",
        "example/bob/alice@example.org",
        "bob@example.org/alice@example.org",
        "example.org/BOB/Alice",
        "bob@example.org/sales@example.org",
    ] {
        assert_eq!(user(&server, form, "builder"), alices, "{form}");
    }
    for authzid in ["alice", "alice@example.org", "sales@example.org"] {
        assert_eq!(plain(&server, authzid, "bob", "builder"), alices[1..], "{authzid}");
    }
}

#[test]
fn every_refusal_looks_like_a_wrong_password() {
    let server = office();
    let wrong = user(&server, "bob@example.org/alice", "wrong");
    assert_eq!(wrong[1], LOGON_FAILURE);
    for form in [
        "carol@example.org/alice",
        "bob@example.org/carol",
        "bob@example.org/nobody",
        "bob@example.org/off",
        "bob@example.org/away",
        "nobody@example.org/alice",
        "bob@elsewhere.example/alice",
        "elsewhere/bob/alice",
        "bob@example.org/alice@elsewhere.example",
        "off",
        "away",
        "nobody",
        "bob@example.org/",
        "/alice",
        "a/b/c/d",
    ] {
        assert_eq!(user(&server, form, "builder"), wrong, "{form}");
    }
    let wrong = plain(&server, "alice", "bob", "wrong");
    assert_eq!(wrong[0], LOGON_FAILURE);
    for (authzid, authcid) in [
        ("alice", "carol"),
        ("carol", "bob"),
        ("nobody", "bob"),
        ("off", "bob"),
        ("away", "bob"),
        ("", "off"),
        ("", "away"),
    ] {
        assert_eq!(plain(&server, authzid, authcid, "builder"), wrong, "{authcid} as {authzid}");
    }
}
