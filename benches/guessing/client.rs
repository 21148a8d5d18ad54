//! The server that is guessed at, and connections from many addresses of loopback.

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;

/// A running server; ends with [`Server::stop`], as its guessers have it, too.
pub struct Server {
    child: Mutex<Child>,
    address: SocketAddrV4,
    _directory: TempDir,
}

impl Server {
    /// Starts the release binary on a database with so many users: `user0` and so on.
    pub fn start(users: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("mail.db");
        let hash = run(&database, &["hash"], "correct horse\n");
        run(&database, &["init"], "");
        run(&database, &["passwd", "--create", "user0"], "correct horse\n");
        let shell = rusqlite::Connection::open(&database).unwrap();
        for index in 1..users {
            shell
                .execute(
                    "INSERT INTO users(name, password) VALUES (?1, ?2)",
                    [format!("user{index}"), hash.trim().to_owned()],
                )
                .unwrap();
        }
        // So that SCRAM is offered: the verifiers of the others are never looked at.
        shell
            .execute_batch(
                "INSERT INTO verifiers SELECT u.id, v.scheme, v.value FROM users u, verifiers v WHERE u.name <> 'user0'",
            )
            .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_pillarbox"))
            .args(["serve", "-l", "127.0.0.1:0", "--set", "LoginType=PlainTextLogin", "-d"])
            .arg(&database)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary can be started");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.next().expect("the server starts").trim_start_matches("pop3 ").parse().unwrap();
        assert_eq!(lines.next().as_deref(), Some("ready"));
        Self { child: Mutex::new(child), address, _directory: directory }
    }

    /// Ends it, whoever still holds it.
    pub fn stop(&self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// A new connection from 127.0.0.`last`, greeted; none if it was refused.
    pub fn connect(&self, last: u8) -> Option<Client> {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).ok()?;
        bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), 0))).ok()?;
        connect(socket.as_raw_fd(), &SockaddrIn::from(self.address)).ok()?;
        let tcp = TcpStream::from(socket);
        tcp.set_nodelay(true).ok()?;
        let mut client = Client { reader: BufReader::with_capacity(1024, tcp.try_clone().ok()?), tcp };
        client.line().filter(|line| line.starts_with("+OK"))?;
        Some(client)
    }
}

fn run(database: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
    command.arg(arguments[0]).arg("-d").arg(database).args(&arguments[1..]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// One connection.
pub struct Client {
    tcp: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Sends a line and reads the one that comes back; none: the connection has ended.
    pub fn say(&mut self, line: &str) -> Option<String> {
        self.tcp.write_all(format!("{line}\r\n").as_bytes()).ok()?;
        self.line()
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    }
}
