//! Debian's Exim and OpenSMTPD, through LMTP.

use crate::postfix::send;
use crate::support::debian::{Daemon, Unpacked, free_port};
use crate::support::site::{feed, text};
use crate::support::{Server, Site, eventually};
use crate::{open, recipe, with};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// alice's server with an LMTP socket that everybody may use.
fn server(site: &std::sync::Arc<Site>) -> (Server, PathBuf) {
    open(&site.path(""));
    let socket = site.path("lmtp");
    let clear = ["--set", "LoginType=PlainTextLogin", "--set", "LmtpSocketMode=0666"];
    let listeners = ["serve", "-l", "127.0.0.1:0", "-m", socket.to_str().unwrap()];
    (Server::start_with(site, &[&listeners[..], &clear].concat()), socket)
}

/// The system's users and groups, and these: the packages would make them.
fn accounts(folder: &Path, names: &[(&str, u32)]) -> (PathBuf, PathBuf) {
    let mut passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let mut group = std::fs::read_to_string("/etc/group").unwrap();
    for (name, id) in names {
        passwd += &format!("{name}:x:{id}:{id}::/nonexistent:/usr/sbin/nologin\n");
        group += &format!("{name}:x:{id}:\n");
    }
    let paths = (folder.join("passwd"), folder.join("group"));
    std::fs::write(&paths.0, passwd).unwrap();
    std::fs::write(&paths.1, group).unwrap();
    paths
}

#[test]
fn exim() {
    with("others::exim", "exim", &["exim4-daemon-light"], exim_delivers);
}

fn exim_delivers(packages: &Unpacked) {
    let site = Site::with_alice(&[]);
    site.set("Domains", "example.org");
    let (server, socket) = server(&site);
    let folder = site.path("exim");
    for name in ["", "spool", "log"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        open(&folder.join(name));
        chown(folder.join(name), Some(64_990), Some(64_990)).unwrap();
    }
    let blocks = recipe("Exim", "exim4.conf", &[("/run/pillarbox/lmtp", socket.to_str().unwrap())]);
    let place = folder.display();
    let head = format!(
        "spool_directory = {place}/spool\nlog_file_path = {place}/log/%slog\nprimary_hostname = mx.example.org\n"
    );
    let conf = folder.join("conf");
    std::fs::write(&conf, head + &blocks).unwrap();
    let (passwd, group) = accounts(&folder, &[("Debian-exim", 64_990)]);
    let over = [(passwd.as_path(), "/etc/passwd"), (group.as_path(), "/etc/group")];
    let program = ["/usr/sbin/exim4", "-C", conf.to_str().unwrap(), "-odf", "-i", "-f", "bob@b.example"];
    let program = [&program[..], &["alice+tag@example.org", "nobody@example.org"]].concat();
    let mut command = packages.command(&over, &program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = feed(&mut command, b"Subject: x\n\n.dot\nend\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let message = text(&server.alice().multi("RETR 1"));
    assert!(
        message.starts_with("Return-Path: <bob@b.example>\r\nX-Original-To: alice+tag@example.org\r\n"),
        "{message}"
    );
    assert!(message.ends_with("\r\n\r\n.dot\r\nend\r\n"), "{message}");
    let log = std::fs::read_to_string(folder.join("log/mainlog")).unwrap();
    assert!(log.contains("** nobody@example.org") && log.contains("550 5.1.1"), "{log}");
}

#[test]
fn opensmtpd() {
    with("others::opensmtpd", "opensmtpd", &["opensmtpd"], opensmtpd_delivers);
}

fn opensmtpd_delivers(packages: &Unpacked) {
    let site = Site::with_alice(&[]);
    site.set("Domains", "example.org");
    let (server, socket) = server(&site);
    let folder = site.path("opensmtpd");
    for name in ["spool/smtpd", "lib/opensmtpd/empty", "run"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        open(&folder.join(name));
    }
    open(&folder);
    std::fs::set_permissions(folder.join("spool/smtpd"), std::fs::Permissions::from_mode(0o711)).unwrap();
    let port = free_port();
    let lines = recipe("OpenSMTPD", "smtpd.conf", &[("/run/pillarbox/lmtp", socket.to_str().unwrap())]);
    let conf = folder.join("conf");
    std::fs::write(&conf, format!("listen on 127.0.0.1 port {port}\n{lines}")).unwrap();
    let names = [("opensmtpd", 64_991), ("opensmtpq", 64_992), ("vmail", 64_993)];
    let (passwd, group) = accounts(&folder, &names);
    let (spool, lib, run) = (folder.join("spool"), folder.join("lib"), folder.join("run"));
    let over = [
        (passwd.as_path(), "/etc/passwd"),
        (group.as_path(), "/etc/group"),
        (spool.as_path(), "/var/spool"),
        (lib.as_path(), "/var/lib"),
        (run.as_path(), "/run"),
    ];
    let mut command = packages.command(&over, &["/usr/sbin/smtpd", "-d", "-f", conf.to_str().unwrap()]);
    let _daemon = Daemon::start(&mut command, &folder.join("log"));
    eventually("opensmtpd answers", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    send(port, "alice@example.org", ".dot\nend");
    eventually("it is there", || server.sql("SELECT count(*) FROM messages").trim() == "1");
    let message = text(&server.alice().multi("RETR 1"));
    assert!(message.starts_with("Return-Path: <bob@b.example>\r\nDelivered-To: alice@example.org\r\n"), "{message}");
    assert!(message.contains("\r\n\r\n.dot\r\nend\r\n"), "{message}");
}
