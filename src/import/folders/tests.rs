//! Folders of many programs.

use crate::import::uid_format::UidFormat;
use crate::import::{ImportError, Listed, Source, open};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

const MBOX: &str = "From a Mon Nov 23 12:00:00 2026\nA: b\n\nFrom a Mon Nov 23 12:00:00 2026\nC: d\n";

struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Self {
        let fixture = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, text)| fixture.write(name, text.as_bytes()));
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, octets: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, octets).unwrap();
    }

    fn date(&self, name: &str, time: u64) {
        let file = fs::File::options().write(true).open(self.path(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(time)).unwrap();
    }

    fn source(&self, name: &str) -> (Vec<Listed>, Box<dyn Source>) {
        let mut source = open(&self.path(name), None).unwrap();
        (source.list().unwrap(), source)
    }

    /// Messages, and where each one is.
    fn messages(&self, name: &str) -> Vec<(String, String)> {
        let (listed, mut source) = self.source(name);
        let mut octets = Vec::new();
        let mut read = |(at, listed): (usize, &Listed)| {
            source.fetch(at, 10_000, &mut octets).unwrap();
            let place = Path::new(&listed.place).strip_prefix(self.0.path()).unwrap().display().to_string();
            (place, String::from_utf8(octets.clone()).unwrap())
        };
        listed.iter().enumerate().map(&mut read).collect()
    }

    fn places(&self, name: &str) -> Vec<String> {
        self.messages(name).into_iter().map(|(place, _)| place).collect()
    }

    /// What is refused, while the others come.
    fn faults(&self, name: &str) -> Vec<String> {
        self.source(name).0.into_iter().filter_map(|listed| listed.fault).collect()
    }

    fn refusal(&self, name: &str) -> String {
        match open(&self.path(name), None).and_then(|mut source| source.list()) {
            Err(error @ (ImportError::NoMail(_) | ImportError::Data(_))) => error.to_string(),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn the_kind_of_a_source_is_seen() {
    let fixture = Fixture::new(&[
        ("box", MBOX),
        ("one.eml", "A: b\n\nFrom here\n"),
        ("empty", ""),
        ("mails/2.eml", "A: b\n"),
        ("mails/10.EML", "A: b\n"),
        ("mails/b.eml", "A: b\n"),
        ("mails/empty.eml", ""),
        ("mails/notes.txt", "x"),
        ("dir/new/1", "A: b\n"),
        ("Export.mbox/mbox", MBOX),
        ("Export.mbox/table_of_contents", "x"),
    ]);
    for (name, count) in
        [("box", 2), ("one.eml", 1), ("empty", 0), ("dir", 1), ("Export.mbox", 2), ("Export.mbox/mbox", 2)]
    {
        assert_eq!(fixture.source(name).0.len(), count, "{name}");
    }
    assert_eq!(fixture.places("mails"), ["mails/2.eml", "mails/10.EML", "mails/b.eml"]);
    assert!(matches!(open(&fixture.path("none"), None), Err(ImportError::File(..))));
}

#[test]
fn hmailserver_spreads_a_mailbox_over_folders() {
    let fixture = Fixture::new(&[
        ("data/3F/{3}.eml", "A: two\n"),
        ("data/A0/{A}.eml", "A: one\n"),
        ("data/A0/{B}.eml", "Date: Mon, 23 Nov 2026 12:00:00 +0000\n"),
        ("data/10/{0}.eml", "A: two\n"),
        ("data/10/10/{9}.eml", "Received: x; Mon, 23 Nov 2020 12:00:00 +0000\n"),
    ]);
    for (name, time) in
        [("data/3F/{3}.eml", 1_700_000_002), ("data/10/{0}.eml", 1_700_000_002), ("data/A0/{A}.eml", 1_700_000_001)]
    {
        fixture.date(name, time);
    }
    let order = ["data/10/10/{9}.eml", "data/A0/{A}.eml", "data/10/{0}.eml", "data/3F/{3}.eml", "data/A0/{B}.eml"];
    assert_eq!(fixture.places("data"), order);
    assert_eq!(fixture.source("data").0[1].received_at, Some(1_700_000_001));
}

#[test]
fn mh_folders_are_in_the_order_of_their_numbers() {
    let fixture = Fixture::new(&[
        ("inbox/10", "A: ten\n"),
        ("inbox/9", "A: nine\n"),
        ("inbox/11", "A: eleven\n"),
        ("inbox/,8", "A: deleted\n"),
        ("inbox/12", ""),
        ("inbox/.mh_sequences", "cur: 9\nunseen: 10-11 40\n"),
    ]);
    assert_eq!(fixture.places("inbox"), ["inbox/9", "inbox/10", "inbox/11"]);
    let read: Vec<bool> = fixture.source("inbox").0.iter().map(|listed| listed.read).collect();
    assert_eq!(read, [true, false, false]);
}

#[test]
fn apple_mails_files_are_messages_without_what_is_around_them() {
    let list = "<plist><dict><key>flags</key><integer>2</integer></dict></plist>";
    let fixture = Fixture::new(&[
        ("Messages/10.emlx", "5   \nA: b\n"),
        ("Messages/9.emlx", &format!("5\nA: c\n{list}")),
        ("bad/1.emlx", "50\nA: b\n"),
        ("bad/2.partial.emlx", "5\nA: b\n"),
    ]);
    assert_eq!(fixture.messages("Messages/10.emlx")[0].1, "A: b\n");
    assert_eq!(
        fixture.messages("Messages"),
        [("Messages/9.emlx".into(), "A: c\n".into()), ("Messages/10.emlx".into(), "A: b\n".into())]
    );
    assert_eq!(fixture.source("Messages").0.iter().map(|listed| listed.deleted).collect::<Vec<_>>(), [true, false]);
    let (_, mut source) = fixture.source("bad");
    for at in 0..2 {
        assert!(matches!(source.fetch(at, 1000, &mut Vec::new()), Err(ImportError::NoMail(_))), "{at}");
    }
}

#[test]
fn thunderbirds_trees_are_walked() {
    let fixture = Fixture::new(&[
        ("Mail/Sent", MBOX),
        ("Mail/Sent.msf", "// <!-- <mdb:mork:z v=\"1.4\"/> -->"),
        ("Mail/Inbox", MBOX),
        ("Mail/Inbox.msf", "x"),
        ("Mail/Inbox.sbd/Work.2026", MBOX),
        ("Mail/Inbox.sbd/Work.2026.msf", "x"),
        ("Mail/Inbox.sbd/Empty", ""),
        ("Mail/Inbox.sbd/Store/cur/1.eml", "A: maildir\n"),
        ("Mail/Trash", MBOX),
        ("Mail/popstate.dat", "x"),
        ("Mail/msgFilterRules.dat", "From here\n"),
    ]);
    let (listed, source) = fixture.source("Mail");
    drop(source);
    let places: Vec<&str> = listed.iter().map(|listed| listed.place.rsplit_once("/Mail/").unwrap().1).collect();
    assert_eq!(
        places,
        [
            "Inbox, message 1",
            "Inbox, message 2",
            "Inbox.sbd/Store/cur/1.eml",
            "Inbox.sbd/Work.2026, message 1",
            "Inbox.sbd/Work.2026, message 2",
            "Sent, message 1",
            "Sent, message 2",
            "Trash, message 1",
            "Trash, message 2"
        ]
    );
    assert_eq!(listed.iter().filter(|listed| listed.deleted).count(), 2, "the trash");
    assert_eq!(fixture.messages("Mail")[3].1, "A: b\n");
    assert_eq!(fixture.source("Mail/Inbox.sbd").0.len(), 3);
    // A mailbox that cannot be read is not passed over.
    fixture.write("Mail/Sent", b"\0\0\0\0");
    assert!(fixture.faults("Mail")[0].contains("Sent\" is not mail: it has NULs"), "{:?}", fixture.faults("Mail"));
    fixture.write("Mail/Sent", b"From nobody knows when\nA: b\n");
    assert!(fixture.faults("Mail")[0].contains("form that is not known"), "{:?}", fixture.faults("Mail"));
    assert_eq!(fixture.source("Mail").0.len(), listed.len() - 1, "the others come");
}

#[test]
fn folders_of_mailboxes_are_trees_too() {
    let fixture =
        Fixture::new(&[("mail/a", MBOX), ("mail/sub/b", MBOX), ("mail/Old.mbox/mbox", MBOX), ("mail/notes", "x")]);
    let (listed, _) = fixture.source("mail");
    let faults: Vec<&String> = listed.iter().filter_map(|listed| listed.fault.as_ref()).collect();
    assert_eq!((listed.len(), faults.len()), (7, 1), "{faults:?}");
    assert!(faults[0].contains("mail/notes\" is"), "{faults:?}");
}

/// Beside a good mailbox nothing is passed over in silence, and it keeps back nothing.
#[test]
fn what_is_no_mailbox_beside_one_is_refused_by_name() {
    let fixture = Fixture::new(&[("mail/Inbox", MBOX)]);
    fixture.write("mail/Sent.gz", b"\x1f\x8b\x08\0\0");
    fixture.write("mail/wide.mbox", b"\xff\xfeF\0r\0o\0m\0");
    fixture.write("mail/box.zip", b"PK\x03\x04");
    fixture.write("mail/RMAIL", b"BABYL OPTIONS: -*- rmail -*-\n");
    fixture.write("mail/p.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    let (listed, _) = fixture.source("mail");
    let faults: String = listed.iter().filter_map(|listed| listed.fault.clone()).collect::<Vec<_>>().join("\n");
    assert_eq!(listed.len(), 7, "{faults}");
    for name in ["Sent.gz", "wide.mbox", "box.zip", "RMAIL", "p.png"] {
        assert!(faults.contains(&format!("mail/{name}\"")), "{name}: {faults}");
    }
}

#[test]
fn what_is_no_mail_is_named() {
    let fixture = Fixture::new(&[
        ("sdbox/dbox-Mails/u.1", "2 M1e C5\n\u{1}\u{2}N"),
        ("mdbox/storage/m.1", "2 M1e C5\n\u{1}\u{2}N"),
        ("mdbox/mailboxes/INBOX/dbox-Mails/dovecot.index", "x"),
        ("one.u.1", "2 M1e C5\n\u{1}\u{2}N"),
        ("page.eml", "<html>"),
        ("text", "Hello\nA: b\n"),
        ("nothing/readme", "x"),
        ("none/.hidden", "x"),
    ]);
    for (name, what) in [
        ("sdbox", "dbox"),
        ("sdbox/dbox-Mails", "dbox"),
        ("mdbox", "dbox"),
        ("one.u.1", "dbox"),
        ("page.eml", "HTML"),
        ("text", "first line"),
        ("nothing", "contains no known mail"),
        ("none", "contains no known mail"),
    ] {
        let text = fixture.refusal(name);
        assert!(text.contains(what), "{name}: {text}");
    }
}

/// A separator before a message is no part of it, and many messages are not one.
#[test]
fn mboxes_among_messages() {
    let fixture = Fixture::new(&[
        ("mails/1.eml", "From a Mon Nov 23 12:00:00 2026\nA: b\n\nx\n"),
        ("mails/2.eml", MBOX),
        ("mails/3.eml", "From nobody knows when\nA: b\n"),
    ]);
    let (_, mut source) = fixture.source("mails");
    let mut octets = Vec::new();
    source.fetch(0, 100, &mut octets).unwrap();
    assert_eq!(octets, b"A: b\n\nx\n");
    for (at, what) in [(1, "an mbox of 2 messages"), (2, "not known")] {
        let error = source.fetch(at, 100, &mut octets).unwrap_err();
        assert!(matches!(error, ImportError::NoMail(_)) && error.to_string().contains(what), "{error}");
    }
}

#[test]
fn formats_need_uids() {
    let fixture =
        Fixture::new(&[("one.eml", "A: b\n"), ("mails/1.eml", "A: b\n"), ("box", MBOX), ("dir/cur/1.x", "A: b\n")]);
    let format = UidFormat::parse("%v.%u").unwrap();
    for name in ["one.eml", "mails", "box", "dir"] {
        let refused = open(&fixture.path(name), Some(&format)).and_then(|mut source| source.list());
        assert!(refused.unwrap_err().to_string().contains("--uidl-format needs uids"), "{name}");
    }
}

#[test]
fn nothing_is_read_through_links() {
    let fixture = Fixture::new(&[
        ("away/secret.eml", "A: secret\n"),
        ("mails/1.eml", "A: b\n"),
        ("dir/cur/1.x", "A: b\n"),
        ("tree/box", MBOX),
    ]);
    for (folder, link) in [("mails", "2.eml"), ("dir/cur", "2.x"), ("tree", "other")] {
        symlink(fixture.path("away/secret.eml"), fixture.path(folder).join(link)).unwrap();
        symlink(fixture.path("away"), fixture.path(folder).join("sub")).unwrap();
        nix::unistd::mkfifo(&fixture.path(folder).join("3.eml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    symlink(fixture.path("away"), fixture.path("dir/new")).unwrap();
    for (folder, count, others) in [("mails", 1, 3), ("dir", 1, 4), ("tree", 2, 3)] {
        let (listed, source) = fixture.source(folder);
        assert_eq!((listed.len(), source.notes().not_read), (count, others), "{folder}");
    }
}

#[test]
fn compressed_mail_is_read_and_damage_is_named() {
    use std::io::Write;
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let fixture = Fixture::new(&[]);
    fixture.write("box.gz", &gzip(MBOX.as_bytes()));
    fixture.write("mails/1.eml.gz", &gzip(b"A: b\n"));
    fixture.write("dir/cur/1.x,S=5:2,S", &gzip(b"A: b\n"));
    fixture.write("dir/cur/2.x,S=5:2,S", &gzip(b"A: b\n")[..12]);
    fixture.write("dir/cur/3.x,S=5:2,S", b"BZh91AY&SY");
    fixture.write("nuls/cur/1.x", b"Subject: a\0b\n\n");
    fixture.write("nuls/cur/2.x", &[0; 100]);
    fixture.write("twice.gz", &gzip(&gzip(b"A: b\n")));
    assert_eq!(fixture.messages("box.gz")[1].1, "C: d\n");
    assert_eq!(fixture.messages("mails"), [("mails/1.eml.gz".into(), "A: b\n".into())]);
    let (_, mut source) = fixture.source("dir");
    let mut octets = Vec::new();
    source.fetch(0, 5, &mut octets).unwrap();
    assert_eq!(octets, b"A: b\n");
    assert!(matches!(source.fetch(0, 4, &mut octets), Err(ImportError::TooBig(_))));
    let (_, mut nuls) = fixture.source("nuls");
    assert!(nuls.fetch(0, 100, &mut octets).is_ok(), "a server took it for mail");
    assert!(matches!(nuls.fetch(1, 100, &mut octets), Err(ImportError::NoMail(_))));
    for (at, what) in [(1, "damaged"), (2, "bzip2")] {
        let error = source.fetch(at, 100, &mut octets).unwrap_err();
        assert!(matches!(error, ImportError::NoMail(_)) && error.to_string().contains(what), "{error}");
    }
    assert!(fixture.refusal("twice.gz").contains("twice"));
}
