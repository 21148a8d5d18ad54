//! Unix sockets.

use crate::support::messages::PLAIN;
use crate::support::{Lmtp, Server, Site};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[test]
fn a_unix_socket_has_the_mode_and_group_that_are_set() {
    let site = Site::with_alice(&[]);
    let path = site.path("lmtp");
    let name = path.to_str().unwrap();
    let group = nix::unistd::Group::from_gid(nix::unistd::getgid()).unwrap().unwrap().name;
    site.set("LmtpSocketGroup", &group);
    site.set("LmtpSocketMode", "0620");
    let server = Server::start_with(&site, &["serve", "-m", name]);
    assert_eq!(server.listeners(), [("lmtp".to_owned(), name.to_owned())]);
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!((metadata.permissions().mode() & 0o777, metadata.gid()), (0o620, nix::unistd::getgid().as_raw()));
    let mut lmtp = Lmtp::unix(&path).greeted();
    assert!(lmtp.deliver("alice", PLAIN).starts_with("250 "));
    assert_eq!(site.sql("SELECT count(*) FROM messages"), "1\n");
    // Another server leaves it alone.
    let error = site.fail(&["serve", "-m", name], b"", 69);
    assert!(error.contains("another server listens there"), "{error}");
    assert!(server.terminate().success());
    assert!(!path.exists());
}

#[test]
fn what_a_killed_server_left_is_replaced_and_nothing_else() {
    let site = Site::with_alice(&[]);
    let path = site.path("lmtp");
    let name = path.to_str().unwrap();
    Server::start_with(&site, &["serve", "-m", name]).kill();
    assert!(path.exists());
    let server = Server::start_with(&site, &["serve", "-m", name]);
    assert!(Lmtp::unix(&path).greeted().deliver("alice", PLAIN).starts_with("250 "));
    drop(server);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "a file").unwrap();
    site.fail(&["serve", "-m", name], b"", 69);
    assert_eq!(std::fs::read(&path).unwrap(), b"a file");
}
