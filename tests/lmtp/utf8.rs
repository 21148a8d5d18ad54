//! UTF8 (RFC 6856): internationalized mail for clients that know it, and for those that do not.

use crate::support::texts::OK;
use crate::support::{Server, Site};

const SENT: &str = "From: J\u{f6}rg <j\u{f6}rg@b.example>\r\nTo: alice@example.org\r\nSubject: gr\u{fc}n\r\n\r\n.\u{fc}ber\r\nzwei\r\n";
const LATIN: &[u8] = b"Subject: gr\xfcn\r\n\r\n\xfcber\r\n";

fn server() -> Server {
    let server = Site::with_alice(&[]).serve(&[]);
    let mut lmtp = server.lmtp();
    lmtp.say("MAIL FROM:<j\u{f6}rg@b.example> SMTPUTF8", "250 ");
    lmtp.say("RCPT TO:<alice@example.org>", "250 ");
    lmtp.say("DATA", "354 ");
    lmtp.send(crate::support::messages::stuffed(SENT.as_bytes()));
    lmtp.send(".\r\n");
    lmtp.expect("250 ");
    assert!(lmtp.deliver("alice", LATIN).starts_with("250 "));
    server
}

#[test]
fn internationalized_mail_is_sent_as_it_is_in_utf8_mode_only() {
    let server = server();
    let mut plain = server.alice();
    let downgraded = plain.multi("RETR 1");
    let header = &downgraded[..downgraded.windows(4).position(|four| four == b"\r\n\r\n").unwrap()];
    assert!(header.is_ascii(), "{}", String::from_utf8_lossy(header));
    let text = String::from_utf8(downgraded).unwrap();
    assert!(
        text.contains("\r\nSubject: =?UTF-8?B?Z3LDvG4=?=\r\n") && text.contains("\r\nTo: alice@example.org\r\n"),
        "{text}"
    );
    // The address is nobody's (RFC 6858 section 2.1); the name shows `J\u{f6}rg <j\u{f6}rg@b.example>`.
    let invalid = "<invalid@internationalized-address.invalid>\r\n";
    let from = format!("\r\nFrom: =?UTF-8?B?SsO2cmcgPGrDtnJnQGIuZXhhbXBsZT4=?=\r\n {invalid}");
    assert!(text.starts_with(&format!("Return-Path: {invalid}")) && text.contains(&from), "{text}");
    assert!(text.ends_with("\r\n\r\n.\u{fc}ber\r\nzwei\r\n"), "{text}");
    let top = String::from_utf8(plain.multi("TOP 1 1")).unwrap();
    assert_eq!(top, text.strip_suffix("zwei\r\n").unwrap());
    // Old Latin-1 mail is never refused nor changed.
    assert!(plain.multi("RETR 2").ends_with(LATIN));
    plain.quit();

    let mut client = server.connect();
    assert!(client.capabilities().contains(&"UTF8".to_owned()));
    client.expect("UTF8", OK);
    client.log_in("alice", "se cret");
    client.refuse("UTF8");
    let whole = String::from_utf8(client.multi("RETR 1")).unwrap();
    assert!(whole.ends_with(SENT), "{whole}");
    assert!(client.multi("TOP 1 0").ends_with("Subject: gr\u{fc}n\r\n\r\n".as_bytes()));
    assert!(client.multi("RETR 2").ends_with(LATIN));
    client.quit();
}

/// It stays internationalized when the mailbox moves.
#[test]
fn export_and_import_keep_the_mark() {
    let server = server();
    server.add_user("bob", "se cret");
    let directory = server.path("export");
    server.succeed(&["export", "-u", "alice", directory.to_str().unwrap()], b"");
    server.succeed(&["import", "-u", "bob", directory.to_str().unwrap()], b"");
    let same = |user: &str| server.session(user, "se cret").multi("RETR 1");
    assert_eq!(same("alice"), same("bob"));
}
