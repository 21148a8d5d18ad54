//! One test for each fault, each with what a server without it does.

use super::support::Client;
use super::support::messages::{DOTTED, PLAIN, message};
use super::{demo, faulty};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Reads what arrives in one piece: under TLS a record, in clear what one read finds.
fn pieces(server: &super::Server, command: &str) -> Vec<Vec<u8>> {
    let script = "import socket, ssl, sys\n\
        context = ssl._create_unverified_context()\n\
        wire = context.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[1])), 20))\n\
        file = lambda: wire.recv(65536)\n\
        def line():\n\
        \x20   got = b''\n\
        \x20   while not got.endswith(b'\\n'): got += wire.recv(1)\n\
        line()\n\
        for command in ('USER demo', 'PASS demo'):\n\
        \x20   wire.sendall(command.encode() + b'\\r\\n'); line()\n\
        wire.sendall(sys.argv[2].encode() + b'\\r\\n')\n\
        all = b''\n\
        while not all.endswith(b'\\r\\n.\\r\\n'):\n\
        \x20   piece = wire.recv(65536)\n\
        \x20   all += piece\n\
        \x20   print(piece.hex())\n";
    let port = server.address("pop3s").port().to_string();
    let output = Command::new("python3").args(["-c", script, &port, command]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.lines().map(|line| line.as_bytes().chunks(2).map(octet).collect()).collect()
}

#[test]
fn slow_trickles() {
    let server = faulty("slow=5", &[]);
    let start = Instant::now();
    let mut client = server.connect();
    // The greeting has more than 30 octets, and they do not come sooner.
    assert!(start.elapsed() >= Duration::from_millis(150));
    client.log_in("demo", "demo");
    assert_eq!(client.stat(), (0, 0));
    let pieces = pieces(&server, "LIST");
    assert!(pieces.iter().all(|piece| piece.len() == 1), "{pieces:?}");
}

#[test]
fn drop_cuts_in_the_middle_of_one_message() {
    let large = message("large", &"0123456789\r\n".repeat(20_000));
    let server = faulty("drop=2", &[PLAIN, &large, PLAIN]);
    for tls in [false, true] {
        let mut client = if tls { server.connect_tls() } else { server.connect() };
        client.log_in("demo", "demo");
        assert_eq!(client.multi("RETR 3"), PLAIN);
        // What is pipelined before it arrives whole.
        client.send("RETR 1\r\nRETR 2\r\n");
        assert_eq!(client.line(), "+OK\r\n");
        assert_eq!(client.stuffed_body(), PLAIN);
        assert_eq!(client.line(), "+OK\r\n");
        assert_eq!(client.rest(), &large[..large.len() / 2]);
    }
    let small = faulty("drop", &[PLAIN]);
    let mut client = demo(&small);
    client.expect("RETR 1", "+OK\r\n");
    assert_eq!(client.rest(), &PLAIN[..PLAIN.len() / 2]);
}

#[test]
fn temp_fails_at_one_command() {
    let server = faulty("temp=3", &[PLAIN]);
    for _ in 0..2 {
        let mut client = demo(&server);
        client.expect_start("STAT", "-ERR [SYS/TEMP] ");
        assert_eq!(client.stat(), (1, PLAIN.len() as u64));
        client.quit();
    }
    let first = faulty("temp", &[]);
    let mut client = first.connect();
    client.expect_start("CAPA", "-ERR [SYS/TEMP] ");
    client.log_in("demo", "demo");
}

#[test]
fn in_use_refuses_who_is_right() {
    let server = faulty("in-use", &[]);
    let mut client = server.connect();
    client.expect("USER demo", "+OK\r\n");
    client.expect_start("PASS demo", "-ERR [IN-USE] ");
    client.expect("USER demo", "+OK\r\n");
    client.expect_start("PASS wrong", "-ERR [AUTH] ");
    client.expect_start("AUTH PLAIN AGRlbW8AZGVtbw==", "-ERR [IN-USE] ");
    client.expect_start("STAT", "-ERR ");
    client.quit();
}

#[test]
fn split_end_comes_in_two_records() {
    for late in 1..=4 {
        let server = faulty(&format!("split-end={late}"), &[PLAIN]);
        for (command, whole) in
            [("RETR 1", [b"+OK\r\n", PLAIN, b".\r\n"].concat()), ("UIDL", b"+OK\r\n1 1\r\n.\r\n".to_vec())]
        {
            let pieces = pieces(&server, command);
            let (first, last) = whole.split_at(whole.len() - late);
            assert_eq!(pieces, [first, last], "{command} {late}");
        }
        assert_eq!(demo(&server).multi("RETR 1"), PLAIN);
    }
    // Without the fault the end is never by itself.
    assert_eq!(pieces(&faulty("new-uids", &[PLAIN]), "RETR 1").len(), 1);
}

#[test]
fn wrong_size_is_not_what_is_sent() {
    for (fault, percent) in [("wrong-size", 50), ("wrong-size=200", 200)] {
        let server = faulty(fault, &[PLAIN, DOTTED]);
        let mut client = demo(&server);
        let wrong = [PLAIN, DOTTED].map(|message| message.len() as u64 * percent / 100);
        assert_eq!(client.stat(), (2, wrong[0] + wrong[1]));
        assert_eq!(client.lines("LIST"), [format!("1 {}", wrong[0]), format!("2 {}", wrong[1])]);
        client.expect("LIST 2", &format!("+OK 2 {}\r\n", wrong[1]));
        assert_eq!(client.multi("RETR 1"), PLAIN);
        assert_eq!(client.multi("RETR 2"), DOTTED);
        client.quit();
    }
    // More than a chunk of the store, and a size below it.
    let large = message("large", &".123456789\r\n".repeat(50_000));
    assert_eq!(demo(&faulty("wrong-size=1", &[&large])).multi("RETR 1"), large);
}

#[test]
fn new_uids_are_new_in_every_session() {
    let server = faulty("new-uids", &[PLAIN, DOTTED]);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        let mut client = demo(&server);
        let ids = client.unique_ids();
        assert_eq!(client.unique_ids(), ids, "they are the same within a session");
        assert_eq!(client.say("UIDL 2"), format!("+OK 2 {}\r\n", ids[1]));
        assert!(ids.iter().all(|id| id.len() <= 70));
        assert!(ids.into_iter().all(|id| seen.insert(id)));
        client.quit();
    }
}

#[test]
fn no_stuffing_sends_dots_as_they_are() {
    let text = message("dots", ".\r\n..\r\n.x\r\n");
    let server = faulty("no-stuffing", &[&text]);
    for command in ["RETR 1", "TOP 1 9"] {
        let mut client = demo(&server);
        client.expect(command, "+OK\r\n");
        assert_eq!(client.octets(text.len()), text);
        assert_eq!(client.octets(3), b".\r\n");
        client.quit();
    }
}

#[test]
fn expired_is_refused_by_who_looks() {
    for (fault, expected) in [("expired", "certificate has expired"), ("new-uids", "ok")] {
        let server = faulty(fault, &[]);
        let mut found: Vec<_> = super::leftovers(&server.path(""));
        let file = server.path(&found.remove(0)).join("mail.db.crt");
        let script = "import poplib, ssl, sys\n\
            context = ssl.create_default_context(cafile=sys.argv[2])\n\
            try: poplib.POP3_SSL('localhost', int(sys.argv[1]), context=context).quit(); print('ok')\n\
            except ssl.SSLCertVerificationError as error: print(error.verify_message)\n";
        let port = server.address("pop3s").port().to_string();
        let output = Command::new("python3").args(["-c", script, &port]).arg(&file).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{output:?}");
        // Who does not look gets in.
        Client::tls(server.address("pop3s")).greeted().quit();
    }
}
