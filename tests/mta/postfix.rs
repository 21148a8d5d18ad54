//! Debian's Postfix, through LMTP and through a pipe to `deliver`.

use crate::support::debian::{Daemon, Unpacked, free_port};
use crate::support::site::{feed, text};
use crate::support::{Server, Site, eventually};
use crate::{open, recipe, with};
use nix::unistd::User;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

/// System accounts of every Debian that stand in for Postfix's own, which the package would make.
const OWNER: &str = "uucp";
const GROUP: &str = "games";
const DELIVERER: &str = "mail";

/// Postfix with these lines in its configuration; answers the port of its SMTP server.
fn postfix(packages: &Unpacked, folder: &Path, main: &str, master: &str) -> (Daemon, u16) {
    let port = free_port();
    let owner = User::from_name(OWNER).unwrap().unwrap();
    let group = nix::unistd::Group::from_name(GROUP).unwrap().unwrap().gid;
    for name in ["etc", "data", "spool"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    open(folder);
    chown(folder.join("data"), Some(owner.uid.as_raw()), None).unwrap();
    for name in
        "active bounce corrupt defer deferred flush hold incoming private saved trace maildrop public pid".split(' ')
    {
        let path = folder.join("spool").join(name);
        std::fs::create_dir(&path).unwrap();
        if name != "pid" {
            chown(&path, Some(owner.uid.as_raw()), matches!(name, "maildrop" | "public").then_some(group.as_raw()))
                .unwrap();
        }
    }
    let place = folder.display();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {place}/spool\ndata_directory = {place}/data\n\
         meta_directory = {place}/etc\nshlib_directory = /usr/lib/postfix\nmail_owner = {OWNER}\nsetgid_group = {GROUP}\n\
         maillog_file = {place}/log\nmaillog_file_prefixes = {place}\nmyhostname = mx.example.org\nmydestination =\n\
         inet_interfaces = 127.0.0.1\nalias_maps =\nalias_database =\nlocal_recipient_maps =\nmynetworks = 127.0.0.0/8\n\
         smtputf8_enable = yes\n{main}"
    );
    let master = format!(
        "127.0.0.1:{port} inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
         rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n\
         trace unix - - n - 0 bounce\nerror unix - - n - - error\nretry unix - - n - - error\nlmtp unix - - y - - lmtp\n\
         verify unix - - n - 1 verify\nlocal unix - n n - - local\n\
         proxymap unix - - n - - proxymap\nanvil unix - - n - 1 anvil\npostlog unix-dgram n - n - 1 postlogd\n{master}"
    );
    std::fs::write(folder.join("etc/main.cf"), main).unwrap();
    std::fs::write(folder.join("etc/master.cf"), master).unwrap();
    let etc = folder.join("etc");
    let program = ["/usr/lib/postfix/sbin/master", "-d", "-c", etc.to_str().unwrap()];
    let daemon = Daemon::start(&mut packages.command(&[], &program), &folder.join("log"));
    eventually("postfix answers", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    (daemon, port)
}

/// Hands a message to the SMTP server.
pub fn send(port: u16, to: &str, body: &str) {
    send_from("bob@b.example", port, to, body);
}

/// The same, of this sender; swaks says `<>` for the null one.
fn send_from(sender: &str, port: u16, to: &str, body: &str) {
    let output = attempt(sender, port, to, body);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

fn attempt(sender: &str, port: u16, to: &str, body: &str) -> Output {
    let mut command = Command::new("swaks");
    command.args(["--server", &format!("127.0.0.1:{port}"), "--from", sender, "--to", to, "--body", body]);
    command.args(["--timeout", "30"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    feed(&mut command, b"")
}

fn log(folder: &Path) -> String {
    text(&std::fs::read(folder.join("log")).unwrap_or_default())
}

#[test]
fn lmtp() {
    with("postfix::lmtp", "postfix", &["postfix"], |packages| delivers(packages, "Postfix, LMTP", ""));
}

#[test]
fn lmtp_for_mydestination() {
    let mine = "mydestination = example.org\n";
    with("postfix::lmtp_for_mydestination", "postfix", &["postfix"], |packages| {
        delivers(packages, "Postfix, mydestination", mine);
    });
}

/// With `lmtp` in its chroot, as Debian's master.cf has it: the socket is in the spool.
fn delivers(packages: &Unpacked, heading: &str, rest: &str) {
    let site = Site::with_alice(&[]);
    site.add_user("carol", "x");
    open(&site.path(""));
    site.set("Domains", "example.org");
    site.set("LmtpSocketGroup", OWNER);
    let folder = site.path("postfix");
    let main = recipe(heading, "main.cf", &[]) + rest;
    let (_postfix, port) = postfix(packages, &folder, &main, "");
    let socket = folder.join("spool/private/pillarbox-lmtp");
    let server = Server::start_with(
        &site,
        &["serve", "-l", "127.0.0.1:0", "--set", "LoginType=PlainTextLogin", "-m", socket.to_str().unwrap()],
    );
    send(port, "alice+tag@example.org,carol@example.org", ".dot\n..\nend");
    eventually("both have their copies", || server.sql("SELECT sum(messages) FROM mailbox_usage").trim() == "2");
    let message = text(&server.alice().multi("RETR 1"));
    assert!(message.starts_with("Return-Path: <bob@b.example>\r\nX-Original-To: alice+tag@example.org\r\nDelivered-To: alice@example.org\r\n"), "{message}");
    assert!(message.contains("\r\n\r\n.dot\r\n..\r\nend\r\n"), "{message}");
    // Refused at RCPT, so that nothing bounces.
    let output = attempt("bob@b.example", port, "nobody@example.org", "x");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!output.status.success() && said.contains("550 5.1.1 <nobody@example.org>"), "{said}{}", log(&folder));
    assert!(!log(&folder).contains("status=bounced"), "{}", log(&folder));
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
    let folder = site.path("postfix");
    let main = recipe("Postfix, pipe", "main.cf", &[]);
    let master = recipe(
        "Postfix, pipe",
        "master.cf",
        &[
            ("user=pillarbox", &format!("user={DELIVERER}")),
            ("/usr/bin/pillarbox", program.to_str().unwrap()),
            ("/var/lib/pillarbox/mail.db", site.database().to_str().unwrap()),
        ],
    );
    let (_postfix, port) = postfix(packages, &folder, &main, &master);
    send(port, "alice@example.org", ".dot\nend");
    send(port, "nobody@example.org", "x");
    eventually("it is there", || site.sql("SELECT messages FROM mailbox_usage").trim() == "1");
    send_from("<>", port, "alice@example.org", "from nobody");
    eventually("both are there", || site.sql("SELECT messages FROM mailbox_usage").trim() == "2");
    let server = site.serve(&[]);
    let message = text(&server.alice().multi("RETR 2"));
    assert!(message.starts_with("Return-Path: <>\r\n"), "{message}");
    let message = text(&server.alice().multi("RETR 1"));
    assert_eq!(message.matches("Return-Path:").count(), 1, "{message}");
    assert!(message.contains("\r\n\r\n.dot\r\nend\r\n"), "{message}");
    assert!(message.starts_with("Return-Path: <bob@b.example>\r\n"), "{message}");
    eventually("67 bounces", || log(&folder).contains("status=bounced") && log(&folder).contains("nobody@example.org"));
}
