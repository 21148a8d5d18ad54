//! Import from files.

use crate::support::messages::PLAIN;
use crate::support::site::text;
use crate::support::texts::OK;
use crate::support::{Server, Site};
use nix::pty::{OpenptyResult, openpty};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

fn write(path: &Path, text: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn import(site: &Site, path: &Path) -> String {
    site.succeed(&["import", "-u", "alice", path.to_str().unwrap()], b"")
}

fn uidl(server: &Server) -> Vec<String> {
    server.alice().unique_ids()
}

const MBOX: &[u8] = b"From bob@b.example Mon Nov 23 12:00:00 2026\nX-UIDL: first!id\nStatus: RO\n\nOne\n>From here\n\n\
From carol@c.example Tue Nov 24 12:00:00 2026\nSubject: two\n\nTwo\n\n";

#[test]
fn an_mbox_twice() {
    let site = Site::with_alice(&[]);
    let path = site.path("mbox");
    write(&path, MBOX);
    assert_eq!(import(&site, &path), "2 imported, 0 there already, 0 refused\n");
    assert_eq!(
        site.sql("SELECT received_at, sender, read FROM messages"),
        "2026-11-23T12:00:00Z|bob@b.example|1\n2026-11-24T12:00:00Z|carol@c.example|0\n"
    );
    let server = site.serve(&[("EnableExactRFC822Size", "1")]);
    assert_eq!(uidl(&server), ["first!id", "2"]);
    let mut client = server.alice();
    assert_eq!(client.multi("RETR 1"), b"X-UIDL: first!id\r\nStatus: RO\r\n\r\nOne\r\nFrom here\r\n");
    assert_eq!(client.multi("RETR 2"), b"Subject: two\r\n\r\nTwo\r\n");
    // What has no unique-id is known again by its octets.
    assert_eq!(import(&site, &path), "0 imported, 2 there already, 0 refused\n");
    site.assert_sound();
}

#[test]
fn given_ids_and_where_numbers_go_on() {
    let site = Site::with_alice(&[]);
    write(&site.path("mbox"), MBOX);
    write(&site.path("ids"), b"+OK\r\n1 41\r\n2 AA.bb\r\n.\r\n");
    let (mbox, ids) = (site.path("mbox"), site.path("ids"));
    let arguments = ["import", "-u", "alice", "--uidl", ids.to_str().unwrap(), mbox.to_str().unwrap()];
    let dry = [&arguments[..], &["--dry-run"]].concat();
    assert_eq!(site.succeed(&dry, b""), "2 would be imported, 0 there already, 0 refused\n");
    assert_eq!(site.sql("SELECT count(*) FROM messages"), "0\n");
    site.succeed(&arguments, b"");
    site.deliver("alice", PLAIN);
    let server = site.serve(&[]);
    let ids = uidl(&server);
    assert_eq!(ids[..2], ["41", "AA.bb"]);
    assert!(ids[2].parse::<u64>().unwrap() > 41, "{ids:?}");
    site.assert_sound();
}

/// 65, and nothing that is there changes.
#[test]
fn an_id_of_another_message() {
    let site = Site::with_alice(&[PLAIN]);
    write(&site.path("mbox"), MBOX);
    write(&site.path("ids"), b"1\nother\n");
    let (mbox, ids) = (site.path("mbox"), site.path("ids"));
    let arguments = ["import", "-u", "alice", "--uidl", ids.to_str().unwrap(), mbox.to_str().unwrap()];
    let error = site.fail(&arguments, b"", 65);
    assert!(error.contains("unique-id \"1\" was given to another message"), "{error}");
    let server = site.serve(&[]);
    assert_eq!(uidl(&server)[0], "1");
    assert_eq!(server.alice().multi("RETR 1"), PLAIN);
    // Nor when the message that had it is gone.
    let mut client = server.alice();
    client.expect("DELE 1", OK);
    client.quit();
    site.fail(&arguments, b"", 65);
    assert_eq!(uidl(&server), ["other"]);
    site.assert_sound();
}

#[test]
fn maildirs_of_dovecot_and_courier() {
    let site: Arc<Site> = Site::with_alice(&[]);
    site.add_user("bob", "se cret");
    let dovecot = site.path("dovecot");
    write(&dovecot.join("cur/1700000002.x:2,S"), b"Subject: second\n\n");
    write(&dovecot.join("new/1700000009.y"), b"Subject: first\n\n");
    write(&dovecot.join("dovecot-uidlist"), b"3 V1275660208 N9 Gx\n5 :1700000009.y\n6 S9 :1700000002.x:2,\n");
    let courier = site.path("courier");
    write(&courier.join("cur/1700000002.x:2,"), b"Subject: second\n\n");
    write(&courier.join("cur/1700000001.y:2,S"), b"Subject: first\n\n");
    write(&courier.join("courierpop3dsizelist"), b"/3 9 77\n1700000002.x:2, 20 3:77:0\n1700000001.y 19 8:77:0\n");
    import(&site, &dovecot);
    site.succeed(&["import", "-u", "bob", courier.to_str().unwrap()], b"");
    let server = site.serve(&[]);
    assert_eq!(uidl(&server), ["000000054c0907b0", "000000064c0907b0"]);
    let mut bob = server.session("bob", "se cret");
    assert_eq!(bob.unique_ids(), ["UID8-77", "UID3-77"]);
    assert_eq!(bob.multi("RETR 1"), b"Subject: first\r\n\r\n");
    assert_eq!(import(&site, &dovecot), "0 imported, 2 there already, 0 refused\n");
    site.assert_sound();
}

#[test]
fn eml_files_and_what_cannot_be_imported() {
    let site = Site::with_alice(&[]);
    let folder = site.path("mails");
    write(&folder.join("b.eml"), b"Date: Mon, 23 Nov 2026 12:00:00 +0000\nReturn-Path: <x@y>\n\nb");
    write(&folder.join("a.eml"), b"Subject: a\r\n\r\n\xe4");
    import(&site, &folder);
    assert_eq!(import(&site, &folder.join("b.eml")), "0 imported, 1 there already, 0 refused\n");
    let server = site.serve(&[]);
    let mut client = server.alice();
    assert_eq!(client.stat().0, 2);
    assert_eq!(client.multi("RETR 1"), b"Subject: a\r\n\r\n\xe4\r\n");
    assert_eq!(site.sql("SELECT received_at, sender FROM messages WHERE uid = 2"), "2026-11-23T12:00:00Z|x@y\n");
    let no_id = site.path("no-id");
    write(&no_id, b"one\n");
    for (arguments, code) in [
        (vec!["import", "-u", "alice", "/nonexistent"], 66),
        // Below what is no directory.
        (vec!["import", "-u", "alice", "/etc/passwd/mbox"], 66),
        (vec!["import", "-u", "alice", "--uidl", "/etc/passwd/list", folder.to_str().unwrap()], 66),
        (vec!["import", "-u", "carol", folder.to_str().unwrap()], 67),
        (vec!["import", folder.to_str().unwrap()], 64),
        (vec!["import", "-u", "alice"], 64),
        (vec!["import", "-u", "alice", "--uidl", no_id.to_str().unwrap(), folder.to_str().unwrap()], 65),
        (vec!["import", "-u", "alice", "--uidl", "/nonexistent", folder.to_str().unwrap()], 66),
        (vec!["import", "-u", "alice", "pop3://host"], 64),
    ] {
        site.fail(&arguments, b"", code);
    }
    assert_eq!(server.alice().stat().0, 2);
}

/// How far it is, where somebody looks; a script sees nothing of it.
#[test]
fn progress_is_shown_on_a_terminal_and_nowhere_else() {
    let site = Site::with_alice(&[]);
    let path = site.path("mbox");
    write(&path, MBOX);
    let arguments = ["import", "-u", "alice", path.to_str().unwrap()];
    assert_eq!(text(&site.run(&arguments, b"").stderr), "");
    let OpenptyResult { master, slave } = openpty(None, None).unwrap();
    // The command is dropped at once, or the other end of the terminal would stay open here.
    let mut import = site.command(&arguments).stderr(slave).spawn().unwrap();
    let (mut shown, mut terminal) = (Vec::new(), std::fs::File::from(master));
    // What was read stays when Linux answers EIO, because nobody has the other end any more.
    let end = terminal.read_to_end(&mut shown);
    assert!(end.is_err_and(|error| error.raw_os_error() == Some(nix::errno::Errno::EIO as i32)));
    assert!(import.wait().unwrap().success());
    let shown = text(&shown);
    assert!(shown.starts_with("\r0 of 2 messages") && shown.ends_with("\r\u{1b}[K"), "{shown:?}");
}
