//! `pillarbox init`.

use super::support::Site;
use super::{Stranger, bare, text};
use std::os::unix::fs::PermissionsExt;

#[test]
fn makes_a_private_database_and_again_changes_nothing() {
    let site = Site::with_alice(&[b"Subject: x\r\n\r\ny\r\n"]);
    let mode = std::fs::metadata(site.database()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(site.succeed(&["init"], b""), "");
    assert_eq!(site.sql("SELECT count(*) FROM messages").trim(), "1");
}

#[test]
fn refuses_a_file_that_is_something_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letter.txt");
    std::fs::write(&path, "Dear Alice, this is no database at all.".repeat(200)).unwrap();
    for command in ["init", "check", "serve"] {
        let output = bare(&[command, "-d", path.to_str().unwrap()]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{command}: {error}");
        assert!(error.matches("letter.txt").count() == 1 && error.lines().count() == 1, "{error:?}");
    }
    assert!(std::fs::read(&path).unwrap().starts_with(b"Dear Alice"));
}

#[test]
fn says_where_it_cannot_make_one() {
    let directory = tempfile::tempdir().unwrap();
    let there = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    for path in [there("no/mail.db"), there("")] {
        let output = bare(&["init", "-d", &path]);
        assert_eq!(output.status.code(), Some(73), "{path}: {}", text(&output.stderr));
    }
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let output = Stranger::new().run(&["init", "-d", &there("mail.db")]);
    assert_eq!(output.status.code(), Some(77), "{}", text(&output.stderr));
}
