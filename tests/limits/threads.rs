//! A system that gives no more threads.

use crate::support::messages::PLAIN;
use crate::support::privileged::{Right, as_root};
use crate::support::texts::GREETING;
use crate::support::{Client, Lmtp, Server, Site, eventually};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A user who runs nothing else: the limit counts all threads of a user.
const USER: u32 = 61_743;

/// Who comes while there is none.
const CROWD: usize = 200;

/// The server as that user; root may have any number of threads.
fn server() -> Server {
    let site = Site::with_alice(&[PLAIN]);
    chown(site.path(""), Some(USER), Some(USER)).unwrap();
    for entry in std::fs::read_dir(site.path("")).unwrap() {
        chown(entry.unwrap().path(), Some(USER), Some(USER)).unwrap();
    }
    let mut command = site.command(&["serve", "-l", "127.0.0.1:0", "-s", "127.0.0.1:0", "-m", "127.0.0.1:0"]);
    Server::launch(&site, command.args(["--set", "LoginType=PlainTextLogin"]).uid(USER).gid(USER))
}

/// As that user, too: root need not have the right to limit others.
fn limit(server: &Server, threads: &str) {
    let mut limit = Command::new("prlimit");
    limit.uid(USER).gid(USER);
    let set = limit.arg(format!("--pid={}", server.pid())).arg(format!("--nproc={threads}:")).status();
    assert!(set.unwrap().success());
}

#[test]
fn who_gets_no_thread_is_told_to_come_again() {
    as_root("threads::who_gets_no_thread_is_told_to_come_again", Right::Users, || {
        let server = server();
        let mut before = server.alice();
        limit(&server, "1");
        for _ in 0..CROWD {
            let mut client = Client::plain(server.address("pop3"));
            assert_eq!(client.line(), "-ERR [SYS/TEMP] Server Unavailable. Try again in a minute.\r\n");
            client.expect_end();
            let mut mta = Lmtp::tcp(server.address("lmtp"));
            mta.expect("421 4.3.2 ");
            mta.expect_end();
        }
        let log = server.log();
        let lines = log.lines().filter(|line| line.contains("cannot create a thread")).count();
        // One a minute.
        assert!((1..CROWD / 10).contains(&lines), "{lines}: {log}");
        assert!(log.lines().count() < CROWD / 2, "{log}");
        before.expect_start("STAT", "+OK 1 ");
        limit(&server, "512");
        eventually("there is a thread again", || Client::plain(server.address("pop3")).line() == GREETING);
        server.alice().quit();
        server.lmtp().deliver("alice", PLAIN);
        before.quit();
    });
}
