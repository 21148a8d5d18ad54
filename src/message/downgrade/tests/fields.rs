//! Fields, one by one.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const INVALID: &str = "<invalid@internationalized-address.invalid>";

/// The lines of one field.
fn field(text: &str) -> String {
    let message = downgraded(&format!("{text}\r\n\r\n"));
    message.strip_suffix("\r\n").unwrap().to_owned()
}

/// The value of one field: its lines joined, encoded words shown as `{text}`.
#[track_caller]
fn shown(text: &str) -> String {
    let lines = field(text);
    assert!(lines.is_ascii(), "{lines}");
    assert!(lines.split("\r\n").all(|line| line.len() <= 76), "{lines}");
    let value = lines.split_once(": ").unwrap_or_else(|| panic!("{text} became {lines:?}")).1;
    let words = value.trim_end().replace("\r\n", "");
    let mut shown = String::new();
    let mut last_encoded = false;
    for word in words.split(' ') {
        let coded = word.strip_prefix("=?UTF-8?B?").and_then(|rest| rest.strip_suffix("?="));
        match coded {
            Some(coded) => {
                assert!(word.len() <= 75, "{word}");
                let text = String::from_utf8(STANDARD.decode(coded).unwrap()).unwrap();
                let joined = last_encoded && shown.ends_with('}');
                if joined {
                    shown.pop();
                } else {
                    shown += " {";
                }
                shown += &text;
                shown += "}";
            }
            None => {
                assert!(!word.contains("=?UTF-8?B?"), "an encoded word stands alone: {word}");
                shown += " ";
                shown += word;
            }
        }
        last_encoded = coded.is_some();
    }
    shown.trim_start().to_owned()
}

#[test]
fn addresses_that_cannot_be_shown_are_replaced_and_named() {
    for (value, expected) in [
        ("j\u{f6}rg@b.example", "{j\u{f6}rg@b.example} ~"),
        ("<j\u{f6}rg@b.example>", "{j\u{f6}rg@b.example} ~"),
        ("J\u{f6}rg <j\u{f6}rg@b.example>", "{J\u{f6}rg <j\u{f6}rg@b.example>} ~"),
        ("Fred Foo <fred@\u{fc}.example>", "{Fred Foo <fred@\u{fc}.example>} ~"),
        ("\"Foo, Fred\" <fred@\u{fc}.example>", "{Foo, Fred <fred@\u{fc}.example>} ~"),
        ("a@b, \u{fc}@c, D <d@e>", "a@b, {\u{fc}@c} ~, D <d@e>"),
        ("<@x.example,@y.example:\u{fc}@c>", "{\u{fc}@c} ~"),
        ("\"\u{fc} x\"@c", "{\"\u{fc} x\"@c} ~"),
        ("\u{fc} @ c.example (Fr\u{e4}nk)", "{Fr\u{e4}nk <\u{fc}@c.example>} ~"),
        ("\u{fc}@[IPv6:2001:db8::1]", "{\u{fc}@[IPv6:2001:db8::1]} ~"),
        // No address at all.
        ("J\u{f6}rg", "{J\u{f6}rg} ~"),
        ("J\u{f6}rg <>", "{J\u{f6}rg} ~"),
        ("J\u{f6}rg <j@b", "{J\u{f6}rg} <j@b>"),
        ("J\u{f6}rg <j@b, c@d>", "{J\u{f6}rg <j@b,c@d>} ~"),
        ("\u{fc}@a;\u{e4}@b", "{\u{fc}@a} ~, {\u{e4}@b} ~"),
        (",, \u{fc}@a ,", "{\u{fc}@a} ~"),
    ] {
        for name in ["From", "To", "reply-to", "Resent-Sender"] {
            assert_eq!(shown(&format!("{name}: {value}")), expected.replace('~', INVALID), "{value}");
        }
    }
}

#[test]
fn addresses_that_can_be_shown_stay() {
    for (value, expected) in [
        ("J\u{f6}rg <jorg@b.example>", "{J\u{f6}rg} <jorg@b.example>"),
        ("\"J\u{f6}rg, jun.\" <jorg@b.example>, a@b", "{J\u{f6}rg, jun.} <jorg@b.example>, a@b"),
        ("\"J\u{f6}rg \\\"x\\\" \\\\\" <a@b>", "{J\u{f6}rg \"x\" \\} <a@b>"),
        ("J\u{f6}rg<a@b>", "{J\u{f6}rg} <a@b>"),
        ("Jane  \"M\u{fc}\"\tX <a@b>", "{Jane  M\u{fc}\tX} <a@b>"),
        ("J\u{f6}rg <\"a b\"@c>", "{J\u{f6}rg} <\"a b\"@c>"),
        ("J\u{f6}rg <@x,@y:a@b>", "{J\u{f6}rg} <a@b>"),
        ("J\u{f6}rg <root>", "{J\u{f6}rg} <root>"),
        ("J\u{f6}rg <a@[IPv6:::1]>", "{J\u{f6}rg} <a@[IPv6:::1]>"),
        // Comments become part of the name, or are it.
        ("a@b (J\u{f6}rg)", "{J\u{f6}rg} <a@b>"),
        ("a@b (J\u{f6}rg \\) (x, y))", "{J\u{f6}rg ) (x, y)} <a@b>"),
        ("Jane (B\u{fc}ro) <a@b> (\u{fc})", "{Jane (B\u{fc}ro)  (\u{fc})} <a@b>"),
        ("<a(\u{fc})@b>", "{(\u{fc})} <a@b>"),
        ("J (a\\)b\u{fc}) <d@c>", "{J (a)b\u{fc})} <d@c>"),
        // What was encoded already stays so, and the blank beside it is not lost.
        ("=?UTF-8?Q?J=C3=B6rg?= M\u{fc} <a@b>", "=?UTF-8?Q?J=C3=B6rg?= { M\u{fc}} <a@b>"),
        // ASCII beside it is not touched.
        ("\"a,  b\" (x  y) <a@b> , \u{fc} <c@d>", "\"a,  b\" (x  y) <a@b>, {\u{fc}} <c@d>"),
        // A mark that nothing closes would take in what follows.
        ("\"a, \u{fc} <c@d>", "{\"a} ~, {\u{fc}} <c@d>"),
        ("a@b (x, \u{fc} <c@d>", "{a@b(x} ~, {\u{fc}} <c@d>"),
    ] {
        assert_eq!(shown(&format!("To: {value}")), expected.replace('~', INVALID), "{value}");
    }
}

/// RFC 5322 section 3.4.
#[test]
fn groups_stay_groups() {
    for (value, expected) in [
        ("Team: jos\u{e9}@x, b@y;", "Team: {jos\u{e9}@x} ~, b@y;"),
        ("Caf\u{e9}: a@b, J\u{f6}rg <c@d>;", "{Caf\u{e9}} : a@b, {J\u{f6}rg} <c@d>;"),
        ("\u{fc}:;", "{\u{fc}} :;"),
        ("a@b, \"A; B:\": c@d, \u{fc}@e; , f@g", "a@b, \"A; B:\": c@d, {\u{fc}@e} ~;, f@g"),
        ("A:;, B: \u{fc}@c;", "A:;, B: {\u{fc}@c} ~;"),
        ("A: \u{fc}@c", "A: {\u{fc}@c} ~;"),
        ("A: b@c; \u{fc}@d", "A: b@c;, {\u{fc}@d} ~"),
    ] {
        assert_eq!(shown(&format!("Cc: {value}")), expected.replace('~', INVALID), "{value}");
    }
}

/// A name is what a group begins with (RFC 5322 section 3.4), and an address is none.
#[test]
fn other_colons_and_semicolons_make_no_group() {
    for (value, expected) in [
        ("Two Words: \u{fc}@b;", "Two Words: {\u{fc}@b} ~;"),
        (": \u{fc}@b", "{:\u{fc}@b} ~"),
        ("<a@b>: \u{fc}@c, d@e;", "{: \u{fc}@c} <a@b>, d@e"),
        ("a@b c@d: \u{fc}@e;", "{a@bc@d:\u{fc}@e} ~"),
        ("J <x: y@z>, \u{fc}@c", "J <x: y@z>, {\u{fc}@c} ~"),
        ("A: <b;c@d>, \u{fc}@e;", "A: <b;c@d>, {\u{fc}@e} ~;"),
        ("A: B: \u{fc}@c, d@e;", "A: {B:\u{fc}@c} ~, d@e;"),
    ] {
        assert_eq!(shown(&format!("Cc: {value}")), expected.replace('~', INVALID), "{value}");
    }
}

#[test]
fn the_return_path_has_no_display_name() {
    for (value, expected) in
        [("<\u{f6}@b>", INVALID), ("\u{f6}@b", INVALID), ("<a@b> (\u{fc})", "<a@b>"), ("<> (\u{fc})", "<>"), ("<", "<")]
    {
        assert_eq!(shown(&format!("Return-Path: {value}")), expected, "{value}");
    }
}

#[test]
fn nobody_is_asked_to_write_to_an_address_that_was_replaced() {
    let ask = |value: &str| field(&format!("Disposition-Notification-To: {value}"));
    assert_eq!(ask("J\u{f6}rg <j@b>"), "Disposition-Notification-To: =?UTF-8?B?SsO2cmc=?= <j@b>\r\n");
    assert_eq!(ask("J\u{f6}rg <j\u{f6}@b>"), "");
    assert_eq!(ask("\u{f6}@b, \u{fc}@b"), "");
}

#[test]
fn texts_keep_what_is_read_in_them() {
    let long = "gr\u{fc}n und  blau, ".repeat(40);
    for (value, expected) in [
        ("gr\u{fc}n", "{gr\u{fc}n}"),
        ("  Re: gr\u{fc}n  ", "{Re: gr\u{fc}n}"),
        ("a\r\n b\r\n\t\u{fc}", "{a b\t\u{fc}}"),
        (&long, &format!("{{{}}}", long.trim())),
        // Encoded words that are there already.
        ("=?x?q?a,b?= \u{fc} =?x?b?Yw==?=", "=?x?q?a,b?= { \u{fc} } =?x?b?Yw==?="),
        ("\u{fc} =?x?q?a?=  =?x?q?b?= c", "{\u{fc} } =?x?q?a?= =?x?q?b?= { c}"),
        // These are none.
        ("=?x?q?a b?= \u{fc} =?x?z?a?= =??q?a?= =?x?q??=", "{=?x?q?a b?= \u{fc} =?x?z?a?= =??q?a?= =?x?q??=}"),
        ("a\rb\u{fc}", "{a b\u{fc}}"),
    ] {
        assert_eq!(shown(&format!("Subject: {value}")), expected, "{value}");
    }
    assert_eq!(field("SUBJECT : \u{fc}"), "SUBJECT: =?UTF-8?B?w7w=?=\r\n");
    assert_eq!(field("Subject:\u{fc}"), "Subject: =?UTF-8?B?w7w=?=\r\n");
}

#[test]
fn octets_that_are_no_utf8_are_marked() {
    let text = octets_downgraded(
        b"Subject: gr\xfcn\r\nFrom: \xff\xfe <a@b>\r\nX: \xff\r\nContent-Type: x/y; name=\xfc\r\n\r\n\xff\r\n",
    );
    let encoded = |text| encode(text, Place::Text, 45);
    let header = format!(
        "Subject: {}\r\nFrom: {} <a@b>\r\nContent-Type: x/y;\r\n name*=UTF-8''%EF%BF%BD\r\n\r\n",
        encoded("gr\u{fffd}n"),
        encoded("\u{fffd}\u{fffd}")
    );
    assert_eq!(text, [header.as_bytes(), b"\xff\r\n"].concat());
}

#[test]
fn what_has_no_form_in_ascii_is_left_out() {
    for lines in
        ["Received: by x\r\n\tfor <\u{f6}@b>; now", "Message-ID: <\u{fc}@b>", "Content-Disposition: \u{fc}; filename=x"]
    {
        assert_eq!(field(lines), "", "{lines}");
        assert_eq!(field(&format!("{lines}\r\nA: b")), "A: b\r\n", "{lines}");
    }
}

/// RFC 2231.
#[test]
fn parameters_are_encoded() {
    for (value, expected) in [
        ("text/plain; name=\u{fc}; charset=utf-8", "text/plain; name*=UTF-8''%C3%BC; charset=utf-8"),
        ("a (\u{fc}); x=\"y;z\"", "a; x=\"y;z\""),
        ("a; filename=\"\u{fc} \\\"x\\\" (1).txt\"", "a; filename*=UTF-8''%C3%BC%20%22x%22%20%281%29.txt"),
        ("a; filename=\u{fc} (1).txt", "a; filename*=UTF-8''%C3%BC%20%281%29.txt"),
        ("a; filename=\"\u{fc}; size=1", "a; filename*=UTF-8''%C3%BC; size=1"),
        ("a; filename=(x\u{fc}; size=1", "a; filename*=UTF-8''%28x%C3%BC; size=1"),
        ("a; filename=\"x; name=\u{fc}", "a; filename*=UTF-8''x; name*=UTF-8''%C3%BC"),
        // The encoded form is there already, or could be.
        ("a; filename=\u{fc}; filename*=UTF-8''%C3%BC", "a; filename*=UTF-8''%C3%BC"),
        ("a; filename*=utf-8'de'\u{fc}%20x", "a; filename*=UTF-8''%C3%BC%20x"),
        ("a; filename*=utf-8''\u{fc}abcd%+1%4", "a; filename*=UTF-8''%C3%BCabcd%25%2B1%254"),
        ("a; filename*=latin1''\u{fc}; b=c", "a; b=c"),
        ("a; filename*0=\u{fc}; filename*1=b; c=d", "a; c=d"),
        ("a; filename*0=\u{fc}; filename*1=\u{fc}; filename*2=b; c=d", "a; c=d"),
        ("a; filename=\u{fc}; filename*0*=UTF-8''%C3; filename*1*=%BC", "a; filename*0*=UTF-8''%C3; filename*1*=%BC"),
        // No parameters.
        ("a; \u{fc}=b; b\u{fc}; c; =\u{fc}; a b=\u{fc}; ; d=e", "a; d=e"),
    ] {
        let lines = field(&format!("Content-Disposition: {value}"));
        let joined = lines.strip_prefix("Content-Disposition: ").unwrap().trim_end().replace("\r\n", "");
        assert_eq!(joined, expected, "{value}");
    }
}

/// A name of half a line, and 900 octets before the parameters.
#[test]
fn what_is_too_long_for_a_parameter_is_left_out() {
    for (octets, stays) in [(38, true), (39, false), (60, false)] {
        let name = "n".repeat(octets);
        let lines = field(&format!("Content-Disposition: a; {name}=b; c=\u{fc}"));
        assert_eq!(lines.contains(&name), stays, "{octets}");
    }
    for (octets, stays) in [(900, true), (901, false), (2000, false)] {
        let lines = field(&format!("Content-Disposition: {}; c=\u{fc}", "x".repeat(octets)));
        assert_eq!(lines.contains("c*="), stays, "{octets}");
    }
}

/// RFC 2046 section 5.1.1.
#[test]
fn the_first_boundary_of_a_multipart_counts() {
    for (kind, part) in [
        ("multipart/mixed; boundary=b", true),
        ("multipart/mixed; boundary=b; boundary=c", true),
        ("multipart/mixed; boundary*1=\"\"; boundary*0=b", true),
        ("text/plain; boundary=b", false),
    ] {
        let text = downgraded(&format!("Content-Type: {kind}\r\n\r\n--b\r\nSubject: \u{fc}\r\n\r\n"));
        assert_eq!(text.is_ascii(), part, "{kind}");
    }
}

/// RFC 2231 section 3.
#[test]
fn long_parameters_come_in_pieces() {
    let name = "\u{44f}".repeat(200);
    let lines = field(&format!("Content-Disposition: attachment; filename=\"{name}.txt\""));
    assert!(lines.split("\r\n").all(|line| line.len() <= 78), "{lines}");
    let chunks: Vec<&str> = lines.split(";\r\n ").skip(1).collect();
    let mut joined = String::new();
    for (at, chunk) in chunks.iter().enumerate() {
        joined += chunk.trim_end().strip_prefix(&format!("filename*{at}*=")).unwrap();
    }
    assert_eq!(joined, format!("UTF-8''{}.txt", "%D1%8F".repeat(200)));
}

/// RFC 2047 section 2: 76 characters.
#[test]
fn a_line_is_filled() {
    let longest = |pad: usize| {
        let lines = field(&format!("Cc: {}@b, \u{fc} <d@e>, d@e, d@e, d@e, d@e, d@e, d@e", "x".repeat(pad)));
        lines.split("\r\n").map(str::len).max()
    };
    assert_eq!((1..60).map(longest).max(), Some(Some(76)));
}

#[test]
fn no_line_is_too_long() {
    let long = "x".repeat(2000);
    for (text, left) in [
        (format!("To: {long}@b.example, \u{fc}@c"), 2),
        (format!("To: \"{long}\" <a@b>, \u{fc}@c"), 2),
        (format!("To: {} <a@b>, \u{fc}@c", "word ".repeat(400)), 2),
        (format!("Cc: {}\u{fc}@c", "somebody@somewhere.example, ".repeat(400)), 401),
        (format!("Content-Type: a/b; name={long}; x=\u{fc}"), 0),
        (format!("Content-Type: a/b; {long}=\u{fc}"), 0),
        (format!("Content-Type: {long}; x=\u{fc}"), 0),
        (format!("Return-Path: <{long}@b> (\u{fc})"), 1),
        (format!("Subject: {long} \u{fc}"), 0),
    ] {
        let lines = field(&text);
        assert!(lines.is_ascii() && lines.split("\r\n").all(|line| line.len() <= 998), "{lines}");
        assert_eq!(lines.matches('@').count(), left, "{lines}");
    }
}

/// Some readers show the blank between two encoded words, so that it stands where there was one.
/// What fits into the first line, and 45 octets later on.
#[test]
fn an_encoded_word_has_room_for_so_many_octets() {
    use super::super::words::first_word;
    assert_eq!([first_word("From"), first_word("Subject"), first_word(&"x".repeat(70))], [42, 39, 6]);
    for (blank, first) in [(21, 45), (22, 45), (23, 24), (44, 45)] {
        let text = format!("{} {}", "x".repeat(blank), "y".repeat(60));
        let encoded = encode(&text, Place::Text, 45);
        let word = encoded.split(' ').next().and_then(|word| word.strip_prefix("=?UTF-8?B?")?.strip_suffix("?="));
        assert_eq!(word.map(|word| STANDARD.decode(word).unwrap().len()), Some(first), "blank at {blank}");
    }
}

#[test]
fn encoded_words_break_behind_a_blank() {
    let text = "gr\u{fc}n ".repeat(30);
    let lines = field(&format!("Subject: {text}"));
    let words: Vec<String> = lines
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("=?UTF-8?B?")?.strip_suffix("?="))
        .map(|coded| String::from_utf8(STANDARD.decode(coded).unwrap()).unwrap())
        .collect();
    assert!(words.len() > 3, "{lines}");
    let (last, others) = words.split_last().unwrap();
    assert!(others.iter().all(|word| word.ends_with(' ')) && !last.ends_with(' '), "{words:?}");
    assert_eq!(words.concat(), text.trim_end());
    assert_eq!(field("Subject: gr\u{fc}n und blau").matches("=?UTF-8?B?").count(), 1, "what fits into one is one");
}
