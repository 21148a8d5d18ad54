//! Transcripts of the protocol, each run against the pure session and over a socket.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

mod pure;
mod script;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use script::{Line, Script};

/// Who a transcript is played with.
trait Peer {
    /// A new connection, its greeting unread.
    fn connect(&mut self);
    fn send(&mut self, line: &[u8]);
    /// The next line without its line end.
    fn line(&mut self) -> Vec<u8>;
    /// The session must be over, with nothing more to read.
    fn end(&mut self);
}

const GREETING: &[u8] = b"+OK The Pillarbox POP3 service is ready.";
const LOGIN: [(&[u8], &[u8]); 2] = [(b"USER alice", b"+OK"), (b"PASS se cret", b"+OK User successfully logged on.")];

fn play(script: &Script, peer: &mut dyn Peer) {
    let mut connected = false;
    for (at, line) in &script.lines {
        let place = format!("{}.txt:{at}", script.name);
        if !std::mem::replace(&mut connected, !matches!(line, Line::Eof | Line::Drop)) {
            peer.connect();
        }
        match line {
            Line::Greeting => expect(peer, GREETING, &place),
            Line::Login => {
                expect(peer, GREETING, &place);
                for (command, reply) in LOGIN {
                    peer.send(command);
                    expect(peer, reply, &place);
                }
            }
            Line::Client(text) => peer.send(text),
            Line::Server(text) => expect(peer, text, &place),
            Line::ServerBegins(text) => {
                let got = peer.line();
                assert!(got.starts_with(text), "{place}: {}", got.escape_ascii());
            }
            Line::Eof => peer.end(),
            Line::Drop => {}
        }
    }
}

fn expect(peer: &mut dyn Peer, text: &[u8], place: &str) {
    let got = peer.line();
    assert!(got == text, "{place}\n expected {}\n received {}", text.escape_ascii(), got.escape_ascii());
}

#[test]
fn against_the_pure_session() {
    for script in script::all("pop3") {
        play(&script, &mut pure::Pure::new(&script));
    }
}

#[test]
fn over_a_socket() {
    for script in script::all("pop3") {
        play(&script, &mut wire::Wire::new(&script));
    }
}
