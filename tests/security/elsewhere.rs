//! What is in a mailbox is written into the database's own directory and nowhere else: not into the system's temporary files.
//! (SQLite's, which have no name, are looked for in a unit test.)

use crate::support::texts::OK;
use crate::support::{Server, Site, eventually};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Messages of alice, who deletes half of them with one statement.
const MESSAGES: usize = 4000;

/// Messages of bob, which go by age, a few at a time.
const OLD: usize = 500;

/// A site whose programs have this directory for temporary files; whoever makes a file there changes the directory's time.
fn site(directory: &Path) -> Arc<Site> {
    let directory = directory.as_os_str().to_owned();
    let environment = ["SQLITE_TMPDIR", "TMPDIR"].map(|name| (name, directory.clone()));
    let site = Site::found(tempfile::tempdir().unwrap(), environment.to_vec());
    site.succeed(&["init"], b"");
    ["alice", "bob"].iter().for_each(|user| site.add_user(user, "se cret"));
    site
}

/// Messages of 2,000 octets that are `age` seconds old.
fn fill(site: &Site, user: &str, messages: usize, age: u64) {
    let (then, body) =
        (format!("CAST(strftime('%s', 'now') AS INTEGER) - {age}"), "(SELECT next_body_id FROM counters)");
    let numbers = format!("WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {messages})");
    site.sql(&format!(
        "{numbers} INSERT INTO chunk (id, data)
           SELECT ({body} + i) * 4096, CAST('Subject: x' || char(13, 10, 13, 10) || hex(zeroblob(992)) || char(13, 10) AS BLOB) FROM n;
         {numbers} INSERT INTO message (mailbox_id, uid, body_id, size, flags, received_at, stored_at)
           SELECT m.id, 1 + i, {body} + i, 2000, 0, {then}, {then} FROM mailboxes m, n WHERE m.name = '{user}';
         UPDATE counters SET next_body_id = next_body_id + {messages}"
    ));
}

fn count(server: &Server, table: &str) -> usize {
    server.sql(&format!("SELECT count(*) FROM {table}")).trim().parse().unwrap()
}

#[test]
fn nothing_of_a_mailbox_is_written_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let site = site(directory.path());
    fill(&site, "alice", MESSAGES, 0);
    fill(&site, "bob", OLD, 8_640_000);
    // What the shell does is the administrator's.
    fs::File::open(directory.path()).unwrap().set_modified(long_ago).unwrap();
    let server = site.serve(&[("ReaperInterval", "1")]);
    let mut session = server.alice();
    // Every second one, so that no run of them is deleted as one.
    for number in (1..=MESSAGES).step_by(2) {
        session.expect(&format!("DELE {number}"), OK);
    }
    session.quit();
    server.sql("UPDATE settings SET value = '30' WHERE name = 'RetainUnreadDays'");
    eventually("deleted by age", || count(&server, "message") == MESSAGES / 2);
    server.sql("UPDATE settings SET value = '0' WHERE name = 'RetainDeletedItemsDays'");
    let bobs = "mailbox_id = (SELECT id FROM mailboxes WHERE name = 'bob')";
    server.sql(&format!("UPDATE deleted SET deleted_at = deleted_at - 90000 WHERE {bobs}"));
    eventually("purged", || count(&server, &format!("deleted WHERE {bobs}")) == 0);
    site.succeed(&["check"], b"");
    site.succeed(&["backup", site.path("copy.db").to_str().unwrap()], b"");
    assert_eq!(fs::metadata(directory.path()).unwrap().modified().unwrap(), long_ago, "a file was made elsewhere");
    site.assert_sound();
}
