//! Debian's HAProxy in front of two nodes: the greeting is the health check, PROXY version 2 names the client.

use crate::support::debian::{Daemon, free_port, unpack};
use crate::support::postgres::Cluster;
use crate::support::texts::LOGON;
use crate::support::{Server, Site, eventually};
use crate::{database, node};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The balancer connects from here, so that its clients are told from it.
const PROXY: &str = "127.0.0.2/32";

fn start(site: &Arc<Site>, port: u16) -> Server {
    let settings = [format!("ProxyNetworks={PROXY}"), "LoginType=PlainTextLogin".into(), "DrainSeconds=3".into()];
    let listen = format!("127.0.0.1:{port}");
    let mut arguments = vec!["serve", "-l", &listen, "--set", "MaxLoginDelay=0"];
    settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
    Server::start_with(site, &arguments)
}

fn balance(site: &Site, front: u16, nodes: [u16; 2]) -> Daemon {
    let config = site.path("haproxy.cfg");
    let text = format!(
        "global\n maxconn 200\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n\
         listen pop3\n bind 127.0.0.1:{front}\n balance roundrobin\n option tcp-check\n tcp-check expect rstring ^\\+OK\n \
         tcp-check send QUIT\\r\\n\n option redispatch\n retries 3\n \
         default-server send-proxy-v2 check check-send-proxy inter 200ms fall 2 rise 2 on-marked-down shutdown-sessions source 127.0.0.2\n \
         server one 127.0.0.1:{}\n server two 127.0.0.1:{}\n",
        nodes[0], nodes[1]
    );
    std::fs::write(&config, text).unwrap();
    let log = site.path("haproxy.log");
    let unpacked = unpack("haproxy", &["haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"]);
    let mut command = unpacked.command(&[], &["/usr/sbin/haproxy", "-db", "-f", config.to_str().unwrap()]);
    command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    Daemon::start(&mut command, &log)
}

/// What a session became.
enum End {
    /// It read its message and left.
    Well,
    /// It was sent away before the login, or the connection went: the client tries again.
    Again,
}

/// One poll: everything that is answered must be right.
fn poll(front: u16) -> End {
    let Ok(stream) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], front))) else { return End::Again };
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut reader = BufReader::new(stream);
    let mut say = |command: &str, last: &str| -> Option<String> {
        reader.get_mut().write_all(command.as_bytes()).ok()?;
        let mut answer = String::new();
        while !answer.ends_with(last) {
            (reader.read_line(&mut answer).ok()? > 0).then_some(())?;
        }
        Some(answer)
    };
    let Some(greeting) = say("", "\r\n") else { return End::Again };
    if greeting.starts_with("-ERR [SYS/TEMP]") {
        return End::Again;
    }
    assert!(greeting.starts_with("+OK"), "{greeting}");
    for (command, last, expected) in [
        ("USER user0\r\n", "\r\n", "+OK\r\n"),
        ("PASS se cret\r\n", "\r\n", LOGON),
        ("RETR 1\r\n", ".\r\n", "hello\r\n.\r\n"),
        ("QUIT\r\n", "\r\n", "+OK"),
    ] {
        let Some(answer) = say(command, last) else { return End::Again };
        let temporary = answer.starts_with("-ERR [SYS/TEMP]") || answer.starts_with("-ERR Connection is closed.");
        if temporary {
            return End::Again;
        }
        assert!(answer.contains(expected), "{command}{answer}");
    }
    End::Well
}

#[test]
fn one_node_is_drained_and_one_killed_under_load() {
    let database = database(Cluster::shared());
    let first = node(&database, None);
    database.sql("INSERT INTO users(name, password) VALUES ('user0', 'se cret')");
    first.deliver("user0", b"Subject: x\r\n\r\nhello\r\n");
    let [front, one, two] = [free_port(), free_port(), free_port()];
    let drained = start(&first, one);
    let second = node(&database, Some(&first));
    let killed = start(&second, two);
    let _haproxy = balance(&first, front, [one, two]);
    let (stop, polls) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    match poll(front) {
                        End::Well => _ = polls.fetch_add(1, Ordering::Relaxed),
                        End::Again => std::thread::sleep(Duration::from_millis(50)),
                    }
                }
            });
        }
        let more = |what: &str| {
            let until = polls.load(Ordering::Relaxed) + 20;
            eventually(what, || polls.load(Ordering::Relaxed) >= until);
        };
        let logins = |server: &Server| server.log().matches("rip=127.0.0.1, lip=").count();
        eventually("both nodes have clients", || logins(&drained) > 3 && logins(&killed) > 3);
        assert_eq!(drained.terminate().code(), Some(0));
        more("the other node has all clients");
        let back = start(&first, one);
        eventually("the node has clients again", || logins(&back) > 3);
        killed.kill();
        more("the node that is left has all clients");
        stop.store(true, Ordering::Relaxed);
    });
    first.succeed(&["check"], b"");
}
