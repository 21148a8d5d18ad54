//! RFC 1939 section 3: the two inactivity timers. They cannot be set below 30 seconds, so these
//! two tests take their time; everything they ask about happens side by side.

use crate::mailbox;
use crate::support::messages::of_size;
use crate::support::texts::{AUTOLOGOUT, OK, SIGNING_OFF, WRONG_STATE};
use crate::support::{Client, Server};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// More than the sockets' buffers hold, octets.
const LARGE: usize = 32 << 20;

/// Both timers at their shortest, seconds.
const TIMERS: &[(&str, &str)] =
    &[("AuthenticatedConnectionTimeout", "30"), ("PreAuthenticatedConnectionTimeout", "30")];

/// Two timers with these defaults; any command resets them, and both can be set.
#[test]
fn v0002_two_timers_that_any_command_resets() {
    let server = mailbox(TIMERS);
    let value = |name: &str| server.sql(&format!("SELECT value FROM settings WHERE name = '{name}'"));
    assert_eq!(value("AuthenticatedConnectionTimeout").trim(), "1800");
    assert_eq!(value("PreAuthenticatedConnectionTimeout").trim(), "60");
    for name in ["AuthenticatedConnectionTimeout", "PreAuthenticatedConnectionTimeout"] {
        assert!(server.try_sql(&format!("UPDATE settings SET value = '29' WHERE name = '{name}'")).is_err());
    }
    server.deliver("alice", &of_size(LARGE));
    scope(|scope| {
        scope.spawn(|| whole_after_a_stall(&server, 20, true));
        scope.spawn(|| whole_after_a_stall(&server, 44, false));
        scope.spawn(|| whole_for_a_slow_reader(&server));
        scope.spawn(|| outlives_one_timer(server.connect(), "STAT", WRONG_STATE));
        scope.spawn(|| outlives_one_timer(server.alice(), "NOOP", OK));
        scope.spawn(|| one_octet_at_a_time_is_no_command(&server));
    });
}

/// A command in time keeps the session past the first deadline; then the timer runs out.
fn outlives_one_timer(mut client: Client, command: &str, reply: &str) {
    let start = Instant::now();
    sleep(Duration::from_secs(15));
    client.expect(command, reply);
    expect_autologout(&mut client);
    assert!(start.elapsed() >= Duration::from_secs(45), "closed after {:?}: nothing reset the timer", start.elapsed());
}

/// Octets that never become a command do not keep a session.
fn one_octet_at_a_time_is_no_command(server: &Server) {
    let mut client = server.connect();
    let sent = (0..40).take_while(|_| {
        sleep(Duration::from_secs(2));
        client.try_send(b"x")
    });
    assert!(sent.count() < 40, "still open after 80 seconds without a command");
}

/// A client that stops reading in the middle of a transfer for so many seconds.
fn whole_after_a_stall(server: &Server, seconds: u64, whole: bool) {
    let mut client = server.alice();
    client.send("RETR 3\r\n");
    sleep(Duration::from_secs(seconds));
    client.try_send(b"QUIT\r\n");
    let came = client.rest();
    assert_eq!(came.len() > LARGE, whole, "{} octets came after {seconds} seconds", came.len());
    assert_eq!(came.ends_with(SIGNING_OFF.as_bytes()), whole);
    assert!(whole || !came.ends_with(b"\r\n.\r\n"), "a cut transfer looks whole");
}

/// A client that reads 16 KiB a second has not stopped reading.
fn whole_for_a_slow_reader(server: &Server) {
    let mut client = server.alice();
    client.send("RETR 3\r\nQUIT\r\n");
    for _ in 0..44 {
        client.octets(16_384);
        sleep(Duration::from_secs(1));
    }
    let rest = client.rest();
    assert!(rest.ends_with(SIGNING_OFF.as_bytes()) && rest.len() > LARGE - 44 * 16_384, "cut after {}", rest.len());
}

/// A notice, then the end, and no UPDATE state.
#[test]
fn v0003_a_notice_before_closing_and_no_update() {
    let server = mailbox(TIMERS);
    let mut client = server.alice();
    client.expect("DELE 1", OK);
    let mut stranger = server.connect();
    expect_autologout(&mut client);
    expect_autologout(&mut stranger);
    assert_eq!(server.alice().stat(), (2, 8192));
    let mut dropped = server.alice();
    dropped.expect("DELE 2", OK);
    dropped.hang_up();
    assert_eq!(server.alice().stat(), (2, 8192));
}

/// The notice that the connection is being closed, within one timer and some patience.
fn expect_autologout(client: &mut Client) {
    client.tcp().set_read_timeout(Some(Duration::from_secs(50))).unwrap();
    let notice = client.line();
    assert!(notice.starts_with(AUTOLOGOUT), "{notice:?}");
    client.expect_end();
}
