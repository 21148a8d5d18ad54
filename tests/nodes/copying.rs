//! `pillarbox copy`: a site from SQLite to PostgreSQL and back.

use super::support::messages::{message, of_size};
use super::support::postgres::{Cluster, Database, OWNER};
use super::support::site::text;
use super::support::{Server, Site, eventually};
use super::{SETTINGS, serve};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

pub fn copy(from: &str, to: &str, state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
    command.args(["copy", "--state"]).arg(state).args([from, to]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn succeed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Something of everything.
fn filled() -> Arc<Site> {
    let site = Site::new();
    for user in ["alice", "bob", "Zoë"] {
        site.succeed(&["passwd", "--create", user], b"se cret\n");
    }
    site.sql(
        "INSERT INTO mailboxes (name, prohibit_send_receive_quota, retain_read_days) VALUES ('archive', 1048576, 7)",
    );
    site.sql("INSERT INTO aliases VALUES ('sales@example.org', 'alice'), ('Sales@example.org', 'bob')");
    site.sql("INSERT INTO delegates VALUES ('bob', 'archive')");
    site.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'Zoë'");
    site.set("MaxCommandSize", "255");
    for body in ["one\r\n", ".dots\r\n", "three\r\n"] {
        site.deliver("alice", &message("Hello é", body));
    }
    site.succeed(&["deliver", "alice", "bob"], &of_size(700_000));
    let server = Server::start(&site, &SETTINGS);
    let mut lmtp = server.lmtp();
    // Copies with a header each, of a message that is in many pieces.
    lmtp.begin("carol@example.net", &["alice", "bob"]);
    lmtp.send(of_size(900_000));
    lmtp.send(b".\r\n");
    lmtp.expect("250 ");
    lmtp.expect("250 ");
    let mut session = server.session("alice", "se cret");
    session.multi("RETR 1");
    session.expect_start("DELE 2", "+OK");
    session.quit();
    assert!(server.terminate().success());
    let legacy = site.path("legacy.mbox");
    std::fs::write(&legacy, "From a@b Thu Jan  1 00:00:00 2026\nX-UIDL: old-id\nSubject: old\n\nx\n").unwrap();
    site.succeed(&["import", "-u", "bob", legacy.to_str().unwrap()], b"");
    site.sql("INSERT INTO users (name) VALUES ('gone')");
    site.deliver("gone", b"Subject: gone\r\n\r\nx\r\n");
    site.sql("DELETE FROM users WHERE name = 'gone'");
    site
}

/// What administrators see of it.
const SEEN: [&str; 6] = [
    "SELECT name, password, pop_enabled, last_login FROM users ORDER BY id",
    "SELECT mailbox, uid, size, received_at, unique_id, sender, read, stored_at, subject FROM messages ORDER BY mailbox, uid",
    "SELECT mailbox, uid, size, deleted_at, subject FROM recoverable ORDER BY mailbox, uid",
    "SELECT name, messages, bytes FROM deleted_mailboxes ORDER BY id",
    "SELECT name, messages, bytes, limit_quota, percent FROM mailbox_usage ORDER BY name",
    "SELECT name, value FROM settings ORDER BY name",
];

#[test]
fn a_site_goes_to_postgresql_and_back() {
    let site = filled();
    let file = site.database().to_str().unwrap();
    let database = Cluster::shared().empty_database();
    let one = Site::node(&database.url());
    let state = one.path("");
    let copied = succeed(&copy(file, &database.url(), &state).output().unwrap());
    assert_eq!(copied, "7 messages copied and compared\n");
    assert_eq!(one.succeed(&["check"], b""), "");
    let seen = SEEN.map(|sql| site.sql(sql));
    for (sql, seen) in SEEN.iter().zip(&seen) {
        let there = database.sql(sql);
        // Where the two shells write a fraction in another way they differ.
        if !sql.contains("percent") {
            assert_eq!(there.trim(), seen.trim(), "{sql}");
        }
    }
    // Passwords are good, unique-ids go on, and what was deleted can be brought back.
    let server = serve(&one);
    let mut session = server.session("alice", "se cret");
    assert_eq!(session.unique_ids(), ["1", "3", "4", "5"]);
    assert!(session.multi("RETR 4").len() > 900_000);
    session.quit();
    assert!(server.lmtp().deliver("alice", &message("new", "x\r\n")).starts_with("250 "));
    database.sql("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice' AND uid = 2");
    assert_eq!(server.session("alice", "se cret").unique_ids(), ["1", "2", "3", "4", "5", "6"]);
    assert!(server.terminate().success());
    let seen = SEEN.map(|sql| database.sql(sql));
    // And the way back.
    let home = one.path("home.db");
    let home = home.to_str().unwrap();
    assert_eq!(succeed(&copy(&database.url(), home, &state).output().unwrap()), "9 messages copied and compared\n");
    let back = Site::found(tempfile::tempdir().unwrap(), Vec::new());
    std::fs::copy(home, back.database()).unwrap();
    std::fs::copy(format!("{home}.seal"), back.path("mail.db.seal")).unwrap();
    for (sql, seen) in SEEN.iter().zip(&seen) {
        if !sql.contains("percent") {
            assert_eq!(back.sql(sql).trim(), seen.trim(), "{sql}");
        }
    }
    assert_eq!(back.succeed(&["check"], b""), "");
    back.deliver("alice", b"x: y\r\n\r\n");
    assert_eq!(back.sql("SELECT max(uid) FROM messages WHERE mailbox = 'alice'").trim(), "7");
    let refused = copy(file, &database.url(), &state).output().unwrap();
    assert_eq!(refused.status.code(), Some(78), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("empty"), "{}", text(&refused.stderr));
}

#[test]
fn a_copy_that_was_cut_goes_on() {
    let site = filled();
    for _ in 0..20 {
        site.deliver("bob", &of_size(1 << 20));
    }
    let file = site.database().to_str().unwrap();
    let database = Cluster::shared().empty_database();
    let one = Site::node(&database.url());
    let state = one.path("");
    let mut cut = copy(file, &database.url(), &state).spawn().unwrap();
    eventually("something was copied", || {
        let ours = database.try_sql("postgres", "SELECT count(*) FROM chunk");
        ours.is_ok_and(|count| count.trim().parse().is_ok_and(|count: u32| count > 20))
    });
    cut.kill().unwrap();
    cut.wait().unwrap();
    if database.sql("SELECT schema FROM site").trim() == "0" {
        let error = one.fail(&["serve", "-l", "127.0.0.1:0"], b"", 78);
        assert!(error.contains("an unfinished copy"), "{error}");
    }
    let again = copy(file, &database.url(), &state).output().unwrap();
    if database.sql("SELECT count(*) FROM messages").trim() == "27" && !again.status.success() {
        // It had ended before it was cut.
        assert!(text(&again.stderr).contains("empty"), "{}", text(&again.stderr));
    } else {
        assert_eq!(succeed(&again), "27 messages copied and compared\n");
    }
    assert_eq!(one.succeed(&["check"], b""), "");
}

/// A copy that waits in the middle for as long as it is wanted.
struct Paused(Child);

impl Paused {
    /// It waits for a lock in `database` that is held there, and is stopped before that is let go.
    fn start(mut command: Command, database: &Database) -> Paused {
        let held = database.hold(OWNER, "LOCK TABLE chunk IN ACCESS EXCLUSIVE MODE");
        let paused = Paused(command.spawn().unwrap());
        let waits =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("the copy waits", || database.sql(waits).trim() == "1");
        paused.signal(Signal::SIGSTOP);
        drop(held);
        paused
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id() as i32), signal).unwrap();
    }

    fn finish(self) -> Output {
        self.signal(Signal::SIGCONT);
        self.0.wait_with_output().unwrap()
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Every command that opens a database is refused with this code, and a line that has `said` in it.
fn nobody_gets_in(site: &Site, code: i32, said: &str) {
    // Who meets a lock waits a while for it.
    let few = if said == "locked" { 2 } else { usize::MAX };
    for command in [
        &["serve", "-l", "127.0.0.1:0"][..],
        &["deliver", "alice"],
        &["check"],
        &["passwd", "alice"],
        &["export-recipients"],
        &["export", "-u", "alice", "/dev/null/x"],
        &["import", "-u", "alice", "/dev/null"],
    ]
    .into_iter()
    .take(few)
    {
        let output = site.run(command, b"se cret\n");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{command:?}: {error}");
        assert!(error.contains(said) && error.lines().count() == 1, "{command:?}: {error}");
    }
}

/// What somebody writes meanwhile would be in one of the two only.
#[test]
fn nobody_opens_either_side_while_a_copy_is_made() {
    let site = filled();
    let file = site.database().to_str().unwrap();
    let database = Cluster::shared().empty_database();
    let one = Site::node(&database.url());
    let state = one.path("");
    one.succeed(&["init"], b"");
    let copying = Paused::start(copy(file, &database.url(), &state), &database);
    nobody_gets_in(&site, 75, "locked");
    nobody_gets_in(&one, 75, "pillarbox copy is working on it");
    let other = copy(file, &database.url(), &state).output().unwrap();
    assert_eq!(other.status.code(), Some(75), "{}", text(&other.stderr));
    assert_eq!(succeed(&copying.finish()), "7 messages copied and compared\n");
    // And the way back, which is killed.
    let back = Site::found(tempfile::tempdir().unwrap(), Vec::new());
    let home = back.database().to_str().unwrap();
    let copying = Paused::start(copy(&database.url(), home, &state), &database);
    nobody_gets_in(&one, 75, "pillarbox copy is working on it");
    nobody_gets_in(&back, 75, "locked");
    copying.kill();
    nobody_gets_in(&back, 78, "an unfinished copy");
    assert!(back.fail(&["init"], b"", 78).contains("an unfinished copy"));
    assert!(back.fail(&["backup", "/dev/null/x"], b"", 78).contains("an unfinished copy"));
    assert!(
        back.try_sql("INSERT INTO users (name) VALUES ('early')").is_ok(),
        "its rules sleep, but it can be looked at"
    );
    back.sql("DELETE FROM users");
    one.deliver("alice", &message("late", "x\r\n"));
    assert_eq!(succeed(&copy(&database.url(), home, &state).output().unwrap()), "8 messages copied and compared\n");
    assert_eq!(back.succeed(&["check"], b""), "");
    assert_eq!(one.succeed(&["check"], b""), "");
}

/// A copy that is killed at any moment leaves nothing that looks like a site.
#[test]
fn a_file_is_an_unfinished_copy_from_its_first_moment() {
    let site = filled();
    let database = Cluster::shared().empty_database();
    let one = Site::node(&database.url());
    let state = one.path("");
    succeed(&copy(site.database().to_str().unwrap(), &database.url(), &state).output().unwrap());
    for delay in 0..12 {
        let back = Site::found(tempfile::tempdir().unwrap(), Vec::new());
        let home = back.database().to_str().unwrap();
        let mut cut = copy(&database.url(), home, &state).spawn().unwrap();
        eventually("a file", || back.database().exists() || cut.try_wait().unwrap().is_some());
        std::thread::sleep(Duration::from_millis(delay * 4));
        let _ = cut.kill();
        let ended = cut.wait().unwrap();
        let looked = back.run(&["deliver", "alice"], b"x\r\n");
        // It may have been killed when all was done.
        let whole = looked.status.success();
        if !whole {
            assert!(!ended.success(), "{}", text(&looked.stderr));
            assert_eq!(looked.status.code(), Some(78), "{}", text(&looked.stderr));
            eventually("the database is free of the killed copy", || {
                let again = copy(&database.url(), home, &state).output().unwrap();
                again.status.code() != Some(75)
            });
        }
        assert_eq!(back.sql("SELECT count(*) FROM messages").trim(), if whole { "8" } else { "7" });
        assert_eq!(back.succeed(&["check"], b""), "");
    }
}

#[test]
fn what_is_missing_for_a_copy_is_named() {
    let site = filled();
    let file = site.database().to_str().unwrap();
    let database = Cluster::shared().empty_database();
    let nowhere = Path::new("/proc/self/state");
    let refused = |from: &str, to: &str, state: &Path, code: i32, said: &[&str]| {
        let output = copy(from, to, state).output().unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(said.iter().all(|said| error.contains(said)) && error.lines().count() == 1, "{error}");
    };
    let to = database.url();
    refused(file, &to, nowhere, 73, &["/proc/self/state/pillarbox.seal", "--state"]);
    let empty = tempfile::tempdir().unwrap();
    succeed(&copy(file, &to, empty.path()).output().unwrap());
    let home = site.path("home.db");
    refused(&to, home.to_str().unwrap(), site.path("").as_path(), 66, &["pillarbox.seal", "--state"]);
    refused("mysql://root@localhost/mail", &to, nowhere, 64, &["mysql://", "postgresql://"]);
    refused("", &to, nowhere, 64, &["the name of the database is empty"]);
    refused(file, "sqlite:///tmp/x", nowhere, 64, &["sqlite://", "postgresql://"]);
}

/// What a server does meanwhile would be lost.
#[test]
fn neither_side_has_a_server() {
    let site = filled();
    let file = site.database().to_str().unwrap();
    let database = Cluster::shared().empty_database();
    let one = Site::node(&database.url());
    let state = one.path("");
    let refused = |from: &str, to: &str| {
        let output = copy(from, to, &state).output().unwrap();
        assert_eq!(output.status.code(), Some(75), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("in use"), "{}", text(&output.stderr));
    };
    let server = Server::start(&site, &SETTINGS);
    refused(file, &database.url());
    assert!(server.terminate().success());
    succeed(&copy(file, &database.url(), &state).output().unwrap());
    let node = serve(&one);
    let home = one.path("home.db");
    refused(&database.url(), home.to_str().unwrap());
    refused(file, &database.url());
    assert!(!home.exists());
    assert!(node.terminate().success());
    // What was cut on its way to a file goes on, too.
    let mut cut = copy(&database.url(), home.to_str().unwrap(), &state).spawn().unwrap();
    eventually("a file", || home.exists());
    cut.kill().unwrap();
    cut.wait().unwrap();
    let again = copy(&database.url(), home.to_str().unwrap(), &state).output().unwrap();
    assert!(again.status.success() || text(&again.stderr).contains("empty"), "{}", text(&again.stderr));
}
