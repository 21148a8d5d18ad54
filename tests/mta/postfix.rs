//! Debian's Postfix, through LMTP and through a pipe to `deliver`.

use crate::sender::{assert_refused, send, send_from};
use crate::support::debian::{Daemon, Unpacked};
use crate::support::site::text;
use crate::support::{Server, Site, eventually};
use crate::{open, recipe, with};
use nix::unistd::User;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// System accounts of every Debian that stand in for Postfix's own, which the package would make.
const OWNER: &str = "uucp";
const GROUP: &str = "games";
const DELIVERER: &str = "mail";

/// Postfix with these lines in `main.cf`, and these behind Debian's `master.cf`.
fn postfix(packages: &Unpacked, directory: &Path, main: &str, master: &str) -> Daemon {
    let owner = User::from_name(OWNER).unwrap().unwrap();
    let group = nix::unistd::Group::from_name(GROUP).unwrap().unwrap().gid;
    for name in ["etc", "data", "spool"] {
        std::fs::create_dir_all(directory.join(name)).unwrap();
    }
    open(directory);
    chown(directory.join("data"), Some(owner.uid.as_raw()), None).unwrap();
    for name in
        "active bounce corrupt defer deferred flush hold incoming private saved trace maildrop public pid".split(' ')
    {
        let path = directory.join("spool").join(name);
        std::fs::create_dir(&path).unwrap();
        if name != "pid" {
            chown(&path, Some(owner.uid.as_raw()), matches!(name, "maildrop" | "public").then_some(group.as_raw()))
                .unwrap();
        }
    }
    let place = directory.display();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {place}/spool\ndata_directory = {place}/data\n\
         meta_directory = {place}/etc\nshlib_directory = /usr/lib/postfix\nmail_owner = {OWNER}\nsetgid_group = {GROUP}\n\
         maillog_file = {place}/log\nmaillog_file_prefixes = {place}\nmyhostname = mx.example.org\nmydestination =\n\
         inet_interfaces = 127.0.0.1\nalias_maps =\nalias_database =\nlocal_recipient_maps =\nmynetworks = 127.0.0.1/32\n\
         smtputf8_enable = yes\n{main}"
    );
    // As the package has it, with its chroots.
    let untouched = std::fs::read_to_string(packages.root().join("usr/share/postfix/master.cf.dist")).unwrap();
    assert!(untouched.contains("\nlmtp      unix  -       -       y "));
    let master = untouched + master;
    std::fs::write(directory.join("etc/main.cf"), main).unwrap();
    std::fs::write(directory.join("etc/master.cf"), master).unwrap();
    let etc = directory.join("etc");
    let program = ["/usr/lib/postfix/sbin/master", "-d", "-c", etc.to_str().unwrap()];
    let daemon = Daemon::start(&mut packages.command(&[], &program), &directory.join("log"));
    eventually("postfix answers", || std::net::TcpStream::connect(("127.0.0.1", 25)).is_ok());
    daemon
}

fn log(directory: &Path) -> String {
    text(&std::fs::read(directory.join("log")).unwrap_or_default())
}

#[test]
fn lmtp() {
    with("postfix::lmtp", "postfix", &["postfix"], |packages| {
        delivers(packages, &recipe("Postfix, LMTP", "main.cf", &[]), SOCKET);
    });
}

#[test]
fn lmtp_over_tcp() {
    with("postfix::lmtp_over_tcp", "postfix", &["postfix"], |packages| {
        let tcp = [("lmtp:unix:private/pillarbox-lmtp", "lmtp:inet:127.0.0.1:24")];
        delivers(packages, &recipe("Postfix, LMTP", "main.cf", &tcp), "127.0.0.1:24");
    });
}

#[test]
fn lmtp_for_mydestination() {
    with("postfix::lmtp_for_mydestination", "postfix", &["postfix"], |packages| {
        let main = recipe("Postfix, mydestination", "main.cf", &[]) + "mydestination = example.org\n";
        delivers(packages, &main, SOCKET);
    });
}

/// Where `lmtp` looks, which runs in a chroot: below the spool.
const SOCKET: &str = "private/pillarbox-lmtp";

/// With these lines and a listener at this address, or at this path of the spool.
fn delivers(packages: &Unpacked, main: &str, listener: &str) {
    let site = Site::with_alice(&[]);
    site.add_user("carol", "x");
    open(&site.path(""));
    site.set("Domains", "example.org");
    site.set("LmtpSocketGroup", OWNER);
    let directory = site.path("postfix");
    let _postfix = postfix(packages, &directory, main, "");
    let socket = directory.join("spool").join(listener);
    let listener = if listener == SOCKET { socket.to_str().unwrap() } else { listener };
    let server =
        Server::start_with(&site, &["serve", "-l", "127.0.0.1:0", "--set", "LoginType=PlainTextLogin", "-m", listener]);
    send("alice+tag@example.org,carol@example.org", ".dot\n..\nend");
    eventually("both have their copies", || server.sql("SELECT sum(messages) FROM mailbox_usage").trim() == "2");
    let message = text(&server.alice().multi("RETR 1"));
    assert!(message.starts_with("Return-Path: <bob@b.example>\r\nX-Original-To: alice+tag@example.org\r\nDelivered-To: alice@example.org\r\n"), "{message}");
    assert!(message.contains("\r\n\r\n.dot\r\n..\r\nend\r\n"), "{message}");
    assert_refused("5.1.1 <nobody@example.org>");
    assert!(!log(&directory).contains("status=bounced"), "{}", log(&directory));
    server.assert_sound();
}

/// A program that `mail` may run, and a database of his.
fn given_away(site: &Arc<Site>) -> PathBuf {
    let program = site.path("pillarbox");
    std::fs::copy(env!("CARGO_BIN_EXE_pillarbox"), &program).unwrap();
    let mail = User::from_name(DELIVERER).unwrap().unwrap();
    let (uid, gid) = (Some(mail.uid.as_raw()), Some(mail.gid.as_raw()));
    chown(site.path(""), uid, gid).unwrap();
    open(&site.path(""));
    for entry in std::fs::read_dir(site.path("")).unwrap() {
        chown(entry.unwrap().path(), uid, gid).unwrap();
    }
    program
}

#[test]
fn pipe() {
    with("postfix::pipe", "postfix", &["postfix"], pipe_delivers);
}

fn pipe_delivers(packages: &Unpacked) {
    let site = Site::with_alice(&[]);
    site.set("Domains", "example.org");
    let program = given_away(&site);
    let directory = site.path("postfix");
    let list = directory.join("etc/pillarbox-recipients");
    let main = recipe("Postfix, pipe", "main.cf", &[("/etc/postfix/pillarbox-recipients", list.to_str().unwrap())]);
    let master = recipe(
        "Postfix, pipe",
        "master.cf",
        &[
            ("user=pillarbox", &format!("user={DELIVERER}")),
            ("/usr/bin/pillarbox", program.to_str().unwrap()),
            ("/var/lib/pillarbox/mail.db", site.database().to_str().unwrap()),
        ],
    );
    let addresses = site.succeed(&["export-recipients"], b"");
    std::fs::create_dir_all(directory.join("etc")).unwrap();
    std::fs::write(&list, addresses.lines().map(|line| format!("{line} OK\n")).collect::<String>()).unwrap();
    let _postfix = postfix(packages, &directory, &main, &master);
    send("alice+tag@example.org", ".dot\nend");
    assert_refused("5.1.1 <nobody@example.org>");
    eventually("it is there", || site.sql("SELECT messages FROM mailbox_usage").trim() == "1");
    send_from("<>", "alice@example.org", "from nobody");
    eventually("both are there", || site.sql("SELECT messages FROM mailbox_usage").trim() == "2");
    let server = site.serve(&[]);
    let message = text(&server.alice().multi("RETR 2"));
    assert!(message.starts_with("Return-Path: <>\r\n"), "{message}");
    let message = text(&server.alice().multi("RETR 1"));
    assert_eq!(message.matches("Return-Path:").count(), 1, "{message}");
    assert!(message.contains("\r\n\r\n.dot\r\nend\r\n"), "{message}");
    assert!(message.starts_with("Return-Path: <bob@b.example>\r\n"), "{message}");
    assert!(!log(&directory).contains("status=bounced"), "{}", log(&directory));
}
