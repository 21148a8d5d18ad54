//! Import from another POP3 server: one of our own here (Debian's Dovecot: see `dovecot.rs`).

use crate::support::messages::{DOTTED, PLAIN, of_size};
use crate::support::site::{feed, text};
use crate::support::{Client, Site};
use std::io::{BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

/// Runs an import that trusts this certificate only.
fn import(site: &Site, url: &str, trusted: &Path) -> Output {
    let mut command = site.command(&["import", "-u", "alice", url]);
    command.env("SSL_CERT_FILE", trusted);
    feed(&mut command, b"se cret\n")
}

/// A certificate for localhost and its key.
pub fn certificate(site: &Site) -> (String, String) {
    let path = |name: &str| site.path(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("localhost.crt"), path("localhost.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    (certificate, key)
}

/// STLS where it is offered, TLS where it is asked for, and never without a good certificate. A client
/// with the list it saved finds nothing new.
#[test]
fn from_a_server_with_tls() {
    let messages = [PLAIN, DOTTED, &of_size(600_000)];
    let old = Site::with_alice(&messages);
    old.sql("DELETE FROM messages WHERE uid = 1");
    let (certificate, key) = certificate(&old);
    let old = old.serve(&[("LoginType", "SecureLogin"), ("CertificateFile", &certificate), ("PrivateKeyFile", &key)]);
    let mut client = Client::greeted(Client::plain(old.address("pop3"))).start_tls();
    client.log_in("alice", "se cret");
    let saved = client.unique_ids();
    assert_eq!(saved, ["2", "3"]);
    let nobody = old.path("nobody.crt");
    std::fs::write(&nobody, "").unwrap();
    for (scheme, kind) in [("pop3", "pop3"), ("pop3s", "pop3s")] {
        let site = Site::with_alice(&[]);
        let port = old.address(kind).port();
        let url = format!("{scheme}://alice@localhost:{port}");
        let untrusted = import(&site, &url, &nobody);
        assert_eq!(untrusted.status.code(), Some(78), "{}", text(&untrusted.stderr));
        let another_name = import(&site, &format!("{scheme}://alice@127.0.0.1:{port}"), Path::new(&certificate));
        assert_eq!(another_name.status.code(), Some(78), "{}", text(&another_name.stderr));
        assert_eq!(site.sql("SELECT count(*) FROM messages"), "0\n");
        let output = import(&site, &url, Path::new(&certificate));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "2 imported, 0 there already, 0 refused\nboth sides are the same\n");
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
        let server = site.serve(&[]);
        let mut client = server.alice();
        assert_eq!(client.unique_ids(), saved);
        assert!(client.multi("RETR 1") == DOTTED && client.multi("RETR 2") == of_size(600_000));
        site.assert_sound();
    }
}

/// A POP3 server that has no TLS, with what goes wrong with real ones.
fn simple(sessions: Vec<Vec<(&'static str, String)>>) -> (u16, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        for answers in sessions {
            let (stream, _) = listener.accept().unwrap();
            session(stream, answers);
        }
    });
    (port, thread)
}

fn session(mut stream: TcpStream, answers: Vec<(&'static str, String)>) {
    stream.write_all(b"+OK old server\r\n").unwrap();
    let mut line = Vec::new();
    let mut octet = [0];
    while stream.read(&mut octet).is_ok_and(|n| n == 1) {
        line.push(octet[0]);
        if octet[0] != b'\n' {
            continue;
        }
        let command = String::from_utf8_lossy(&line).trim().to_owned();
        line.clear();
        match answers.iter().find(|(known, _)| *known == command) {
            // An empty answer: the connection breaks here.
            Some((_, answer)) if answer.is_empty() => return,
            Some((_, answer)) => stream.write_all(answer.as_bytes()).unwrap(),
            None if command == "CAPA" => stream.write_all(b"-ERR what?\r\n").unwrap(),
            None => stream.write_all(b"+OK\r\n").unwrap(),
        }
        if command == "QUIT" {
            return;
        }
    }
}

fn answers(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut answers: Vec<(&'static str, String)> = more.iter().map(|(c, a)| (*c, (*a).to_owned())).collect();
    answers.extend([
        ("LIST", "+OK\r\n1 13\r\n2 999\r\n3 7\r\n.\r\n".to_owned()),
        ("UIDL", "+OK\r\n1 zz!\r\n2 0A\r\n3 12\r\n.\r\n".to_owned()),
        ("RETR 1", "+OK\r\nA: b\r\n\r\none\r\n.\r\n".to_owned()),
        ("RETR 2", "+OK\r\n..\r\n..two\r\n.\r\n".to_owned()),
        ("RETR 3", "+OK\r\nthree\r\n.\r\n".to_owned()),
    ]);
    answers
}

#[test]
fn an_import_that_broke_goes_on_where_it_was() {
    let site = Site::with_alice(&[]);
    let broken = answers(&[("RETR 3", "")]);
    let (port, thread) = simple(vec![answers(&[]), broken, answers(&[]), answers(&[("RETR 1", ""), ("RETR 3", "")])]);
    let url = format!("pop3://alice@127.0.0.1:{port}");
    let dry = site.succeed(&["import", "-u", "alice", "--dry-run", &url], b"secret\n");
    assert_eq!(dry, "3 would be imported, 0 there already, 0 refused\n");
    assert_eq!(site.sql("SELECT count(*) FROM messages"), "0\n");
    let broken = site.run(&["import", "-u", "alice", &url], b"secret\n");
    assert_eq!(broken.status.code(), Some(75), "{}", String::from_utf8_lossy(&broken.stderr));
    assert_eq!(site.sql("SELECT count(*) FROM messages"), "2\n");
    // Message 2 is stated with another size than it has: that is no difference.
    let said = site.succeed(&["import", "-u", "alice", &url], b"secret\n");
    assert_eq!(said, "1 imported, 2 there already, 0 refused\nboth sides are the same\n");
    let said = site.succeed(&["import", "-u", "alice", &url], b"secret\n");
    assert_eq!(said, "0 imported, 3 there already, 0 refused\nboth sides are the same\n");
    thread.join().unwrap();
    let server = site.serve(&[]);
    let mut client = server.alice();
    assert_eq!(client.unique_ids(), ["zz!", "0A", "12"]);
    assert_eq!(client.multi("RETR 2"), b".\r\n.two\r\n");
    server.deliver("alice", PLAIN);
    let new: u64 = server.alice().unique_ids()[3].parse().unwrap();
    assert!(new > 12 + 60_000, "{new}: what the old server gives out until the last import stays free");
    site.assert_sound();
}

/// Import; new mail comes here; the old server has given out more numbers: import again.
#[test]
fn numbers_of_new_mail_and_of_the_old_server_do_not_meet() {
    let site = Site::with_alice(&[]);
    let numbers = |ids: &str| answers(&[("UIDL", ids)]);
    let lists = "+OK\r\n1 13\r\n2 5\r\n.\r\n";
    let (port, thread) = simple(vec![
        answers(&[("LIST", lists), ("UIDL", "+OK\r\n1 1\r\n2 2\r\n.\r\n")]),
        numbers("+OK\r\n1 1\r\n2 2\r\n3 3\r\n.\r\n"),
    ]);
    let url = format!("pop3://alice@127.0.0.1:{port}");
    site.succeed(&["import", "-u", "alice", &url], b"secret\n");
    site.deliver("alice", PLAIN);
    let said = site.succeed(&["import", "-u", "alice", &url], b"secret\n");
    thread.join().unwrap();
    assert_eq!(said, "1 imported, 2 there already, 0 refused\nboth sides are the same\n");
    let ids = site.serve(&[]).alice().unique_ids();
    assert_eq!((&*ids[0], &*ids[1], &*ids[3], ids.len()), ("1", "2", "3", 4), "{ids:?}");
    site.assert_sound();
}

/// One message that the old server cannot give keeps back no other, however often it is tried.
#[test]
fn a_message_that_is_not_given_away_is_named_and_the_rest_comes() {
    let site = Site::with_alice(&[]);
    let damaged = || answers(&[("RETR 2", "-ERR [SYS/PERM] damaged\r\n")]);
    let (port, thread) = simple(vec![damaged(), damaged()]);
    let url = format!("pop3://alice@127.0.0.1:{port}");
    for counts in ["2 imported, 0 there already, 1 refused\n", "0 imported, 2 there already, 1 refused\n"] {
        let output = site.run(&["import", "-u", "alice", &url], b"secret\n");
        let error = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(65), counts), "{error}");
        assert!(error.contains("message 2") && error.contains("damaged") && !error.contains("more)"), "{error}");
    }
    thread.join().unwrap();
}

#[test]
fn an_import_that_stops_says_how_far_it_came() {
    let site = Site::with_alice(&[]);
    site.sql("UPDATE mailboxes SET prohibit_send_receive_quota = 4096, issue_warning_quota = 0 WHERE name = 'alice'");
    let (port, thread) = simple(vec![answers(&[])]);
    let output = site.run(&["import", "-u", "alice", &format!("pop3://alice@127.0.0.1:{port}")], b"secret\n");
    thread.join().unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "1 imported, 0 there already, 0 refused\n");
    assert!(text(&output.stderr).contains("over its quota"), "{}", text(&output.stderr));
}

#[test]
fn two_messages_with_one_unique_id_there_are_not_the_same() {
    let site = Site::with_alice(&[]);
    let (port, thread) = simple(vec![answers(&[
        ("LIST", "+OK\r\n1 13\r\n2 13\r\n.\r\n"),
        ("UIDL", "+OK\r\n1 a\r\n2 a\r\n.\r\n"),
        ("RETR 2", "+OK\r\nA: b\r\n\r\none\r\n.\r\n"),
    ])]);
    let output = site.run(&["import", "-u", "alice", &format!("pop3://alice@127.0.0.1:{port}")], b"secret\n");
    thread.join().unwrap();
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(text(&output.stdout), "1 imported, 1 there already, 0 refused\n1 differences\n");
    assert!(text(&output.stderr).contains("unique-id \"a\""), "{}", text(&output.stderr));
}

/// Response codes that say nothing of the password (RFC 2449 section 8.1, RFC 3206 section 4).
#[test]
fn a_login_that_may_go_better_later_is_75() {
    let site = Site::with_alice(&[]);
    let refusals =
        [("[IN-USE]", 75), ("[SYS/TEMP]", 75), ("[LOGIN-DELAY]", 75), ("[AUTH]", 77), ("[SYS/PERM]", 77), ("no", 77)];
    for (refusal, code) in refusals {
        let (port, thread) = simple(vec![answers(&[("PASS secret", &format!("-ERR {refusal} x\r\n"))])]);
        let output = site.run(&["import", "-u", "alice", &format!("pop3://alice@127.0.0.1:{port}")], b"secret\n");
        thread.join().unwrap();
        assert_eq!(output.status.code(), Some(code), "{refusal}");
    }
}

#[test]
fn a_unique_id_that_is_none_is_named_with_its_fault_and_the_rest_comes() {
    let long = format!("+OK\r\n1 zz!\r\n2 {}\r\n3 c\r\n.\r\n", "x".repeat(71));
    for (ids, fault) in [
        (long.as_str(), "message 2: its unique-id has 71 characters"),
        ("+OK\r\n1 a\r\n2 b\r\n3 a b\r\n.\r\n", "message 3: its unique-id has characters outside"),
        ("+OK\r\n1 a\r\n2 b\u{e4}\r\n3 c\r\n.\r\n", "message 2: its unique-id has characters outside"),
        ("+OK\r\n1 a\r\n2 \r\n3 c\r\n.\r\n", "message 2: its unique-id is empty"),
        ("+OK\r\n1 a\r\n3 c\r\n.\r\n", "message 2: UIDL has no unique-id for it"),
    ] {
        let site = Site::with_alice(&[]);
        let (port, thread) = simple(vec![answers(&[("UIDL", ids)])]);
        let output = site.run(&["import", "-u", "alice", &format!("pop3://alice@127.0.0.1:{port}")], b"secret\n");
        thread.join().unwrap();
        assert_eq!(output.status.code(), Some(65), "{fault}");
        assert!(text(&output.stderr).contains(fault), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "2 imported, 0 there already, 1 refused\n");
        assert_eq!(site.sql("SELECT count(*) FROM messages"), "2\n");
    }
}

/// Whoever looks can still stop it.
#[test]
fn that_the_password_crosses_in_clear_is_said_before_it_does() {
    let site = Site::with_alice(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("pop3://alice@{}", listener.local_addr().unwrap());
    let mut import = site.command(&["import", "-u", "alice", &url]).spawn().unwrap();
    import.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"+OK old server\r\n").unwrap();
    let mut lines = std::io::BufReader::new(stream.try_clone().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "CAPA");
    stream.write_all(b"-ERR what?\r\n").unwrap();
    // Nothing more is answered: the password cannot have been sent yet.
    let mut warning = String::new();
    std::io::BufReader::new(import.stderr.take().unwrap()).read_line(&mut warning).unwrap();
    assert!(warning.contains("has no TLS"), "{warning}");
    drop((stream, lines));
    assert_eq!(import.wait().unwrap().code(), Some(75));
}

/// Outside of UTF8 mode it would come downgraded (RFC 6856), and lose that it is internationalized.
#[test]
fn internationalized_mail_moves_as_it_is() {
    let old = Site::with_alice(&[PLAIN]);
    let (certificate, key) = certificate(&old);
    let server = old.serve(&[("CertificateFile", &certificate), ("PrivateKeyFile", &key)]);
    let message = "Subject: \u{e4}\r\n\r\n\u{f6}\r\n";
    let mut lmtp = server.lmtp();
    lmtp.say("MAIL FROM:<\u{e4}@b.example> SMTPUTF8", "250 ");
    lmtp.say("RCPT TO:<alice>", "250 ");
    lmtp.say("DATA", "354 ");
    lmtp.send(format!("{message}.\r\n"));
    lmtp.expect("250 ");
    let site = Site::with_alice(&[]);
    let url = format!("pop3://alice@localhost:{}", server.address("pop3").port());
    let output = import(&site, &url, Path::new(&certificate));
    assert_eq!(text(&output.stdout), "2 imported, 0 there already, 0 refused\nboth sides are the same\n");
    let stored = "SELECT flags, size, hex(data) FROM message JOIN chunk ON id = body_id * 4096 ORDER BY uid";
    assert_eq!(site.sql(stored), old.sql(stored));
    assert!(site.sql("SELECT max(flags) FROM message").trim() >= "4");
}

#[test]
fn differences_are_found_and_the_code_says_so() {
    let site = Site::with_alice(&[]);
    let changed = answers(&[("RETR 1", "+OK\r\nA: c\r\n\r\nother\r\n.\r\n"), ("LIST", "+OK\r\n1 14\r\n.\r\n")]);
    let (port, thread) = simple(vec![answers(&[]), changed, answers(&[("PASS secret", "-ERR [AUTH] no\r\n")])]);
    let url = format!("pop3://alice@127.0.0.1:{port}");
    site.succeed(&["import", "-u", "alice", &url], b"secret\n");
    let output = site.run(&["import", "-u", "alice", &url], b"secret\n");
    assert_eq!(output.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&output.stderr).contains("message 1"), "{output:?}");
    assert_eq!(site.run(&["import", "-u", "alice", &url], b"secret\n").status.code(), Some(77));
    thread.join().unwrap();
    site.fail(&["import", "-u", "alice", &format!("pop3://alice@127.0.0.1:{port}")], b"secret\n", 69);
}

/// RFC 1939 section 7 lets only copies share a unique-id; of two messages the second has no place here.
#[test]
fn what_was_refused_is_not_called_the_same() {
    let site = Site::with_alice(&[]);
    let (port, thread) = simple(vec![answers(&[
        ("LIST", "+OK\r\n1 13\r\n2 13\r\n3 7\r\n.\r\n"),
        ("UIDL", "+OK\r\n1 a\r\n2 a\r\n3 c\r\n.\r\n"),
    ])]);
    let output = site.run(&["import", "-u", "alice", &format!("pop3://alice@127.0.0.1:{port}")], b"secret\n");
    thread.join().unwrap();
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(text(&output.stdout), "2 imported, 0 there already, 1 refused\n");
}
