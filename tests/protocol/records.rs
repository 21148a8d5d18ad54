//! The end of a multi-line response within one TLS record, however large the response: clients such as node-pop3 look
//! for it at the end of what one read gave them.

use crate::support::messages::{of_size, stuffed};
use crate::support::{Server, Site};
use memchr::memmem;
use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode, SslVersion};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

/// The largest TLS record (RFC 8446 section 5.1).
const RECORD: usize = 16_384;
const END: &[u8] = b"\r\n.\r\n";

/// A client that sees records: each read of the library's gives what one of them holds.
struct Records(SslStream<TcpStream>);

impl Records {
    fn of(server: &Server, version: SslVersion) -> Self {
        let tcp = TcpStream::connect(server.address("pop3s")).unwrap();
        tcp.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
        connector.set_verify(SslVerifyMode::NONE);
        connector.set_min_proto_version(Some(version)).unwrap();
        connector.set_max_proto_version(Some(version)).unwrap();
        let configuration = connector.build().configure().unwrap().verify_hostname(false);
        let mut records = Records(configuration.connect("localhost", tcp).unwrap());
        records.next();
        for command in ["USER alice\r\n", "PASS se cret\r\n"] {
            records.send(command);
            assert!(records.next().starts_with(b"+OK"));
        }
        records
    }

    fn send(&mut self, commands: &str) {
        self.0.write_all(commands.as_bytes()).unwrap();
    }

    fn next(&mut self) -> Vec<u8> {
        let mut record = vec![0; RECORD + 1];
        let n = self.0.read(&mut record).unwrap();
        assert!(n > 0, "the connection has ended");
        record.truncate(n);
        record
    }

    /// Records until so many responses have ended in one of them.
    fn responses(&mut self, count: usize) -> Vec<u8> {
        let (mut all, mut ends) = (Vec::new(), 0);
        while ends < count {
            let record = self.next();
            ends += memmem::find_iter(&record, END).count();
            let border = all.len().saturating_sub(END.len() - 1);
            let inside = END.len() - 1;
            all.extend_from_slice(&record);
            let across = &all[border..all.len().min(border + 2 * inside)];
            let split = border > 0 && memmem::find(across, END).is_some_and(|at| at < inside);
            assert!(!split, "an end was split over two records, around octet {}", border + inside);
        }
        all
    }
}

/// A server with messages of these sizes, and the messages.
fn server(sizes: impl Iterator<Item = usize>, dotted: bool) -> (Server, Vec<Vec<u8>>) {
    let site = Site::with_alice(&[]);
    let directory = site.path("messages");
    std::fs::create_dir(&directory).unwrap();
    let messages: Vec<Vec<u8>> = sizes
        .map(|size| {
            let mut message = of_size(size);
            if dotted {
                // One octet more on the wire, one fewer before.
                message[19] = b'.';
                message.remove(20);
            }
            message
        })
        .collect();
    for (at, message) in messages.iter().enumerate() {
        std::fs::write(directory.join(format!("{at:04}.eml")), message).unwrap();
    }
    site.succeed(&["import", "-u", "alice", directory.to_str().unwrap()], b"");
    (site.serve(&[("EnableExactRFC822Size", "1")]), messages)
}

#[test]
fn of_messages() {
    for dotted in [false, true] {
        // Their responses end around multiples of the largest record.
        let (server, messages) = server((1..=5).flat_map(|k| RECORD * k - 20..RECORD * k + 4), dotted);
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let mut client = Records::of(&server, version);
            for (at, message) in messages.iter().enumerate() {
                let expected = [b"+OK\r\n", stuffed(message).as_slice(), b".\r\n"].concat();
                for command in ["RETR", "TOP"] {
                    let lines = if command == "TOP" { " 999999" } else { "" };
                    client.send(&format!("{command} {}{lines}\r\n", at + 1));
                    assert!(client.responses(1) == expected, "{command} of {} octets", message.len());
                }
            }
            // Pipelined, whatever comes together.
            let mut commands = String::new();
            (1..=messages.len()).for_each(|number| write!(commands, "RETR {number}\r\nTOP {number} 9999\r\n").unwrap());
            client.send(&commands);
            client.responses(2 * messages.len());
        }
    }
}

/// What stands before a listing moves its end over that of a record, octet by octet.
#[test]
fn of_listings() {
    let count = 40;
    let digits: usize = (1..=count).map(|number: usize| number.to_string().len()).sum();
    // "+OK" (LIST adds " 40 OCTETS"), "NUMBER SIZE" or "NUMBER NUMBER" and ".", each with its line end.
    for (command, listing) in [("LIST", 18 + digits + count * 8), ("UIDL", 8 + 2 * digits + count * 3)] {
        let first = RECORD - 8 - listing - count / 2;
        let (server, messages) = server(first..first + count, false);
        let mut client = Records::of(&server, SslVersion::TLS1_3);
        let mut lengths = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            client.send(&format!("RETR {}\r\n{command}\r\n", at + 1));
            lengths.push(client.responses(2).len());
            assert_eq!(lengths[at], 8 + message.len() + listing, "{command}");
        }
        assert!(
            lengths.contains(&(RECORD + 1)) && lengths.contains(&(RECORD + 4)),
            "{command} ends elsewhere: {lengths:?}"
        );
    }
}
