//! What is said and what is stored.

use crate::support::messages::{DOTTED, PLAIN, of_size};
use crate::support::{Lmtp, Site};

/// The octets of alice's message `number`, without the lines that were stamped on it.
fn content(client: &mut crate::support::Client, number: usize) -> Vec<u8> {
    let octets = client.multi(&format!("RETR {number}"));
    let at = memchr::memmem::find(&octets, b"; ").unwrap();
    let end = at + memchr::memchr(b'\n', &octets[at..]).unwrap() + 1;
    octets[end..].to_vec()
}

#[test]
fn what_is_sent_is_what_is_stored() {
    let server = Site::with_alice(&[]).serve(&[]);
    let mut lmtp = server.lmtp();
    let sent = [PLAIN, DOTTED, b"", b"8-bit: \xe4\xff\r\n\r\n\x01\r\n", &of_size(700_000)];
    for message in sent {
        assert_eq!(lmtp.deliver("alice", message), "250 2.0.0 <alice> stored");
    }
    lmtp.say("QUIT", "221 2.0.0 ");
    lmtp.expect_end();
    let mut client = server.alice();
    for (at, message) in sent.iter().enumerate() {
        // The header of the empty one is ours, and gets its empty line like any other.
        let stored = if message.is_empty() { b"\r\n" } else { *message };
        assert!(content(&mut client, at + 1) == *stored, "message {}", at + 1);
    }
    server.assert_sound();
}

/// 50 MiB take a few chunks of memory on their way in.
#[test]
fn a_large_message() {
    let server = Site::with_alice(&[]).serve(&[]);
    let message = of_size(50 << 20);
    let before = server.peak_memory();
    assert_eq!(server.lmtp().deliver("alice", &message), "250 2.0.0 <alice> stored");
    let grown = server.peak_memory().saturating_sub(before);
    assert!(grown < 24 * 1024, "the server grew by {grown} KiB");
    assert!(content(&mut server.alice(), 1) == message);
    server.assert_sound();
}

/// RFC 2920: everything up to DATA at once, then everything up to the next DATA.
#[test]
fn a_client_that_pipelines() {
    let server = Site::with_alice(&[]).serve(&[]);
    let mut lmtp = Lmtp::tcp(server.address("lmtp"));
    lmtp.send("LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<alice>\r\nRCPT TO:<nobody>\r\nRCPT TO:<ALICE>\r\nDATA\r\n");
    lmtp.expect("220 ");
    for start in ["250 SIZE ", "250 2.1.0 ", "250 2.1.5 ", "550 5.1.1 ", "250 2.1.5 ", "354 "] {
        lmtp.expect(start);
    }
    lmtp.send("A: b\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<alice>\r\nBDAT 6\r\nA: c\r\nBDAT 0 LAST\r\nQUIT\r\n");
    for start in
        ["250 2.0.0 <alice>", "250 2.0.0 <ALICE>", "250 2.1.0 ", "250 2.1.5 ", "250 2.0.0 6 ", "250 2.0.0 <alice>"]
    {
        lmtp.expect(start);
    }
    lmtp.expect("221 ");
    lmtp.expect_end();
    assert_eq!(server.alice().stat().0, 2, "one copy, however many recipients lead to it");
}

/// RFC 5321 section 4.1.1.4: what other software has taken for the end of DATA.
#[test]
fn nothing_is_smuggled_in() {
    let server = Site::with_alice(&[]).serve(&[]);
    let mut lmtp = server.lmtp();
    for end in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\r\n\0.\r\n"] {
        lmtp.begin("a@b", &["alice"]);
        lmtp.send(format!("A: b\r\n\r\nx{end}MAIL FROM:<evil@b>\r\nRCPT TO:<alice>\r\nDATA\r\nevil\r\n.\r\n"));
        lmtp.expect("250 2.0.0 ");
        lmtp.say("NOOP", "250 2.0.0 OK");
    }
    let mut client = server.alice();
    assert_eq!(client.stat().0, 7);
    for number in 1..=7 {
        let text = String::from_utf8(content(&mut client, number)).unwrap();
        assert!(text.contains("MAIL FROM:<evil@b>\r\n") && text.ends_with("evil\r\n"), "{text:?}");
    }
}

#[test]
fn too_large_is_refused_and_the_session_goes_on() {
    let site = Site::with_alice(&[]);
    site.set("MaxReceiveSize", "100000");
    let server = site.serve(&[]);
    let mut lmtp = server.lmtp();
    lmtp.say("MAIL FROM:<> SIZE=100001", "552 5.3.4 ");
    lmtp.say("MAIL FROM:<> SIZE=99999999999999999999", "552 5.3.4 ");
    assert!(lmtp.deliver("alice", &of_size(3_000_000)).starts_with("552 5.3.4 <alice>"));
    assert!(lmtp.deliver("alice", &of_size(99_000)).starts_with("250 "));
    assert_eq!(server.alice().stat().0, 1);
    server.assert_sound();
}

/// What is stamped on a message does not make it too large; `--set` counts for all of the server.
#[test]
fn the_largest_message_is_taken() {
    let site = Site::with_alice(&[]);
    site.set("MaxReceiveSize", "1000");
    let server = site.serve(&[("MaxReceiveSize", "5000")]);
    let mut lmtp = server.lmtp();
    assert!(lmtp.deliver("alice", &of_size(5000)).starts_with("250 "));
    assert!(lmtp.deliver("alice", &of_size(5001)).starts_with("552 5.3.4 <alice>"));
    assert_eq!(server.alice().stat().0, 1);
}

/// RFC 2033 section 4.1; RFC 5321 section 4.5.1.
#[test]
fn who_is_known() {
    let site = Site::with_alice(&[]);
    site.add_user("bob", "x");
    site.sql("INSERT INTO aliases(address, mailbox) VALUES ('team@example.org', 'alice'), ('team@example.org', 'bob')");
    site.sql("INSERT INTO aliases(address, mailbox) VALUES ('postmaster', 'bob'), ('@other.example', 'bob')");
    let server = site.serve(&[("Domains", "example.org,other.example")]);
    let mut lmtp = server.lmtp();
    lmtp.say("EHLO x", "500 5.5.1 ");
    lmtp.say("MAIL FROM:<>", "250 ");
    for (recipient, known) in [
        ("alice", true),
        ("ALICE@EXAMPLE.ORG", true),
        ("alice+lists@example.org", true),
        ("team@example.org", true),
        ("Postmaster", true),
        ("postmaster@example.org", true),
        ("whoever@other.example", true),
        ("alice@elsewhere.example", false),
        ("carol@example.org", false),
    ] {
        lmtp.say(&format!("RCPT TO:<{recipient}>"), if known { "250 2.1.5 " } else { "550 5.1.1 " });
    }
    lmtp.say("DATA", "354 ");
    lmtp.send("A: b\r\n.\r\n");
    for _ in 0..7 {
        lmtp.expect("250 2.0.0 ");
    }
    lmtp.say("NOOP", "250 2.0.0 OK");
    assert_eq!(server.sql("SELECT name, messages FROM mailbox_usage ORDER BY name"), "alice|1\nbob|1\n");
}
