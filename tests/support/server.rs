//! A running `pillarbox serve`.

use super::client::Client;
use super::lmtp::Lmtp;
use super::site::Site;
use super::waiting::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a start or a polite end may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on loopback ports of its own; killed when dropped. Derefs to its [`Site`].
pub struct Server {
    site: Arc<Site>,
    child: Child,
    listeners: Vec<(String, String)>,
    stderr: Arc<Mutex<Vec<u8>>>,
    /// Ends when nothing more can come on stderr.
    collector: JoinHandle<()>,
}

impl Deref for Server {
    type Target = Site;
    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Server {
    /// Runs `serve` on free ports with these settings and waits until it is ready.
    pub fn start(site: &Arc<Site>, settings: &[(&str, &str)]) -> Server {
        let mut arguments = vec!["serve", "-l", "127.0.0.1:0", "-s", "127.0.0.1:0", "-m", "127.0.0.1:0"];
        let overrides: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for one in &overrides {
            arguments.extend(["--set", one]);
        }
        Server::start_with(site, &arguments)
    }

    /// Runs exactly this command line and waits until it is ready.
    pub fn start_with(site: &Arc<Site>, arguments: &[&str]) -> Server {
        Server::launch(site, &mut site.command(arguments))
    }

    /// Runs a command that is `serve`, or becomes it, and waits until it is ready.
    pub fn launch(site: &Arc<Site>, command: &mut Command) -> Server {
        Server::try_launch(site, command).unwrap_or_else(|(status, log)| panic!("not ready ({status}): {log}"))
    }

    /// The same; `Err` is how it ended instead, and what it said.
    pub fn try_launch(site: &Arc<Site>, command: &mut Command) -> Result<Server, (ExitStatus, String)> {
        let mut child = command.spawn().unwrap();
        drop(child.stdin.take());
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let collector = collect(child.stderr.take().unwrap(), Arc::clone(&stderr));
        let lines = read_lines(child.stdout.take().unwrap());
        let mut server = Server { site: Arc::clone(site), child, listeners: Vec::new(), stderr, collector };
        loop {
            let Ok(line) = lines.recv_timeout(PATIENCE) else {
                // It has closed stdout: its end is near, if it is one.
                if lines.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                    let _ = server.child.kill();
                }
                return Err((server.wait(), server.log()));
            };
            match line.split_once(' ') {
                Some((kind, address)) => server.listeners.push((kind.to_owned(), address.to_owned())),
                None => break assert_eq!(line, "ready"),
            }
        }
        Ok(server)
    }

    /// Where the listener of this kind (`pop3`, `pop3s`, `lmtp`) is.
    pub fn address(&self, kind: &str) -> SocketAddr {
        let found = self.listeners.iter().find(|(name, _)| name == kind);
        found.unwrap_or_else(|| panic!("no {kind} among {:?}", self.listeners)).1.parse().unwrap()
    }

    /// An LMTP connection after LHLO.
    pub fn lmtp(&self) -> Lmtp {
        Lmtp::tcp(self.address("lmtp")).greeted()
    }

    /// The lines before `ready`, as kind and address.
    pub fn listeners(&self) -> &[(String, String)] {
        &self.listeners
    }

    /// A connection in clear whose greeting has been read.
    pub fn connect(&self) -> Client {
        Client::greeted(Client::plain(self.address("pop3")))
    }

    /// A connection to the TLS port whose greeting has been read.
    pub fn connect_tls(&self) -> Client {
        Client::greeted(Client::tls(self.address("pop3s")))
    }

    /// A session of alice in the TRANSACTION state.
    pub fn alice(&self) -> Client {
        self.session("alice", "se cret")
    }

    /// A session in the TRANSACTION state.
    pub fn session(&self, user: &str, password: &str) -> Client {
        let mut client = self.connect();
        client.log_in(user, password);
        client
    }

    /// Waits until the server has seen two changes of its settings, one after the other: whatever it does at each look at
    /// the database, it has done by then.
    pub fn has_looked(&self) {
        for banner in ["Looking.", "The Pillarbox POP3 service is ready."] {
            self.set("Banner", banner);
            let greeting = format!("+OK {banner}\r\n");
            eventually("the server looks", || Client::plain(self.address("pop3")).line() == greeting);
        }
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).unwrap();
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9), "it had ended before: {}", self.log());
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.read_to_end();
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the rest of what an ended server has said. (A child of its own may keep stderr open.)
    fn read_to_end(&self) {
        let start = Instant::now();
        while !self.collector.is_finished() && start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Everything it has written to stderr so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().unwrap()).into_owned()
    }

    /// Its greatest resident memory so far, KiB.
    pub fn peak_memory(&self) -> u64 {
        memory(self.pid(), "VmHWM:").expect("the server is gone")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the server\n{}---", self.log());
        }
    }
}

/// A memory figure of a live process from `/proc/PID/status`, KiB.
pub fn memory(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Keeps emptying the server's stderr, or it would block on a full pipe.
fn collect(mut from: impl Read + Send + 'static, into: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut chunk) {
            into.lock().unwrap().extend_from_slice(&chunk[..n]);
        }
    })
}

/// The lines of the server's stdout, as they come.
fn read_lines(from: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
}
