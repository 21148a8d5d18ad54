//! Messages and what becomes of them, whatever pieces they come in.

use super::*;

fn downgraded(message: &str) -> String {
    let mut last = None;
    for size in [1, 2, 7, 4096] {
        let (mut downgrader, mut out) = (Downgrader::new(), Vec::new());
        message.as_bytes().chunks(size).for_each(|piece| downgrader.push(piece, &mut out));
        downgrader.finish(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(*last.get_or_insert_with(|| text.clone()), text, "by {size}");
    }
    last.unwrap()
}

#[test]
fn ascii_stays_as_it_is() {
    for message in ["", "A: b\r\n\r\nbody\r\n", "A: b\r\n c\r\n\td\r\n", "\r\nbody", "no header\r\n.\r\n"] {
        assert_eq!(downgraded(message), message);
    }
}

#[test]
fn texts_become_encoded_words_and_bodies_stay() {
    assert_eq!(
        downgraded("Subject: gr\u{fc}n\r\nX: y\r\n\r\ngr\u{fc}n\r\n--x\r\nSubject: \u{fc}\r\n"),
        "Subject: =?UTF-8?B?Z3LDvG4=?=\r\nX: y\r\n\r\ngr\u{fc}n\r\n--x\r\nSubject: \u{fc}\r\n"
    );
    let long = downgraded(&format!("Subject: {}\r\n\r\n", "\u{fc}".repeat(200)));
    assert!(long.is_ascii() && long.lines().all(|line| line.len() <= 78), "{long}");
}

#[test]
fn addresses_that_cannot_be_answered_become_empty_groups() {
    let encoded = field::words;
    assert_eq!(
        downgraded("From: \"J\u{f6}rg, jun.\" <jorg@b.example>, a@b\r\n\r\n"),
        format!("From: {}\r\n <jorg@b.example>,\r\n a@b\r\n\r\n", encoded("J\u{f6}rg, jun."))
    );
    assert_eq!(
        downgraded("To: j\u{f6}rg@b.example\r\n\r\n"),
        format!("To: {}:;\r\n\r\n", encoded("Internationalized address j\u{f6}rg@b.example removed"))
    );
    let group = downgraded("Cc: friends: \u{f6}@b, c@d;\r\n\r\n");
    assert!(group.is_ascii() && group.starts_with("Cc: =?UTF-8?B?"), "{group}");
}

#[test]
fn what_has_no_form_in_ascii_is_left_out() {
    assert_eq!(
        downgraded("Return-Path: <\u{f6}@b>\r\nReceived: by x\r\n\tfor <\u{f6}@b>; now\r\nA: b\r\n\u{f6}: x\r\n\r\n"),
        "A: b\r\n\r\n"
    );
}

#[test]
fn parts_are_downgraded_too() {
    let message = "Content-Type: multipart/mixed;\r\n boundary=\"a b\"\r\n\r\npreamble \u{fc}\r\n--a b\r\n\
        Content-Disposition: attachment; filename=\"gr\u{fc}n \\\"x\\\".txt\"; size=1\r\n\r\n\u{fc}\r\n--a b\r\n\
        Content-Type: message/global\r\n\r\nSubject: \u{fc}\r\nContent-Type: multipart/digest; boundary=in\r\n\r\n\
        --in\r\nSubject: \u{fc}\r\n\r\n--in--\r\n--a b--\r\nSubject: \u{fc}\r\n";
    let text = downgraded(message);
    assert!(
        text.contains("\r\nContent-Disposition: attachment;\r\n filename*=UTF-8''gr%C3%BCn%20%22x%22.txt;\r\n size=1\r\n\r\n\u{fc}\r\n"),
        "{text}"
    );
    assert!(text.contains("preamble \u{fc}\r\n"));
    assert!(text.contains("message/global\r\n\r\nSubject: =?UTF-8?B?w7w=?=\r\n"), "{text}");
    assert!(text.contains("--in\r\nSubject: =?UTF-8?B?w7w=?=\r\n\r\n--in--\r\n"), "{text}");
    assert!(text.ends_with("--a b--\r\nSubject: \u{fc}\r\n"), "the epilogue is no header: {text}");
}

#[test]
fn long_lines_and_fields_are_bounded() {
    let body = format!("A: b\r\n\r\n{}\r\nx\r\n", "\u{fc}".repeat(100_000));
    assert_eq!(downgraded(&body), body);
    let field = downgraded(&format!("Subject: {}\r\n\r\nx\r\n", "\u{fc}".repeat(100_000)));
    assert!(field.is_ascii() && field.ends_with("\r\n\r\nx\r\n"));
}
