//! The commands: exit codes of `sysexits.h`, one-line errors, and what they do.

use crate::support::messages::{PLAIN, of_size};
use crate::support::site::{feed, text};
use crate::support::{Random, Site};
use std::process::{Command, Stdio};

const USAGE: i32 = 64;
const NO_SUCH_USER: i32 = 67;

/// Runs the binary with exactly these arguments.
fn pillarbox(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    feed(&mut command, b"")
}

#[test]
fn help_and_version() {
    assert_eq!(text(&pillarbox(&["--version"]).stdout), format!("pillarbox {}\n", env!("CARGO_PKG_VERSION")));
    for command in ["init", "serve", "passwd", "hash", "deliver", "check"] {
        let help = pillarbox(&[command, "-h"]);
        assert_eq!(help.status.code(), Some(0), "{command}");
        assert!(text(&help.stdout).contains(command), "{command}");
    }
}

#[test]
fn wrong_usage() {
    for arguments in [&[][..], &["nonsense"], &["serve", "--nonsense"], &["deliver"], &["passwd"], &["init", "x", "y"]]
    {
        let output = pillarbox(arguments);
        assert_eq!(output.status.code(), Some(USAGE), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn init_is_idempotent_and_keeps_everything() {
    let site = Site::with_alice(&[PLAIN]);
    let before = site.sql("SELECT * FROM messages") + &site.sql("SELECT * FROM settings");
    site.succeed(&["init"], b"");
    assert_eq!(site.sql("SELECT * FROM messages") + &site.sql("SELECT * FROM settings"), before);
    assert_eq!(site.sql("PRAGMA auto_vacuum"), "2\n");
    assert_eq!(site.sql("PRAGMA journal_mode"), "wal\n");
}

#[test]
fn the_database_may_be_named_by_the_environment() {
    let site = Site::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
    command.arg("check").env("PILLARBOX_DB", site.database());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    assert!(feed(&mut command, b"").status.success());
}

#[test]
fn what_is_not_there_cannot_be_opened() {
    let site = Site::new();
    let absent = site.path("absent.db");
    let name = absent.to_str().unwrap();
    for command in [&["serve"][..], &["deliver", "alice"], &["check"], &["passwd", "alice"]] {
        let arguments = [&command[..1], &["-d", name], &command[1..]].concat();
        let output = pillarbox(&arguments);
        assert!(matches!(output.status.code(), Some(66 | 69 | 75 | 78)), "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).contains(name), "{arguments:?}: {}", text(&output.stderr));
        assert!(!absent.exists(), "{command:?} made it");
    }
    assert_eq!(pillarbox(&["init", "-d", "/nonexistent/directory/mail.db"]).status.code(), Some(73));
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let site = Site::new();
    let path = site.path("noise.db");
    let mut random = Random::announced("noise");
    let noise: Vec<u8> = (0..20_000).map(|_| random.next() as u8).collect();
    std::fs::write(&path, &noise).unwrap();
    for command in [&["init"][..], &["serve"], &["deliver", "alice"], &["check"]] {
        let output = pillarbox(&[&command[..1], &["-d", path.to_str().unwrap()], &command[1..]].concat());
        assert!(!matches!(output.status.code(), Some(0) | None), "{command:?}: {output:?}");
        assert!(text(&output.stderr).contains("noise.db"), "{command:?}: {}", text(&output.stderr));
    }
    assert_eq!(std::fs::read(&path).unwrap(), noise);
}

#[test]
fn a_database_of_another_version_is_refused() {
    let site = Site::with_alice(&[PLAIN]);
    let version: u32 = site.sql("PRAGMA user_version").trim().parse().unwrap();
    for (other, word) in [(version + 1, "newer"), (99, "unreleased"), (8, "unreleased")] {
        site.sql(&format!("PRAGMA user_version = {other}"));
        for command in [&["init"][..], &["serve", "-l", "127.0.0.1:0"], &["deliver", "alice"], &["check"]] {
            let output = site.run(command, PLAIN);
            assert_eq!(output.status.code(), Some(78), "{command:?}: {output:?}");
            assert!(output.stdout.is_empty(), "{command:?}");
            let error = text(&output.stderr);
            assert!(error.contains(word) && error.lines().count() == 1, "{command:?}: {error}");
        }
    }
    site.sql(&format!("PRAGMA user_version = {version}"));
    site.assert_sound();
    assert_eq!(site.sql("SELECT messages FROM mailbox_usage"), "1\n");
}

#[test]
fn deliver() {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "x");
    site.succeed(&["deliver", "alice", "bob"], PLAIN);
    site.succeed(&["deliver", "alice", "ALICE"], PLAIN);
    assert_eq!(site.sql("SELECT name, messages FROM mailbox_usage ORDER BY name"), "alice|2\nbob|1\n");
    let error = site.fail(&["deliver", "alice", "nobody"], PLAIN, NO_SUCH_USER);
    assert!(error.contains("nobody"), "{error}");
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 4096 WHERE name = 'bob'");
    let error = site.fail(&["deliver", "bob", "alice"], PLAIN, 75);
    assert!(error.contains("bob"), "{error}");
    assert_eq!(site.sql("SELECT name, messages FROM mailbox_usage ORDER BY name"), "alice|3\nbob|1\n");
    site.set("MaxReceiveSize", "10000");
    let output = site.run(&["deliver", "alice"], &of_size(10_001));
    assert!(matches!(output.status.code(), Some(65 | 69 | 75 | 77)), "{output:?}");
    site.succeed(&["deliver", "alice"], &of_size(10_000));
    site.assert_sound();
}

/// `-f` stamps the sender; without it the message is stored as it is.
#[test]
fn deliver_with_a_sender() {
    let server = Site::with_alice(&[]).serve(&[]);
    server.succeed(&["deliver", "-f", "sender@example.org", "alice"], PLAIN);
    server.succeed(&["deliver", "-f", "", "alice"], PLAIN);
    server.succeed(&["deliver", "alice"], PLAIN);
    let mut client = server.alice();
    assert_eq!(client.multi("RETR 1"), [b"Return-Path: <sender@example.org>\r\n", PLAIN].concat());
    assert_eq!(client.multi("RETR 2"), [b"Return-Path: <>\r\n", PLAIN].concat());
    assert_eq!(client.multi("RETR 3"), PLAIN);
    let injected = server.run(&["deliver", "-f", "a\r\nX-Injected: yes", "alice"], PLAIN);
    assert_ne!(injected.status.code(), Some(0), "{injected:?}");
}

#[test]
fn check_finds_what_is_wrong() {
    let site = Site::with_alice(&[PLAIN]);
    site.assert_sound();
    site.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut octets = std::fs::read(site.database()).unwrap();
    let middle = octets.len() / 2 / 4096 * 4096;
    octets[middle..middle + 8192].fill(0xA5);
    std::fs::write(site.database(), octets).unwrap();
    let output = site.run(&["check"], b"");
    assert!(!matches!(output.status.code(), Some(0) | None), "{output:?}");
    assert!(!output.stdout.is_empty() || !output.stderr.is_empty());
}

/// Faults that SQLite does not know: counters that lie, octets that are gone. One line each.
#[test]
fn check_finds_wrong_counters_and_missing_octets() {
    for fault in ["UPDATE usage SET messages = messages + 1", "UPDATE usage SET bytes = 1", "DELETE FROM chunk"] {
        let site = Site::with_alice(&[PLAIN, &of_size(600_000)]);
        site.sql(fault);
        let output = site.run(&["check"], b"");
        assert!(!matches!(output.status.code(), Some(0) | None), "{fault}: {output:?}");
        assert!(!output.stdout.is_empty(), "{fault}: nothing said what was wrong: {output:?}");
    }
}
