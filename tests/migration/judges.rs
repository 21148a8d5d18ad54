//! Other programs as judges: Python's `mailbox` module and Debian's Dovecot count the messages of mboxes that are written
//! here in each form, and POP3 clients find nothing new behind an import.

use crate::dovecot::shown;
use crate::foreign::messages;
use crate::support::Site;
use crate::support::dovecot::{dovecot_with, lay_out, owner};
use crate::support::random::Random;
use crate::support::site::text;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// The four conventions of mbox files.
const FORMS: [&str; 4] = ["mboxo", "mboxrd", "mboxcl", "mboxcl2"];

const SEPARATORS: &[&str] = &[
    "From a@x.example Mon Nov 23 10:00:00 2026",
    "From a@x.example Mon Nov 23 10:00:00 2026 +0100",
    "From MAILER-DAEMON Mon Nov 23 10:00:00 CET 2026",
    "From - Mon Nov 23 10:00:00 2026",
];

const LINES: &[&str] = &[
    "From here on: nothing",
    "From a@x.example Mon Nov 23 10:00:00 2026",
    "From ",
    ">From me",
    ">>From you",
    "Subject: in the text",
    "text",
    "",
    ".",
    "Content-Length: 3",
];

/// Text of a few lines, the last one not empty.
fn body(random: &mut Random) -> String {
    let mut lines: Vec<&str> = (0..random.below(6)).map(|_| LINES[random.below(LINES.len() as u64) as usize]).collect();
    lines.push("end");
    lines.join("\n") + "\n"
}

fn is_from(line: &str) -> bool {
    line.trim_start_matches('>').starts_with("From ")
}

/// A body as a form has it in a file.
fn quoted(form: &str, body: &str) -> String {
    body.split_inclusive('\n')
        .map(|line| match form {
            "mboxo" if line.starts_with("From ") => format!(">{line}"),
            "mboxrd" | "mboxcl" if is_from(line) => format!(">{line}"),
            _ => line.to_owned(),
        })
        .collect()
}

/// A file of random messages, and these with CRLF.
fn mbox(form: &str, round: u32, random: &mut Random) -> (String, Vec<String>) {
    let (mut file, mut messages) = (String::new(), Vec::new());
    for number in 0..1 + random.below(5) {
        let mut body = body(random);
        if form == "mboxcl2" {
            // By this the form shows: without any such line it would be that of mboxcl.
            body = format!("From here on: nothing\n{body}");
        }
        if form == "mboxo" {
            // What was quoted before cannot be told from what was not.
            body = body.replace(">From", "> From").replace(">> From", "> > From");
        }
        let quoted = quoted(form, &body);
        let length =
            if form.starts_with("mboxcl") { format!("Content-Length: {}\n", quoted.len()) } else { String::new() };
        let header = format!("Subject: {round}.{number}\nFrom: b@x.example\n{length}\n");
        file += &format!("{}\n{header}{quoted}\n", SEPARATORS[random.below(SEPARATORS.len() as u64) as usize]);
        messages.push((header + &body).replace('\n', "\r\n"));
    }
    (file, messages)
}

fn python(script: &str, file: &Path) -> String {
    let output = Command::new("/usr/bin/python3").args(["-c", script]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

/// Each form comes back as it was written; and where lines are quoted, Python finds as many messages.
#[test]
fn mboxes_of_each_form_come_back() {
    let mut random = Random::announced("mboxes");
    let site: Arc<Site> = Site::with_alice(&[]);
    let (server, path) = (site.serve(&[]), site.path("mbox"));
    for round in 0..48 {
        let form = FORMS[round as usize % FORMS.len()];
        let (file, written) = mbox(form, round, &mut random);
        fs::write(&path, &file).unwrap();
        let before = server.alice().stat().0 as usize;
        let said = site.succeed(&["import", "-u", "alice", path.to_str().unwrap()], b"");
        assert_eq!(messages(&server)[before..], written, "{form}: {said}\n{file}");
        if form != "mboxcl2" {
            let count = python("import mailbox, sys; print(len(mailbox.mbox(sys.argv[1])))", &path);
            assert_eq!(count, written.len().to_string(), "{file}");
        }
    }
}

/// mpop, which has fetched everything there.
fn mpop(site: &Site, port: u16, password: &str) -> u64 {
    let (config, fetched) = (site.path("mpoprc"), site.path("fetched"));
    let account = format!(
        "account a\nhost 127.0.0.1\nport {port}\ntls off\nauth user\nuser alice\npassword \"{password}\"\nkeep on\n\
         uidls_file {}\ndelivery mbox {}\naccount default : a\n",
        site.path("uidls").display(),
        fetched.display()
    );
    fs::write(&config, account).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new("mpop");
    command.env_remove("LD_LIBRARY_PATH").arg("-C").arg(&config);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    fs::metadata(&fetched).map_or(0, |it| it.len())
}

/// Debian's Dovecot reads an mbox, numbers it, and shows it to a client; behind the import the client finds nothing new.
#[test]
fn an_mbox_of_debians_dovecot() {
    let mut random = Random::announced("mbox of Dovecot");
    let site: Arc<Site> = Site::with_alice(&[]);
    let folder = site.path("dovecot");
    lay_out(&site, &folder);
    let inbox = folder.join("Maildir/inbox");
    let (first, written) = mbox("mboxo", 0, &mut random);
    let (second, more) = mbox("mboxo", 1, &mut random);
    fs::write(&inbox, first + &second).unwrap();
    let (uid, gid) = owner();
    std::os::unix::fs::chown(&inbox, Some(uid.as_raw()), Some(gid.as_raw())).unwrap();
    let mail = format!("mbox:{}/Maildir:INBOX={}", folder.display(), inbox.display());
    let (old, ports) = dovecot_with(&folder, &mail, "");
    let port = ports.pop3;
    let (ids, _) = shown(port);
    assert_eq!(ids.len(), written.len() + more.len());
    let fetched = mpop(&site, port, "secret");
    assert!(fetched > 0);
    drop(old);
    let arguments = ["import", "-u", "alice", "--uidl-format", "%08Xu%08Xv", inbox.to_str().unwrap()];
    let said = site.succeed(&arguments, b"");
    assert!(said.starts_with(&format!("{} imported", ids.len())), "{said}\n{}", fs::read_to_string(&inbox).unwrap());
    let server = site.serve(&[("LoginType", "PlainTextLogin")]);
    assert_eq!(server.alice().unique_ids(), ids);
    assert_eq!(mpop(&site, server.address("pop3").port(), "se cret"), fetched, "nothing is fetched again");
}
