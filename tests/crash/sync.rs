//! A sync fails: nothing is acknowledged from then on, the server ends, the log is kept, and what was acknowledged is there
//! when the disk is well again.

use crate::support::messages::{PLAIN, of_size};
use crate::support::site::{feed, text};
use crate::support::sync::SyncFault;
use crate::support::texts::OK;
use crate::support::{Server, Site, eventually};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

const CLEAR: [&str; 7] = ["serve", "-l", "127.0.0.1:0", "-m", "127.0.0.1:0", "--set", "LoginType=PlainTextLogin"];

fn serve(site: &Arc<Site>, fault: &SyncFault) -> Server {
    Server::launch(site, &mut fault.preload(site.command(&CLEAR)))
}

fn log_of(site: &Site) -> PathBuf {
    format!("{}-wal", site.database().display()).into()
}

fn length_of_log(site: &Site) -> u64 {
    log_of(site).metadata().unwrap().len()
}

/// Exit 74 (EX_IOERR), and one line says where to look.
fn assert_ends(server: &mut Server) {
    assert_eq!(server.wait().code(), Some(74), "{}", server.log());
    let (log, name) = (server.log(), server.database().display().to_string());
    let said = |line: &&str| line.contains(" ERROR ") && line.contains(&name) && line.contains("check the disk");
    assert_eq!(log.lines().filter(said).count(), 1, "{log}");
}

#[test]
fn a_log_that_cannot_be_synced_ends_the_server() {
    let (site, fault) = (Site::with_alice(&[PLAIN]), SyncFault::new());
    let mut server = serve(&site, &fault);
    let (mut lmtp, mut session) = (server.lmtp(), server.alice());
    assert!(lmtp.deliver("alice", PLAIN).starts_with("250 "));
    session.expect("DELE 1", OK);
    fault.fail("-wal");
    assert!(lmtp.deliver("alice", PLAIN).starts_with("452 4.3.1 "));
    // It would succeed now, and be believed.
    fault.end();
    lmtp.send("MAIL FROM:<>\r\nRCPT TO:<alice>\r\nDATA\r\n");
    lmtp.send("a: b\r\n\r\n.\r\n");
    let answers: Vec<String> = std::iter::from_fn(|| lmtp.try_reply()).collect();
    assert!(!answers.iter().any(|answer| answer.starts_with("250 2.0.0")), "{answers:?}");
    if session.try_send(b"QUIT\r\n") {
        let answer = String::from_utf8(session.rest()).unwrap();
        assert!(!answer.starts_with("+OK"), "{answer}");
    }
    assert_ends(&mut server);
    let kept = length_of_log(&site);
    assert!(kept > 0, "the log is kept");
    let server = serve(&site, &fault);
    assert!(length_of_log(&site) < kept, "it was moved whole before the server was ready");
    // Two were acknowledged; the third was not, and may be there.
    assert!(server.alice().stat().0 >= 2);
    site.assert_sound();
}

/// The messages are in the log, and were acknowledged. The database cannot be synced, so the log is all there is.
#[test]
fn a_database_that_cannot_be_synced_ends_the_server() {
    let (site, fault) = (Site::with_alice(&[]), SyncFault::new());
    // A clear password makes the server look after its log early.
    eventually("the password is replaced", || {
        assert!(site.serve(&[]).terminate().success());
        site.sql("SELECT erased = 0 AND password GLOB '$argon2*' FROM counters, users").trim() == "1"
    });
    let mut server = serve(&site, &fault);
    fault.fail("mail.db");
    let mut lmtp = server.lmtp();
    let large = of_size(400_000);
    let taken = (0..50).take_while(|_| lmtp.deliver("alice", &large).starts_with("250 ")).count();
    assert!((9..50).contains(&taken), "{taken}: a checkpoint is due at 1,000 pages");
    fault.end();
    assert_ends(&mut server);
    assert!(length_of_log(&site) > 4_000_000, "the log is kept");
    let server = serve(&site, &fault);
    assert!(length_of_log(&site) < 100_000);
    let mut client = server.alice();
    assert_eq!(client.stat().0, taken as u64);
    (1..=taken).for_each(|number| assert!(client.multi(&format!("RETR {number}")).ends_with(&large)));
    site.assert_sound();
}

/// With a log that was left the server is not ready before both files could be synced; nor are other commands.
#[test]
fn a_log_that_was_left_is_durable_before_anything_is_added() {
    let (site, fault) = (Site::with_alice(&[PLAIN]), SyncFault::new());
    let server = site.serve(&[]);
    site.deliver("alice", PLAIN);
    server.kill();
    let log = std::fs::read(log_of(&site)).unwrap();
    assert!(!log.is_empty());
    for ending in ["-wal", "mail.db"] {
        fault.fail(ending);
        for (arguments, code) in [(&CLEAR[..], 74), (&["deliver", "alice"], 75), (&["init"], 74)] {
            let output = feed(&mut fault.preload(site.command(arguments)), PLAIN);
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
            assert_eq!(error.lines().filter(|line| line.contains("check the disk")).count(), 1, "{error}");
            assert_eq!(text(&output.stdout), "", "{arguments:?}");
            assert_eq!(std::fs::read(log_of(&site)).unwrap(), log, "the log is kept");
        }
    }
    fault.end();
    assert_eq!(serve(&site, &fault).alice().stat().0, 2);
    site.assert_sound();
}

/// `deliver` has not stored what it cannot make durable, and the mail program keeps it.
#[test]
fn commands_say_that_a_sync_failed() {
    let (site, fault) = (Site::with_alice(&[PLAIN]), SyncFault::new());
    for (arguments, code) in [(&["deliver", "alice"][..], 75), (&["passwd", "alice"], 74)] {
        fault.fail("-wal");
        let output = feed(&mut fault.preload(site.command(arguments)), b"some octets\n");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let error = text(&output.stderr);
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains("check the disk"), "{error}");
        fault.end();
        let mut command: Command = fault.preload(site.command(arguments));
        assert!(feed(&mut command, b"some octets\n").status.success());
    }
    site.assert_sound();
}

/// SQLite takes no notice when the directory of a new log cannot be synced; without its name the log is lost.
#[test]
fn a_directory_that_cannot_be_synced_keeps_the_server_from_starting() {
    let (site, fault) = (Site::with_alice(&[PLAIN]), SyncFault::new());
    let directory = site.database().parent().unwrap().file_name().unwrap().to_str().unwrap();
    fault.fail(directory);
    for (arguments, code) in [(&CLEAR[..], 74), (&["deliver", "alice"], 75)] {
        let output = feed(&mut fault.preload(site.command(arguments)), PLAIN);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(text(&output.stderr).contains(directory), "{output:?}");
    }
    fault.end();
    assert_eq!(serve(&site, &fault).alice().stat().0, 1);
}
