//! Messages and what becomes of them, whatever chunks they come in.

use super::words::{Place, encode};
use super::*;

mod effort;
mod fields;

/// In chunks of these sizes it must become the same.
fn octets_downgraded(message: &[u8]) -> Vec<u8> {
    let by = |size: usize| {
        let (mut downgrader, mut out) = (Downgrader::new(), Vec::new());
        message.chunks(size).for_each(|chunk| downgrader.push(chunk, &mut out));
        downgrader.finish(&mut out);
        out
    };
    let whole = by(message.len().max(1));
    for size in [1, 2, 7, 4096] {
        assert!(by(size) == whole, "by {size}: {}", String::from_utf8_lossy(&whole));
    }
    whole
}

fn downgraded(message: &str) -> String {
    String::from_utf8(octets_downgraded(message.as_bytes())).unwrap()
}

#[test]
fn ascii_stays_as_it_is() {
    for message in
        ["", "A: b\r\n\r\nbody\r\n", "A: b\r\n c\r\n\td\r\n", "\r\nbody", "no header\r\n.\r\n", " a: b\r\n\r\n"]
    {
        assert_eq!(downgraded(message), message);
    }
}

#[test]
fn texts_become_encoded_words_and_bodies_stay() {
    assert_eq!(
        downgraded("Subject: gr\u{fc}n\r\nX: y\r\n\r\ngr\u{fc}n\r\n--x\r\nSubject: \u{fc}\r\n"),
        "Subject: =?UTF-8?B?Z3LDvG4=?=\r\nX: y\r\n\r\ngr\u{fc}n\r\n--x\r\nSubject: \u{fc}\r\n"
    );
}

#[test]
fn only_an_empty_line_ends_a_header() {
    for line in ["\u{c}\r\n", " \r\n", "\t\u{c}\r\n"] {
        let text = downgraded(&format!("A: b\r\n{line}Subject: \u{fc}\r\n\r\n\u{fc}\r\n"));
        assert_eq!(text, format!("A: b\r\n{line}Subject: =?UTF-8?B?w7w=?=\r\n\r\n\u{fc}\r\n"));
    }
}

/// Nothing of a text is left out, and the header before it stays ASCII.
#[test]
fn a_missing_empty_line_is_put_in() {
    let long = format!("\u{fc}{}", "x".repeat(2 * 65_536));
    for line in ["H\u{e4}llo", "no field \u{fc}", "Gr\u{fc}\u{df}e: x", "a b: \u{fc}", ": \u{fc}", &long] {
        let text = downgraded(&format!("Subject: \u{fc}\r\n{line}\r\nSubject: \u{fc}\r\n \u{fc}\r\n\r\nrest\r\n"));
        let rest = "Subject: \u{fc}\r\n \u{fc}\r\n\r\nrest\r\n";
        assert_eq!(text, format!("Subject: =?UTF-8?B?w7w=?=\r\n\r\n{line}\r\n{rest}"));
    }
    assert_eq!(downgraded("A: b\r\nplain\r\nC: \u{fc}\r\n"), "A: b\r\nplain\r\n\r\nC: \u{fc}\r\n");
    assert_eq!(downgraded(" \u{fc}\r\n\u{fc}: x\r\n"), "\r\n \u{fc}\r\n\u{fc}: x\r\n");
    assert_eq!(
        downgraded(">From a Mon Nov 23 10:00:00 2026\r\nSubject: \u{fc}\r\n"),
        ">From a Mon Nov 23 10:00:00 2026\r\nSubject: =?UTF-8?B?w7w=?=\r\n"
    );
    let part = "--b\r\nSubject: x\r\ntext \u{fc}\r\n--b--\r\n\u{fc}\r\n";
    let message = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{part}");
    assert_eq!(downgraded(&message), message.replace("text", "\r\ntext"));
}

#[test]
fn parts_are_downgraded_too() {
    let message = "Content-Type: multipart/mixed;\r\n boundary=\"a b\"\r\n\r\npreamble \u{fc}\r\n--a b\r\n\
        Content-Disposition: attachment; filename=\"gr\u{fc}n \\\"x\\\".txt\"; size=1\r\n\r\n\u{fc}\r\n--a b\r\n\
        Content-Type: message/rfc822\r\n\r\nSubject: \u{fc}\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n\
        --in\r\nSubject: \u{fc}\r\n\r\n--in--\r\n--a b--\r\nSubject: \u{fc}\r\n";
    let text = downgraded(message);
    assert!(
        text.contains("\r\nContent-Disposition: attachment;\r\n filename*=UTF-8''gr%C3%BCn%20%22x%22.txt;\r\n size=1\r\n\r\n\u{fc}\r\n"),
        "{text}"
    );
    assert!(text.contains("preamble \u{fc}\r\n"));
    assert!(text.contains("message/rfc822\r\n\r\nSubject: =?UTF-8?B?w7w=?=\r\n"), "{text}");
    assert!(text.contains("--in\r\nSubject: =?UTF-8?B?w7w=?=\r\n\r\n--in--\r\n"), "{text}");
    assert!(text.ends_with("--a b--\r\nSubject: \u{fc}\r\n"), "the epilogue is no header: {text}");
}

/// Content of that type is for those who know UTF-8 (RFC 6532 section 3.7), whatever stands in it.
#[test]
fn a_global_message_within_the_message_stays_as_it_is() {
    let inner =
        "Subject: \u{fc}\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\nSubject: \u{fc}\r\n\r\nx\r\n";
    let message = |kind: &str, inner: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\nContent-Type: {kind}\r\n\r\n{inner}--out\r\nSubject: a\r\n\r\n--out--\r\n"
        )
    };
    for kind in ["message/global", "MESSAGE/Global; x=y", "message/global-headers"] {
        assert_eq!(downgraded(&message(kind, inner)), message(kind, inner));
    }
    let encoded = inner.replace('\u{fc}', "=?UTF-8?B?w7w=?=");
    assert_eq!(downgraded(&message("message/rfc822", inner)), message("message/rfc822", &encoded));
    // What is encoded cannot be looked into, and is ASCII.
    let base64 = "Content-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogw7wNCg0KeA0K\r\n";
    let whole = format!("Content-Type: message/rfc822\r\n{base64}");
    assert_eq!(downgraded(&whole), whole);
}

/// RFC 2046 section 5.1.5.
#[test]
fn parts_of_a_digest_are_messages_if_they_do_not_say_otherwise() {
    let digest = "Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: \u{fc}\r\n\r\n\u{fc}: \u{fc}\r\n\
        --d\r\nContent-Type: text/plain\r\n\r\nSubject: \u{e4}\r\n--d--\r\n";
    assert_eq!(downgraded(digest), digest.replace("Subject: \u{fc}", "Subject: =?UTF-8?B?w7w=?="));
}

#[test]
fn the_boundary_of_a_part_ends_with_the_parts_around_it() {
    let head =
        "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    for end in ["--a\r\n\r\n", "--a--\r\n"] {
        let message = format!("{head}--b\r\n\r\nx\r\n{end}--b\r\nSubject: \u{fc}\r\n");
        assert_eq!(downgraded(&message), message, "{end}");
    }
    // A part may end within its header, or begin with none.
    let message = format!("{head}--b\r\nA: b\r\n--b\r\nSubject: \u{fc}\r\n--b\r\n folded\r\n--b--\r\n\u{fc}: b\r\n");
    assert_eq!(downgraded(&message), message.replace("Subject: \u{fc}", "Subject: =?UTF-8?B?w7w=?="));
}

#[test]
fn boundaries_are_found_however_they_are_written() {
    for (parameter, delimiter) in [
        ("boundary=x", "--x"),
        ("boundary=\"x y\"", "--x y"),
        ("BOUNDARY = x (why)", "--x"),
        ("charset=\"a;b\"; boundary=x", "--x"),
        ("boundary=\"x\\\"\"", "--x\""),
        ("boundary*=us-ascii'en'x%20y", "--x y"),
        ("boundary*1=y; boundary*0=x", "--xy"),
        ("boundary=\"gr\u{fc}n\"", "--gr\u{fc}n"),
        ("boundary=\"x \"", "--x"),
    ] {
        let message =
            format!("Content-Type: multipart/mixed (\u{fc}); {parameter}\r\n\r\n{delimiter} \t\r\nSubject: \u{fc}\r\n");
        let text = downgraded(&message);
        assert!(text.ends_with(&format!("{delimiter} \t\r\nSubject: =?UTF-8?B?w7w=?=\r\n")), "{parameter}: {text}");
        assert!(text.starts_with("Content-Type: multipart/mixed;\r\n "), "{parameter}: {text}");
    }
}

#[test]
fn long_lines_and_fields_are_bounded() {
    let body = format!("A: b\r\n\r\n{}\r\nx\r\n", "\u{fc}".repeat(100_000));
    assert_eq!(downgraded(&body), body);
    let field = downgraded(&format!("Subject: {}\r\n\r\nx\r\n", "\u{fc}".repeat(100_000)));
    assert!(field.is_ascii() && field.ends_with("\r\n\r\nx\r\n"));
}

#[test]
fn a_long_list_in_ascii_stays_whole() {
    let lines = " somebody@somewhere.example,\r\n".repeat(5000);
    let message = format!("To:\r\n{lines} b@c\r\nSubject: x\r\n\r\nx\r\n");
    assert_eq!(downgraded(&message), message);
}

/// Whatever is cut, the field after it is still one.
#[test]
fn what_is_too_long_loses_its_rest() {
    let longest = 65_536 - "X: ".len();
    let text = downgraded(&format!("X: {}\r\nA: b\r\n\r\nx\r\n", "x".repeat(2 * 65_536)));
    assert_eq!(text, format!("X: {}\r\nA: b\r\n\r\nx\r\n", "x".repeat(longest)));
    let fits = format!("X: {}\r\nA: b\r\n\r\nx\r\n", "x".repeat(longest));
    assert_eq!(downgraded(&fits), fits);
    let with_its_end = format!("X: {}\r\nA: b\r\n\r\nx\r\n", "x".repeat(longest - 2));
    assert_eq!(downgraded(&with_its_end), with_its_end);
    // Behind what was rewritten, or left out, the rest makes no sense.
    let many = " \u{fc}@b.example,\r\n".repeat(6000);
    let text = downgraded(&format!("To:\r\n{many} a@b\r\nReceived: \u{fc}\r\n{many} a@b\r\nA: b\r\n\r\nx\r\n"));
    assert!(text.is_ascii() && text.ends_with(".invalid>\r\nA: b\r\n\r\nx\r\n"), "{}", &text[text.len() - 100..]);
    let text = downgraded(&format!("X: y\r\n{} \u{fc}\r\n z\r\nA: b\r\n\r\n", " ascii\r\n".repeat(10_000)));
    assert_eq!(text, format!("X: y\r\n{}A: b\r\n\r\n", " ascii\r\n".repeat(10_000)));
}

/// The longest field that is rewritten as a whole, and lines whose product would be too long.
#[test]
fn a_folded_field_may_be_as_long_as_one_line() {
    let folded = |first: usize, last: usize| {
        let lines =
            [format!("Subject: {}\r\n", "x".repeat(first - 11)), format!(" \u{fc}{}\r\n", "y".repeat(last - 5))];
        assert_eq!(lines[0].len() + lines[1].len(), first + last);
        downgraded(&format!("{}A: b\r\n\r\nx\r\n", lines.concat()))
    };
    let is_whole = |text: String| text.contains("=?UTF-8?");
    assert!(is_whole(folded(300, 300)));
    assert!(is_whole(folded(65_536 - 300, 300)));
    assert!(!is_whole(folded(65_536 - 300, 301)));
}

#[test]
fn a_hundred_multiparts_are_looked_into() {
    let nested = |depth: usize| {
        let multipart = |at: usize| format!("Content-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\n");
        let heads: String = (0..depth).map(multipart).collect();
        downgraded(&format!("{heads}Subject: \u{fc}\r\n\r\nx\r\n"))
    };
    assert!(nested(100).is_ascii());
    assert!(!nested(101).is_ascii());
}

/// Pieces of fields in any order, and what must hold of every header.
#[test]
fn whatever_comes_the_header_is_ascii_and_its_lines_have_a_length() {
    let chunks: Vec<&[u8]> = [
        "To:",
        "Subject: ",
        "Content-Type: a/b;",
        "Return-Path:",
        "\r\n",
        "\r\n ",
        "\r\n\t",
        "\n",
        "\r",
        " ",
        "(",
        ")",
        "<",
        ">",
        "\"",
        "\\",
        ",",
        ";",
        ":",
        "@",
        "[",
        "]",
        "=",
        "*",
        "*0*=",
        "%",
        "'",
        "=?x?q?a?=",
        "=?",
        "?=",
        "\u{fc}",
        "\u{1f4ee}",
        "\u{a0}",
        "a",
        "--",
        "\0",
    ]
    .iter()
    .map(|chunk| chunk.as_bytes())
    .chain([&b"\xff"[..], &b"\xc3"[..]])
    .collect();
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for _ in 0..3000 {
        let mut message = b"To: ".to_vec();
        for _ in 0..random() % 60 {
            let chunk = chunks[random() % chunks.len()];
            // An empty line would be the end.
            if !message.ends_with(b"\n") || !matches!(chunk[0], b'\r' | b'\n') {
                message.extend_from_slice(chunk);
            }
        }
        message.push(b'x');
        message.extend_from_slice(b"\r\nA: b\r\n\r\n");
        let out = octets_downgraded(&message);
        // Behind the first empty line is the text; what is no field has begun it.
        let header = memchr::memmem::find(&out, b"\n\r\n").map_or(&out[..], |at| &out[..at + 1]);
        let sound = (header.is_ascii() || out.starts_with(b"\r\n"))
            && out.ends_with(b"\nA: b\r\n\r\n")
            && (out.starts_with(b"\r\n") || header.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
        assert!(sound, "{} became {}", message.escape_ascii(), out.escape_ascii());
    }
}

#[test]
fn the_last_line_may_lack_its_end() {
    assert_eq!(downgraded("Subject: \u{fc}"), "Subject: =?UTF-8?B?w7w=?=\r\n");
    assert_eq!(downgraded("A: b\r\n\r\n\u{fc}"), "A: b\r\n\r\n\u{fc}");
    assert_eq!(encode("\u{fc}", Place::Text, 45), "=?UTF-8?B?w7w=?=");
}
