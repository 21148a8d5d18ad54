//! The server that is knocked at: alice may use every door, `offff` is disabled.

use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running server; ends with this value.
pub struct Server {
    child: Child,
    address: SocketAddr,
    /// Signs tokens.
    pub key: PKey<Private>,
    _directory: TempDir,
}

impl Server {
    /// Starts the release binary on a database of its own.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        std::fs::write(path("keys.pem"), key.public_key_to_pem().unwrap()).unwrap();
        run(&path("mail.db"), &["init"], "");
        for user in ["alice", "offff"] {
            run(&path("mail.db"), &["passwd", "--create", user], "correct horse\n");
        }
        rusqlite::Connection::open(path("mail.db"))
            .unwrap()
            .execute_batch("UPDATE users SET ntlm = 1, pop_enabled = (name = 'alice'), password = 'correct horse'")
            .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_pillarbox"))
            .args(["serve", "-l", "127.0.0.1:0", "--set", "LoginType=PlainTextLogin", "--set", "MaxLoginDelay=0"])
            .args(["--set", "OAuthIssuer=issuer", "--set", "OAuthAudience=pillarbox", "--set"])
            .arg(format!("OAuthKeyFile={}", path("keys.pem").display()))
            .arg("-d")
            .arg(path("mail.db"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary can be started");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.next().expect("the server starts").trim_start_matches("pop3 ").parse().unwrap();
        assert_eq!(lines.next().as_deref(), Some("ready"));
        Self { child, address, key, _directory: directory }
    }

    /// A new connection, greeted.
    pub fn connect(&self) -> Client {
        let tcp = TcpStream::connect(self.address).expect("the server listens");
        tcp.set_nodelay(true).unwrap();
        let mut client = Client { reader: BufReader::new(tcp.try_clone().unwrap()), tcp };
        client.line();
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(database: &PathBuf, arguments: &[&str], input: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
    command.arg(arguments[0]).arg("-d").arg(database).args(&arguments[1..]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{arguments:?}");
}

/// One connection.
pub struct Client {
    tcp: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Sends a line and reads the one that comes back.
    pub fn say(&mut self, line: &str) -> String {
        self.tcp.write_all(format!("{line}\r\n").as_bytes()).expect("the server takes it");
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("the server answers");
        line.trim_end().to_owned()
    }
}
