//! Servers that mean harm: nothing of them reaches a terminal, and no list, line or message takes memory or time.

use crate::fake::{Drop, Fake, Reply, Session, import, stored};
use crate::support::Site;
use crate::support::server::memory;
use crate::support::site::text;
use std::io::{Read, Write};

/// What an import may take, KiB.
const MOST_MEMORY: u64 = 64 * 1024;

/// Runs an import until it ends. Exit code, stderr and the greatest memory it took.
pub fn watched(site: &Site, url: &str) -> (i32, String, u64) {
    let mut import = site.command(&["import", "-u", "alice", url]).spawn().unwrap();
    import.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(memory(import.id(), "VmHWM:").unwrap_or(0));
        match import.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(std::time::Duration::from_millis(2)),
        }
    };
    let mut error = Vec::new();
    import.stderr.take().unwrap().read_to_end(&mut error).unwrap();
    (status.code().unwrap(), text(&error), peak)
}

fn refused_in_little_memory(scheme: &str, session: Session) -> String {
    let site = Site::with_alice(&[]);
    let fake = Fake::new(vec![session]);
    let (code, error, peak) = watched(&site, &fake.url(scheme));
    assert_eq!((code, &*stored(&site)), (65, ""), "{error}");
    assert!(peak < MOST_MEMORY, "{peak} KiB: {error}");
    fake.done();
    error
}

fn long_list(lines: usize) -> Vec<u8> {
    let mut list = b"+OK\r\n".to_vec();
    for number in 1..=lines {
        list.extend_from_slice(format!("{number} {:4084}\r\n", 1).as_bytes());
    }
    list
}

#[test]
fn lists_that_are_too_long() {
    for command in ["LIST", "UIDL"] {
        let list = long_list(100_000);
        let answer = move |said: &str| (said == command).then(|| Reply::Last(list.clone()));
        let error = refused_in_little_memory("pop3", Drop::sound(3).session_with(answer));
        assert!(error.contains("a line of more than 1024 octets"), "{error}");
    }
    let mut number = 0;
    let mut usual = Drop::sound(3).session();
    let error = refused_in_little_memory(
        "pop3",
        Box::new(move |said| match said {
            "LIST" => {
                let lines = (1..=200_000).map(|_| {
                    number += 1;
                    format!("{number} 5\r\n")
                });
                Reply::Last(format!("+OK\r\n{}", lines.collect::<String>()).into_bytes())
            }
            said => usual(said),
        }),
    );
    assert!(error.contains("more than 120000 messages"), "{error}");
}

/// The longest list that is taken, with the longest unique-ids.
#[test]
fn a_list_of_the_most_messages_fits_into_memory() {
    let site = Site::with_alice(&[]);
    let mut usual = Drop::sound(3).session();
    let list = |line: &dyn Fn(usize) -> String| {
        Reply::Say(format!("+OK\r\n{}.\r\n", (1..=120_000).map(line).collect::<String>()).into_bytes())
    };
    let fake = Fake::new(vec![Box::new(move |said| match said {
        "LIST" => list(&|at| format!("{at} 15\r\n")),
        "UIDL" => list(&|at| format!("{at} {at:070}\r\n")),
        said if said.starts_with("UIDL ") => {
            Reply::Say(format!("+OK {} {:070}\r\n", &said[5..], said[5..].parse::<u64>().unwrap()).into_bytes())
        }
        // Three are enough.
        "RETR 4" => Reply::Last(Vec::new()),
        said if said.starts_with("RETR ") => Reply::Say(b"+OK\r\nSubject: xyz\r\n\r\n.\r\n".to_vec()),
        said => usual(said),
    })]);
    let (code, error, peak) = watched(&site, &fake.url("pop3"));
    assert_eq!((code, site.sql("SELECT count(*) FROM messages").trim()), (75, "3"), "{error}");
    assert!(peak < MOST_MEMORY, "{peak} KiB");
    fake.done();
}

#[test]
fn lines_and_messages_without_an_end() {
    for command in ["", "CAPA", "USER alice", "LIST", "UIDL", "RETR 1"] {
        let endless = move |said: &str| (said == command).then(|| Reply::Forever(vec![b'x'; 65_536]));
        refused_in_little_memory("pop3", Drop::sound(3).session_with(endless));
    }
    // Line after line.
    for command in ["CAPA", "LIST", "UIDL"] {
        let mut first = true;
        let mut usual = Drop::sound(3).session();
        refused_in_little_memory(
            "pop3",
            Box::new(move |said| {
                if said == command && std::mem::take(&mut first) {
                    return Reply::Forever(b"+OK\r\n".to_vec());
                }
                usual(said)
            }),
        );
    }
}

/// A message of 3 GiB that LIST calls small, and one that it calls large.
#[test]
fn a_message_that_does_not_end() {
    let site = Site::with_alice(&[]);
    let endless = |said: &str| match said {
        "RETR 1" => Some(Reply::Forever([&b"+OK\r\n"[..], &vec![b'x'; 65_536]].concat())),
        _ => None,
    };
    let fake = Fake::new(vec![Drop::sound(3).session_with(endless)]);
    let (code, error, peak) = watched(&site, &fake.url("pop3"));
    assert_eq!((code, &*stored(&site)), (65, ""), "{error}");
    assert!(error.contains("message 1") && error.contains("there is no end"), "{error}");
    assert!(peak < MOST_MEMORY, "{peak} KiB");
    fake.done();
    let mut drop = Drop::sound(3);
    drop.messages[1].1 = 1 << 40;
    let fake = Fake::new(vec![drop.session()]);
    let (code, said, error) = import(&site, &fake.url("pop3"), &[]);
    assert_eq!((code, &*said), (65, "2 imported, 0 there already, 1 refused\n"), "{error}");
    assert!(error.contains("message 2 is larger than MaxReceiveSize"), "{error}");
    fake.done();
}

/// The largest message that is taken does not have to fit into memory.
#[test]
fn a_large_message_takes_little_memory() {
    let site = Site::with_alice(&[]);
    let large = [b"Subject: large\r\n\r\n", &b"0123456789abcdef0123456789abcdef\r\n".repeat(2_800_000)[..]].concat();
    let mut drop = Drop::sound(1);
    drop.messages[0].1 = large.len();
    drop.messages[0].2 = [&large, &b".\r\n"[..]].concat();
    let size = large.len();
    let fake = Fake::new(vec![drop.session()]);
    let (code, error, peak) = watched(&site, &fake.url("pop3"));
    assert_eq!((code, stored(&site)), (0, format!("id1 {size}\n")), "{error}");
    assert!(peak < MOST_MEMORY, "{peak} KiB");
    fake.done();
}

/// Control, bidi and escape characters.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}txt.exe\u{2066}\u{200f}\r\u{9b}31m\u{7f}\u{8}";

#[test]
fn nothing_moves_a_terminal() {
    type Answer = fn(&str) -> Option<String>;
    let pop3: [Answer; 9] = [
        |said| said.is_empty().then(|| format!("{EVIL}\r\n")),
        |said| said.is_empty().then(|| format!("-ERR {EVIL}\r\n")),
        |said| (said == "USER alice").then(|| format!("-ERR {EVIL}\r\n")),
        |said| (said == "PASS secret").then(|| format!("-ERR [SYS/TEMP] {EVIL}\r\n")),
        |said| (said == "LIST").then(|| format!("-ERR {EVIL}\r\n")),
        |said| (said == "LIST").then(|| format!("+OK\r\n1 {EVIL}\r\n.\r\n")),
        |said| (said == "UIDL").then(|| format!("+OK\r\n1 {EVIL}\r\n2 id2\r\n3 id3\r\n.\r\n")),
        |said| (said == "UIDL 2").then(|| format!("+OK 2 {EVIL}\r\n")),
        |said| (said == "RETR 2").then(|| format!("-ERR {EVIL}\r\n")),
    ];
    let imap: [Answer; 5] = [
        |said| said.is_empty().then(|| format!("* BYE {EVIL}\r\n")),
        |said| said.is_empty().then(|| format!("{EVIL}\r\n")),
        |said| said.contains("CAPABILITY").then(|| format!("* {EVIL}\r\n{EVIL}\r\n")),
        |said| said.contains("LOGIN").then(|| format!("A2 NO {EVIL}\r\n")),
        |said| said.contains("EXAMINE").then(|| format!("A3 NO {EVIL}\r\n")),
    ];
    let cases = pop3.into_iter().map(|answer| ("pop3", answer)).chain(imap.into_iter().map(|answer| ("imap", answer)));
    for (at, (scheme, answer)) in cases.enumerate() {
        let site = Site::with_alice(&[]);
        let answer = move |said: &str| answer(said).map(|text| Reply::Say(text.into_bytes()));
        let session = match scheme {
            "pop3" => Drop::sound(3).session_with(answer),
            _ => crate::imap::Folder::sound(3).session_with(answer),
        };
        let fake = Fake::new(vec![session]);
        let (code, said, error) = import(&site, &fake.url(scheme), &[]);
        assert!(code != 0, "{at}");
        let harmless = |c: char| c == '\n' || (' '..='~').contains(&c) || c == '\u{fffd}';
        assert!((said + &error).chars().all(harmless), "{at}: {error:?}");
        fake.done();
    }
}
