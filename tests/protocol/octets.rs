//! Messages of odd octets: stored as CRLF lines, sent dot-stuffed, and TOP exact
//! (RFC 1939 sections 3 and 7, docs/interface.md section 2).

use crate::support::messages::{stuffed, top};
use crate::support::texts::OK;
use crate::support::{Server, Site};

/// Delivers `message` and asserts that what is served is `stored`, byte for byte, by every command.
fn assert_stored(server: &Server, message: &[u8], stored: &[u8]) {
    server.deliver("alice", message);
    let mut client = server.alice();
    let number = client.stat().0;
    client.expect(&format!("RETR {number}"), OK);
    let wire = client.stuffed_body();
    assert_same(&wire, &stuffed(stored));
    client.expect(&format!("LIST {number}"), &format!("+OK {number} {}\r\n", stored.len()));
    if stored.windows(4).any(|window| window == b"\r\n\r\n") {
        for lines in [0, 1, 2, 1000] {
            client.expect(&format!("TOP {number} {lines}"), OK);
            assert_same(&client.stuffed_body(), &stuffed(&top(stored, lines)));
        }
    }
    client.quit();
}

/// The same octets; says where they part, since messages may be large.
fn assert_same(found: &[u8], expected: &[u8]) {
    if found != expected {
        let at = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
        let around = |octets: &[u8]| {
            String::from_utf8_lossy(&octets[at.saturating_sub(20)..octets.len().min(at + 20)]).into_owned()
        };
        panic!(
            "{} octets, not {}; at {at}: {:?}, not {:?}",
            found.len(),
            expected.len(),
            around(found),
            around(expected)
        );
    }
}

fn mailbox() -> Server {
    Site::with_alice(&[]).serve(&[("EnableExactRFC822Size", "1")])
}

#[test]
fn line_ends_of_every_kind() {
    let server = mailbox();
    let cases: [(&[u8], &[u8]); 11] = [
        (b"S: x\n\nbare\nlf\n", b"S: x\r\n\r\nbare\r\nlf\r\n"),
        // In the header a bare CR begins no field and ends no header; in the body it is a line end.
        (b"S: x\r\rbare\rcr\r", b"S: x  bare cr\r\n\r\n"),
        (b"S: x\r\n\r\nbare\rcr\r", b"S: x\r\n\r\nbare\r\ncr\r\n"),
        // CRs before a CRLF belong to it.
        (b"S: x\r\r\nT: y\r\r\r\n\r\r\nz\r\r\n", b"S: x\r\nT: y\r\n\r\nz\r\n"),
        (b"S: x\r\n\r\nno end", b"S: x\r\n\r\nno end\r\n"),
        (b"S: x\r\n\r\nends in cr\r", b"S: x\r\n\r\nends in cr\r\n"),
        (b"S: x\n\r\nmixed\r\n\n", b"S: x\r\n\r\nmixed\r\n\r\n"),
        (b"only: a header\r\n", b"only: a header\r\n\r\n"),
        (b"no header\r\n", b"no header\r\n"),
        (b"\r\nno header\r\n", b"\r\nno header\r\n"),
        (b"S: x\r\n\r\n", b"S: x\r\n\r\n"),
    ];
    for (message, stored) in cases {
        assert_stored(&server, message, stored);
    }
}

#[test]
fn dots() {
    let server = mailbox();
    for body in [".", "..", "...", ".\r\n.", "a\r\n.\r\nb", ".a", "a.", "\r\n.\r\n\r\n.."] {
        let message = format!("S: x\r\n\r\n{body}\r\n");
        assert_stored(&server, message.as_bytes(), message.as_bytes());
    }
    assert_stored(&server, b".dot first: x\n\n.\n", b".dot first: x\r\n\r\n.\r\n");
    assert_stored(&server, b"S: x\n\n.\n.\n", b"S: x\r\n\r\n.\r\n.\r\n");
}

/// NUL has no place in a message and goes; every other octet stays.
#[test]
fn nul_and_eight_bit() {
    let server = mailbox();
    assert_stored(&server, b"S: x\r\n\r\na\0b\0\0\r\0\n.\0\n\0.", b"S: x\r\n\r\nab\r\n.\r\n.\r\n");
    let every: Vec<u8> = (1..=255).filter(|octet| !b"\r\n".contains(octet)).collect();
    let message = [b"S: \xe4\xf6\xfc\r\n\r\n", &every[..], b"\r\n"].concat();
    assert_stored(&server, &message, &message);
    let utf8 = "Subject: \u{1f4ee} Gr\u{fc}\u{df}e\r\n\r\n\u{65e5}\u{672c}\r\n";
    assert_stored(&server, utf8.as_bytes(), utf8.as_bytes());
}

/// One line of 3 MiB, and 100,000 lines of nothing.
#[test]
fn very_long_and_very_many_lines() {
    let server = mailbox();
    let long = [b"S: x\r\n\r\n", &vec![b'l'; 3 << 20][..], b"\r\nend\r\n"].concat();
    assert_stored(&server, &long, &long);
    let many = ["S: x\r\n", &"\r\n".repeat(100_000)].concat();
    assert_stored(&server, many.as_bytes(), many.as_bytes());
    let dots = ["S: x\r\n\r\n", &".\r\n".repeat(100_000)].concat();
    assert_stored(&server, dots.as_bytes(), dots.as_bytes());
}

/// A dot line, and a CR and its LF, on either side of every place where chunks may be cut.
#[test]
fn lines_across_the_borders_of_pieces() {
    let server = mailbox();
    for chunk in [4096_usize, 8192, 16_384, 65_536, 262_144] {
        for shift in 0..5 {
            let mut message = b"S: x\r\n\r\n".to_vec();
            message.resize(chunk - shift, b'f');
            message.extend_from_slice(b"\r\n.\r\n..\r\nend\r\n");
            assert_stored(&server, &message, &message);
        }
        for end in [&b"\rx"[..], b"\nx", b"\r.", b"\r\r\nx", b"\0\nx", b"\r\0\nx"] {
            let mut message = b"S: x\r\n\r\n".to_vec();
            message.resize(chunk - 1, b'f');
            let stored = match end {
                b"\r." => &b"\r\n.\r\n"[..],
                _ => b"\r\nx\r\n",
            };
            let stored = [&message, stored].concat();
            message.extend_from_slice(end);
            assert_stored(&server, &message, &stored);
        }
    }
    server.assert_sound();
}
