//! The database is removed or replaced under a running server: what is written then lies in a file that no
//! longer has a name, so nothing may be acknowledged, and the server ends.

use crate::support::messages::{DOTTED, PLAIN};
use crate::support::texts::OK;
use crate::support::{Server, Site};
use std::fs;
use std::path::PathBuf;

/// The database's files: itself, its log and the log's index.
fn files(site: &Site) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|ending| format!("{}{ending}", site.database().display()).into())
}

fn remove(site: &Site) {
    files(site).iter().for_each(|file| fs::remove_file(file).unwrap());
}

/// Exit 74 (EX_IOERR), and the log names the file.
fn assert_ends(server: &mut Server) {
    assert_eq!(server.wait().code(), Some(74), "{}", server.log());
    let (log, name) = (server.log(), server.database().display().to_string());
    assert_eq!(log.lines().filter(|line| line.contains(" ERROR ") && line.contains(&name)).count(), 1, "{log}");
}

#[test]
fn nothing_is_acknowledged_once_the_database_was_removed() {
    let mut server = Site::with_alice(&[PLAIN, DOTTED]).serve(&[]);
    let (mut session, mut lmtp) = (server.alice(), server.lmtp());
    session.expect("DELE 1", OK);
    lmtp.begin("bob@client.example", &["alice"]);
    remove(&server);
    lmtp.send("Subject: x\r\n\r\ny\r\n.\r\n");
    let answer = lmtp.try_reply();
    assert!(!answer.as_deref().is_some_and(|answer| answer.starts_with('2')), "{answer:?}");
    if session.try_send(b"QUIT\r\n") {
        let answer = String::from_utf8(session.rest()).unwrap();
        assert!(!answer.starts_with("+OK"), "{answer}");
    }
    assert_ends(&mut server);
}

#[test]
fn the_server_ends_when_the_database_was_moved_away() {
    let mut server = Site::with_alice(&[PLAIN]).serve(&[]);
    fs::rename(server.database(), server.path("elsewhere.db")).unwrap();
    assert_ends(&mut server);
}

/// The new one is left alone: its log is not cut, and a new server serves it.
#[test]
fn the_server_ends_when_another_database_took_its_place() {
    let site = Site::with_alice(&[PLAIN, DOTTED]);
    let mut server = site.serve(&[]);
    remove(&site);
    site.succeed(&["init"], b"");
    site.add_user("alice", "se cret");
    assert_ends(&mut server);
    site.deliver("alice", PLAIN);
    site.assert_sound();
    assert_eq!(site.serve(&[]).alice().stat().0, 1);
}

/// What the log holds is not in the database yet, and others would start a new one.
#[test]
fn the_server_ends_when_the_log_of_the_database_was_removed() {
    let mut server = Site::with_alice(&[PLAIN]).serve(&[]);
    fs::remove_file(&files(&server)[1]).unwrap();
    assert_ends(&mut server);
    server.assert_sound();
}
