//! Servers of a few lines: what they say to a command is a function.

use crate::support::Site;
use crate::support::site::text;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// What a fake server does with a command.
pub enum Reply {
    /// Says this.
    Say(Vec<u8>),
    /// Says this over and over, until nobody listens.
    Forever(Vec<u8>),
    /// Says this and ends the connection.
    Last(Vec<u8>),
}

/// A server's part of one session.
pub type Session = Box<dyn FnMut(&str) -> Reply + Send>;

/// A server on loopback that has these sessions, one after the other. The first command of each is empty: the greeting.
pub struct Fake {
    port: u16,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    pub fn new(sessions: Vec<Session>) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            for session in sessions {
                serve(listener.accept().unwrap().0, session);
            }
        });
        Fake { port, thread: Some(thread) }
    }

    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://alice@127.0.0.1:{}", self.port)
    }

    /// All sessions took place.
    pub fn done(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(stream: TcpStream, mut session: Session) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    let mut line = String::new();
    loop {
        // Who imports may be gone at any moment.
        let said = match session(line.trim_end_matches(['\r', '\n'])) {
            Reply::Say(octets) => stream.write_all(&octets).is_ok(),
            Reply::Last(octets) => {
                let _ = stream.write_all(&octets);
                false
            }
            Reply::Forever(octets) => {
                while stream.write_all(&octets).is_ok() {}
                false
            }
        };
        line.clear();
        if !said || !lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            return;
        }
    }
}

/// How a POP3 server answers `UIDL n`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Uidl {
    /// With one line.
    One,
    /// With one line, and it says that it can be asked before it has answered (RFC 2449 section 6.6).
    Pipelined,
    /// With the whole list, as if nothing stood behind UIDL.
    All,
    /// Not at all.
    Refused,
}

/// A maildrop as a POP3 server has it.
#[derive(Clone)]
pub struct Drop {
    /// Unique-id, size in LIST, and what stands behind `+OK` of RETR.
    pub messages: Vec<(String, usize, Vec<u8>)>,
    pub uidl: Uidl,
    /// Lines end in LF.
    pub bare_lf: bool,
    /// What RETR of a message does to the list: from this message on, unique-ids move down by one.
    pub moves_behind: Option<usize>,
}

/// A message of some lines; one begins with a dot.
pub fn message(number: usize) -> Vec<u8> {
    format!("Subject: message {number}\r\n\r\n{}.dot\r\nend\r\n", "a line\r\n".repeat(number)).into_bytes()
}

/// As RETR sends it.
pub fn stuffed(message: &[u8]) -> Vec<u8> {
    let text = text(message).replace("\r\n.", "\r\n..");
    format!("{text}.\r\n").into_bytes()
}

impl Drop {
    /// Messages 1 to `count` with the ids `id1`…, without any fault.
    pub fn sound(count: usize) -> Drop {
        let message = |number| (format!("id{number}"), message(number).len(), stuffed(&message(number)));
        let messages = (1..=count).map(message).collect();
        Drop { messages, uidl: Uidl::One, bare_lf: false, moves_behind: None }
    }

    pub fn session(&self) -> Session {
        let (mut drop, mut shift, mut user) = (self.clone(), 0, false);
        Box::new(move |command| {
            let (word, argument) = command.split_once(' ').unwrap_or((command, ""));
            let number: Option<usize> = argument.parse().ok();
            let id =
                |number: usize| drop.messages.get(number - 1 + if number > 1 { shift } else { 0 }).map(|m| m.0.clone());
            let list = |line: &dyn Fn(usize) -> Option<String>| {
                let lines: String = (1..=drop.messages.len()).filter_map(line).map(|line| line + "\r\n").collect();
                format!("+OK\r\n{lines}.\r\n")
            };
            let reply = match (word, number) {
                ("", _) => "+OK fake\r\n".to_owned(),
                ("USER", _) => {
                    user = true;
                    "+OK\r\n".to_owned()
                }
                ("PASS", _) if user => "+OK\r\n".to_owned(),
                ("LIST", None) => list(&|at| Some(format!("{at} {}", drop.messages[at - 1].1))),
                ("UIDL", Some(_)) if drop.uidl == Uidl::Refused => "-ERR no such thing\r\n".to_owned(),
                ("CAPA", _) if drop.uidl == Uidl::Pipelined => "+OK\r\nPIPELINING\r\n.\r\n".to_owned(),
                ("UIDL", Some(number)) if drop.uidl != Uidl::All => match id(number) {
                    Some(id) => format!("+OK {number} {id}\r\n"),
                    None => "-ERR no such message\r\n".to_owned(),
                },
                ("UIDL", _) => list(&|at| id(at).map(|id| format!("{at} {id}"))),
                ("RETR", Some(number)) => {
                    // With the list, what the numbers stand for moves, too.
                    let at = number - 1 + if number > 1 { shift } else { 0 };
                    let body = drop.messages.get(at).map(|message| message.2.clone());
                    if Some(number) == drop.moves_behind {
                        drop.moves_behind = None;
                        shift = 1;
                    }
                    match body {
                        Some(body) => format!("+OK\r\n{}", text(&body)),
                        None => "-ERR no such message\r\n".to_owned(),
                    }
                }
                ("NOOP", _) => "+OK\r\n".to_owned(),
                ("QUIT", _) => return Reply::Last(b"+OK\r\n".to_vec()),
                _ => "-ERR what?\r\n".to_owned(),
            };
            let reply = if drop.bare_lf { reply.replace("\r\n", "\n") } else { reply };
            Reply::Say(reply.into_bytes())
        })
    }

    /// The same server, with other answers to some commands.
    pub fn session_with(&self, other: impl Fn(&str) -> Option<Reply> + Send + 'static) -> Session {
        let mut usual = self.session();
        Box::new(move |command| other(command).unwrap_or_else(|| usual(command)))
    }
}

/// Runs an import of alice's; exit code, stdout and stderr.
pub fn import(site: &Site, url: &str, options: &[&str]) -> (i32, String, String) {
    let arguments = [&["import", "-u", "alice"], options, &[url]].concat();
    let output = site.run(&arguments, b"secret\n");
    let errors: Vec<String> =
        text(&output.stderr).lines().filter(|line| !line.contains(" has no TLS")).map(str::to_owned).collect();
    assert!(errors.len() < 2, "an error is one line: {errors:?}");
    (output.status.code().unwrap(), text(&output.stdout), errors.concat())
}

/// Alice's unique-ids and sizes, in their order.
pub fn stored(site: &Site) -> String {
    site.sql("SELECT coalesce(unique_id, uid) || ' ' || size FROM messages WHERE mailbox = 'alice' ORDER BY uid")
}

/// What [`stored`] says of these messages.
pub fn expected(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().map(|number| format!("id{number} {}\n", message(number).len())).collect()
}
