//! `pillarbox backup`.

use super::support::{Server, Site};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::sync::Arc;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\ny\r\n";

fn path(site: &Site, name: &str) -> String {
    site.path(name).to_str().unwrap().to_owned()
}

/// Whatever begins with `prefix` in the site's folder.
fn names(site: &Site, prefix: &str) -> Vec<String> {
    let folder = std::fs::read_dir(site.database().parent().unwrap()).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
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
