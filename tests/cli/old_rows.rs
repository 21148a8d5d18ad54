//! Rows from before the schema refused them: each is a fault that `check` names, and nobody else's trouble.

use super::support::texts::LOGON;
use super::support::{Client, Server, Site, eventually};
use std::sync::Arc;

const MESSAGE: &[u8] = b"Subject: x\n\nline\n";

/// Alice, and no trigger that refuses texts.
fn old() -> Arc<Site> {
    let site = Site::with_alice(&[]);
    let drops = site.sql(
        "SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_schema
          WHERE type = 'trigger' AND (name LIKE 'settings!_%' ESCAPE '!' OR name LIKE '%!_text!_%' ESCAPE '!' OR name LIKE '%!_usable!_%' ESCAPE '!')",
    );
    site.sql(&drops);
    site
}

/// The lines of `check`, which must find something.
fn faults(site: &Site) -> Vec<String> {
    let output = site.run(&["check"], b"");
    assert_eq!(output.status.code(), Some(65), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn is_hashed(site: &Site, user: &str) -> bool {
    site.sql(&format!("SELECT password GLOB '$argon2id$*' FROM users WHERE name = '{user}'")).trim() == "1"
}

#[test]
fn a_name_that_is_not_utf8_keeps_nobodys_password_waiting() {
    let site = old();
    site.sql("INSERT INTO users(name, password) VALUES ('j' || CAST(x'fc' AS TEXT) || 'rgen', 'geheim')");
    site.add_user("bob", "bobs own");
    let server = site.serve(&[]);
    eventually("they have their verifiers", || is_hashed(&site, "alice") && is_hashed(&site, "bob"));
    eventually("nor does the password of that user stay", || !site.files_hold(b"geheim"));
    server.session("bob", "bobs own").quit();
    site.sql("INSERT INTO users(name, password) VALUES ('k' || CAST(x'fc' AS TEXT) || 'hn', 'geheim')");
    site.add_user("carol", "carols own");
    eventually("carol has her verifiers", || is_hashed(&site, "carol"));
    let faults = faults(&site);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults.iter().all(|line| line.contains("users.name") && line.contains("UTF-8")), "{faults:?}");
}

#[test]
fn a_password_that_is_not_utf8_is_replaced_like_any_other() {
    let site = old();
    site.sql("INSERT INTO users(name, password) VALUES ('jo', 'g' || CAST(x'fc' AS TEXT) || 'ner')");
    let before = faults(&site);
    assert!(before.len() == 1 && before[0].contains("users.password"), "{before:?}");
    let server = site.serve(&[]);
    eventually("the verifier", || is_hashed(&site, "jo"));
    site.assert_sound();
    let mut client = server.connect();
    client.expect("USER jo", "+OK\r\n");
    client.send(b"PASS g\xfcner\r\n");
    assert_eq!(client.line(), LOGON);
}

#[test]
fn each_column_has_its_line_and_mail_goes_on() {
    let site = old();
    site.sql(
        "INSERT INTO users(name) VALUES ('bob');
         INSERT INTO mailboxes(name) VALUES ('shared' || CAST(x'ff' AS TEXT));
         UPDATE mailboxes SET site = CAST(x'ff' AS TEXT) WHERE name = 'bob';
         INSERT INTO aliases VALUES (CAST(x'ff' AS TEXT), 'alice'), ('sales', 'shared' || CAST(x'ff' AS TEXT));
         INSERT INTO delegates VALUES ('alice', 'shared' || CAST(x'ff' AS TEXT));",
    );
    let faults = faults(&site);
    for column in ["mailboxes.name", "mailboxes.site", "aliases.address", "aliases.mailbox", "delegates.principal"] {
        let lines = faults.iter().filter(|line| line.contains(column) && line.contains("not UTF-8")).count();
        assert_eq!(lines, 1, "{column} in {faults:?}");
    }
    assert_eq!(faults.len(), 5, "{faults:?}");
    for recipient in ["alice", "bob", "sales"] {
        site.deliver(recipient, MESSAGE);
    }
    let server = site.serve(&[]);
    assert_eq!(server.alice().stat().0, 1);
}

#[test]
fn deliver_does_without_a_setting_that_cannot_be_used_and_serve_names_it() {
    for (name, value) in [
        ("Site", "CAST(x'ff' AS TEXT)"),
        ("TrustedNetworks", "'1:2/8'"),
        ("Domains", "'a' || char(160) || 'b'"),
        ("MaxReceiveSize", "'much'"),
    ] {
        let site = old();
        site.sql(&format!("UPDATE settings SET value = {value} WHERE name = '{name}'"));
        site.deliver("alice", MESSAGE);
        let faults = faults(&site);
        assert!(faults.len() == 1 && faults[0].contains(name), "{faults:?}");
        let error = site.fail(&["serve", "-l", "127.0.0.1:0"], b"", 78);
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_running_server_takes_the_other_settings() {
    let site = old();
    let server = site.serve(&[]);
    site.sql("UPDATE settings SET value = CAST(x'ff' AS TEXT) WHERE name = 'Site'; UPDATE settings SET value = 'x' WHERE name = 'MaxCommandSize';");
    site.set("Banner", "Changed.");
    let greeting = |server: &Server| Client::plain(server.address("pop3")).line();
    eventually("the banner is the new one", || greeting(&server) == "+OK Changed.\r\n");
    let log = server.log();
    assert!(log.contains("Site") && log.contains("MaxCommandSize"), "{log}");
}
