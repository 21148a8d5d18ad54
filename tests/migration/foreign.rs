//! Files of other programs: each arrives whole, or is refused by name.

use crate::support::site::text;
use crate::support::{Server, Site};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Small inputs that once went wrong.
pub fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/migration/cases").join(name)
}

fn import(site: &Site, path: &Path) -> String {
    site.succeed(&["import", "-u", "alice", path.to_str().unwrap()], b"")
}

/// A file in folders that are made.
pub fn write(path: &Path, octets: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, octets).unwrap();
}

/// What a POP3 client gets, dots taken off.
pub fn messages(server: &Server) -> Vec<String> {
    let mut client = server.alice();
    let count = client.stat().0;
    (1..=count).map(|number| text(&client.multi(&format!("RETR {number}")))).collect()
}

/// The messages of a case, as a client gets them, and what the import said.
fn taken(path: &Path) -> (Vec<String>, String) {
    let site: Arc<Site> = Site::with_alice(&[]);
    let said = import(&site, path);
    let messages = messages(&site.serve(&[]));
    site.assert_sound();
    // Whatever it was, it can be run again.
    let again = import(&site, path);
    assert!(again.starts_with(&format!("0 imported, {} there already, 0 refused", messages.len())), "{again}");
    (messages, said)
}

fn subjects(messages: &[String]) -> Vec<&str> {
    messages.iter().filter_map(|it| it.lines().find_map(|line| line.strip_prefix("Subject: "))).collect()
}

#[test]
fn mailboxes_of_all_programs() {
    for (name, expected) in [
        ("thunderbird-bare-from.mbox", &["one", "two", "three"][..]),
        ("google-no-date.mbox", &["one", "two"]),
        ("zone-and-name.mbox", &["one", "two"]),
        ("cr-only.mbox", &["one", "two"]),
        ("c-client-internal-data.mbox", &["one", "two"]),
        ("dovecot-mbox-xuid.mbox", &["one", "two"]),
        ("x-uidl-twice.mbox", &["one", "two", "three"]),
        ("thunderbird-deleted.mbox", &["kept"]),
    ] {
        let (messages, said) = taken(&case(name));
        assert_eq!(subjects(&messages), expected, "{name}: {said}");
        assert!(said.starts_with(&format!("{} imported", expected.len())), "{name}: {said}");
        assert!(
            messages.iter().all(|message| !message.starts_with("From ") && !message.contains("\r\nFrom ")),
            "{name}"
        );
    }
}

#[test]
fn the_octets_of_a_message_without_what_is_around_them() {
    for (name, expected) in [
        ("apple.emlx", "From: a@x.example\r\nSubject: one\r\n\r\nfirst\r\n"),
        ("bom.eml", "From: a@x.example\r\nSubject: bom\r\n\r\nbody\r\n"),
        ("crcrlf.eml", "Subject: x\r\nFrom: a@x.example\r\n\r\nbody\r\n"),
        (
            "utf8-no-blank-line.eml",
            "Subject: x\r\nH\u{e4}llo without a blank line before\r\nplain second line\r\n\r\nrest\r\n",
        ),
    ] {
        assert_eq!(taken(&case(name)).0, [expected], "{name}");
    }
    let (messages, _) = taken(&case("cr-only.mbox"));
    assert_eq!(messages, ["Subject: one\r\n\r\nfirst\r\n", "Subject: two\r\n\r\nsecond\r\n"]);
}

#[test]
fn messages_that_dovecot_compressed() {
    let site = Site::new();
    let folder = site.path("Maildir");
    for name in ["cur", "new", "tmp"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    let name = "1795428000.M1P1.host,S=39,W=43:2,S";
    fs::copy(case("maildir-gzip/cur").join(name), folder.join("cur").join(name)).unwrap();
    let (messages, _) = taken(&folder);
    assert_eq!(messages.len(), 1);
    assert!(messages[0].contains("Subject: ") && messages[0].is_ascii(), "{messages:?}");
}

#[test]
fn hmailservers_folders_in_the_order_of_their_dates() {
    let site = Site::new();
    let folder = site.path("data");
    // The names say the opposite.
    for (sub, name, time) in [
        ("3F", "{3FB1C2D3-0000-4000-8000-000000000002}.eml", 1_795_428_060),
        ("A0", "{A0B1C2D3-0000-4000-8000-000000000001}.eml", 1_795_428_000),
    ] {
        fs::create_dir_all(folder.join(sub)).unwrap();
        let copy = folder.join(sub).join(name);
        fs::write(&copy, fs::read(case("hmailserver").join(sub).join(name)).unwrap()).unwrap();
        let file = fs::File::options().write(true).open(copy).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(time)).unwrap();
    }
    let (messages, _) = taken(&folder);
    assert_eq!(subjects(&messages), ["one", "two"]);
}

#[test]
fn deleted_mail_stays_deleted_unless_it_is_wanted() {
    let site = Site::with_alice(&[]);
    let path = case("thunderbird-deleted.mbox");
    assert_eq!(import(&site, &path), "1 imported, 0 there already, 0 refused, 1 left out as deleted\n");
    let all = site.succeed(&["import", "-u", "alice", "--with-deleted", path.to_str().unwrap()], b"");
    assert_eq!(all, "1 imported, 1 there already, 0 refused\n");
}

#[test]
fn a_claimed_id_costs_nobody_a_message() {
    let site: Arc<Site> = Site::with_alice(&[]);
    let path = case("x-uidl-twice.mbox");
    let said = import(&site, &path);
    let (counts, named) = said.split_once('\n').unwrap();
    assert_eq!(counts, "3 imported, 0 there already, 0 refused, 1 with a number of their own");
    assert!(named.contains("message 2: unique-id \"7c23fe1b9a0d\""), "{named}");
    assert_eq!(site.serve(&[]).alice().unique_ids(), ["7c23fe1b9a0d", "2", "3"]);
    // Given in a list, the same is an error as ever.
    site.add_user("bob", "se cret");
    fs::write(site.path("ids"), "a\na\nb\n").unwrap();
    let ids = site.path("ids");
    let error = site.fail(&["import", "-u", "bob", "--uidl", ids.to_str().unwrap(), path.to_str().unwrap()], b"", 65);
    assert!(error.contains("given to another message"), "{error}");
}

#[test]
fn ids_that_the_old_server_made() {
    let mbox = case("dovecot-mbox-xuid.mbox");
    for (format, ids) in [
        ("%08Xu%08Xv", ["000000036b040ea0", "000000056b040ea0"]),
        ("%08Xv%08Xu", ["6b040ea000000003", "6b040ea000000005"]),
        ("%v.%u", ["1795428000.3", "1795428000.5"]),
        ("UID%u-%v", ["UID3-1795428000", "UID5-1795428000"]),
    ] {
        let site: Arc<Site> = Site::with_alice(&[]);
        site.succeed(&["import", "-u", "alice", "--uidl-format", format, mbox.to_str().unwrap()], b"");
        assert_eq!(site.serve(&[]).alice().unique_ids(), ids, "{format}");
    }
    let site = Site::with_alice(&[]);
    for (format, path, code) in [
        ("%g", mbox.clone(), 64),
        ("%v", mbox, 64),
        ("%u", case("bom.eml"), 65),
        ("%u", case("google-no-date.mbox"), 65),
    ] {
        site.fail(&["import", "-u", "alice", "--uidl-format", format, path.to_str().unwrap()], b"", code);
    }
    assert_eq!(site.sql("SELECT count(*) FROM messages"), "0\n");
}

#[test]
fn what_is_no_mail_is_refused_by_name() {
    let site = Site::with_alice(&[]);
    let error = site.fail(&["import", "-u", "alice", case("outlook.pst").to_str().unwrap()], b"", 65);
    assert!(error.contains("PST") && error.contains("readpst"), "{error}");
    let path = site.path("unknown");
    for (octets, what) in [
        (&b"From carol@c.example on a day\nA: b\n\nx\n"[..], "\"From carol@c.example on a day\""),
        (b"BZh91AY&SY", "bzip2"),
        (b"\xff\xfeF\0", "UTF-16"),
        (b"\x1f\x8b\x08damaged", "damaged"),
        (b"Dear all,\n\nFrom here on: nothing\n", "\"Dear all,\""),
    ] {
        fs::write(&path, octets).unwrap();
        let error = site.fail(&["import", "-u", "alice", path.to_str().unwrap()], b"", 65);
        assert!(error.contains(what), "{error}");
    }
    assert_eq!(site.sql("SELECT count(*) FROM messages"), "0\n");
}

/// One bad message of a Maildir is named, and the others come.
#[test]
fn one_message_that_is_no_mail_keeps_no_other_out() {
    let site = Site::with_alice(&[]);
    let folder = site.path("Maildir");
    fs::create_dir_all(folder.join("cur")).unwrap();
    for (name, octets) in [
        ("1.a:2,", &b"A: b\n\nx\n"[..]),
        ("2.b:2,", b"\xfd7zXZ\0\0\x04"),
        ("3.c:2,T", b"C: d\n"),
        ("4.d:2,", b"E: f\n"),
    ] {
        fs::write(folder.join("cur").join(name), octets).unwrap();
    }
    let output = site.run(&["import", "-u", "alice", folder.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(text(&output.stdout), "2 imported, 0 there already, 1 refused, 1 left out as deleted\n");
    assert!(text(&output.stderr).contains("2.b") && text(&output.stderr).contains("xz"), "{}", text(&output.stderr));
}

/// A small file that would fill the disk.
#[test]
fn a_bomb_is_bounded() {
    use std::io::Write;
    let site = Site::with_alice(&[]);
    site.set("MaxReceiveSize", "100000");
    let gzip = |path: &Path, parts: &[&[u8]]| {
        let mut encoder = flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::best());
        parts.iter().for_each(|part| encoder.write_all(part).unwrap());
        encoder.finish().unwrap();
    };
    let big = vec![b'a'; 20_000_000];
    let (one, all) = (site.path("bomb.eml.gz"), site.path("mbox.gz"));
    gzip(&one, &[b"A: b\n\n", &big]);
    let error = site.fail(&["import", "-u", "alice", one.to_str().unwrap()], b"", 65);
    assert!(error.contains("larger than MaxReceiveSize"), "{error}");
    let separator = b"From a Mon Nov 23 10:00:00 2026\nA: b\n\n";
    gzip(&all, &[separator, &big, b"\n\n", separator, b"small\n"]);
    let output = site.run(&["import", "-u", "alice", all.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(text(&output.stdout), "1 imported, 0 there already, 1 refused\n");
}

/// Every importer is given every case: nothing but the exit codes of a refusal, and a sound database.
#[test]
fn whatever_is_given_to_whatever_reads_it() {
    let site = Site::with_alice(&[]);
    let cases: Vec<PathBuf> =
        fs::read_dir(case("")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    assert!(cases.len() > 10);
    for path in &cases {
        let octets = fs::read(path).unwrap();
        for place in ["all/cur/1.x:2,S", "eml/1.eml", "emlx/1.emlx", "mh/1", "apple/mbox", "tree/Inbox"] {
            let (place, root) = (site.path(place), site.path(place.split('/').next().unwrap()));
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(&place, &octets).unwrap();
            if root.ends_with("tree") {
                fs::write(root.join("Inbox.msf"), "x").unwrap();
            }
            let output = site.run(&["import", "-u", "alice", root.to_str().unwrap()], b"");
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 65)), "{path:?} at {place:?}: {code:?} {}", text(&output.stderr));
            assert!(text(&output.stderr).lines().count() <= 1);
        }
    }
    site.assert_sound();
}
