//! A disk on which a sync takes 600 milliseconds, and a lock at the wrong moment: the server starts, and what can wait is done later.

use super::locked::Holder;
use crate::support::messages::PLAIN;
use crate::support::sync::SyncFault;
use crate::support::{Server, Site, eventually};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn serve(site: &Arc<Site>, fault: &SyncFault) -> Server {
    let arguments = ["serve", "-l", "127.0.0.1:0", "-m", "127.0.0.1:0", "--set", "LoginType=PlainTextLogin"];
    Server::launch(site, &mut fault.preload(site.command(&arguments)))
}

/// Passwords that wait to be replaced.
fn waiting(site: &Site) -> usize {
    site.sql("SELECT count(*) FROM users WHERE password NOT GLOB '$argon2*'").trim().parse().unwrap()
}

fn until_none_waits(site: &Site) {
    let start = Instant::now();
    while waiting(site) > 0 {
        assert!(start.elapsed() < Duration::from_secs(240), "{} are left", waiting(site));
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Milliseconds that the commit took, in a line about something slow.
fn commit(line: &str) -> Option<u64> {
    let (_, steps) = line.split_once("store: slow: a transaction of ")?;
    steps.split_once(", commit ")?.1.strip_suffix(" ms")?.parse().ok()
}

const MANY: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
    INSERT INTO users(name, password) SELECT 'user' || i, 'secret ' || i FROM n";

#[test]
fn thousands_of_clear_passwords_on_a_slow_disk() {
    let (site, fault) = (Site::with_alice(&[PLAIN]), SyncFault::new());
    site.sql(MANY);
    fault.slow(600);
    let mut server = serve(&site, &fault);
    assert!(waiting(&site) > 100, "ready has waited for them: {} are left", waiting(&site));
    server.session("user200", "secret 200").quit();
    assert!(server.lmtp().deliver("alice", PLAIN).starts_with("250 "));
    let slowest = server.log().lines().filter_map(commit).max();
    assert!(slowest >= Some(600), "the log does not say which step was slow: {}", server.log());
    assert!(waiting(&site) > 0);
    let said = || server.log().lines().any(|line| line.ends_with("plain-text passwords are still to be hashed"));
    let start = Instant::now();
    while !said() && waiting(&site) > 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", server.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(said() || start.elapsed() < Duration::from_secs(10), "{}", server.log());
    assert!(!server.log().contains("holds a lock"), "nobody does: {}", server.log());
    fault.end();
    until_none_waits(&site);
    server.session("user1", "secret 1").quit();
    server.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(server.wait().success());
    site.assert_sound();
}

/// A lone one is replaced in time there, too.
#[test]
fn a_lone_password_on_a_slow_disk() {
    let (site, fault) = (Site::with_alice(&[PLAIN]), SyncFault::new());
    let server = serve(&site, &fault);
    until_none_waits(&site);
    fault.slow(600);
    server.add_user("bob", "a secret");
    eventually("it is replaced", || waiting(&site) == 0);
}

#[test]
fn a_start_beside_a_lock() {
    let (site, fault) = (Site::with_alice(&[PLAIN]), SyncFault::new());
    let holder = Holder::new(&site);
    let server = serve(&site, &fault);
    assert_eq!(waiting(&site), 1);
    let mut client = server.alice();
    assert_eq!(client.multi("RETR 1"), PLAIN);
    client.quit();
    eventually("it is said why", || server.log().contains("somebody holds a lock"));
    assert!(!server.log().contains("the disk is slow"), "{}", server.log());
    holder.release();
    until_none_waits(&site);
    assert!(server.terminate().success());
}
