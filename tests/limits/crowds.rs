//! A thousand clients at once cost memory in proportion to what they need, not to what they ask.

use crate::mailbox;
use crate::support::Client;
use crate::support::texts::{GREETING, LOGON, OK};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::time::Duration;

/// Logins at once.
const CROWD: usize = 1_000;

/// What the server may need at most, KiB: 19 MiB for each permit, and the threads.
const BOUND: u64 = 300 * 1024;

/// A thousand users log in at the same moment, each with a password of their own to be verified.
/// Everybody is told one of two things: logged on, or busy, try again.
#[test]
fn a_thousand_logins_at_once() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(4096).min(hard), hard).unwrap();
    let server = mailbox(&[("MaxConnectionFromSingleIP", "2000"), ("PreAuthenticatedConnectionTimeout", "600")]);
    let hash = server.succeed(&["hash"], b"crowded\n");
    server.sql(&format!(
        "INSERT INTO users(name, password) SELECT 'user' || value, '{}' FROM generate_series(1, {CROWD})",
        hash.trim_end()
    ));
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| Client::plain(server.address("pop3"))).collect();
    for client in &mut crowd {
        assert_eq!(client.line(), GREETING);
    }
    for (number, client) in (1..).zip(&mut crowd) {
        client.send(format!("USER user{number}\r\nPASS crowded\r\n"));
    }
    let mut logged_on = 0;
    for client in &mut crowd {
        client.tcp().set_read_timeout(Some(Duration::from_secs(180))).unwrap();
        assert_eq!(client.line(), OK);
        match client.line() {
            reply if reply == LOGON => logged_on += 1,
            reply => assert!(reply.starts_with("-ERR [SYS/TEMP]"), "{reply:?}"),
        }
    }
    let peak = server.peak_memory();
    assert!(peak < BOUND, "{peak} KiB");
    assert!(logged_on > 0);
    eprintln!("{logged_on} of {CROWD} logged on at once, {peak} KiB");
    drop(crowd);
    server.alice().quit();
}
