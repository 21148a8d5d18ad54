//! systemd's side of the process: notifications and sockets that it hands over.

use crate::support::texts::SIGNING_OFF;
use crate::support::{Client, Server, Site, eventually};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::Signal;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Becomes `pillarbox serve` with the descriptors of its arguments as 3, 4 and so on, as systemd starts it.
const LAUNCHER: &str = "
import fcntl, os, sys
program, names, descriptors = sys.argv[1], sys.argv[2], [int(text) for text in sys.argv[3:]]
kept = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 20) for descriptor in descriptors]
for at, descriptor in enumerate(kept):
    os.dup2(descriptor, 3 + at)
os.environ.update(LISTEN_FDS=str(len(kept)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=names)
os.execv(program, [program, 'serve'])
";

fn activated(site: &Arc<Site>, sockets: &[&TcpListener], names: &str) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", LAUNCHER, env!("CARGO_BIN_EXE_pillarbox"), names]).env("PILLARBOX_DB", site.database());
    for socket in sockets {
        fcntl(socket, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        command.arg(socket.as_raw_fd().to_string());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Connections that come while no server is running wait for the next one: the socket is not ours to shut down.
#[test]
fn a_socket_that_was_handed_over_outlives_the_server() {
    let site = Site::with_alice(&[]);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let launch = || Server::launch(&site, &mut activated(&site, &[&socket], "pop3"));
    let mut first = launch();
    assert_eq!(first.listeners(), [("pop3".to_owned(), address.to_string())]);
    Client::greeted(Client::plain(address)).quit();
    first.signal(Signal::SIGTERM);
    assert_eq!(first.wait().code(), Some(0), "{}", first.log());
    let mut waiting = Client::plain(address);
    let second = launch();
    waiting.line();
    waiting.expect("QUIT", SIGNING_OFF);
    drop(second);
}

/// A socket without a name that says what is spoken on it is an error that names it.
#[test]
fn a_socket_of_an_unknown_name_is_refused() {
    let site = Site::with_alice(&[]);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = activated(&site, &[&socket], "imap").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("\"imap\"") && said.contains("pop3, pop3s or lmtp"), "{said}");
}

/// READY, STATUS and the watchdog, RELOADING and READY, STOPPING (sd_notify(3)).
#[test]
fn the_service_manager_is_told() {
    let site = Site::with_alice(&[]);
    let path = site.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = site.command(&["serve", "-l", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1000000");
    let mut server = Server::launch(&site, &mut command);
    let mut said = String::new();
    let mut until = |wanted: &str| {
        said.clear();
        eventually(wanted, || {
            let mut octets = [0; 1024];
            let length = manager.recv(&mut octets).unwrap();
            said.push_str(&String::from_utf8_lossy(&octets[..length]));
            said.contains(wanted)
        });
        said.clone()
    };
    until("READY=1");
    until("STATUS=0 POP3 connections");
    until("WATCHDOG=1");
    until("WATCHDOG=1");
    server.signal(Signal::SIGHUP);
    let reloaded = until("READY=1");
    assert!(reloaded.contains("RELOADING=1\nMONOTONIC_USEC="), "{reloaded}");
    server.signal(Signal::SIGTERM);
    until("STOPPING=1");
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
}
