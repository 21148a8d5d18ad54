//! A mailbox moves away from Debian's Dovecot, over POP3 and as files.

use crate::support::dovecot::{dovecot, lay_out, owner};
use crate::support::messages::{DOTTED, PLAIN, message, unstuffed};
use crate::support::{Client, Site};

/// Unique-ids and messages as Dovecot shows them.
pub fn shown(port: u16) -> (Vec<String>, Vec<Vec<u8>>) {
    let mut client = Client::plain(([127, 0, 0, 1], port).into());
    assert!(client.line().starts_with("+OK"));
    client.expect_start("USER alice", "+OK");
    client.expect_start("PASS secret", "+OK");
    let ids = client.unique_ids();
    let read = |at: usize| {
        client.expect_start(&format!("RETR {}", at + 1), "+OK");
        unstuffed(&client.stuffed_body())
    };
    let messages = (0..ids.len()).map(read).collect();
    client.expect_start("QUIT", "+OK");
    (ids, messages)
}

/// Its clients find the unique-ids that they know.
#[test]
fn an_exported_mailbox_in_debians_dovecot() {
    let site = Site::with_alice(&[PLAIN, DOTTED]);
    std::fs::write(site.path("mbox"), "From a Mon Nov 23 12:00:00 2026\nX-UIDL: P:odd|id\n\nx\n").unwrap();
    site.succeed(&["import", "-u", "alice", site.path("mbox").to_str().unwrap()], b"");
    site.succeed(&["deliver", "-f", "\"a b\"@c.example", "alice"], PLAIN);
    let folder = site.path("dovecot");
    std::fs::create_dir_all(&folder).unwrap();
    let maildir = folder.join("Maildir");
    site.succeed(&["export", "-u", "alice", maildir.to_str().unwrap()], b"");
    lay_out(&site, &folder);
    let (uid, gid) = owner();
    let status = std::process::Command::new("chown").arg("-R").arg(format!("{uid}:{gid}")).arg(&maildir).status();
    assert!(status.unwrap().success());
    let (_server, ports) = dovecot(&folder, "");
    let (ids, messages) = shown(ports.pop3);
    assert_eq!((ids.len(), &*ids[0], &*ids[1], &*ids[2]), (4, "1", "2", "P:odd|id"), "{ids:?}");
    assert!(messages[1].ends_with(DOTTED));
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    assert!(!log.contains("uidlist"), "{log}");
}

#[test]
fn a_mailbox_of_debians_dovecot() {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "se cret");
    let folder = site.path("dovecot");
    lay_out(&site, &folder);
    let put = |number: u64, text: &[u8]| {
        let text: Vec<u8> = text.iter().copied().filter(|octet| *octet != b'\r').collect();
        std::fs::write(folder.join(format!("Maildir/new/{}.M{number}.host", 1_700_000_000 + number)), text).unwrap();
    };
    put(1, PLAIN);
    put(3, DOTTED);
    put(2, &message("8-bit \u{e4}", &"a line\r\n".repeat(20_000)));
    let (server, ports) = dovecot(&folder, "");
    let port = ports.pop3;
    let (first, _) = shown(port);
    put(0, &message("late", "it has the oldest name, but came last"));
    let (saved, messages) = shown(port);
    assert_eq!((first.len(), saved.len()), (3, 4));
    assert_eq!(saved[..3], first);

    // Over POP3.
    let url = format!("pop3://alice@127.0.0.1:{port}");
    let said = site.succeed(&["import", "-u", "alice", &url], b"secret\n");
    assert_eq!(said, "4 imported, 0 there already, 0 refused\nboth sides are the same\n");
    let said = site.succeed(&["import", "-u", "alice", &url], b"secret\n");
    assert_eq!(said, "0 imported, 4 there already, 0 refused\nboth sides are the same\n");
    // As files.
    drop(server);
    let maildir = folder.join("Maildir");
    site.succeed(&["import", "-u", "bob", maildir.to_str().unwrap()], b"");

    let server = site.serve(&[]);
    for user in ["alice", "bob"] {
        let mut client = server.session(user, "se cret");
        // A client downloads what is not in the list it saved: nothing.
        assert_eq!(client.unique_ids(), saved, "{user}");
        for (at, message) in messages.iter().enumerate() {
            assert!(client.multi(&format!("RETR {}", at + 1)) == *message, "{user}'s message {}", at + 1);
        }
        client.quit();
        server.deliver(user, PLAIN);
        let now = server.session(user, "se cret").unique_ids();
        assert!(now[..4] == saved && !saved.contains(&now[4]), "{now:?}");
    }
    site.assert_sound();
}
