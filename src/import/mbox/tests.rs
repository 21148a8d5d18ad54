//! mbox files of many programs, and text that only looks like them.

use super::*;
use std::io::Write;

fn mbox(text: &[u8], format: Option<&str>) -> Mbox {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text).unwrap();
    Mbox::new(Path::new("box"), Packed::new(file).unwrap(), format.map(|it| UidFormat::parse(it).unwrap()))
}

fn fetched(mbox: &mut Mbox, count: usize) -> Vec<String> {
    let mut octets = Vec::new();
    let mut read = |at| {
        mbox.fetch(at, 1_000_000, &mut octets).unwrap();
        String::from_utf8(octets.clone()).unwrap()
    };
    (0..count).map(&mut read).collect()
}

fn messages(text: &str) -> (Vec<Listed>, Vec<String>) {
    let mut mbox = mbox(text.as_bytes(), None);
    let listed = mbox.list().unwrap();
    let texts = fetched(&mut mbox, listed.len());
    (listed, texts)
}

/// A line that is a separator everywhere.
const A: &str = "From a@x Mon Nov 23 12:00:00 2026\n";

/// The messages of a file in which `A` alone on a line stands for [`A`].
fn texts(text: &str) -> Vec<String> {
    messages(&text.replace("A\n", A)).1
}

/// Lines that were taken for text.
fn from_lines(text: &str) -> usize {
    let mut mbox = mbox(text.replace("A\n", A).as_bytes(), None);
    mbox.list().unwrap();
    mbox.notes().from_lines
}

fn refused(text: &[u8]) -> String {
    mbox(text, None).list().unwrap_err().to_string()
}

#[test]
fn messages_begin_with_from_lines() {
    let (listed, texts) = messages(
        "From bob@b.example Mon Nov 23 12:00:00 2026\nX-UIDL: abc\nStatus: RO\n\nHello\nFrom here on\n\n\
         From MAILER-DAEMON Mon Nov 23 12:00:00 2026\nSubject: x\n\n>From me\n>>From you\n>Frog\n\n\n\
         From carol@c.example Tue Nov 24 12:00 2026\n\n",
    );
    assert_eq!(
        texts,
        ["X-UIDL: abc\nStatus: RO\n\nHello\nFrom here on\n", "Subject: x\n\nFrom me\n>From you\n>Frog\n\n", ""]
    );
    let facts = |at: usize| {
        (listed[at].sender.as_deref(), listed[at].received_at, listed[at].unique_id.as_deref(), listed[at].read)
    };
    assert_eq!(facts(0), (Some("bob@b.example"), Some(1_795_435_200), Some("abc"), true));
    assert_eq!(facts(1), (Some(""), Some(1_795_435_200), None, false));
    assert_eq!(facts(2), (Some("carol@c.example"), Some(1_795_521_600), None, false));
    assert!(listed.iter().all(|listed| listed.claimed));
}

/// Each with the number of messages of a file of two whose separators have this form.
#[test]
fn separators_of_all_programs() {
    for form in [
        "From a@x.example Mon Nov 23 10:00:00 2026",
        "From a@x.example  Mon Nov 23  3:04:05 2026",
        "From a@x.example Mon Nov 23 10:00 2026",
        "From a@x.example Mon Nov 23 10:00:00 CET 2026",
        "From a@x.example Mon Nov 23 10:00:00 2026 CET",
        "From a@x.example Mon Nov 23 10:00:00 +0100 2026",
        "From a@x.example Mon Nov 23 10:00:00 2026 +01:00",
        "From a@x.example Mon, 23 Nov 2026 10:00:00 +0200 CEST",
        "From a@x.example Mon, 23 Nov 2026 10:00:00 +0200 (CEST)",
        "From a@x.example Mon Nov 23 2026 10:00:00 GMT+0100 (Central European Standard Time)",
        "From a Mon Nov 23 10:00:00 2026 remote from host",
        "From a Mon Nov 23 10:00:00 2026 forwarded by host",
        "From \"a b\"@x.example Mon Nov 23 10:00:00 2026",
        "From Mon Nov 23 10:00:00 2026",
        "From  Mon Nov 23 10:00:00 2026",
        "From - Mon Nov 23 10:00:00 2026",
        "From ???@??? Mon Nov 23 10:00:00 2026",
        "From 1844347792267117879@xxx Mon Nov 23 10:00:00 +0000 2026",
        "From 1844347792267117879@xxx",
        "From nobody",
        "From ",
        "From -",
    ] {
        for end in ["\n", "\r\n", "\r"] {
            let text =
                format!("{form}\nSubject: one\nA: b\n\nfirst\n\n{form}\nSubject: two\n\nsecond\n").replace('\n', end);
            let end = if end == "\r" { "\n" } else { end };
            let expected =
                ["Subject: one\nA: b\n\nfirst\n", "Subject: two\n\nsecond\n"].map(|it| it.replace('\n', end));
            assert_eq!(messages(&text).1, expected, "{form:?} with {end:?}");
        }
    }
}

#[test]
fn what_follows_a_separator_looks_like_a_header() {
    for text in [
        "Hello\n\nFrom here on, all is fine\nbye\n",
        "From Russia with love\n",
        "\nFrom here on: nothing\nA: b\n",
        "He said:\nFrom bob@x Mon Nov 23 12:00:00 2026\n\nHe wrote.\n",
        "From bob@x Mon Nov 23 12:00:00 2026\nhe wrote: x\n",
        "From bob@x Mon Nov 23 12:00:00 2026\n>From here\nhe wrote\n",
        "From bob@x Mon Nov 23 12:00:00 2026\nFrom bob@x Mon Nov 23 12:00:00 2026\nno\n",
        "\nFrom \nhello\n",
        "\nFrom \nNote: this\nhello\n",
        "From \nNote: this\n\nhello\n",
        "\nFrom there\nNote: this\nA: b\n",
        "\nFrom bob@x\nNote: this\nA: b\n",
    ] {
        let lines = text.split('\n').filter(|line| line.starts_with("From ")).count();
        let text = format!("A\nS: 1\n\nx\n{text}");
        let found = texts(&format!("{text}\nA\nS: 2\n\nb\n"));
        assert_eq!(
            found,
            [text.strip_prefix("A\n").unwrap().replace("\n>From", "\nFrom").as_str(), "S: 2\n\nb\n"],
            "{text}"
        );
        assert_eq!(from_lines(&text), lines, "{text}");
    }
    assert_eq!(texts("A\nS: 1\n\nb\nA\nS: 2\n\nb\n\n\n"), ["S: 1\n\nb\n", "S: 2\n\nb\n\n"]);
    assert_eq!(texts("A\nA\n"), ["", ""]);
    assert_eq!(texts("A\n\nA\n\nA\nS: 3\n"), ["", "", "S: 3\n"]);
}

/// Dovecot and Python read a dated separator behind an empty line as one, whatever follows; programs quote it in text.
#[test]
fn a_dated_separator_behind_an_empty_line_needs_no_header() {
    for text in [
        "\nbody only\n",
        "\n\nbody only\n",
        "a plain first line\n",
        "a plain: first line\n\nmore\n",
        "> a\n",
        ">From me\nhello\n",
        " folded\n",
        "\nFrom Russia with love\n",
    ] {
        let expected = text.replace(">From", "From");
        let file = format!("A\nS: 1\n\nx\n\nA\n{text}\nA\nS: 3\n\nz\n").replace("A\n", A);
        let mut found = mbox(file.as_bytes(), None);
        let listed = found.list().unwrap();
        assert_eq!(fetched(&mut found, listed.len()), ["S: 1\n\nx\n", &expected, "S: 3\n\nz\n"], "{text}");
        assert_eq!(found.notes().headless, 1, "{text}");
    }
    assert_eq!(texts("A\nno header\n\nA\n> no header\n"), ["no header\n", "> no header\n"]);
    assert_eq!(texts("A\nS: 1\n\nx\n\nA\n\nA\nno\n"), ["S: 1\n\nx\n", "", "no\n"]);
    let umlaut = "A\nS: 1\n\nx\nA\nS\u{fc}bject: 2\n\ny\n";
    assert_eq!(texts(umlaut), ["S: 1\n\nx\n", "S\u{fc}bject: 2\n\ny\n"]);
    // A length says that it is text.
    let body = "x\n\nA\nhe wrote\n".replace("A\n", A);
    let file = format!("A\nContent-Length: {}\n\n{body}\nA\nS: 2\n", body.len());
    assert_eq!(texts(&file), [format!("Content-Length: {}\n\n{body}", body.len()), "S: 2\n".to_owned()]);
}

/// Thunderbird wrote `From - DATE` until it wrote nothing behind `From `.
#[test]
fn old_and_new_separators_in_one_file() {
    let text =
        "From - Mon Nov 23 12:00:00 2026\nS: 1\n\none\n\nFrom \nS: 2\nT: 2\n\ntwo\n\nFrom -\nSubject: 3\n\nthree\n";
    assert_eq!(texts(text), ["S: 1\n\none\n", "S: 2\nT: 2\n\ntwo\n", "Subject: 3\n\nthree\n"]);
    assert_eq!(texts("From \nS: 1\n\none\n\nA\nS: 2\n"), ["S: 1\n\none\n", "S: 2\n"]);
}

/// `>From ` at the head of a message tells of its way (UUCP); in the text it is quoted.
#[test]
fn the_way_of_a_message_belongs_to_its_separator() {
    let way = ">From b Mon Nov 23 11:00:00 2026 remote from host\n>From c Mon Nov 23 10:00:00 2026 remote from other\n";
    assert_eq!(texts(&format!("A\n{way}S: 1\n\n>From x\n\nA\n{way}S: 2\n")), ["S: 1\n\nFrom x\n", "S: 2\n"]);
}

#[test]
fn a_first_separator_of_another_form_is_named() {
    for (line, what) in [
        ("From carol@c.example no date", "a form that is not known"),
        ("From carol@c.example lun. 23 f\u{e9}vr. 2026 10:00:00", "a form that is not known"),
        ("From here on: nothing", "a form that is not known"),
        ("From me", "without a date"),
        ("From ", "without a date"),
    ] {
        let error = refused(format!("{line}\nno header\n\nA: b\n").as_bytes());
        assert!(error.contains("first line") && error.contains(line.trim_end()) && error.contains(what), "{error}");
    }
    assert_eq!(texts("From a Mon Nov 23 12:00:00 2026\nno header\n"), ["no header\n"]);
}

#[test]
fn a_mark_and_empty_lines_at_the_start_are_passed_over() {
    for start in ["\u{feff}", "\n", "\r\n\n", "\u{feff}\n"] {
        assert_eq!(texts(&format!("{start}A\nS: 1\n\nb\n\nA\nS: 2\n")), ["S: 1\n\nb\n", "S: 2\n"]);
    }
    assert!(texts("\n\n").is_empty() && texts("").is_empty());
}

#[test]
fn a_length_that_ends_at_a_separator_is_believed() {
    let body = "Hello\n\nFrom b@x Mon Nov 23 12:00:00 2026\nA: b\n>From c\n";
    let first = format!("Content-Length: {}\n\n{body}", body.len());
    for between in ["", "\n"] {
        for end in ["", "\n"] {
            let found = texts(&format!("A\n{first}{between}A\nContent-Length: 2\n\nb\n{end}"));
            assert_eq!(found, [first.as_str(), "Content-Length: 2\n\nb\n"], "{between:?} {end:?}");
        }
    }
    // Only quoted lines: one `>` goes, as without a length.
    assert_eq!(texts("A\nContent-Length: 8\n\n>From x\n\nA\n"), ["Content-Length: 8\n\nFrom x\n", ""]);
    assert_eq!(texts("A\nContent-Length: 0\n\nA\nS: 2\n"), ["Content-Length: 0\n\n", "S: 2\n"]);
}

#[test]
fn a_length_that_ends_elsewhere_is_not() {
    for length in ["1", "3", "4", "5", "99999", "18446744073709551615", "-1", "x"] {
        let first = format!("Content-Length: {length}\n\nab\ncd\n");
        let found = texts(&format!("A\n{first}\nA\nS: 2\n\nb\n"));
        assert_eq!(found, [first.as_str(), "S: 2\n\nb\n"], "{length}");
    }
}

/// A length that ends behind other messages makes one of them only where all have lengths but those.
#[test]
fn a_length_over_other_messages_is_doubted() {
    let second = format!("{A}S: 2\n\ntwo\n\n");
    let first = format!("Content-Length: {}\n\n", 5 + second.len());
    let file = format!("{A}{first}one\n\n{second}{A}S: 3\n");
    assert_eq!(messages(&file).1.len(), 3, "the one behind has no length");
    let stated = format!("{A}Content-Length: 4\n\ntwo\n\n");
    let first = format!("Content-Length: {}\n\n", 5 + stated.len());
    let file = format!("{A}{first}one\n\n{stated}{A}Content-Length: 6\n\nthree\n");
    assert_eq!(messages(&file).1.len(), 3, "the one between has a length");
}

#[test]
fn mmdf_is_read() {
    let mark = "\u{1}\u{1}\u{1}\u{1}\n";
    let file = format!(
        "{mark}S: 1\n\n>From one\nFrom a@x Mon Nov 23 12:00:00 2026\nA: b\n{mark}{mark}{A}S: 2\nStatus: RO\n\n\ntwo\n\n{mark}"
    );
    let (listed, texts) = messages(&file);
    assert_eq!(
        texts,
        ["S: 1\n\n>From one\nFrom a@x Mon Nov 23 12:00:00 2026\nA: b\n", "S: 2\nStatus: RO\n\n\ntwo\n\n"]
    );
    assert_eq!((listed[1].read, listed[1].received_at), (true, Some(1_795_435_200)));
    // One line between two messages, and no last one.
    assert_eq!(messages(&format!("{mark}S: 1\n\none\n{mark}S: 2\n\ntwo\n")).1, ["S: 1\n\none\n", "S: 2\n\ntwo\n"]);
}

/// Python's `mailbox.MMDF` adds a line end to each message, mutt does not.
#[test]
fn mmdf_of_python_has_an_empty_line_too_many() {
    let mark = "\u{1}\u{1}\u{1}\u{1}\n";
    let python = "From MAILER-DAEMON Mon Nov 23 12:00:00 2026\n";
    for (messages_in, from, added) in [
        (&["S: 1\n\none\n", "S: 2\n\ntwo\n\n", "S: 3\n\n"][..], A, "\n"),
        (&["S: 1\n\none", "S: 2\n\ntwo\n"], python, "\n"),
        (&["S: 1\n\n"], python, "\n"),
        (&["S: 1\n\none\n", "S: 2\n\ntwo\n\n"], A, ""),
        (&["S: 1\n\n", "S: 2\n\n"], A, ""),
        (&["S: 1\n\n", "S: 2\n\ntwo\n\n"], "", ""),
    ] {
        for end in ["\n", "\r\n"] {
            let file: String = messages_in.iter().map(|it| format!("{mark}{from}{it}{added}{mark}")).collect();
            let expected: Vec<String> = messages_in
                .iter()
                .map(|it| if it.ends_with('\n') { it.replace('\n', end) } else { format!("{it}\n").replace('\n', end) })
                .collect();
            assert_eq!(messages(&file.replace('\n', end)).1, expected, "{file:?}");
        }
    }
}

#[test]
fn bookkeeping_is_no_mail() {
    let books = format!("{A}From: MAILER-DAEMON\nX-IMAP: 1795428000 0000000009\nStatus: RO\n\nbooks\n\n");
    let (listed, texts) = messages(&format!("{books}{A}X-UID: 3\n\none\n\n{A}X-IMAP: 1 2\n\ntwo\n"));
    assert_eq!((listed.len(), texts[1].as_str()), (2, "X-IMAP: 1 2\n\ntwo\n"), "only the first message can be");
    let mut mbox = mbox(format!("{books}{A}X-UID: 3\n\none\n").as_bytes(), Some("%u-%v"));
    assert_eq!(mbox.list().unwrap()[0].unique_id.as_deref(), Some("3-1795428000"));
    assert_eq!(mbox.notes().bookkeeping, 1);
}

#[test]
fn ids_are_made_of_uids() {
    let uids = |uids: &[&str]| {
        let mut text = String::new();
        for (at, uid) in uids.iter().enumerate() {
            let base = if at == 0 { "X-IMAPbase: 1795428000 0000000009\n" } else { "" };
            text += &format!("{A}{base}X-UIDL: own{at}\nX-UID: {uid}\n\nx\n\n");
        }
        let listed = mbox(text.as_bytes(), Some("%08Xu%08Xv")).list().unwrap();
        listed.into_iter().map(|listed| listed.unique_id.unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(uids(&["3", "5"]), ["000000036b040ea0", "000000056b040ea0"]);
    // What is not above the one before, or was not given out, is not the server's.
    assert_eq!(
        uids(&["3", "3", "2", "10", "x", "9"]),
        ["000000036b040ea0", "own1", "own2", "own3", "own4", "000000096b040ea0"]
    );
    let error = mbox(format!("{A}X-UID: 3\n\nx\n").as_bytes(), Some("%u")).list().unwrap_err();
    assert!(error.to_string().contains("no X-IMAPbase"), "{error}");
    assert_eq!(mbox(format!("{A}X-UID: 3\n\nx\n").as_bytes(), None).list().unwrap()[0].unique_id, None);
}

#[test]
fn deleted_messages_are_marked() {
    let (listed, _) =
        messages(&format!("{A}X-Mozilla-Status: 0009\n\nx\n\n{A}X-Status: D\n\nx\n\n{A}Status: O\n\nx\n"));
    assert_eq!(listed.iter().map(|listed| listed.deleted).collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn long_lines_are_no_separators_in_their_middle() {
    let long = format!("{}{A}", "x".repeat(crate::import::header::LONGEST_HEADER));
    let text = format!("A\nS: 1\n\n{long}\nA\nS: 2\n");
    assert_eq!(texts(&text), [format!("S: 1\n\n{long}"), "S: 2\n".to_owned()]);
}

#[test]
fn too_big_is_said() {
    let mut mbox = mbox(format!("{A}0123456789\n").as_bytes(), None);
    assert_eq!(mbox.list().unwrap().len(), 1);
    assert!(matches!(mbox.fetch(0, 10, &mut Vec::new()), Err(ImportError::TooBig(_))));
    assert!(mbox.fetch(0, 11, &mut Vec::new()).is_ok());
}

/// Whatever a file holds: no octet is of two messages, and what is told of it can be read.
#[test]
fn whatever_comes_messages_do_not_overlap() {
    const PIECES: &[&str] = &[
        "\n",
        "\r\n",
        "\r",
        A,
        "From ",
        "From -",
        "From x@xxx",
        ">From x\n",
        "Subject: x\n",
        "Content-Length: 7\n",
        "Content-Length: 120\n",
        "X-IMAP: 1 2\n",
        "text\n",
        " folded\n",
        "\u{1}\u{1}\u{1}\u{1}\n",
        "\u{feff}",
    ];
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut found = 0;
    for _ in 0..4000 {
        let starts = [A, "From \n", "From x@xxx\n", "\u{1}\u{1}\u{1}\u{1}\n"];
        let mut text = starts[random(starts.len())].to_owned();
        (0..random(25)).for_each(|_| text += PIECES[random(PIECES.len())]);
        let mut mbox = mbox(text.as_bytes(), None);
        let Ok(listed) = mbox.list() else { continue };
        let ranges = &mbox.messages;
        assert_eq!(listed.len(), ranges.len());
        assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "{text:?}: {ranges:?}");
        assert!(ranges.iter().all(|range| range.start <= range.end && range.end <= text.len() as u64), "{text:?}");
        found += fetched(&mut mbox, listed.len()).len();
    }
    assert!(found > 2000, "{found}");
}
