//! Each step of writing a file fails once, for every command that writes one: nothing is lost, and what is said is true.

use super::support::Site;
use super::support::site::feed;
use super::{Stranger, text};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\ny\r\n";
/// What can fail.
const KINDS: [&str; 4] = ["sync", "rename", "link", "opendir"];
/// More steps of one kind than any command takes.
const MOST: usize = 100;

/// The library that lets one of them fail.
static LIBRARY: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let library = directory.path().join("failing.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/failing.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&library).args([source, "-ldl"]);
    let output = compiler.output().expect("cc must be installed");
    assert!(output.status.success(), "{}", text(&output.stderr));
    (directory, library)
});

/// Runs a command whose `at`-th step of a kind fails; nothing: it took fewer steps.
fn failing(site: &Site, arguments: &[&str], input: &[u8], kind: &str, at: usize) -> Option<Output> {
    let notes = tempfile::tempdir().unwrap();
    let note = notes.path().join("note");
    let mut command = site.command(arguments);
    command.env("LD_PRELOAD", &LIBRARY.1).env("FAIL_UNDER", site.database().parent().unwrap()).env("FAIL_NOTE", &note);
    let output = feed(command.env("FAIL_KIND", kind).env("FAIL_AT", at.to_string()), input);
    note.exists().then_some(output)
}

/// Has each step fail once, on a site made anew for it.
fn each_step(make: impl Fn() -> Arc<Site>, arguments: impl Fn(&Site) -> Vec<String>, judge: impl Fn(&Site, &Output)) {
    let mut steps = 0;
    for kind in KINDS {
        for at in 1..MOST {
            let site = make();
            let arguments = arguments(&site);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let Some(output) = failing(&site, &arguments, b"se cret\n", kind, at) else { break };
            let error = text(&output.stderr);
            println!("{arguments:?}, {kind} {at}: {:?} {error}", output.status.code());
            assert_eq!(error.lines().count(), usize::from(!output.status.success()), "{kind} {at}: {error}");
            judge(&site, &output);
            assert_eq!(left(&site, ".tmp"), [""; 0], "{kind} {at}");
            steps += 1;
        }
    }
    assert!(steps > 2, "{steps} steps failed");
}

fn left(site: &Site, part: &str) -> Vec<String> {
    let names = std::fs::read_dir(site.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).filter(|name| name.contains(part)).collect()
}

/// How many messages are in a database that is sound.
fn messages(database: &Path) -> usize {
    let site = Site::at(tempfile::tempdir().unwrap(), database.to_owned());
    site.assert_sound();
    site.sql("SELECT count(*) FROM messages").trim().parse().unwrap()
}

/// A database of two messages, and a backup of its first.
fn with_newer_mail() -> Arc<Site> {
    let site = Site::with_alice(&[MESSAGE]);
    site.succeed(&["backup", site.path("backup").to_str().unwrap()], b"");
    site.deliver("alice", MESSAGE);
    site
}

#[test]
fn restore_keeps_what_it_replaces() {
    let arguments = |site: &Site| vec!["restore".into(), site.path("backup").display().to_string()];
    each_step(with_newer_mail, arguments, |site, output| {
        let kept = site.path("mail.db.before-restore");
        let error = text(&output.stderr);
        match (messages(site.database()), output.status.success()) {
            (1, true) => assert_eq!(messages(&kept), 2),
            (1, false) => {
                assert_eq!(output.status.code(), Some(74), "{error}");
                assert!(error.contains("mail.db\"") && error.contains("mail.db.before-restore\""), "{error}");
                assert_eq!(messages(&kept), 2, "the newer mail is kept");
            }
            (2, false) => assert!(!kept.exists(), "nothing was replaced, so nothing needs to be kept: {error}"),
            other => panic!("{other:?}: {error}"),
        }
        assert_eq!(messages(&site.path("backup")), 1);
    });
}

#[test]
fn backup_leaves_a_whole_copy() {
    let arguments = |site: &Site| vec!["backup".into(), site.path("backup").display().to_string()];
    each_step(with_newer_mail, arguments, |site, output| {
        let copied = messages(&site.path("backup"));
        assert!(copied == 2 || (copied == 1 && !output.status.success()), "{copied} {}", text(&output.stderr));
        if copied == 2 && !output.status.success() {
            assert_eq!(output.status.code(), Some(74));
        }
        assert_eq!(messages(site.database()), 2);
    });
}

#[test]
fn a_key_file_is_whole_or_made_anew() {
    let make = || {
        let site = Site::with_alice(&[]);
        site.sql("UPDATE users SET ntlm = 1");
        site
    };
    each_step(
        make,
        |_| vec!["passwd".into(), "alice".into()],
        |site, _| {
            site.succeed(&["passwd", "alice"], b"se cret\n");
            let key = std::fs::read(site.path("mail.db.seal")).unwrap();
            assert_eq!(key.len(), 45, "32 octets in base64 and a line end");
            assert_eq!(left(site, ".seal"), ["mail.db.seal"]);
            site.assert_sound();
        },
    );
}

#[test]
fn export_says_when_it_is_not_whole() {
    let make = || Site::with_alice(&[MESSAGE, MESSAGE]);
    let arguments =
        |site: &Site| vec!["export".into(), "-u".into(), "alice".into(), site.path("out").display().to_string()];
    each_step(make, arguments, |site, output| {
        let whole = ["new", "cur"].iter().filter_map(|name| std::fs::read_dir(site.path("out").join(name)).ok());
        let files: Vec<_> = whole.flatten().map(|entry| entry.unwrap().path()).collect();
        assert!(files.iter().all(|file| std::fs::read(file).unwrap() == MESSAGE), "no half message has a name");
        let whole = files.len() == 2 && site.path("out/dovecot-uidlist").exists();
        assert_eq!(output.status.success() || text(&output.stderr).contains("power loss"), whole);
    });
}

/// A directory that may be written but not read cannot be synced: nothing is begun there.
#[test]
fn a_directory_that_cannot_be_read_is_refused_first() {
    let (site, stranger) = (with_newer_mail(), Stranger::new());
    let names = ["mail.db", "backup", "second"].map(|name| site.path(name).to_str().unwrap().to_owned());
    let [database, backup, second] = &names;
    std::fs::remove_dir_all(site.path("out")).ok();
    if super::support::privileged::is_root() {
        for path in [database, backup] {
            std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
        }
    }
    let mode = |mode| std::fs::set_permissions(site.path(""), std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o733);
    // Root could read it all the same.
    if !super::support::privileged::is_root() {
        mode(0o333);
    }
    for arguments in [["restore", "-d", database, backup], ["backup", "-d", database, second]] {
        let output = stranger.run(&arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(77), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    mode(0o700);
    assert_eq!((messages(site.database()), left(&site, "before")), (2, Vec::new()));
    assert!(!site.path("second").exists());
}
