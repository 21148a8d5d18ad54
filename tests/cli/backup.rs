//! `pillarbox backup`.

use super::support::site::leave_log;
use super::support::{Server, Site};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::sync::Arc;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\ny\r\n";

fn path(site: &Site, name: &str) -> String {
    site.path(name).to_str().unwrap().to_owned()
}

/// Whatever begins with `prefix` in the site's directory.
fn names(site: &Site, prefix: &str) -> Vec<String> {
    let directory = std::fs::read_dir(site.database().parent().unwrap()).unwrap();
    let names = directory.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(prefix)).collect()
}

#[test]
fn the_copy_is_a_database_that_can_be_served() {
    let site = Site::with_alice(&[MESSAGE]);
    let server = site.serve(&[]);
    let copy = path(&site, "copy.db");
    assert_eq!(site.succeed(&["backup", &copy], b""), "");
    drop(server);
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&site, "copy"), ["copy.db"]);
    assert_eq!(names(&site, ".copy"), [""; 0], "nothing unfinished stays");
    let restored = Site::at(tempfile::tempdir().unwrap(), copy.into());
    restored.assert_sound();
    assert_eq!(restored.sql("PRAGMA journal_mode").trim(), "wal");
    let server = Server::start(&restored, &[("LoginType", "PlainTextLogin")]);
    let mut client = server.connect();
    client.log_in("alice", "se cret");
    assert_eq!(client.stat(), (1, 4096));
}

#[test]
fn an_older_copy_is_replaced() {
    let site = Site::with_alice(&[MESSAGE]);
    let copy = path(&site, "copy.db");
    site.succeed(&["backup", &copy], b"");
    site.deliver("alice", MESSAGE);
    site.succeed(&["backup", &copy], b"");
    let restored = Site::at(tempfile::tempdir().unwrap(), copy.into());
    assert_eq!(restored.sql("SELECT count(*) FROM messages").trim(), "2");
}

#[test]
fn what_cannot_be_written_is_said_and_harms_nothing() {
    let site: Arc<Site> = Site::with_alice(&[MESSAGE]);
    let itself = site.database().to_str().unwrap().to_owned();
    assert!(site.fail(&["backup", &itself], b"", 64).contains("itself"));
    assert!(site.fail(&["backup", &path(&site, "no/copy.db")], b"", 73).contains("no/copy.db"));
    site.fail(&["backup", &path(&site, "")], b"", 73);
    site.assert_sound();
}

/// A copy takes the place of an older file, but not of a device, a pipe or a socket.
#[test]
fn what_is_no_regular_file_stays() {
    let site: Arc<Site> = Site::with_alice(&[MESSAGE]);
    let (socket, link) = (path(&site, "socket"), path(&site, "link"));
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::os::unix::fs::symlink(&socket, &link).unwrap();
    for target in [&socket, &link] {
        assert!(site.fail(&["backup", target], b"", 73).contains(target.as_str()));
        assert!(std::fs::metadata(target).unwrap().file_type().is_socket(), "{target} was replaced");
    }
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn links_lead_to_the_copy_and_stay() {
    let site = Site::with_alice(&[MESSAGE]);
    std::fs::create_dir(site.path("real")).unwrap();
    std::os::unix::fs::symlink("real", site.path("directory")).unwrap();
    std::os::unix::fs::symlink("real/copy.db", site.path("link.db")).unwrap();
    for target in ["directory/copy.db", "link.db"] {
        // The link leads nowhere the first time.
        let _ = std::fs::remove_file(site.path("real/copy.db"));
        for _ in 0..2 {
            site.succeed(&["backup", &path(&site, target)], b"");
            assert!(std::fs::symlink_metadata(site.path("real/copy.db")).unwrap().is_file(), "{target}");
        }
    }
    assert!(std::fs::symlink_metadata(site.path("link.db")).unwrap().is_symlink());
}

#[test]
fn the_database_of_another_server_is_not_replaced_while_it_runs() {
    let (site, other) = (Site::with_alice(&[MESSAGE]), Site::with_alice(&[]));
    let server = other.serve(&[]);
    let target = other.database().to_str().unwrap();
    assert!(site.fail(&["backup", target], b"", 75).contains("in use"));
    assert_eq!(server.alice().stat().0, 0);
    drop(server);
    other.assert_sound();
}

/// SQLite would take it for a part of the new file.
#[test]
fn the_log_of_an_older_copy_does_not_reach_the_new_one() {
    let site = Site::with_alice(&[MESSAGE]);
    let copy = path(&site, "copy.db");
    site.succeed(&["backup", &copy], b"");
    leave_log(&site.path("copy.db"), "UPDATE settings SET value = 'of the older copy' WHERE name = 'Banner'");
    site.succeed(&["backup", &copy], b"");
    assert_eq!(names(&site, "copy"), ["copy.db"]);
    leave_log(&site.path("copy.db"), "UPDATE settings SET value = 'of the older copy' WHERE name = 'Banner'");
    std::fs::remove_file(&copy).unwrap();
    assert!(site.fail(&["backup", &copy], b"", 73).contains("copy.db-wal"));
    assert!(!site.path("copy.db").exists());
}

/// They are as large as the database, and there may be one a night.
#[test]
fn what_killed_runs_have_left_is_removed() {
    let site = Site::with_alice(&[MESSAGE]);
    // No process has the one number; the other one lives.
    let (dead, alive) = (i32::MAX, std::process::id());
    let left = [format!(".copy.db.{dead}.tmp"), format!(".copy.db.{dead}.tmp-journal")];
    let others = [format!(".copy.db.{alive}.tmp"), format!(".copy.db2.{dead}.tmp"), format!(".copy.db.{dead}.txt")];
    for name in left.iter().chain(&others) {
        std::fs::write(site.path(name), "half a copy").unwrap();
    }
    site.succeed(&["backup", &path(&site, "copy.db")], b"");
    for name in left {
        assert!(!site.path(&name).exists(), "{name}");
    }
    for name in others {
        assert!(site.path(&name).exists(), "{name} is none of its own");
    }
}
