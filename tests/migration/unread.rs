//! What does not come with an import is named: subfolders, files of another kind, each file that is no mail.

use crate::foreign::{messages, write};
use crate::support::Site;
use crate::support::site::text;
use std::process::{Command, Output};
use std::sync::Arc;

const MAIL: &[u8] = b"Subject: x\n\nhello\n";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01";

/// A folder with files, imported.
fn import(site: &Site, name: &str, files: &[(&str, &[u8])]) -> Output {
    for (file, octets) in files {
        write(&site.path(name).join(file), octets);
    }
    site.run(&["import", "-u", "alice", site.path(name).to_str().unwrap()], b"")
}

fn said(output: &Output) -> Vec<String> {
    text(&output.stdout).lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn folders_beside_the_inbox() {
    let site = Site::with_alice(&[]);
    let maildir = import(
        &site,
        "Maildir",
        &[
            ("cur/1.a:2,", MAIL),
            ("cur/lost/2.a:2,", MAIL),
            (".Sent/cur/3.a:2,", MAIL),
            (".Sent/maildirfolder", b""),
            ("courierimapkeywords/:list", b"x\n"),
            (".Work.Old/new/4.a", MAIL),
            ("Sub/Deeper/cur/5.a:2,", MAIL),
            ("Sub/Deeper/tmp/x", b""),
            ("dovecot-keywords", b"0 $Junk\n"),
            ("subscriptions", b"Sent\n"),
            ("archive", b"From a Mon Nov 23 10:00:00 2026\nA: b\n\nx\n"),
            ("tmp/6.a", MAIL),
        ],
    );
    assert_eq!(
        said(&maildir),
        ["4 folders not read: cur/lost, .Sent, .Work.Old, Sub/Deeper", "1 file not read: archive"],
        "{}",
        text(&maildir.stdout)
    );
    assert!(maildir.status.success());
    for (name, files, expected) in [
        (
            "mh",
            &[("1", MAIL), ("drafts/1", MAIL), ("a/b/7", MAIL), (",2", MAIL), ("note", MAIL)][..],
            &["2 folders not read: a/b, drafts", "1 file not read: note"][..],
        ),
        (
            "eml",
            &[
                ("1.eml", MAIL),
                ("sub/2.eml", MAIL),
                ("sub/3", MAIL),
                ("4.txt", b"notes\n"),
                ("5.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
                ("6.pdf", b"%PDF-1"),
            ],
            &["2 files not read: 5.msg, sub/3"],
        ),
        (
            "Inbox.mbox",
            &[
                ("mbox", b"From a Mon Nov 23 10:00:00 2026\nA: b\n"),
                ("table_of_contents", b"\0\0"),
                ("Old.mbox/mbox", b"From "),
            ],
            &["1 folder not read: Old.mbox"],
        ),
        (
            "tree",
            &[("mail", b"From a Mon Nov 23 10:00:00 2026\nA: c\n"), (".old/mail", MAIL), ("x.txt", MAIL)],
            &["1 folder not read: .old", "1 file not read: x.txt"],
        ),
        (
            "bird",
            &[
                ("Inbox", b"From \nA: d\nE: f\n"),
                ("Inbox.msf", b"// <!-- <mdb:mork:z"),
                ("prefs.js", b"//"),
                ("letter", MAIL),
            ],
            &["1 file not read: letter"],
        ),
        ("plain", &[("cur/1.x", MAIL), ("empty/x/y", b""), ("new/2.x", MAIL)], &["1 folder not read: empty/x"]),
    ] {
        let output = import(&site, name, files);
        assert_eq!(said(&output), expected, "{name}: {}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{name}");
    }
    // Many of them, and in a table.
    let many: Vec<String> = (0..30).map(|at| format!(".Box{at:02}/cur/1.x")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|it| (it.as_str(), MAIL)).chain([("cur/1.x", MAIL)]).collect();
    let output = import(&site, "many", &many);
    assert!(said(&output)[0].starts_with("30 folders not read: .Box00, .Box01"), "{}", text(&output.stdout));
    assert!(said(&output)[0].ends_with(".Box19 and 10 more"), "{}", text(&output.stdout));
    write(&site.path("list"), format!("alice,{}\n", site.path("many").display()).as_bytes());
    let table = site.succeed(&["import", "--list", site.path("list").to_str().unwrap()], b"");
    assert!(table.contains("(30 folders or files not read)"), "{table}");
}

/// A server may store odd mail, but no pictures.
#[test]
fn what_is_no_mail_in_a_maildir_is_named() {
    let site: Arc<Site> = Site::with_alice(&[]);
    let mail: &[(&str, &[u8])] = &[
        ("cur/01.a:2,", b"no header at all\n"),
        ("cur/02.a:2,", b"\xfcmlaut\n\nx\n"),
        ("cur/03.a:2,", b"Subject: nul\n\nlate \0 nul\n"),
        ("cur/04.a,S=0:2,", b""),
        ("cur/05.a:2,", b"From a@x Mon Nov 23 10:00:00 2026\nSubject: y\n\nz\n"),
        ("cur/06.a:2,", b"\nbody only\n"),
    ];
    let (noise, two): (Vec<u8>, _) = (
        (0..600_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
        b"From a Mon Nov 23 10:00:00 2026\nA: b\n\nx\n\nFrom a Mon Nov 23 10:00:00 2026\nA: b\n\nx\n",
    );
    let none: &[(&str, &[u8])] = &[
        ("cur/11.a:2,", PNG),
        ("cur/12.a:2,", b""),
        ("new/13.a", b"\xff\xfeS\0u\0b\0"),
        ("cur/14.a:2,", b"S\0u\0b\0"),
        ("cur/15.a:2,", b"PK\x03\x04\x14\0"),
        ("cur/16.a:2,", &noise),
        ("cur/17.a:2,", two),
        ("cur/18.a:2,", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0"),
    ];
    let output = import(&site, "Maildir", &[mail, none].concat());
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(said, format!("{} imported, 0 there already, {} refused\n", mail.len(), none.len()), "{errors}");
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), none.len(), "{errors}");
    for (name, _) in none {
        assert!(lines.iter().any(|line| line.starts_with("pillarbox: ") && line.contains(name)), "{name}: {errors}");
    }
    assert_eq!(messages(&site.serve(&[])).len(), mail.len());
}

/// Messages that Python's `mailbox` writes come back: without header fields, with NULs, and of an MMDF file without the
/// line end that it adds.
#[test]
fn mailboxes_of_python_come_back() {
    let bodies = [
        "A: b\\n\\nbody\\n",
        "\\nbody only\\n",
        "A: b\\n\\nbody\\n\\n",
        "plain first line\\nmore\\n",
        "A: b\\n\\nnul \\0 there\\n",
        "S\\xc3\\xbcbject: x\\n\\ny\\n",
        "A: b\\n\\nFrom Russia with love\\n\\nFrom here on: nothing\\n",
    ];
    for kind in ["mbox", "MMDF"] {
        let site: Arc<Site> = Site::with_alice(&[]);
        let path = site.path("box");
        let script = format!(
            "import mailbox\nbox = mailbox.{kind}({path:?})\nfor m in [{}]: box.add(m)\nbox.flush()\n\
             import sys\nsys.stdout.buffer.write(b'\\x02'.join(box.get_bytes(k) for k in box.keys()))",
            bodies.map(|body| format!("b'{body}'")).join(", ")
        );
        let output = Command::new("/usr/bin/python3").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let written: Vec<String> = text(&output.stdout)
            .split('\x02')
            .map(|it| it.replace('\0', "").replace("\n>From ", "\nFrom ").replace('\n', "\r\n"))
            .collect();
        let said = site.succeed(&["import", "-u", "alice", path.to_str().unwrap()], b"");
        assert_eq!(messages(&site.serve(&[])), written, "{kind}: {said}");
        assert_eq!(written.len(), bodies.len());
        assert_eq!(said.contains("2 without header fields"), kind == "mbox", "{said}");
    }
}
