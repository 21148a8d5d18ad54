//! Import from IMAP servers, fake ones here.

use crate::fake::{Fake, Reply, Session, import, message, stored};
use crate::support::Site;

/// A folder as an IMAP server has it.
#[derive(Clone)]
pub struct Folder {
    /// Its name on the wire.
    pub name: String,
    pub validity: u32,
    pub messages: Vec<Message>,
    pub capabilities: String,
}

#[derive(Clone)]
pub struct Message {
    pub uid: u32,
    pub flags: String,
    pub date: String,
    pub octets: Vec<u8>,
}

impl Folder {
    /// Messages 1 to `count` with the uids 11, 12, …, all of one date.
    pub fn sound(count: usize) -> Folder {
        let messages = (1..=count).map(|number| Message {
            uid: 10 + number as u32,
            flags: String::new(),
            date: "17-Jul-1996 02:44:25 -0700".to_owned(),
            octets: message(number),
        });
        let (name, capabilities) = ("INBOX".to_owned(), "IMAP4rev1".to_owned());
        Folder { name, validity: 1_275_660_208, messages: messages.collect(), capabilities }
    }

    /// `UID FETCH n` with what FETCH says, as most servers write it.
    fn body(number: usize, message: &Message) -> Vec<u8> {
        let head = format!("* {number} FETCH (UID {} BODY[] {{{}}}\r\n", message.uid, message.octets.len());
        [head.as_bytes(), &message.octets, b")\r\n"].concat()
    }

    pub fn session(&self) -> Session {
        let (folder, mut secrets) = (self.clone(), Vec::new());
        let mut tag = String::new();
        Box::new(move |line| {
            let (first, command) = line.split_once(' ').unwrap_or((line, ""));
            let ok = |first: &str| format!("{first} OK done\r\n").into_bytes();
            if line.is_empty() {
                return Reply::Say(b"* OK IMAP4rev1 fake\r\n".to_vec());
            }
            if !first.starts_with('A') || first.len() > 3 {
                // A literal of LOGIN, whose next one is announced behind it.
                secrets.push(line.to_owned());
                let reply = if line.ends_with('}') { b"+ go on\r\n".to_vec() } else { ok(&tag) };
                return Reply::Say(reply);
            }
            tag = first.to_owned();
            let reply = match command {
                "CAPABILITY" => [format!("* CAPABILITY {}\r\n", folder.capabilities).into_bytes(), ok(first)].concat(),
                command if command.starts_with("LOGIN {") => b"+ go on\r\n".to_vec(),
                command if command == format!("EXAMINE \"{}\"", folder.name) => {
                    let (count, validity) = (folder.messages.len(), folder.validity);
                    let text = format!(
                        "* FLAGS (\\Seen \\Deleted)\r\n* {count} EXISTS\r\n* OK [UIDVALIDITY {validity}] valid\r\n\
                         * OK [PERMANENTFLAGS ()] none\r\n{first} OK [READ-ONLY] done\r\n"
                    );
                    text.into_bytes()
                }
                command if command.starts_with("UID FETCH 1:*") => {
                    let line = |(at, message): (usize, &Message)| {
                        let Message { uid, flags, date, octets } = message;
                        let (number, size) = (at + 1, octets.len());
                        format!(
                            "* {number} FETCH (FLAGS ({flags}) UID {uid} INTERNALDATE \"{date}\" RFC822.SIZE {size})\r\n"
                        )
                    };
                    let lines: String = folder.messages.iter().enumerate().map(line).collect();
                    [lines.into_bytes(), ok(first)].concat()
                }
                command if command.starts_with("UID FETCH ") => {
                    let uid: Option<u32> = command.split(' ').nth(2).and_then(|uid| uid.parse().ok());
                    let found = folder.messages.iter().enumerate().find(|(_, message)| Some(message.uid) == uid);
                    let body = found.map(|(at, message)| Self::body(at + 1, message)).unwrap_or_default();
                    [body, ok(first)].concat()
                }
                "LOGOUT" => return Reply::Last([&b"* BYE\r\n"[..], &ok(first)].concat()),
                _ => format!("{first} NO what?\r\n").into_bytes(),
            };
            Reply::Say(reply)
        })
    }

    pub fn session_with(&self, other: impl Fn(&str) -> Option<Reply> + Send + 'static) -> Session {
        let mut usual = self.session();
        Box::new(move |command| other(command).unwrap_or_else(|| usual(command)))
    }
}

fn say(text: impl Into<Vec<u8>>) -> Option<Reply> {
    Some(Reply::Say(text.into()))
}

/// What is stored of messages 1 to `count` of a sound folder.
fn expected(numbers: impl IntoIterator<Item = usize>) -> String {
    let line = |number| format!("{:08x}4c0907b0 {}\n", 10 + number, message(number).len());
    numbers.into_iter().map(line).collect()
}

#[test]
fn a_folder_with_its_dates_and_marks() {
    let mut folder = Folder::sound(4);
    folder.messages[1].flags = "\\Seen \\Answered $Label1".into();
    folder.messages[2].flags = "\\Deleted \\Seen".into();
    // Not in the order of the uids, as some servers send it.
    folder.messages.swap(0, 3);
    let site = Site::with_alice(&[]);
    let fake = Fake::new((0..4).map(|_| folder.session()).collect());
    let (code, said, error) = import(&site, &fake.url("imap"), &["--dry-run"]);
    assert_eq!(
        (code, &*said),
        (0, "3 would be imported, 0 there already, 0 refused, 1 left out as deleted\n"),
        "{error}"
    );
    assert_eq!(stored(&site), "");
    let (code, said, error) = import(&site, &fake.url("imap"), &[]);
    let same = "both sides are the same\n";
    assert_eq!(
        (code, said),
        (0, format!("3 imported, 0 there already, 0 refused, 1 left out as deleted\n{same}")),
        "{error}"
    );
    assert_eq!(stored(&site), expected([1, 2, 4]));
    assert_eq!(
        site.sql("SELECT received_at, read FROM messages ORDER BY uid"),
        "1996-07-17T09:44:25Z|0\n1996-07-17T09:44:25Z|1\n1996-07-17T09:44:25Z|0\n"
    );
    let (code, said, _) = import(&site, &fake.url("imap"), &[]);
    assert_eq!((code, said), (0, format!("0 imported, 3 there already, 0 refused, 1 left out as deleted\n{same}")));
    let (code, said, _) = import(&site, &fake.url("imap"), &["--with-deleted"]);
    assert_eq!(code, 65, "the late one stands in another order: {said}");
    assert!(said.starts_with("1 imported, 3 there already, 0 refused\n"), "{said}");
    fake.done();
    let server = site.serve(&[]);
    assert_eq!(server.alice().multi("RETR 2"), message(2));
}

#[test]
fn with_deleted_from_the_start() {
    let mut folder = Folder::sound(3);
    folder.messages[1].flags = "\\Deleted".into();
    let site = Site::with_alice(&[]);
    let fake = Fake::new(vec![folder.session()]);
    let (code, said, error) = import(&site, &fake.url("imap"), &["--with-deleted", "--uidl-format", "UID%u-%v"]);
    assert_eq!((code, &*said), (0, "3 imported, 0 there already, 0 refused\nboth sides are the same\n"), "{error}");
    let ids = site.serve(&[]).alice().unique_ids();
    assert_eq!(ids, ["UID11-1275660208", "UID12-1275660208", "UID13-1275660208"]);
    fake.done();
}

/// Folder, login and password of any characters.
#[test]
fn a_folder_of_any_name() {
    let mut folder = Folder::sound(1);
    folder.name = "Archiv/Entw&APw-rfe &- \\\"x\\\"".into();
    let site = Site::with_alice(&[]);
    let fake = Fake::new(vec![folder.session(), folder.session()]);
    let url = format!("{}/Archiv/Entw%C3%BCrfe & \"x\"", fake.url("imap"));
    let (code, said, error) = import(&site, &url, &[]);
    assert_eq!((code, stored(&site)), (0, expected([1])), "{said}{error}");
    let (code, _, error) = import(&site, &fake.url("imap"), &[]);
    assert_eq!(code, 65);
    assert!(error.contains("folder \"INBOX\"") && error.contains("NO what?"), "{error}");
    fake.done();
}

#[test]
fn forms_that_servers_may_choose() {
    let (one, two) = (message(1), message(2));
    let fetch = move |said: &str| match said {
        // BODY[] before UID, flags and untagged answers in between; a quoted string; a literal8.
        said if said.contains("UID FETCH 11 ") => {
            let tag = said.split(' ').next()?;
            let head = format!(
                "* 9 EXISTS\r\n* OK hm {{5}}\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* 1 fetch (body[] {{{}}}\r\n",
                one.len()
            );
            say([head.as_bytes(), &one, format!(" UID 11 FLAGS ())\r\n{tag} OK done\r\n").as_bytes()].concat())
        }
        said if said.contains("UID FETCH 12 ") => {
            let tag = said.split(' ').next()?;
            let head = format!("* LIST () \"/\" {{3}}\r\na{{1\r\n* 2 FETCH (UID 12 BODY[] ~{{{}}}\r\n", two.len());
            say([head.as_bytes(), &two, format!(")\r\n{tag} ok\r\n").as_bytes()].concat())
        }
        said if said.contains("UID FETCH 13 ") => {
            let tag = said.split(' ').next()?;
            say(format!("* 3 FETCH (UID 13 BODY[] \"Subject: \\\"x\\\"\")\r\n{tag} OK\r\n"))
        }
        _ => None,
    };
    let site = Site::with_alice(&[]);
    let fake = Fake::new(vec![Folder::sound(3).session_with(fetch)]);
    let (code, said, error) = import(&site, &fake.url("imap"), &[]);
    assert_eq!((code, &*said), (0, "3 imported, 0 there already, 0 refused\nboth sides are the same\n"), "{error}");
    let sizes = stored(&site);
    assert!(sizes.starts_with(&(expected([1, 2]) + "0000000d4c0907b0 ")), "{sizes}");
    fake.done();
}

/// Where a message stands: stop; what is sure stays, and the next run completes it.
#[test]
fn a_dialogue_out_of_step() {
    type Wrong = fn(&str) -> String;
    let cases: [(Wrong, i32); 13] = [
        (|_| "* 2 FETCH (UID 13 BODY[] {1}\r\nx)\r\n".into(), 65),
        (|_| "* 2 FETCH (BODY[] {1}\r\nx)\r\n".into(), 65),
        (|_| "* 2 FETCH (UID 12 BODY[] {1}\r\nxyz)\r\n".into(), 65),
        (|_| "* 2 FETCH (UID 12 BODY[] {1}\r\nx BODY[] {1}\r\ny)\r\n".into(), 65),
        (|tag| format!("{0}{0}{tag} OK done\r\n", "* 2 FETCH (UID 12 BODY[] {1}\r\nx)\r\n"), 65),
        (|_| "* 2 FETCH (UID 12 BODY[] {99999999999}\r\n".into(), 65),
        (|_| "* 2 FETCH (UID 12 X {99999}\r\n".into(), 65),
        (|_| "* 2 FETCH UID\r\n".into(), 65),
        (|_| "A99 OK done\r\n".into(), 65),
        (|_| "+ more\r\n".into(), 65),
        (|tag| format!("{tag} BAD what?\r\n"), 65),
        (|_| "* BYE [UNAVAILABLE] restart\r\n".into(), 75),
        (|_| "* 2 FETCH (UID 12 BODY[] {100}\r\nSubject: cut".into(), 75),
    ];
    for (wrong, code) in cases {
        let site = Site::with_alice(&[]);
        let answer = move |said: &str| {
            let tag = said.split(' ').next()?;
            said.contains("UID FETCH 12 ").then(|| Reply::Last(wrong(tag).into_bytes()))
        };
        let fake = Fake::new(vec![Folder::sound(4).session_with(answer), Folder::sound(4).session()]);
        let (ended, said, error) = import(&site, &fake.url("imap"), &[]);
        assert_eq!((ended, stored(&site)), (code, expected([1])), "{} {said}{error}", wrong("A"));
        assert!(error.contains("message 12") && said.starts_with("1 imported"), "{error}");
        let (ended, _, error) = import(&site, &fake.url("imap"), &[]);
        assert_eq!((ended, stored(&site)), (0, expected(1..=4)), "{error}");
        fake.done();
    }
}

#[test]
fn what_is_no_imap_or_no_folder() {
    type Wrong = fn(&str) -> Option<String>;
    let cases: [(Wrong, i32); 10] = [
        (|said| said.is_empty().then(|| "+OK POP3\r\n".into()), 65),
        (|said| said.is_empty().then(|| "* BYE too busy\r\n".into()), 75),
        (|said| said.is_empty().then(|| "* PREAUTH hello\r\n".into()), 65),
        (|said| said.contains("CAPABILITY").then(|| "A1 BAD\r\n".into()), 65),
        (|said| said.contains("EXAMINE").then(|| "* 2 EXISTS\r\nA3 OK\r\n".into()), 65),
        (|said| said.contains("EXAMINE").then(|| "* OK [UIDVALIDITY 0]\r\nA3 OK\r\n".into()), 65),
        (|said| said.contains("LOGIN").then(|| "A2 NO [AUTHENTICATIONFAILED] no\r\n".into()), 77),
        (|said| said.contains("LOGIN").then(|| "A2 NO [UNAVAILABLE] later\r\n".into()), 75),
        (|said| said.contains("LOGIN").then(|| "A2 BAD no such thing\r\n".into()), 77),
        (
            |said| {
                said.contains("UID FETCH 1:*")
                    .then(|| "* 1 FETCH (UID 11 RFC822.SIZE 1)\r\n* 2 FETCH (UID 11 RFC822.SIZE 1)\r\nA4 OK\r\n".into())
            },
            65,
        ),
    ];
    for (wrong, code) in cases {
        let site = Site::with_alice(&[]);
        let answer = move |said: &str| wrong(said).map(|text| Reply::Say(text.into_bytes()));
        let fake = Fake::new(vec![Folder::sound(2).session_with(answer)]);
        let (ended, said, error) = import(&site, &fake.url("imap"), &[]);
        assert_eq!((ended, &*stored(&site)), (code, ""), "{said}{error}");
        fake.done();
    }
}

#[test]
fn a_message_that_is_not_given_away() {
    for answer in ["* 2 FETCH (UID 12 BODY[] NIL)\r\n{} OK\r\n", "{} NO [EXPUNGEISSUED] gone\r\n", "{} OK\r\n"] {
        let site = Site::with_alice(&[]);
        let withheld = move |said: &str| {
            let tag = said.split(' ').next()?;
            if said.contains("UID FETCH 12 ") { say(answer.replace("{}", tag)) } else { None }
        };
        let fake = Fake::new(vec![Folder::sound(3).session_with(withheld)]);
        let (code, said, error) = import(&site, &fake.url("imap"), &[]);
        assert_eq!((code, &*said), (65, "2 imported, 0 there already, 1 refused\n"), "{error}");
        assert!(error.contains("message 12"), "{error}");
        assert_eq!(stored(&site), expected([1, 3]));
        fake.done();
    }
}

#[test]
fn options_of_the_other_protocol() {
    let site = Site::with_alice(&[]);
    for (url, options) in [
        ("pop3://a@127.0.0.1:1", &["--with-deleted"][..]),
        ("pop3://a@127.0.0.1:1", &["--uidl-format", "%u"]),
        ("imap://a@127.0.0.1:1", &["--no-uidl"]),
        ("imap://a@127.0.0.1:1", &["--uidl", "x"]),
        ("imap://a@127.0.0.1:1", &["--uidl-format", "%f"]),
        ("imap://a@127.0.0.1:1", &["--uidl-format", "%v"]),
        ("imap://127.0.0.1:1", &[]),
    ] {
        let (code, _, error) = import(&site, url, options);
        assert_eq!(code, 64, "{url} {options:?}: {error}");
    }
}

/// Not one octet more than is bounded, in whatever a server says.
#[test]
fn answers_without_an_end() {
    for command in ["", "CAPABILITY", "LOGIN", "EXAMINE", "UID FETCH 1:*", "UID FETCH 11 "] {
        for endless in ["x", "* OK x\r\n", "* 1 FETCH (FLAGS (a))\r\n", "* 5 FETCH (X {9}\r\n123456789", "* X {5}\r\n"]
        {
            let site = Site::with_alice(&[]);
            let answer = move |said: &str| {
                let hit = if command.is_empty() { said.is_empty() } else { said.contains(command) };
                hit.then(|| Reply::Forever(endless.repeat(4000).into_bytes()))
            };
            let fake = Fake::new(vec![Folder::sound(3).session_with(answer)]);
            let (code, error, peak) = crate::hostile::watched(&site, &fake.url("imap"));
            assert!([65, 75].contains(&code), "{command} {endless:?}: {code} {error}");
            assert!(peak < 64 * 1024, "{peak} KiB");
            assert_eq!(stored(&site), "");
            fake.done();
        }
    }
    let mut uid = 0;
    let mut usual = Folder::sound(3).session();
    let site = Site::with_alice(&[]);
    let fake = Fake::new(vec![Box::new(move |said| {
        if !said.contains("UID FETCH 1:*") {
            return usual(said);
        }
        let line = |_| {
            uid += 1;
            format!("* {uid} FETCH (UID {uid} RFC822.SIZE 10 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")\r\n")
        };
        Reply::Last((0..200_000).map(line).collect::<String>().into_bytes())
    })]);
    let (code, error, peak) = crate::hostile::watched(&site, &fake.url("imap"));
    assert!(code == 65 && error.contains("more than 120000 messages") && peak < 64 * 1024, "{error} {peak} KiB");
    fake.done();
}
