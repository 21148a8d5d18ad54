//! What somebody has added to the database, and what lies open.

use crate::support::site::text;
use crate::support::{Server, Site};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

const STEAL: &str = "CREATE TABLE stolen (name, password);
    CREATE TRIGGER steal BEFORE UPDATE OF password ON users BEGIN INSERT INTO stolen VALUES (NEW.name, NEW.password); END";

fn lines(site: &Site, code: i32) -> Vec<String> {
    let output = site.run(&["check"], b"");
    assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn a_trigger_that_copies_passwords_is_a_fault() {
    let site = Site::with_alice(&[]);
    site.sql(STEAL);
    let lines = lines(&site, 65);
    assert!(lines.iter().any(|line| line.contains("trigger steal on users")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("table stolen")), "{lines:?}");
}

#[test]
fn changed_and_missing_objects_of_ours_are_faults() {
    let site = Site::with_alice(&[]);
    site.sql("DROP TRIGGER users_no_replace_insert; DROP VIEW mailbox_usage; CREATE VIEW mailbox_usage AS SELECT password FROM users");
    let lines = lines(&site, 65);
    assert!(lines.iter().any(|line| line.contains("trigger users_no_replace_insert")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("view mailbox_usage")), "{lines:?}");
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn foreign_tables_are_named_and_those_of_litestream_are_not() {
    let site = Site::with_alice(&[]);
    site.sql("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); CREATE TABLE _litestream_lock (id INTEGER)");
    assert_eq!(lines(&site, 0), [""; 0]);
    site.sql("CREATE TABLE billing (user TEXT); CREATE INDEX billing_user ON billing (user)");
    let lines = lines(&site, 0);
    assert!(lines.len() == 1 && lines[0].contains("table billing"), "{lines:?}");
}

#[test]
fn a_backup_with_a_foreign_trigger_is_not_restored_unasked() {
    let site = Site::with_alice(&[]);
    site.sql(STEAL);
    let backup = site.path("backup").display().to_string();
    site.succeed(&["backup", &backup], b"");
    let error = site.fail(&["restore", &backup], b"", 65);
    assert!(error.contains("steal") && error.contains("--force"), "{error}");
    site.sql("DROP TRIGGER steal");
    site.succeed(&["restore", "--force", &backup], b"");
    assert_eq!(site.sql("SELECT count(*) FROM sqlite_schema WHERE name = 'steal'").trim(), "1");
}

/// At the start, and by `check`.
#[test]
fn files_that_others_can_read_are_named() {
    let site = Site::with_alice(&[]);
    site.serve(&[]).terminate();
    assert_eq!(lines(&site, 0), [""; 0]);
    let names = ["mail.db", "mail.db.seal", "mail.db.key"];
    for name in names {
        std::fs::set_permissions(site.path(name), Permissions::from_mode(0o644)).unwrap();
    }
    let lines = lines(&site, 65);
    let server = site.serve(&[]);
    for name in names {
        let path = format!("{}: mode 0644", site.path(name).display());
        assert!(lines.iter().any(|line| line.contains(&path)), "{name}: {lines:?}");
        assert!(server.log().contains(&path), "{name}: {}", server.log());
    }
}

#[test]
fn root_and_lmtp_for_the_network_are_named_at_the_start() {
    let site = Site::with_alice(&[]);
    let server = Server::start_with(&site, &["serve", "-m", "0.0.0.0:0"]);
    assert!(server.log().contains("LMTP on 0.0.0.0:"), "{}", server.log());
    let root = nix::unistd::geteuid().is_root();
    assert_eq!(server.log().contains("runs as root"), root, "{}", server.log());
    let quiet = site.serve(&[]);
    assert!(!quiet.log().contains("LMTP on"), "{}", quiet.log());
}
