//! The protocol log: what it shows, and where.

use crate::mailbox;
use crate::support::texts::SIGNING_OFF;
use crate::support::{Server, Site, eventually};
use std::path::{Path, PathBuf};

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// All that is in the directory beside the database.
fn text(site: &Site) -> String {
    let files = files(&site.path("pop3-logs"));
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

fn session(server: &Server) {
    server.alice().expect("QUIT", SIGNING_OFF);
}

/// A client that presses on after its AUTH was refused sends its password as a command.
#[test]
fn a_secret_out_of_turn_stands_in_no_line() {
    let server = mailbox(&[("ProtocolLogEnabled", "1")]);
    let mut client = server.connect();
    client.refuse("AUTH LOGIN");
    client.expect("YWxpY2U=", "-ERR Protocol error. There is no command YWxpY2U=.\r\n");
    client.refuse("AUTH aHVudGVyMi1zZWNyZXQ=");
    client.refuse("YWxpY2UAYWxpY2UAc2UgY3JldA== x");
    client.quit();
    let text = text(&server);
    assert!(["YWxp", "aHVu"].iter().all(|secret| !text.contains(secret)), "{text}");
    assert!(
        text.contains(",<,AUTH LOGIN,") && text.contains(",>,-ERR Protocol error. There is no command *****.,"),
        "{text}"
    );
}

#[test]
fn a_new_file_is_begun_before_one_is_too_large() {
    let server = mailbox(&[("ProtocolLogEnabled", "1"), ("LogPerFileSizeQuota", "2000")]);
    (0..20).for_each(|_| session(&server));
    let files = files(&server.path("pop3-logs"));
    let sizes: Vec<u64> = files.iter().map(|file| file.metadata().unwrap().len()).collect();
    assert!(sizes.len() > 5 && sizes.iter().all(|size| *size <= 2000), "{sizes:?}");
    assert_eq!(text(&server).lines().filter(|line| line.contains(",<,QUIT,")).count(), 20, "nothing is lost");
}

/// By whoever rotates logs; what is said afterwards stands in a file of the name that it should have.
#[test]
fn a_file_that_was_moved_or_removed_is_begun_anew() {
    let server = mailbox(&[("ProtocolLogEnabled", "1"), ("LogFileRollOverSettings", "Monthly")]);
    session(&server);
    let directory = server.path("pop3-logs");
    let file = files(&directory).remove(0);
    std::fs::rename(&file, server.path("rotated")).unwrap();
    eventually("a new file", || {
        session(&server);
        file.exists()
    });
    std::fs::remove_dir_all(&directory).unwrap();
    eventually("a new directory", || {
        session(&server);
        directory.exists()
    });
    assert!(text(&server).starts_with("#Software: "));
}

#[test]
fn a_directory_that_cannot_be_written_is_named_and_not_with_each_line() {
    let server = mailbox(&[("ProtocolLogEnabled", "1"), ("LogFileLocation", "/proc/nowhere")]);
    (0..3).for_each(|_| session(&server));
    let complaints = server.log().lines().filter(|line| line.contains("/proc/nowhere")).count();
    assert_eq!(complaints, 1, "{}", server.log());
}
