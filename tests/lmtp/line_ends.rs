//! Line ends that foreign programs send, over LMTP and through `deliver`: the header stays whole.

use crate::support::Site;
use crate::support::site::text;

/// What is stored of a message behind the fields of its delivery, by both ways in.
fn stored(message: &[u8]) -> [String; 2] {
    let site = Site::with_alice(&[]);
    let server = site.serve(&[]);
    let reply = server.lmtp().deliver("alice", message);
    assert!(reply.starts_with("250 "), "{reply}");
    site.deliver("alice", message);
    let mut client = server.alice();
    [1, 2].map(|number| {
        let message = text(&client.multi(&format!("RETR {number}")));
        message[message.find("Subject: ").unwrap()..].escape_debug().to_string()
    })
}

#[test]
fn crs_before_crlf_are_of_that_line_end() {
    for message in [
        &b"Subject: x\r\r\nFrom: a@x.example\r\r\n\r\r\nbody\r\r\n"[..],
        b"Subject: x\r\r\r\nFrom: a@x.example\r\n\r\r\r\nbody\r\n",
    ] {
        for stored in stored(message) {
            assert_eq!(stored, "Subject: x\\r\\nFrom: a@x.example\\r\\n\\r\\nbody\\r\\n");
        }
    }
}

#[test]
fn a_bare_cr_begins_no_field_of_a_header_and_a_line_of_a_body() {
    for stored in stored(b"Subject: x\rBcc: evil@x.example\r\n\r\na\rb\r\n") {
        assert_eq!(stored, "Subject: x Bcc: evil@x.example\\r\\n\\r\\na\\r\\nb\\r\\n");
    }
}

#[test]
fn a_header_alone_gets_its_empty_line() {
    for stored in stored(b"Subject: x\r\n") {
        assert_eq!(stored, "Subject: x\\r\\n\\r\\n");
    }
}

/// RFC 6858 has no form for what is no field: it is text.
#[test]
fn no_line_is_dropped_where_the_empty_line_is_missing() {
    let message = include_str!("../migration/cases/utf8-no-blank-line.eml");
    let site = Site::with_alice(&[]);
    let server = site.serve(&[]);
    let mut lmtp = server.lmtp();
    lmtp.say("MAIL FROM:<j\u{f6}rg@b.example> SMTPUTF8", "250 ");
    lmtp.say("RCPT TO:<alice>", "250 ");
    lmtp.say("DATA", "354 ");
    lmtp.send(format!("{message}.\r\n"));
    lmtp.expect("250 ");
    let mut client = server.alice();
    let fetched = text(&client.multi("RETR 1"));
    let (header, rest) = fetched.split_once("\r\n\r\n").unwrap();
    assert!(header.is_ascii() && header.ends_with("Subject: x"), "{fetched}");
    assert_eq!(rest, "H\u{e4}llo without a blank line before\r\nplain second line\r\n\r\nrest\r\n");
    let mut client = server.connect();
    client.expect_start("UTF8", "+OK");
    client.log_in("alice", "se cret");
    assert!(text(&client.multi("RETR 1")).ends_with(message));
}
