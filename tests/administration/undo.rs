//! Deleted mail: brought back for a while, then gone from every file.

use crate::mailbox;
use crate::support::messages::{PLAIN, message, of_size};
use crate::support::texts::{OK, SIGNING_OFF};
use crate::support::{Site, eventually};

/// However it was deleted, one statement brings it back under its old unique-id.
#[test]
fn what_a_client_and_sql_deleted_comes_back() {
    let server = mailbox(&[]);
    server.deliver("alice", PLAIN);
    let ids = server.alice().unique_ids();
    let mut client = server.alice();
    client.expect("DELE 1", OK);
    client.expect("DELE 2", OK);
    client.expect("QUIT", SIGNING_OFF);
    server.sql(&format!("DELETE FROM messages WHERE mailbox = 'alice' AND uid = {}", ids[2]));
    assert_eq!(server.alice().stat(), (0, 0));
    assert_eq!(server.sql("SELECT bytes FROM mailbox_usage"), "0\n", "outside quota");
    server.deliver("alice", PLAIN);
    server.sql("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice'");
    let after = server.alice().unique_ids();
    assert_eq!((after.len(), &after[..3]), (4, &ids[..]));
    server.assert_sound();
}

/// With secure_delete and a log cut short, the place of purged mail is written over in both files; the file gets shorter.
#[test]
fn purged_mail_cannot_be_read_from_any_file() {
    let secret = "Purged-And-Never-To-Be-Read-Again";
    let site = Site::with_alice(&[&message("secret", secret), PLAIN]);
    (0..10).for_each(|_| site.deliver("alice", &of_size(1 << 20)));
    let server = site.serve(&[("ReaperInterval", "1")]);
    let mut client = server.alice();
    client.expect("DELE 1", OK);
    (3..=12).for_each(|number| client.expect(&format!("DELE {number}"), OK));
    client.expect("QUIT", SIGNING_OFF);
    assert!(site.files_hold(secret.as_bytes()), "it can still be brought back");
    let full = std::fs::metadata(site.database()).unwrap().len();
    site.set("RetainDeletedItemsDays", "0");
    assert_eq!(site.sql("SELECT count(*) FROM recoverable"), "0\n");
    // A RETR that has begun may go on for an hour; make it later than that.
    site.sql("UPDATE deleted SET deleted_at = deleted_at - 3601");
    eventually("the octets are gone", || !site.files_hold(secret.as_bytes()));
    eventually("the file is shorter", || std::fs::metadata(site.database()).unwrap().len() < full / 2);
    assert_eq!(server.alice().multi("RETR 1"), PLAIN);
    assert_eq!(site.sql("SELECT (SELECT count(*) FROM deleted) + (SELECT count(*) FROM purge)"), "0\n");
    site.assert_sound();
}
