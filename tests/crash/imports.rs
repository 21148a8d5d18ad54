//! SIGKILL in the middle of imports: what is in the mailbox then is the beginning of the list, and another run makes it
//! whole, with the numbers that an undisturbed one gives.

use crate::support::Site;
use crate::support::messages::message;
use crate::support::random::Random;
use crate::support::sync::SyncFault;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

const MESSAGES: usize = 1500;

/// A Maildir. Every 300th message is stored alone, and every second one has a unique-id of its own.
fn maildir(site: &Site) -> PathBuf {
    let (folder, mut list) = (site.path("Maildir"), "3 V1 N5000 Gx\n".to_owned());
    fs::create_dir_all(folder.join("cur")).unwrap();
    for number in 0..MESSAGES {
        let text = message(&format!("{number}"), &"text\r\n".repeat(if number % 300 == 0 { 50_000 } else { 20 }));
        let name = format!("{}.x", 1_700_000_000 + number);
        fs::write(folder.join("cur").join(&name), text).unwrap();
        let noted = if number % 2 == 0 { format!(" Pid{number}") } else { String::new() };
        list += &format!("{}{noted} :{name}\n", number + 1);
    }
    fs::write(folder.join("dovecot-uidlist"), list).unwrap();
    folder
}

/// Sizes and what UIDL shows, in order, of `user`.
fn mailbox(site: &Site, user: &str) -> Vec<String> {
    let rows =
        site.sql(&format!("SELECT size, coalesce(unique_id, uid) FROM messages WHERE mailbox = '{user}' ORDER BY uid"));
    rows.lines().map(str::to_owned).collect()
}

#[test]
fn an_import_killed_at_20_points() {
    let mut random = Random::announced("an_import_killed_at_20_points");
    let site = Site::with_alice(&[]);
    let folder = maildir(&site);
    let path = folder.to_str().unwrap();
    site.add_user("bob", "se cret");
    let start = Instant::now();
    site.succeed(&["import", "-u", "bob", path], b"");
    let (usual, whole) = (start.elapsed(), mailbox(&site, "bob"));
    assert_eq!(whole.len(), MESSAGES);
    for _ in 0..20 {
        let mut child = site.command(&["import", "-u", "alice", path]).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(random.below(usual.as_micros() as u64 / 3)));
        let _ = child.kill();
        child.wait().unwrap();
        let found = mailbox(&site, "alice");
        assert_eq!(found, whole[..found.len()], "the beginning of the list");
    }
    site.succeed(&["import", "-u", "alice", path], b"");
    assert_eq!(mailbox(&site, "alice"), whole);
    site.assert_sound();
}

/// A disk that fails in the middle: what the import counts is there, and only that.
#[test]
fn what_is_counted_is_on_the_disk() {
    let site = Site::with_alice(&[]);
    let folder = maildir(&site);
    let fault = SyncFault::new();
    let arguments = ["import", "-u", "alice", folder.to_str().unwrap()];
    fault.slow(20);
    let child = fault.preload(site.command(&arguments)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while mailbox(&site, "alice").len() < 100 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    fault.fail("-wal");
    let output = child.wait_with_output().unwrap();
    fault.end();
    let said = String::from_utf8(output.stdout).unwrap();
    let counted: usize = said.split(' ').next().unwrap().parse().unwrap();
    let found = mailbox(&site, "alice").len();
    assert!(!output.status.success() && counted < MESSAGES && counted <= found, "{counted} counted, {found} found");
    site.succeed(&arguments, b"");
    assert_eq!(mailbox(&site, "alice").len(), MESSAGES);
    site.assert_sound();
}
