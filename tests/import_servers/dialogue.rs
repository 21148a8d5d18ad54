//! POP3 out of step: the import ends at once, keeps what is sure, and never takes one message for another.

use crate::fake::{Drop, Fake, Reply, Uidl, expected, import, message, stored, stuffed};
use crate::support::Site;

/// Imports from a server that breaks the rules, which must end with `code` and a text that names the `message`, and leave
/// exactly `sure` messages; then from one that does not.
fn broken_then_mended(broken: &Drop, code: i32, named: usize, sure: usize) -> String {
    let site = Site::with_alice(&[]);
    let count = broken.messages.len();
    let mended = Drop { uidl: broken.uidl, bare_lf: broken.bare_lf, ..Drop::sound(count) };
    let fake = Fake::new(vec![broken.session(), mended.session()]);
    let (ended, said, error) = import(&site, &fake.url("pop3"), &[]);
    assert_eq!((ended, stored(&site)), (code, expected(1..=sure)), "{said}{error}");
    assert_eq!(said, format!("{sure} imported, 0 there already, 0 refused\n"), "{error}");
    assert!(error.contains(&format!("message {named}")), "{error}");
    let (ended, said, again) = import(&site, &fake.url("pop3"), &[]);
    assert_eq!(ended, 0, "{again}");
    assert_eq!(said, format!("{} imported, {sure} there already, 0 refused\nboth sides are the same\n", count - sure));
    assert_eq!(stored(&site), expected(1..=count));
    fake.done();
    // Whoever knows the old list downloads nothing again.
    let server = site.serve(&[]);
    let mut client = server.alice();
    let ids: Vec<String> = (1..=count).map(|number| format!("id{number}")).collect();
    assert_eq!(client.unique_ids(), ids);
    for number in 1..=count {
        assert!(client.multi(&format!("RETR {number}")) == message(number), "message {number}");
    }
    error
}

const WAYS: [Uidl; 4] = [Uidl::One, Uidl::Pipelined, Uidl::All, Uidl::Refused];

#[test]
fn a_dot_that_was_not_stuffed() {
    for uidl in WAYS {
        for left_over in
            ["one\r\ntwo\r\nthree\r\n", "+OK\r\nSubject: message 3\r\n\r\nother\r\n", "-ERR\r\n", "3 id3\r\n"]
        {
            let mut broken = Drop { uidl, ..Drop::sound(8) };
            let whole = format!("Subject: message 2\r\n\r\n.\r\n{left_over}");
            broken.messages[1] = ("id2".into(), whole.len(), format!("{whole}.\r\n").into_bytes());
            broken_then_mended(&broken, 65, 2, 1);
        }
    }
}

/// The rest comes late: it is not in the same read.
#[test]
fn a_left_over_that_comes_late() {
    let site = Site::with_alice(&[]);
    let drop = Drop::sound(8);
    let mut late = false;
    let mut usual = drop.session();
    let fake = Fake::new(vec![Box::new(move |command| match command {
        "RETR 2" => {
            late = true;
            Reply::Say(b"+OK\r\nSubject: message 2\r\n\r\n.\r\n".to_vec())
        }
        // Only now what stood behind the dot.
        _ if std::mem::take(&mut late) => Reply::Say(b"one\r\ntwo\r\nthree\r\n.\r\n+OK 2 id2\r\n".to_vec()),
        command => usual(command),
    })]);
    let (code, said, error) = import(&site, &fake.url("pop3"), &[]);
    assert_eq!((code, stored(&site)), (65, expected([1])), "{said}{error}");
    assert!(error.contains("message 2") && error.contains("\"one\""), "{error}");
    fake.done();
}

/// Where the sizes of the others are exact a wrong one means that something is missing, wherever it stands.
#[test]
fn fewer_octets_than_list_says() {
    for (uidl, number) in [(Uidl::One, 1), (Uidl::One, 2), (Uidl::All, 5), (Uidl::Refused, 8)] {
        let mut broken = Drop { uidl, ..Drop::sound(8) };
        broken.messages[number - 1].2 = stuffed(b"Subject: cut\r\n\r\n");
        let error = broken_then_mended(&broken, 65, number, number - 1);
        assert!(error.contains(&format!("{} octets in LIST", message(number).len())), "{error}");
    }
}

/// Storage sizes, sizes with LF, sizes with stuffed dots: whatever a server means, it is not out of step.
#[test]
fn sizes_that_mean_something_else() {
    let sizes: [fn(usize, &[u8]) -> usize; 5] = [
        |_, _| 4096,
        |octets, _| octets + 17,
        |_, wire| wire.iter().filter(|octet| **octet != b'\r').count() - 3,
        |_, wire| wire.len() - 3,
        |octets, _| if octets % 2 == 0 { octets } else { octets + 1 },
    ];
    for size in sizes {
        let mut drop = Drop::sound(8);
        drop.messages.iter_mut().for_each(|(_, octets, wire)| *octets = size(*octets, wire));
        let site = Site::with_alice(&[]);
        let fake = Fake::new(vec![drop.session()]);
        let (code, said, error) = import(&site, &fake.url("pop3"), &[]);
        assert_eq!((code, &*said), (0, "8 imported, 0 there already, 0 refused\nboth sides are the same\n"), "{error}");
        assert_eq!(stored(&site), expected(1..=8));
        fake.done();
    }
}

/// From message 4 on, numbers stand for the message behind.
#[test]
fn unique_ids_that_change() {
    for uidl in WAYS {
        let broken = Drop { uidl, moves_behind: Some(3), ..Drop::sound(8) };
        // The list is asked for behind each message: the third is not sure any more either.
        let error = broken_then_mended(&broken, 75, 3, 2);
        assert!(error.contains("has changed"), "{error}");
    }
}

/// Between one list and the next, before a message was read.
#[test]
fn unique_ids_that_are_others_at_once() {
    for uidl in [Uidl::One, Uidl::All] {
        let site = Site::with_alice(&[]);
        let (first, mut asked) = (Drop { uidl, ..Drop::sound(4) }, false);
        let mut other = first.clone();
        other.messages.iter_mut().for_each(|(id, ..)| id.push('x'));
        let (mut first, mut other) = (first.session(), other.session());
        let fake = Fake::new(vec![Box::new(move |command| {
            if asked {
                other(command)
            } else {
                asked = command == "UIDL";
                first(command)
            }
        })]);
        let (code, said, error) = import(&site, &fake.url("pop3"), &[]);
        assert_eq!((code, &*stored(&site)), (75, ""), "{said}{error}");
        assert!(error.contains("\"id1x\""), "{error}");
        fake.done();
    }
}

/// Neither `+OK` nor `-ERR`, wherever it is said.
#[test]
fn an_answer_that_is_none() {
    let kinds = ["", "USER alice", "PASS secret", "LIST", "UIDL", "RETR 2"];
    for command in kinds {
        for wrong in ["", "* OK IMAP4rev1", "+OKAY", "+ok", "-ERROR", "220 ESMTP", "HTTP/1.1 400 Bad Request"] {
            let site = Site::with_alice(&[]);
            let answer = move |said: &str| (said == command).then(|| Reply::Say(format!("{wrong}\r\n").into_bytes()));
            let fake = Fake::new(vec![Drop::sound(3).session_with(answer)]);
            let (code, said, error) = import(&site, &fake.url("pop3"), &[]);
            assert_eq!(code, 65, "{command}: {wrong}: {said}{error}");
            assert!(error.contains("neither +OK nor -ERR") && error.contains(wrong), "{error}");
            assert_eq!(stored(&site), expected(1..=usize::from(command == "RETR 2")));
            fake.done();
        }
    }
}

#[test]
fn a_list_that_is_none() {
    for (command, list) in [
        ("LIST", "1\r\n"),
        ("LIST", "1 x\r\n"),
        ("LIST", "1 -5\r\n"),
        ("LIST", "x 5\r\n"),
        ("LIST", "2 5\r\n1 5\r\n"),
        ("LIST", "1 5\r\n1 5\r\n"),
        ("LIST", "0 5\r\n"),
        ("LIST", "1 99999999999999999999999\r\n"),
        ("UIDL", "1 a\r\n1 b\r\n"),
        ("UIDL", "\r\n"),
        ("UIDL", "-1 a\r\n"),
    ] {
        let site = Site::with_alice(&[]);
        let answer =
            move |said: &str| (said == command).then(|| Reply::Say(format!("+OK\r\n{list}.\r\n").into_bytes()));
        let fake = Fake::new(vec![Drop::sound(3).session_with(answer)]);
        let (code, _, error) = import(&site, &fake.url("pop3"), &[]);
        assert_eq!((code, &*stored(&site)), (65, ""), "{list:?}: {error}");
        fake.done();
    }
}

/// Wherever the connection ends: 75, and the next run goes on.
#[test]
fn a_connection_that_breaks() {
    for (command, sure) in [("", 0), ("PASS secret", 0), ("LIST", 0), ("UIDL", 0), ("RETR 3", 2), ("UIDL 3", 2)] {
        let site = Site::with_alice(&[]);
        let half = move |said: &str| {
            let rest = if ["LIST", "UIDL", "RETR 3"].contains(&command) { "K\r\n1 2" } else { "" };
            (said == command).then(|| Reply::Last(format!("+O{rest}").into_bytes()))
        };
        let fake = Fake::new(vec![Drop::sound(4).session_with(half), Drop::sound(4).session()]);
        let (code, said, error) = import(&site, &fake.url("pop3"), &[]);
        assert_eq!(code, 75, "{command}: {said}{error}");
        assert_eq!(stored(&site), expected(1..=sure));
        assert_eq!(import(&site, &fake.url("pop3"), &[]).0, 0);
        assert_eq!(stored(&site), expected(1..=4));
        fake.done();
    }
}

#[test]
fn a_server_that_ends_lines_in_lf() {
    for uidl in WAYS {
        let mut drop = Drop { uidl, bare_lf: true, ..Drop::sound(8) };
        for with_lf in [false, true] {
            if with_lf {
                drop.messages
                    .iter_mut()
                    .for_each(|(_, octets, wire)| *octets -= wire.iter().filter(|o| **o == b'\n').count() - 1);
            }
            let site = Site::with_alice(&[]);
            let fake = Fake::new(vec![drop.session(), drop.session()]);
            let (code, said, error) = import(&site, &fake.url("pop3"), &[]);
            assert_eq!(
                (code, &*said),
                (0, "8 imported, 0 there already, 0 refused\nboth sides are the same\n"),
                "{error}"
            );
            assert_eq!(stored(&site), expected(1..=8));
            assert_eq!(import(&site, &fake.url("pop3"), &[]).0, 0);
            assert_eq!(site.serve(&[]).alice().multi("RETR 3"), message(3));
            fake.done();
        }
    }
    // Out of step it is refused, too.
    let mut broken = Drop { bare_lf: true, ..Drop::sound(8) };
    broken.messages[1].2 = b"Subject: x\r\n\r\n.\r\none\r\ntwo\r\nthree\r\n.\r\n".to_vec();
    broken_then_mended(&broken, 65, 2, 1);
}

/// Where the server can be asked twice in one breath, a refusal of the first answers only half of it.
#[test]
fn a_message_that_is_withheld_among_questions() {
    for uidl in WAYS {
        let site = Site::with_alice(&[]);
        let withheld = |said: &str| (said == "RETR 2").then(|| Reply::Say(b"-ERR damaged\r\n".to_vec()));
        let fake = Fake::new(vec![Drop { uidl, ..Drop::sound(4) }.session_with(withheld)]);
        let (code, said, error) = import(&site, &fake.url("pop3"), &[]);
        assert_eq!((code, &*said), (65, "3 imported, 0 there already, 1 refused\n"), "{error}");
        assert_eq!(stored(&site), expected([1, 3, 4]));
        fake.done();
    }
}

#[test]
fn a_greeting_that_refuses() {
    for (greeting, code) in [
        ("-ERR [SYS/TEMP] later", 75),
        ("-ERR [sys/temp] later", 75),
        ("-ERR [IN-USE] locked", 75),
        ("-ERR [LOGIN-DELAY] wait", 75),
        ("-ERR [SYS/PERM] never", 69),
        ("-ERR go away", 69),
    ] {
        let site = Site::with_alice(&[]);
        let fake = Fake::new(vec![Box::new(move |_| Reply::Last(format!("{greeting}\r\n").into_bytes()))]);
        let (ended, _, error) = import(&site, &fake.url("pop3"), &[]);
        assert_eq!(ended, code, "{error}");
        assert!(error.contains(greeting), "{error}");
        fake.done();
    }
}

#[test]
fn a_server_without_uidl() {
    let site = Site::with_alice(&[]);
    let without =
        || Drop::sound(3).session_with(|said| said.starts_with("UIDL").then(|| Reply::Say(b"-ERR what?\r\n".to_vec())));
    let fake = Fake::new(vec![without(), without(), without()]);
    let (code, _, error) = import(&site, &fake.url("pop3"), &[]);
    assert_eq!((code, &*stored(&site)), (65, ""));
    assert!(error.contains("--no-uidl"), "{error}");
    let (code, said, error) = import(&site, &fake.url("pop3"), &["--no-uidl"]);
    assert_eq!((code, &*said), (0, "3 imported, 0 there already, 0 refused\nboth sides are the same\n"), "{error}");
    let ids: Vec<String> = site.serve(&[]).alice().unique_ids();
    assert_eq!(ids, ["1", "2", "3"]);
    // They are known again by their octets.
    let (code, said, error) = import(&site, &fake.url("pop3"), &["--no-uidl"]);
    assert_eq!((code, &*said), (0, "0 imported, 3 there already, 0 refused\nboth sides are the same\n"), "{error}");
    fake.done();
}
