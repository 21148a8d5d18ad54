//! Debian's Dovecot as a source over IMAP, after clients have used it over POP3 (over POP3 itself: tests/migration).

use crate::fake::import;
use crate::support::dovecot::{dovecot, lay_out};
use crate::support::messages::{DOTTED, PLAIN, message};
use crate::support::{Client, Site};

/// Unique-ids as POP3 clients of the old server know them.
pub fn known(port: u16) -> Vec<String> {
    let mut client = Client::plain(([127, 0, 0, 1], port).into());
    assert!(client.line().starts_with("+OK"));
    client.expect_start("USER alice", "+OK");
    client.expect_start("PASS secret", "+OK");
    let ids = client.unique_ids();
    client.expect_start("QUIT", "+OK");
    ids
}

#[test]
fn over_imap_with_every_folder() {
    let site = Site::with_alice(&[]);
    let folder = site.path("dovecot");
    lay_out(&site, &folder);
    let put = |place: &str, name: &str, text: &[u8]| {
        let text: Vec<u8> = text.iter().copied().filter(|octet| *octet != b'\r').collect();
        let path = folder.join("Maildir").join(place);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join(name), text).unwrap();
    };
    put("new", "1700000001.M1.host", PLAIN);
    put("cur", "1700000002.M2.host:2,S", DOTTED);
    put("cur", "1700000003.M3.host:2,ST", PLAIN);
    put("cur", "1700000004.M4.host:2,", &message("8-bit \u{e4}", &"a line\r\n".repeat(20_000)));
    put(".Entw&APw-rfe.2024/cur", "1700000005.M5.host:2,", PLAIN);
    for place in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(folder.join("Maildir/.Entw&APw-rfe.2024").join(place)).unwrap();
    }
    let (uid, gid) = crate::support::dovecot::owner();
    let owner = format!("{uid}:{gid}");
    assert!(
        std::process::Command::new("chown")
            .args(["-R", &owner])
            .arg(folder.join("Maildir"))
            .status()
            .unwrap()
            .success()
    );
    let (_server, ports) = dovecot(&folder, "");
    let saved = known(ports.pop3);
    assert_eq!(saved.len(), 4);

    let url = format!("imap://alice@127.0.0.1:{}", ports.imap);
    let same = "both sides are the same\n";
    let (code, said, error) = import(&site, &url, &[]);
    let left_out = ", 1 left out as deleted\n";
    assert_eq!((code, said), (0, format!("3 imported, 0 there already, 0 refused{left_out}{same}")), "{error}");
    let (code, said, error) = import(&site, &url, &[]);
    assert_eq!((code, said), (0, format!("0 imported, 3 there already, 0 refused{left_out}{same}")), "{error}");
    // POP3 shows what is marked as deleted, too.
    let ids = site.serve(&[]).alice().unique_ids();
    assert_eq!(ids, [&*saved[0], &saved[1], &saved[3]]);
    assert_eq!(site.sql("SELECT read FROM messages WHERE mailbox = 'alice' ORDER BY uid"), "0\n1\n0\n");

    // A folder of another name, which a maildir separates by dots; nothing there was marked as read.
    site.add_user("bob", "se cret");
    let output = site.run(&["import", "-u", "bob", &format!("{url}/Entw%C3%BCrfe.2024")], b"secret\n");
    assert_eq!(output.status.code(), Some(0), "{}", crate::support::site::text(&output.stderr));
    let files = std::fs::read_dir(folder.join("Maildir/cur"))
        .unwrap()
        .chain(std::fs::read_dir(folder.join("Maildir/new")).unwrap());
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names[0].ends_with(".M1.host") || names[0].ends_with(":2,"), "{names:?}");
    assert!(names[3].ends_with(":2,"), "{names:?}");
    // What is taken with the rest comes in the order that the clients know.
    site.add_user("carol", "se cret");
    site.run(&["import", "-u", "carol", "--with-deleted", &url], b"secret\n");
    assert_eq!(site.serve(&[]).session("carol", "se cret").unique_ids(), saved);
    site.assert_sound();
}
