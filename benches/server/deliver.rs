//! Deliveries over LMTP: each connection sends the next message when the last one was taken.

use crate::fill::message;
use crate::meter::Server;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Delivers messages of 8 KiB to `user` over so many connections; says how long each took.
pub fn play(server: &Server, user: &str, connections: usize, until: Instant) -> Vec<Duration> {
    let lmtp = server.lmtp();
    std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..connections).map(|_| scope.spawn(move || Deliverer::open(lmtp).until(user, until))).collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    })
}

/// Gives a mailbox this many messages of 8 KiB.
pub fn fill(server: &Server, user: &str, messages: usize) {
    const CONNECTIONS: usize = 8;
    let lmtp = server.lmtp();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(move || {
                let mut client = Deliverer::open(lmtp);
                (0..messages / CONNECTIONS).for_each(|_| client.deliver(user));
            });
        }
    });
}

struct Deliverer {
    stream: BufReader<TcpStream>,
    content: Vec<u8>,
    line: String,
}

impl Deliverer {
    fn open(lmtp: SocketAddr) -> Self {
        let stream = TcpStream::connect(lmtp).expect("the server listens");
        stream.set_nodelay(true).expect("a connected socket");
        let content = [&message(8192)[..], b".\r\n"].concat();
        let mut new = Self { stream: BufReader::new(stream), content, line: String::new() };
        new.answer();
        new.send(b"LHLO bench.example\r\n");
        while new.answer().as_bytes()[3] == b'-' {}
        new
    }

    fn until(mut self, user: &str, until: Instant) -> Vec<Duration> {
        let (mut taken, mut since) = (Vec::new(), Instant::now());
        loop {
            self.deliver(user);
            let now = Instant::now();
            taken.push(now - since);
            if now >= until {
                return taken;
            }
            since = now;
        }
    }

    fn deliver(&mut self, user: &str) {
        self.send(format!("MAIL FROM:<bench@example.org>\r\nRCPT TO:<{user}>\r\nDATA\r\n").as_bytes());
        for _ in 0..3 {
            self.answer();
        }
        let content = std::mem::take(&mut self.content);
        self.send(&content);
        self.content = content;
        self.answer();
    }

    fn send(&mut self, octets: &[u8]) {
        self.stream.get_mut().write_all(octets).expect("the server takes it");
    }

    fn answer(&mut self) -> &str {
        self.line.clear();
        self.stream.read_line(&mut self.line).expect("the server answers");
        assert!(self.line.starts_with(['2', '3']), "{}", self.line);
        &self.line
    }
}
