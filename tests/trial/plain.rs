//! Without a fault.

use super::support::messages::{DOTTED, PLAIN};
use super::support::site::{feed, text};
use super::support::{Client, Server};
use super::{command, demo, directory, leftovers, start};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn it_prints_what_serve_prints_and_lets_demo_in() {
    let server = start(&[]);
    let kinds: Vec<&str> = server.listeners().iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["pop3", "pop3s", "lmtp"]);
    assert!(server.listeners().iter().all(|(_, address)| address.starts_with("127.0.0.1:")));
    demo(&server).quit();
    let mut tls = server.connect_tls();
    tls.log_in("demo", "demo");
    tls.quit();
    server.connect().start_tls().quit();
}

#[test]
fn poplib_finds_the_mail_that_was_given() {
    let site = directory();
    let (one, two) = (site.path("one.eml"), site.path("two=2.eml"));
    std::fs::write(&one, PLAIN).unwrap();
    std::fs::write(&two, DOTTED).unwrap();
    let arguments = ["--user", "alice:a:b", "--user", "bob:x", "--mail", one.to_str().unwrap()];
    let more = ["--mail".to_owned(), format!("bob={}", two.display())];
    let all: Vec<&str> = arguments.into_iter().chain(more.iter().map(String::as_str)).collect();
    let server = Server::launch(&site, &mut command(&site, &all));
    let script = format!(
        "import poplib, sys\n\
         for name, password, path in (('alice', 'a:b', {one:?}), ('bob', 'x', {two:?})):\n\
         \x20   pop = poplib.POP3('127.0.0.1', {})\n\
         \x20   pop.user(name)\n\
         \x20   pop.pass_(password)\n\
         \x20   expected = open(path, 'rb').read()\n\
         \x20   assert pop.stat() == (1, len(expected)), pop.stat()\n\
         \x20   assert pop.uidl()[1] == [b'1 1'], pop.uidl()\n\
         \x20   assert b'\\r\\n'.join(pop.retr(1)[1]) + b'\\r\\n' == expected\n\
         \x20   pop.quit()\n",
        server.address("pop3").port()
    );
    let mut python = Command::new("python3");
    let output =
        feed(python.arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()), script.as_bytes());
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn mail_comes_in_by_lmtp_under_unique_ids_from_1() {
    let server = start(&[]);
    let mut lmtp = server.lmtp();
    for _ in 0..2 {
        lmtp.deliver("demo@example.org", PLAIN);
    }
    assert_eq!(demo(&server).unique_ids(), ["1", "2"]);
}

#[test]
fn nothing_is_left_after_a_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut server = start(&[]);
        let [directory] = <[String; 1]>::try_from(leftovers(&server.path(""))).unwrap();
        let mode = std::fs::metadata(server.path(&directory)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let _session = demo(&server);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        assert!(leftovers(&server.path("")).is_empty());
    }
}

#[test]
fn a_signal_before_it_is_ready_leaves_nothing_either() {
    let site = directory();
    let mut child = command(&site, &["--user", "a:a", "--user", "b:b", "--user", "c:c"]).spawn().unwrap();
    let start = Instant::now();
    while leftovers(&site.path("")).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "it makes no directory");
        std::thread::sleep(Duration::from_millis(1));
    }
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(leftovers(&site.path("")).is_empty());
}

#[test]
fn what_cannot_be_used_is_one_line_and_leaves_nothing() {
    let site = directory();
    let broken = site.path("picture.png");
    std::fs::write(&broken, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap();
    for (arguments, code) in [
        (&["--mail", "/nonexistent/mail"][..], 66),
        (&["--mail", broken.to_str().unwrap()], 65),
        (&["--mail", "carol=/nonexistent/mail"], 67),
        (&["--user", "a b:x"], 65),
        (&["--user", "bob"], 64),
        (&["--fault", "no-such"], 64),
        (&["--fault", "in-use=1"], 64),
        (&["-d", "mail.db"], 64),
        (&["extra"], 64),
    ] {
        let output = command(&site, arguments).output().unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.starts_with("pillarbox: ") && error.lines().count() == 1, "{arguments:?}: {error:?}");
        assert!(output.stdout.is_empty() && leftovers(&site.path("")).is_empty(), "{arguments:?}");
    }
}

#[test]
fn json_is_one_line_with_addresses_and_certificate() {
    let site = directory();
    let mut child = command(&site, &["--json"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let answer: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    for kind in ["pop3", "pop3s", "lmtp"] {
        let address: std::net::SocketAddr = answer[kind].as_str().unwrap().parse().unwrap();
        assert!(std::net::TcpStream::connect(address).is_ok(), "{kind}");
    }
    assert!(std::fs::read_to_string(answer["certificate"].as_str().unwrap()).unwrap().contains("BEGIN CERTIFICATE"));
    let client = Client::plain(answer["pop3"].as_str().unwrap().parse().unwrap()).greeted();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(client);
    assert!(lines.next().is_none());
}
