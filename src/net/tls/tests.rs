//! Sockets and sessions over loopback, with the library's own client at the other end.

mod certificates;
mod pairs;

use super::*;
use crate::net::line::{Line, LineReader};
use openssl::hash::{MessageDigest, hash};
use openssl::ssl::{ErrorCode, SslConnector, SslMethod, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use tempfile::TempDir;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// A pair of connected sockets: the client's end and ours.
fn connection() -> (TcpStream, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, Socket::tcp(listener.accept().unwrap().0))
}

fn plain() -> (TcpStream, Stream) {
    let (client, socket) = connection();
    (client, Stream::Plain(socket))
}

struct Files {
    _directory: TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

/// A directory with a self-signed pair in it.
fn files() -> Files {
    let directory = TempDir::new().unwrap();
    let (certificate, key) = (directory.path().join("mail.db.crt"), directory.path().join("mail.db.key"));
    self_signed(&certificate, &key).unwrap();
    Files { _directory: directory, certificate, key }
}

impl Files {
    fn acceptor(&self) -> Acceptor {
        Acceptor::load(&self.certificate, &self.key).unwrap()
    }

    fn leaf(&self) -> X509 {
        X509::from_pem(&std::fs::read(&self.certificate).unwrap()).unwrap()
    }
}

fn connect(tcp: TcpStream, version: SslVersion) -> Result<SslStream<TcpStream>, String> {
    connect_to("localhost", tcp, version)
}

fn connect_to(name: &str, tcp: TcpStream, version: SslVersion) -> Result<SslStream<TcpStream>, String> {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    // Security level 0: otherwise the client itself would refuse the old versions.
    connector.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    connector.set_min_proto_version(Some(version)).unwrap();
    connector.set_max_proto_version(Some(version)).unwrap();
    let configuration = connector.build().configure().unwrap().verify_hostname(false);
    configuration.connect(name, tcp).map_err(|error| error.to_string())
}

/// A session, with the client's end of it.
fn session(acceptor: &Acceptor, version: SslVersion) -> (SslStream<TcpStream>, Stream) {
    session_for(acceptor, version, "localhost")
}

/// A session of a client that asks for this host.
fn session_for(acceptor: &Acceptor, version: SslVersion, name: &str) -> (SslStream<TcpStream>, Stream) {
    let (tcp, mut stream) = plain();
    let name = name.to_owned();
    let client = thread::spawn(move || connect_to(&name, tcp, version));
    stream.upgrade(acceptor, soon()).unwrap();
    (client.join().unwrap().unwrap(), stream)
}

fn read_some(stream: &mut Stream) -> io::Result<Vec<u8>> {
    stream.read_by(soon());
    let mut buf = [0; 64];
    stream.read(&mut buf).map(|n| buf[..n].to_vec())
}

#[test]
fn octets_pass_in_clear_and_under_both_versions() {
    let files = files();
    let acceptor = files.acceptor();
    let (mut client, mut stream) = plain();
    assert!(!stream.is_tls() && stream.end_point().is_none() && stream.protocol().is_none());
    client.write_all(b"CAPA\r\n").unwrap();
    assert_eq!(read_some(&mut stream).unwrap(), b"CAPA\r\n");

    for (version, name) in [(SslVersion::TLS1_2, "TLSv1.2 "), (SslVersion::TLS1_3, "TLSv1.3 TLS_AES")] {
        let (mut client, mut stream) = session(&acceptor, version);
        assert!(stream.is_tls());
        assert!(stream.protocol().unwrap().starts_with(name), "{:?}", stream.protocol());
        client.write_all(b"CAPA\r\n").unwrap();
        assert_eq!(read_some(&mut stream).unwrap(), b"CAPA\r\n");
        stream.write_all(b"+OK\r\n").unwrap();
        let mut answer = [0; 5];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+OK\r\n");
        assert_eq!(client.ssl().peer_certificate().unwrap().to_der().unwrap(), files.leaf().to_der().unwrap());
    }
}

#[test]
fn old_versions_are_refused() {
    let acceptor = files().acceptor();
    for version in [SslVersion::TLS1, SslVersion::TLS1_1] {
        let (tcp, mut stream) = plain();
        let client = thread::spawn(move || connect(tcp, version).is_err());
        let error = stream.upgrade(&acceptor, soon()).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        assert!(client.join().unwrap());
    }
}

#[test]
fn what_is_no_tls_is_refused_with_one_line() {
    let acceptor = files().acceptor();
    let (mut client, mut stream) = plain();
    client.write_all(b"USER alice\r\nPASS secret\r\nSTAT\r\n").unwrap();
    let error = stream.upgrade(&acceptor, soon()).err().unwrap();
    assert_eq!((error.kind(), error.to_string().lines().count()), (io::ErrorKind::InvalidData, 1));

    let (client, mut stream) = plain();
    drop(client);
    let error = stream.upgrade(&acceptor, soon()).err().unwrap();
    assert!(matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset), "{error:?}");
}

#[test]
fn no_session_within_a_session() {
    let acceptor = files().acceptor();
    let (_client, mut stream) = session(&acceptor, SslVersion::TLS1_3);
    assert_eq!(stream.upgrade(&acceptor, soon()).err().unwrap().kind(), io::ErrorKind::InvalidInput);
}

/// The deadline is for the whole handshake: a client that keeps sending an octet now and then does
/// not prolong it (if it did, this would never end).
#[test]
fn handshake_ends_at_its_deadline() {
    let acceptor = files().acceptor();
    let (silent, mut stream) = plain();
    let deadline = Instant::now() + Duration::from_millis(150);
    assert_eq!(stream.upgrade(&acceptor, deadline).err().unwrap().kind(), io::ErrorKind::TimedOut);
    drop(silent);

    let (mut client, mut stream) = plain();
    let drip = thread::spawn(move || {
        // The header of a record of 16,384 octets that never gets complete.
        client.write_all(&[22, 3, 1, 64, 0, 1, 0, 63, 252, 3, 3]).unwrap();
        while client.write_all(&[0]).is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
    });
    let deadline = Instant::now() + Duration::from_millis(150);
    assert_eq!(stream.upgrade(&acceptor, deadline).err().unwrap().kind(), io::ErrorKind::TimedOut);
    drip.join().unwrap();
}

#[test]
fn a_read_that_timed_out_leaves_the_session_whole() {
    let acceptor = files().acceptor();
    for version in [None, Some(SslVersion::TLS1_2), Some(SslVersion::TLS1_3)] {
        let (mut client, mut stream): (Box<dyn Write>, Stream) = match version {
            None => plain_pair(),
            Some(version) => {
                let (client, stream) = session(&acceptor, version);
                (Box::new(client), stream)
            }
        };
        stream.read_by(Instant::now());
        let mut buf = [0; 8];
        assert_eq!(stream.read(&mut buf).unwrap_err().kind(), io::ErrorKind::TimedOut, "{version:?}");
        stream.read_by(Instant::now() + Duration::from_millis(1));
        assert_eq!(stream.read(&mut buf).unwrap_err().kind(), io::ErrorKind::TimedOut, "{version:?}");
        client.write_all(b"NOOP\r\n").unwrap();
        assert_eq!(read_some(&mut stream).unwrap(), b"NOOP\r\n");
    }
}

/// An octet now and then does not hold a worker past the deadline of the line.
#[test]
fn a_dripping_line_times_out() {
    let (mut client, mut stream) = plain();
    let drip = thread::spawn(move || {
        while client.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let mut reader = LineReader::new();
    let line = reader.next(&mut stream, usize::MAX, Duration::from_millis(150));
    assert!(matches!(line, Line::TimedOut), "{line:?}");
    stream.handle().unwrap().shutdown();
    drip.join().unwrap();
}

fn plain_pair() -> (Box<dyn Write>, Stream) {
    let (client, stream) = plain();
    (Box::new(client), stream)
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let acceptor = files().acceptor();
    let (_silent, mut stream) = plain();
    stream.set_write_timeout(Duration::from_millis(100));
    assert_eq!(stream.write_all(&vec![b'x'; 64 << 20]).unwrap_err().kind(), io::ErrorKind::TimedOut);
    let (_silent, mut stream) = session(&acceptor, SslVersion::TLS1_3);
    stream.set_write_timeout(Duration::from_millis(100));
    assert_eq!(stream.write_all(&vec![b'x'; 64 << 20]).unwrap_err().kind(), io::ErrorKind::TimedOut);
    stream.close();
}

/// A connection cut without close_notify is an end, not an error; nothing is done because of it.
#[test]
fn an_abrupt_end_is_an_end() {
    let acceptor = files().acceptor();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let (client, mut stream) = session(&acceptor, version);
        client.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read_some(&mut stream).unwrap(), b"");
    }
}

/// The client sees a clean end behind the last reply, even if it has sent more than we read.
#[test]
fn goodbye_is_clean() {
    let acceptor = files().acceptor();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let (mut client, mut stream) = session(&acceptor, version);
        client.write_all(b"QUIT\r\nNOOP\r\nNOOP\r\n").unwrap();
        let mut first = [0; 6];
        stream.read_by(soon());
        stream.read_exact(&mut first).unwrap();
        stream.write_all(b"+OK\r\n").unwrap();
        stream.close();
        let mut answer = [0; 64];
        assert_eq!(client.ssl_read(&mut answer).unwrap(), 5);
        assert_eq!(client.ssl_read(&mut answer).unwrap_err().code(), ErrorCode::ZERO_RETURN);
    }
    let (mut client, mut stream) = plain();
    client.write_all(b"QUIT\r\nNOOP\r\n").unwrap();
    let held = stream.handle().unwrap();
    stream.read_by(soon());
    stream.read_exact(&mut [0; 2]).unwrap();
    stream.write_all(b"+OK\r\n").unwrap();
    stream.close();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"+OK\r\n");
    drop(held);
}

#[test]
fn a_handle_ends_a_waiting_read() {
    let acceptor = files().acceptor();
    let (client, mut stream) = plain();
    let handle = stream.handle().unwrap();
    let worker = thread::spawn(move || read_some(&mut stream));
    handle.shutdown();
    assert_eq!(worker.join().unwrap().unwrap(), b"");
    drop(client);

    let (client, mut stream) = session(&acceptor, SslVersion::TLS1_3);
    let handle = stream.handle().unwrap();
    let worker = thread::spawn(move || read_some(&mut stream));
    handle.shutdown();
    assert_eq!(worker.join().unwrap().unwrap(), b"");
    drop(client);
}

#[test]
fn local_sockets_work_the_same() {
    let (mut client, server) = UnixStream::pair().unwrap();
    let mut stream = Stream::Plain(Socket::unix(server));
    client.write_all(b"LHLO x\r\n").unwrap();
    assert_eq!(read_some(&mut stream).unwrap(), b"LHLO x\r\n");
    stream.read_by(Instant::now());
    assert_eq!(stream.read(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(stream.write_vectored(&[IoSlice::new(b"250-"), IoSlice::new(b"x\r\n")]).unwrap(), 7);
    stream.handle().unwrap().shutdown();
    assert_eq!(read_some(&mut stream).unwrap(), b"");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"250-x\r\n");
}

#[test]
fn a_client_that_has_left_is_told_from_one_that_only_listens() {
    let (client, mut server) = plain();
    assert!(!server.is_gone());
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(!server.is_gone(), "it may still read");
    server.write_all(b"+OK\r\n").unwrap();
    // Closed with an octet unread: the kernel resets the connection.
    drop(client);
    let deadline = soon();
    while !server.is_gone() {
        assert!(Instant::now() < deadline, "nobody noticed");
        thread::sleep(Duration::from_millis(1));
    }
    let (_client, server) = plain();
    server.handle().unwrap().shutdown();
    assert!(server.is_gone(), "ended here");
    assert!(Stream::Ended.is_gone());
}
