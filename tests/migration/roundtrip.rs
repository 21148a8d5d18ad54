//! Export, and import of what was exported.

use crate::support::messages::{DOTTED, PLAIN, of_size};
use crate::support::{Server, Site};

/// Unique-id and octets of each message.
fn mailbox(server: &Server, user: &str) -> Vec<(String, Vec<u8>)> {
    let mut client = server.session(user, "se cret");
    let ids = client.unique_ids();
    let read = |(at, id): (usize, String)| (id, client.multi(&format!("RETR {}", at + 1)));
    ids.into_iter().enumerate().map(read).collect()
}

#[test]
fn export_and_import_give_the_same_mailbox() {
    let big = of_size(600_000);
    let site = Site::with_alice(&[PLAIN, DOTTED, b"", &big]);
    std::fs::write(site.path("mbox"), "From a Mon Nov 23 12:00:00 2026\nX-UIDL: P:odd,S=1|id\n\n8-bit \u{e4}\n")
        .unwrap();
    site.succeed(&["import", "-u", "alice", site.path("mbox").to_str().unwrap()], b"");
    site.sql("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 2");
    site.sql("UPDATE messages SET read = 1 WHERE mailbox = 'alice' AND uid = 3");
    site.add_user("bob", "se cret");
    let folder = site.path("export");
    let folder = folder.to_str().unwrap();
    assert_eq!(site.succeed(&["export", "-u", "alice", folder], b""), "4 exported\n");
    assert_eq!(site.succeed(&["import", "-u", "bob", folder], b""), "4 imported, 0 there already, 0 refused\n");
    let columns = "received_at, size, read";
    let rows = |user: &str| site.sql(&format!("SELECT {columns} FROM messages WHERE mailbox = '{user}' ORDER BY uid"));
    assert_eq!(rows("alice"), rows("bob"));
    let server = site.serve(&[]);
    let (alice, bob) = (mailbox(&server, "alice"), mailbox(&server, "bob"));
    assert!(alice == bob, "{:?} {:?}", alice.len(), bob.len());
    assert_eq!(alice.len(), 4);
    // Bob's own numbers do not meet those he took over.
    server.deliver("bob", PLAIN);
    let ids = server.session("bob", "se cret").unique_ids();
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 5, "{ids:?}");
    // Into the same mailbox nothing comes twice.
    assert_eq!(site.succeed(&["import", "-u", "alice", folder], b""), "0 imported, 4 there already, 0 refused\n");
    site.assert_sound();
}

/// Beside the octets, which stay as they are; a Return-Path in them says nothing of ours.
#[test]
fn senders_move_too() {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "se cret");
    for sender in ["", "carol@c.example", "\"a b\"@c.example", "100%41@c.example"] {
        let message = b"Return-Path: <evil@e.example>\r\nSubject: x\r\n\r\n";
        site.succeed(&["deliver", "-f", sender, "alice"], message);
    }
    let folder = site.path("export");
    site.succeed(&["export", "-u", "alice", folder.to_str().unwrap()], b"");
    site.succeed(&["import", "-u", "bob", folder.to_str().unwrap()], b"");
    let rows =
        |user: &str| site.sql(&format!("SELECT sender, size FROM messages WHERE mailbox = '{user}' ORDER BY uid"));
    assert_eq!(rows("alice"), rows("bob"));
    // As it is meant, which is what LMTP keeps, too.
    assert!(rows("bob").contains("\na b@c.example|"), "{}", rows("bob"));
}

#[test]
fn what_is_exported_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::with_alice(&[PLAIN, DOTTED]);
    site.sql("UPDATE messages SET read = 1 WHERE uid = 1");
    let folder = site.path("a/b");
    site.succeed(&["export", "-u", "alice", folder.to_str().unwrap()], b"");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (mut folders, mut files) = (vec![folder], 0);
    while let Some(next) = folders.pop() {
        assert_eq!(mode(&next), 0o700, "{next:?}");
        for path in std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                assert_eq!(mode(&path), 0o600, "{path:?}");
            }
        }
    }
    assert_eq!(files, 3);
}

#[test]
fn what_cannot_be_exported() {
    let site = Site::with_alice(&[PLAIN]);
    std::fs::create_dir(site.path("full")).unwrap();
    std::fs::write(site.path("full/x"), "").unwrap();
    site.fail(&["export", "-u", "alice", site.path("full").to_str().unwrap()], b"", 73);
    site.fail(&["export", "-u", "carol", site.path("new").to_str().unwrap()], b"", 67);
    site.fail(&["export", "-u", "alice", "/proc/no"], b"", 73);
    site.fail(&["export", "-u", "alice"], b"", 64);
}
