//! Debian's Exim and OpenSMTPD, through LMTP.

use crate::sender::{assert_refused, send};
use crate::support::debian::{Daemon, Unpacked};
use crate::support::site::text;
use crate::support::{Server, Site, eventually};
use crate::{open, recipe, with};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// alice's server with an LMTP socket that everybody may use.
fn server(site: &std::sync::Arc<Site>) -> (Server, PathBuf) {
    open(&site.path(""));
    let socket = site.path("lmtp");
    let clear = ["--set", "LoginType=PlainTextLogin", "--set", "LmtpSocketMode=0666"];
    let listeners = ["serve", "-l", "127.0.0.1:0", "-m", socket.to_str().unwrap()];
    (Server::start_with(site, &[&listeners[..], &clear].concat()), socket)
}

/// A directory that stands in for `/etc`: the system's users and groups, and these, which the packages would make.
fn etc(directory: &Path, names: &[(&str, u32)]) -> PathBuf {
    let etc = directory.join("etc");
    std::fs::create_dir_all(&etc).unwrap();
    let mut passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let mut group = std::fs::read_to_string("/etc/group").unwrap();
    for (name, id) in names {
        passwd += &format!("{name}:x:{id}:{id}::/nonexistent:/usr/sbin/nologin\n");
        group += &format!("{name}:x:{id}:\n");
    }
    std::fs::write(etc.join("passwd"), passwd).unwrap();
    std::fs::write(etc.join("group"), group).unwrap();
    std::fs::write(etc.join("hosts"), "127.0.0.1 localhost mx.example.org mx\n").unwrap();
    for name in ["services", "nsswitch.conf"] {
        std::fs::copy(Path::new("/etc").join(name), etc.join(name)).unwrap();
    }
    open(&etc);
    etc
}

/// The directories that a package's programs know by these paths, each a directory of ours.
fn places(directory: &Path, paths: &[&'static str]) -> Vec<(PathBuf, &'static str)> {
    let place = |path: &&'static str| (directory.join(path.trim_start_matches('/')), *path);
    let places: Vec<_> = paths.iter().map(place).collect();
    for (path, _) in &places {
        std::fs::create_dir_all(path).unwrap();
        open(path);
    }
    places
}

fn over<'a>(places: &'a [(PathBuf, &'static str)]) -> Vec<(&'a Path, &'static str)> {
    places.iter().map(|(path, place)| (path.as_path(), *place)).collect()
}

/// alice's first message is as it was sent to this address of hers.
fn assert_delivered(server: &Server, address: &str) {
    eventually("it is there", || server.sql("SELECT count(*) FROM messages").trim() == "1");
    let message = text(&server.alice().multi("RETR 1"));
    assert!(message.starts_with("Return-Path: <bob@b.example>\r\n"), "{message}");
    assert!(message.lines().take(3).any(|line| line.ends_with(&format!("To: {address}"))), "{message}");
    assert!(message.contains("\r\n\r\n.dot\r\nend\r\n"), "{message}");
}

#[test]
fn exim() {
    with("others::exim", "exim", &["exim4-daemon-light"], exim_delivers);
}

/// With Debian's own configuration, as `update-exim4.conf` puts it together, and the files of the page in it.
fn exim_delivers(packages: &Unpacked) {
    let site = Site::with_alice(&[]);
    site.set("Domains", "example.org");
    let (server, socket) = server(&site);
    let directory = site.path("exim");
    let user = 64_990;
    let mut places = places(&directory, &["/var/lib", "/var/spool", "/var/log"]);
    for name in ["var/lib/exim4", "var/spool/exim4", "var/log/exim4"] {
        std::fs::create_dir(directory.join(name)).unwrap();
        chown(directory.join(name), Some(user), Some(user)).unwrap();
    }
    let etc = etc(&directory, &[("Debian-exim", user)]);
    std::fs::create_dir(etc.join("exim4")).unwrap();
    let parts = packages.root().join("etc/exim4/conf.d");
    let copied = Command::new("cp").arg("-r").arg(parts).arg(etc.join("exim4")).status().unwrap();
    assert!(copied.success());
    std::fs::write(etc.join("mailname"), "mx.example.org\n").unwrap();
    let chosen = "dc_eximconfig_configtype='internet'\ndc_other_hostnames=''\ndc_local_interfaces='127.0.0.1'\n";
    let files = ["update-exim4.conf.conf", "router/150_pillarbox", "transport/30_pillarbox"];
    for (file, place, before) in [(files[0], "", chosen), (files[1], "conf.d/", ""), (files[2], "conf.d/", "")] {
        let replace: &[(&str, &str)] = &[("/run/pillarbox-lmtp", socket.to_str().unwrap())];
        let lines = recipe("Exim", file, if file == files[2] { replace } else { &[] });
        std::fs::write(etc.join("exim4").join(place).join(file), before.to_owned() + &lines).unwrap();
    }
    // sed 's/^@/*@/'
    let addresses = site.succeed(&["export-recipients"], b"");
    let list = addresses
        .lines()
        .map(|line| format!("{}\n", line.replacen('@', if line.starts_with('@') { "*@" } else { "@" }, 1)));
    std::fs::write(etc.join("exim4/pillarbox-recipients"), list.collect::<String>()).unwrap();
    places.push((etc, "/etc"));
    setuid_root(&packages.root().join("usr/sbin/exim4"));
    let start = "update-exim4.conf && exec exim4 -bdf -q30m";
    let mut command = packages.command(&over(&places), &["/bin/sh", "-c", start]);
    let _daemon = Daemon::start(&mut command, &directory.join("var/log/exim4/mainlog"));
    eventually("exim answers", || std::net::TcpStream::connect(("127.0.0.1", 25)).is_ok());
    send("alice+tag@example.org", ".dot\nend");
    assert_delivered(&server, "alice+tag@example.org");
    assert_refused("Unknown user");
    let log = std::fs::read_to_string(directory.join("var/log/exim4/mainlog")).unwrap();
    assert!(!log.contains("** "), "nothing bounces: {log}");
}

/// As the package installs it. Whoever unpacked it owns it: where that is not root, `sudo` made us root, and not a namespace.
fn setuid_root(program: &Path) {
    if std::fs::metadata(program).unwrap().uid() != 0 {
        chown(program, Some(0), Some(0)).unwrap();
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o4755)).unwrap();
    }
}

#[test]
fn opensmtpd() {
    with("others::opensmtpd", "opensmtpd", &["opensmtpd"], opensmtpd_delivers);
}

fn opensmtpd_delivers(packages: &Unpacked) {
    let site = Site::with_alice(&[]);
    site.set("Domains", "example.org");
    let (server, socket) = server(&site);
    let directory = site.path("opensmtpd");
    let mut places = places(&directory, &["/var/spool", "/var/lib", "/run"]);
    for (name, mode) in [("var/spool/smtpd", 0o711), ("var/lib/opensmtpd/empty", 0o755)] {
        std::fs::create_dir_all(directory.join(name)).unwrap();
        std::fs::set_permissions(directory.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    open(&directory);
    let etc = etc(&directory, &[("opensmtpd", 64_991), ("opensmtpq", 64_992), ("vmail", 64_993)]);
    let lines = recipe("OpenSMTPD", "smtpd.conf", &[("/run/pillarbox-lmtp", socket.to_str().unwrap())]);
    std::fs::write(etc.join("smtpd.conf"), format!("listen on 127.0.0.1 port 25\n{lines}")).unwrap();
    let list = || std::fs::write(etc.join("smtpd-recipients"), site.succeed(&["export-recipients"], b"")).unwrap();
    list();
    places.push((etc.clone(), "/etc"));
    let mut command = packages.command(&over(&places), &["/usr/sbin/smtpd", "-d"]);
    let _daemon = Daemon::start(&mut command, &directory.join("log"));
    eventually("opensmtpd answers", || std::net::TcpStream::connect(("127.0.0.1", 25)).is_ok());
    send("alice+tag@example.org", ".dot\nend");
    assert_delivered(&server, "alice+tag@example.org");
    assert_refused("Invalid recipient");
    // A new user is taken mail for once the table is.
    server.sql("INSERT INTO users(name, password) VALUES ('carol', 'x')");
    list();
    // The package's installation makes it setgid.
    let as_installed = ["setpriv", "--regid", "64992", "--clear-groups", "smtpctl", "update", "table", "recipients"];
    let output = packages.command(&over(&places), &as_installed).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    send("carol@example.org", "x");
}
