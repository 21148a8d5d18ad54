//! LMTP: a message of 8 KiB at a time on each of some connections.

use crate::{Run, fill};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Delivers to the scenario's mailbox on so many connections until the time is over.
pub fn deliver(run: &mut Run<'_>, connections: usize) {
    let (address, until, user) = (run.server.lmtp(), run.until, run.user);
    let message = [&fill::message(8192)[..], b".\r\n"].concat();
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut connection = connect(address);
                loop {
                    for command in ["MAIL FROM:<bench@example.org>", &format!("RCPT TO:<{user}>"), "DATA"] {
                        say(&mut connection, format!("{command}\r\n").as_bytes());
                    }
                    say(&mut connection, &message);
                    done.fetch_add(1, Ordering::Relaxed);
                    if Instant::now() >= until {
                        return;
                    }
                }
            });
        }
    });
    run.operations += done.into_inner();
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let mut connection = BufReader::new(stream);
    say(&mut connection, b"");
    say(&mut connection, b"LHLO bench.example\r\n");
    connection
}

/// Sends octets; the reply to them must be a good one.
fn say(connection: &mut BufReader<TcpStream>, octets: &[u8]) {
    connection.get_mut().write_all(octets).expect("the server reads");
    let mut line = String::from("-");
    while line.as_bytes().get(3) == Some(&b'-') || line == "-" {
        line.clear();
        connection.read_line(&mut line).expect("a reply");
    }
    assert!(line.starts_with(['2', '3']), "{line}");
}
