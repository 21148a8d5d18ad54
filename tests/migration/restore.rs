//! Backup, and the database anew from one.

use crate::support::messages::{DOTTED, PLAIN};
use crate::support::site::{feed, text};
use crate::support::{Server, Site};
use std::process::{Command, Stdio};

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
