//! A directory of known contents, made once and copied for each case.
//!
//! `mail.db` has alice (messages 0 to 4) and bob (message 5), `backup.db` is a copy of it from before messages 4 and 5,
//! `mbox` has messages 30 to 34.

use crate::preload::{Preload, unsynced};
use crate::support::messages::message;
use crate::support::{Server, Site};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

/// The users.
pub const USERS: [&str; 2] = ["alice", "bob"];
/// alice's password.
pub const PASSWORD: &str = "se cret";
/// The messages in `mbox`.
pub const IMPORTED: std::ops::Range<u32> = 30..35;
/// The messages of alice that `backup.db` has.
pub const BACKED_UP: std::ops::Range<u32> = 0..4;

/// A message that tells which one it is. From 20 on every third has several pieces.
pub fn numbered(number: u32) -> Vec<u8> {
    let lines = if number >= 20 && number.is_multiple_of(3) { 9_000 } else { 10 };
    message(&format!("number {number}"), &format!("body of number {number}, with a line\r\n").repeat(lines))
}

/// The number that a message bears, if it is whole.
pub fn number_of(octets: &[u8]) -> u32 {
    let start = String::from_utf8_lossy(&octets[..octets.len().min(300)]).into_owned();
    let number = start.split("Subject: number ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let number = number.unwrap_or_else(|| panic!("no message of ours: {start:?}")).parse().unwrap();
    assert!(octets.ends_with(&numbered(number)), "message {number} is damaged");
    number
}

/// What the directory has before anything is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Layout {
    /// Nothing.
    Empty,
    /// A database whose last user has ended well.
    Closed,
    /// A database whose last messages are in the log: its server was killed.
    Logged,
}

/// Unique-ids by user and number.
pub type Ids = BTreeMap<(&'static str, u32), u64>;

/// A copy of such a directory, and what happens to the programs that work on it.
pub struct Scene {
    pub site: Arc<Site>,
    pub preload: Preload,
    /// What it has had from the beginning.
    pub before: Ids,
}

impl Scene {
    /// A fresh one.
    pub fn new(layout: Layout, preload: Preload) -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let mut before = Ids::new();
        if let Some(template) = template(layout) {
            copy_files(template.site.path("").as_path(), directory.path());
            before.clone_from(&template.ids);
        }
        Scene { site: site(directory), preload, before }
    }

    /// One of our commands, struck or written down.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.site.command(arguments);
        self.preload.apply(&mut command, &self.directory());
        command
    }

    /// The same, and nothing is struck any more.
    pub fn unstruck(&self) -> Scene {
        let preload = Preload { fault: None, journal: self.preload.journal.clone() };
        Scene { site: Arc::clone(&self.site), preload, before: self.before.clone() }
    }

    /// Debian's shell; its changes are written down too, but no fault is its own.
    pub fn shell(&self, sql: &str) -> Output {
        let mut command = self.site.shell(&[sql]);
        self.unstruck().preload.apply(&mut command, &self.directory());
        crate::support::site::feed(&mut command, b"")
    }

    /// A path of the directory as an argument.
    pub fn argument(&self, name: &str) -> String {
        self.site.path(name).to_str().unwrap().to_owned()
    }

    fn directory(&self) -> std::path::PathBuf {
        self.site.database().parent().unwrap().to_owned()
    }
}

struct Template {
    site: Arc<Site>,
    ids: Ids,
}

fn template(layout: Layout) -> Option<&'static Template> {
    static CLOSED: OnceLock<Template> = OnceLock::new();
    static LOGGED: OnceLock<Template> = OnceLock::new();
    match layout {
        Layout::Empty => None,
        Layout::Closed => Some(CLOSED.get_or_init(|| make(false))),
        Layout::Logged => Some(LOGGED.get_or_init(|| make(true))),
    }
}

fn make(killed: bool) -> Template {
    let site = Site::with_alice(&[]);
    site.add_user("bob", PASSWORD);
    for user in USERS {
        site.succeed(&["passwd", user], format!("{PASSWORD}\n").as_bytes());
    }
    site.set("LoginType", "PlainTextLogin");
    site.set("MaxLoginDelay", "0");
    BACKED_UP.for_each(|number| site.deliver("alice", &numbered(number)));
    site.succeed(&["backup", site.path("backup.db").to_str().unwrap()], b"");
    let mbox = IMPORTED.map(|number| {
        let head = format!("From a Mon Nov 23 12:00:00 2026\r\nX-UIDL: {}\r\n", 1000 + number);
        [head.as_bytes(), &numbered(number), b"\r\n"].concat()
    });
    std::fs::write(site.path("mbox"), mbox.collect::<Vec<_>>().concat()).unwrap();
    let server = killed.then(|| Server::start(&site, &[]));
    site.deliver("alice", &numbered(4));
    site.deliver("bob", &numbered(5));
    let ids = ids(&site);
    // Whoever closes a database last takes its log away: nobody may come after the server.
    server.into_iter().for_each(Server::kill);
    Template { site, ids }
}

/// All mailboxes as `export` shows them; every message is whole, and none is there twice.
pub fn ids(site: &Site) -> Ids {
    let mut ids = Ids::new();
    for user in USERS {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        site.succeed(&["export", "-u", user, out.to_str().unwrap()], b"");
        for (number, id) in exported(&out) {
            assert_eq!(ids.insert((user, number), id), None, "message {number} is there twice for {user}");
        }
    }
    ids
}

/// Numbers and unique-ids of the messages in a Maildir.
pub fn exported(maildir: &Path) -> Vec<(u32, u64)> {
    let list = std::fs::read_to_string(maildir.join("dovecot-uidlist")).unwrap();
    let lines: Vec<(&str, &str)> = list.lines().filter_map(|line| line.split_once(" :")).collect();
    let read = |(line, name): (&str, &str)| {
        let parsed = line.split(' ').find_map(|part| part.strip_prefix('P')).map(str::parse);
        let id = parsed.and_then(Result::ok).unwrap_or_else(|| panic!("no id of ours: {line:?}"));
        let start = name.split(':').next().unwrap();
        let files = ["new", "cur"].map(|part| std::fs::read_dir(maildir.join(part)).unwrap());
        let mut paths = files.into_iter().flatten().map(|entry| entry.unwrap().path());
        let path = paths.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(start));
        let path = path.unwrap_or_else(|| panic!("{name} is in the list only"));
        (number_of(&with_crlf(&std::fs::read(path).unwrap())), id)
    };
    lines.into_iter().map(read).collect()
}

fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let plain = octets.iter().copied().filter(|octet| *octet != b'\r');
    plain.flat_map(|octet| if octet == b'\n' { b"\r\n".to_vec() } else { vec![octet] }).collect()
}

/// All files of a directory, without its subdirectories.
pub fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// A site in a directory of its own with some files of another one, each under a new name.
pub fn aside(old: &Site, files: &[(&str, &str)]) -> Arc<Site> {
    let directory: TempDir = tempfile::tempdir().unwrap();
    for (from, to) in files {
        if old.path(from).exists() {
            std::fs::copy(old.path(from), directory.path().join(to)).unwrap();
        }
    }
    site(directory)
}

/// What is in this directory.
pub fn site(directory: TempDir) -> Arc<Site> {
    let environment = unsynced(directory.path());
    Site::found(directory, environment)
}
