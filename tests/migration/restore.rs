//! Backup, and the database anew from one.

use crate::support::messages::{DOTTED, PLAIN, of_size};
use crate::support::privileged::is_root;
use crate::support::site::{feed, leave_log, text};
use crate::support::{Random, Server, Site};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Runs a command of ours on another database.
fn on(database: &std::path::Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
    command.arg(arguments[0]).arg("-d").arg(database).args(&arguments[1..]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = feed(&mut command, b"");
    (output.status.code(), text(&output.stderr))
}

fn ids(server: &Server) -> Vec<String> {
    server.alice().unique_ids()
}

#[test]
fn ids_given_out_after_the_backup_are_not_given_again() {
    let site = Site::with_alice(&[PLAIN, DOTTED]);
    let backup = site.path("backup");
    let server = site.serve(&[]);
    site.succeed(&["backup", backup.to_str().unwrap()], b"");
    // After the backup: more mail, and a user that it does not know.
    site.deliver("alice", PLAIN);
    site.add_user("bob", "se cret");
    site.deliver("bob", PLAIN);
    let after = ids(&server);
    assert!(server.terminate().success());

    let message = site.succeed(&["restore", backup.to_str().unwrap()], b"");
    assert!(message.contains("mail.db.before-restore"), "{message}");
    let server = site.serve(&[]);
    assert_eq!(ids(&server), after[..2]);
    assert_eq!(server.alice().multi("RETR 2"), DOTTED);
    site.deliver("alice", PLAIN);
    site.add_user("bob", "se cret");
    site.deliver("bob", PLAIN);
    let now = ids(&server);
    assert!(!after.contains(&now[2]) && now[2].parse::<u64>().unwrap() > 1_000_000, "{now:?}");
    assert_ne!(server.session("bob", "se cret").unique_ids(), ["1"], "a name that was in use after the backup");
    site.assert_sound();
    assert_eq!(on(&site.path("mail.db.before-restore"), &["check"]).0, Some(0));
}

/// The mail between two restorings of the same backup was seen by clients, too.
#[test]
fn a_backup_restored_twice_gives_no_id_twice() {
    let site = Site::with_alice(&[PLAIN]);
    let backup = site.path("backup");
    site.succeed(&["backup", backup.to_str().unwrap()], b"");
    let given = [(); 3].map(|()| {
        site.succeed(&["restore", backup.to_str().unwrap()], b"");
        site.deliver("alice", PLAIN);
        site.sql("SELECT max(uid) FROM messages")
    });
    assert!(given[0] != given[1] && given[1] != given[2] && given[0] != given[2], "{given:?}");
}

#[test]
fn what_is_in_use_or_no_backup_is_left_alone() {
    let site = Site::with_alice(&[PLAIN]);
    let backup = site.path("backup");
    let server = site.serve(&[]);
    site.succeed(&["backup", backup.to_str().unwrap()], b"");
    let backup = backup.to_str().unwrap();
    let error = site.fail(&["restore", backup], b"", 75);
    assert!(error.contains("in use"), "{error}");
    std::fs::write(site.path("text"), "no database at all, but long enough to be looked at\n".repeat(100)).unwrap();
    for (file, code) in [("text", 65), ("none", 66), ("", 65)] {
        let path = site.path(file);
        site.fail(&["restore", path.to_str().unwrap()], b"", code);
    }
    assert_eq!(server.alice().stat().0, 1);
    drop(server);
    // Into a place where there was none.
    let (code, error) = on(&site.path("new.db"), &["restore", backup]);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(on(&site.path("new.db"), &["check"]).0, Some(0));
    let left: Vec<_> = std::fs::read_dir(site.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".tmp")), "{left:?}");
}

/// A site with alice and a message, and a backup of it.
fn backed_up() -> (Arc<Site>, String) {
    let site = Site::with_alice(&[PLAIN]);
    let backup = site.path("backup").to_str().unwrap().to_owned();
    site.succeed(&["backup", &backup], b"");
    (site, backup)
}

fn messages(site: &Site) -> String {
    site.sql("SELECT count(*) FROM messages").trim().to_owned()
}

#[test]
fn the_new_database_belongs_to_whom_the_old_one_did() {
    let (site, backup) = backed_up();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let set = |path: &std::path::Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    set(backup.as_ref(), 0o644);
    assert_eq!(on(&site.path("new.db"), &["restore", &backup]).0, Some(0));
    assert_eq!(mode(&site.path("new.db")), 0o600, "the copy may be readable by all, passwords are not");
    set(site.database(), 0o660);
    if is_root() {
        chown(site.database(), Some(1), Some(2)).unwrap();
    }
    let old = std::fs::metadata(site.database()).unwrap();
    site.succeed(&["restore", &backup], b"");
    let new = std::fs::metadata(site.database()).unwrap();
    assert_eq!((new.uid(), new.gid(), mode(site.database())), (old.uid(), old.gid(), 0o660));
}

/// SQLite would take it for a part of the new database.
#[test]
fn the_log_of_a_database_that_is_gone_is_set_aside() {
    let (site, backup) = backed_up();
    let server = site.serve(&[]);
    (0..10).for_each(|_| site.deliver("alice", &of_size(20_000)));
    server.kill();
    std::fs::remove_file(site.database()).unwrap();
    assert!(site.path("mail.db-wal").metadata().unwrap().len() > 0);
    let message = site.succeed(&["restore", &backup], b"");
    assert!(message.contains("mail.db.before-restore"), "{message}");
    assert!(!site.path("mail.db-wal").exists() && site.path("mail.db.before-restore-wal").exists());
    site.assert_sound();
    assert_eq!(messages(&site), "1");
}

#[test]
fn the_log_of_a_server_that_was_killed_is_kept_with_its_database() {
    let (site, backup) = backed_up();
    let server = site.serve(&[]);
    site.deliver("alice", DOTTED);
    server.kill();
    assert!(site.path("mail.db-wal").metadata().unwrap().len() > 0);
    site.succeed(&["restore", &backup], b"");
    site.assert_sound();
    assert_eq!(messages(&site), "1");
    let before = Site::at(tempfile::tempdir().unwrap(), site.path("mail.db.before-restore"));
    assert_eq!(messages(&before), "2");
}

/// `cp` of a database in use, or a rescued one: what is in its log would be lost without a word.
#[test]
fn a_file_with_a_log_beside_it_is_no_backup() {
    let (site, backup) = backed_up();
    leave_log(backup.as_ref(), "UPDATE settings SET value = 'x' WHERE name = 'Banner'");
    assert!(site.fail(&["restore", &backup], b"", 65).contains("backup-wal"));
    // As the message says.
    let copy = site.path("copy").to_str().unwrap().to_owned();
    assert_eq!(on(backup.as_ref(), &["backup", &copy]), (Some(0), String::new()));
    site.succeed(&["restore", &copy], b"");
    assert_eq!(site.sql("SELECT value FROM settings WHERE name = 'Banner'").trim(), "x");
}

#[test]
fn links_lead_to_the_database_and_stay() {
    let (site, backup) = backed_up();
    std::fs::create_dir(site.path("disk")).unwrap();
    symlink("disk/real.db", site.path("link.db")).unwrap();
    let link = site.path("link.db");
    // It leads nowhere the first time.
    for _ in 0..2 {
        let (code, error) = on(&link, &["restore", &backup]);
        assert_eq!(code, Some(0), "{error}");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(on(&site.path("disk/real.db"), &["check"]).0, Some(0));
    }
    assert!(site.path("disk/real.db.before-restore").exists());
}

#[test]
fn a_backup_of_an_unreleased_version_is_refused() {
    let (site, backup) = backed_up();
    let mut shell = Command::new("sqlite3");
    shell.arg(&backup).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    assert_eq!(text(&feed(&mut shell, b"PRAGMA user_version=99;").stderr), "");
    let error = site.fail(&["restore", &backup], b"", 65);
    assert!(error.contains("schema version 99 was made by an unreleased version"), "{error}");
    assert_eq!(messages(&site), "1");
}

/// A database of which nothing is left but ruins is what backups are for.
#[test]
fn a_damaged_database_is_replaced() {
    let (site, backup) = backed_up();
    let sound = std::fs::read(site.database()).unwrap();
    for (from, to) in [(0, 0), (0, 100), (100, 4096), (4096, 40_000)] {
        let mut damaged = sound.clone();
        damaged[from..to].fill(0xA5);
        damaged.truncate(if to == 0 { 0 } else { sound.len() });
        std::fs::write(site.database(), damaged).unwrap();
        site.succeed(&["restore", &backup], b"");
        site.assert_sound();
        assert_eq!(messages(&site), "1");
    }
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_database() {
    let (site, backup) = backed_up();
    let mut random = Random::announced("kill in restore");
    for _ in 0..30 {
        let mut command = site.command(&["restore", &backup]);
        let mut child = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(random.below(40_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(site.database().exists());
        site.assert_sound();
        assert_eq!(site.sql("PRAGMA journal_mode").trim(), "wal");
        assert_eq!(messages(&site), "1");
    }
    site.succeed(&["restore", &backup], b"");
    let left: Vec<_> = std::fs::read_dir(site.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".tmp")), "{left:?}");
}

#[test]
fn errors_name_the_backup_and_not_a_temporary_file() {
    let (site, backup) = backed_up();
    let whole = std::fs::read(&backup).unwrap();
    let spoilt = site.path("spoilt");
    let check = |octets: &[u8]| {
        println!("{} octets", octets.len());
        std::fs::write(&spoilt, octets).unwrap();
        let error = site.fail(&["restore", spoilt.to_str().unwrap()], b"", 65);
        assert!(error.contains("/spoilt") && !error.contains(".tmp:") && !error.contains(".mail.db"), "{error}");
        assert_eq!(messages(&site), "1");
    };
    for length in [0, 1, 99, 100, 512, 4095, 4096, 5000, 8192, whole.len() / 3, whole.len() - 4096, whole.len() - 1] {
        check(&whole[..length]);
    }
    // The second page is the pointer map, and begins with the roots of the tables.
    for at in [0, 16, 100, 4096, 4096 + 100] {
        println!("damaged at {at}");
        let mut damaged = whole.clone();
        damaged[at..at + 64].fill(0xa5);
        check(&damaged);
    }
}

/// What one of them was brought to is no reason to fail for all, and no number ever goes back.
#[test]
fn a_mailbox_at_the_end_of_its_numbers_is_restored_with_the_others() {
    let site = Site::with_alice(&[PLAIN]);
    let next = |name: &str| -> i64 {
        site.sql(&format!("SELECT next_uid FROM usage u JOIN mailboxes m ON m.id = u.mailbox_id WHERE name = '{name}'"))
            .trim()
            .parse()
            .unwrap()
    };
    let numbers = [(1i64 << 53), (1 << 53) - 1, (1 << 53) - 2, (1 << 53) - 1000, 1 << 52, 5];
    for (at, number) in numbers.iter().enumerate() {
        site.sql(&format!("INSERT INTO users(name) VALUES ('user{at}'), ('gone{at}')"));
        for name in ["user", "gone"] {
            let id = format!("(SELECT id FROM mailboxes WHERE name = '{name}{at}')");
            site.sql(&format!("UPDATE usage SET next_uid = {number} WHERE mailbox_id = {id}"));
        }
        site.sql(&format!("DELETE FROM users WHERE name = 'gone{at}'"));
    }
    let backup = site.path("backup");
    site.succeed(&["backup", backup.to_str().unwrap()], b"");
    for _ in 0..3 {
        let before: Vec<i64> = (0..numbers.len()).map(|at| next(&format!("user{at}"))).collect();
        site.succeed(&["restore", backup.to_str().unwrap()], b"");
        for (at, before) in before.iter().enumerate() {
            let after = next(&format!("user{at}"));
            assert!(after >= numbers[at] && after <= 1 << 53, "{before} became {after}");
            assert!(after > numbers[at] || numbers[at] > (1 << 53) - 4, "{before} became {after}");
        }
    }
    site.deliver("alice", PLAIN);
    site.deliver("user3", PLAIN);
    site.sql("INSERT INTO users(name) VALUES ('gone3'), ('gone0')");
    site.deliver("gone3", PLAIN);
    site.fail(&["deliver", "gone0"], PLAIN, 75);
}

/// A header that somebody made up.
#[test]
fn a_forged_id_takes_no_numbers_away() {
    let site = Site::with_alice(&[PLAIN]);
    for (at, id) in ["9007199254740990", "9007199254740991", "4503599627370497"].iter().enumerate() {
        let mail = site.path(&format!("{at}.eml"));
        std::fs::write(&mail, format!("X-UIDL: {id}\r\nSubject: x\r\n\r\n{at}\r\n")).unwrap();
        site.succeed(&["import", "-u", "alice", mail.to_str().unwrap()], b"");
    }
    let backup = site.path("backup");
    for _ in 0..3 {
        site.deliver("alice", PLAIN);
        site.succeed(&["backup", backup.to_str().unwrap()], b"");
        site.succeed(&["restore", backup.to_str().unwrap()], b"");
        site.assert_sound();
    }
    assert_eq!(messages(&site), "7");
}
