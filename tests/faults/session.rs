//! A server's life: mail comes over LMTP, is fetched and removed over POP3, an administrator changes something with SQL.
//! Clients and the administrator bear what comes.

use crate::judge;
use crate::ledger::{Ledger, Mark};
use crate::scene::{PASSWORD, Scene, numbered};
use crate::support::messages::stuffed;
use crate::support::{Client, Server};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An address that SQL adds.
const ALIAS: &str = "sales@example.org";

/// From start to SIGTERM, unless it ends before.
pub fn run(scene: &Scene, ledger: &Ledger) {
    let mut command = scene.command(&["serve", "-l", "127.0.0.1:0", "-m", "127.0.0.1:0"]);
    let mut server = match Server::try_launch(&scene.site, &mut command) {
        Ok(server) => server,
        Err((status, log)) => return ledger.note(Mark::Ended(status.code(), log)),
    };
    let _ = deliver(&server, ledger, &["alice"], 20);
    let _ = deliver(&server, ledger, &["alice", "bob"], 21);
    let _ = remove(&server, ledger);
    if scene.shell(&format!("INSERT INTO aliases(address, mailbox) VALUES ('{ALIAS}', 'bob')")).status.success() {
        ledger.note(Mark::Done("alias"));
    }
    // The next message is at the start of the log again.
    scene.shell("PRAGMA wal_checkpoint");
    let _ = deliver(&server, ledger, &["alice"], 22);
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(server.pid() as i32), nix::sys::signal::Signal::SIGTERM);
    let status = server.wait();
    ledger.note(Mark::Ended(status.code(), server.log()));
}

/// The server is started once more on what there is, takes mail, and is killed.
pub fn again(scene: &Scene, ledger: &Ledger) {
    let mut command = scene.unstruck().command(&["serve", "-l", "127.0.0.1:0", "-m", "127.0.0.1:0"]);
    let server = Server::launch(&scene.site, &mut command);
    for number in [23, 24, 25] {
        deliver(&server, ledger, &["alice", "bob"], number).expect("nothing is struck any more");
    }
    server.kill();
}

/// What SQL was told to have changed, is; and a server starts on what is there and shows all of alice's messages.
pub fn judge(scene: &Scene, marks: &[Mark], messages: u64) {
    let alias = scene.site.sql(&format!("SELECT count(*) FROM aliases WHERE address = '{ALIAS}'"));
    if marks.contains(&Mark::Done("alias")) {
        assert_eq!(alias, "1\n", "what SQL changed is not there");
    }
    let server = scene.site.serve(&[]);
    let mut client = server.session("alice", PASSWORD);
    assert_eq!(client.stat().0, messages);
    client.quit();
    assert!(server.terminate().success());
    judge::sound(&scene.site);
}

/// Whether USER and PASS succeed.
pub fn logs_in(server: &Server, user: &str, password: &str) -> bool {
    let mut client: Client = server.connect();
    client.expect_start(&format!("USER {user}"), "+OK");
    let in_now = client.say(&format!("PASS {password}")).starts_with("+OK");
    client.hang_up();
    in_now
}

/// One transaction. `None`: the connection broke.
fn deliver(server: &Server, ledger: &Ledger, recipients: &[&'static str], number: u32) -> Option<()> {
    let mut talk = Talk::to(server.address("lmtp"))?;
    talk.say("LHLO client.example")?;
    talk.say("MAIL FROM:<a@example.org>")?.starts_with('2').then_some(())?;
    let mut taken = Vec::new();
    for recipient in recipients {
        if talk.say(&format!("RCPT TO:<{recipient}>"))?.starts_with('2') {
            taken.push(*recipient);
        }
    }
    talk.say("DATA")?.starts_with('3').then_some(())?;
    taken.iter().for_each(|user| ledger.note(Mark::Begun(user, number)));
    talk.send(&[&stuffed(&numbered(number))[..], b".\r\n"].concat())?;
    for user in taken {
        if talk.reply()?.starts_with('2') {
            ledger.note(Mark::Kept(user, number));
        }
    }
    Some(())
}

/// Fetches alice's first two messages, and removes them.
fn remove(server: &Server, ledger: &Ledger) -> Option<()> {
    let mut talk = Talk::to(server.address("pop3"))?;
    talk.say("USER alice")?;
    talk.say(&format!("PASS {PASSWORD}"))?.starts_with("+OK").then_some(())?;
    for at in 1..=2 {
        if talk.say(&format!("RETR {at}"))?.starts_with("+OK") {
            let expected = stuffed(&numbered(at - 1));
            let body = talk.body()?;
            assert!(body.ends_with(&expected), "RETR {at} sends {} octets that are another message", body.len());
        }
        talk.say(&format!("DELE {at}"))?.starts_with("+OK").then_some(())?;
    }
    ledger.note(Mark::Marked(vec![0, 1]));
    if talk.say("QUIT")?.starts_with("+OK") {
        ledger.note(Mark::Removed);
    }
    Some(())
}

/// A client that takes a broken connection for an answer.
struct Talk(BufReader<TcpStream>);

impl Talk {
    /// Connected and greeted.
    fn to(address: SocketAddr) -> Option<Talk> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut talk = Talk(BufReader::new(stream));
        talk.reply()?;
        Some(talk)
    }

    fn send(&mut self, octets: &[u8]) -> Option<()> {
        self.0.get_mut().write_all(octets).ok()
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).ok()?;
        line.ends_with(b"\r\n").then_some(line)
    }

    /// The last line of a reply; LMTP has some of several.
    fn reply(&mut self) -> Option<String> {
        loop {
            let line = String::from_utf8_lossy(&self.line()?).into_owned();
            if line.as_bytes().get(3) != Some(&b'-') {
                return Some(line);
            }
        }
    }

    fn say(&mut self, command: &str) -> Option<String> {
        self.send(format!("{command}\r\n").as_bytes())?;
        self.reply()
    }

    /// What follows up to the final dot, as it is on the wire.
    fn body(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            if line == b".\r\n" {
                return Some(body);
            }
            body.extend_from_slice(&line);
        }
    }
}
