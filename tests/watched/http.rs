//! `HttpBindings`: Prometheus, health and the page.

use crate::support::messages::PLAIN;
use crate::support::{Server, Site, eventually};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What comes back for these octets: header and body.
pub fn ask(mut stream: impl Read + Write, request: &str) -> (String, String) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no header: {answer:?}"));
    (head.to_owned(), body.to_owned())
}

/// GET of a page that must be there.
pub fn get(server: &Server, path: &str) -> String {
    let stream = TcpStream::connect(server.address("http")).unwrap();
    let (head, body) = ask(stream, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
    body
}

/// The value of a sample.
pub fn metric(server: &Server, sample: &str) -> f64 {
    let page = get(server, "/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("pillarbox_{sample} ")));
    line.unwrap_or_else(|| panic!("no {sample} in {page}")).parse().unwrap()
}

fn serve(messages: &[&[u8]]) -> Server {
    Site::with_alice(messages).serve(&[("HttpBindings", "127.0.0.1:0")])
}

#[test]
fn what_is_done_is_counted() {
    let server = serve(&[PLAIN]);
    let mut client = server.alice();
    client.multi("RETR 1");
    client.refuse("FROBNICATE");
    assert_eq!(metric(&server, "sessions"), 1.0);
    client.expect_start("DELE 1", "+OK");
    client.quit();
    let mut wrong = server.connect();
    wrong.expect_start("USER alice", "+OK");
    wrong.refuse("PASS wrong");
    wrong.quit();
    let mut lmtp = server.lmtp();
    lmtp.deliver("alice", b"Subject: x\r\n\r\ny\r\n");
    for (sample, value) in [
        ("connections_total{service=\"pop3\"}", 2.0),
        ("logins_total{mechanism=\"PLAIN\",result=\"accepted\"}", 1.0),
        ("logins_total{mechanism=\"PLAIN\",result=\"refused\"}", 1.0),
        ("commands_total{command=\"RETR\"}", 1.0),
        ("commands_total{command=\"other\"}", 1.0),
        ("retrieved_messages_total", 1.0),
        ("retrieved_octets_total", PLAIN.len() as f64),
        ("removed_messages_total", 1.0),
        ("deliveries_total{result=\"stored\"}", 1.0),
        ("mailboxes", 1.0),
        ("messages", 1.0),
        ("healthy", 1.0),
        ("warnings{kind=\"settings\"}", 0.0),
    ] {
        assert_eq!(metric(&server, sample), value, "{sample}");
    }
    eventually("the session has ended", || metric(&server, "sessions") == 0.0);
    for sample in ["commit_seconds_count", "queue_seconds_count", "database_octets", "disk_free_octets"] {
        assert!(metric(&server, sample) > 0.0, "{sample}");
    }
    assert!(metric(&server, "certificate_left_seconds") > 300.0 * 86_400.0);
    let page = get(&server, "/metrics");
    assert!(!page.contains("alice") && !page.contains("127.0.0.1"), "{page}");
    assert!(page.lines().all(|line| line.starts_with("# ") || line.starts_with("pillarbox_")), "{page}");
}

#[test]
fn only_this_machine_can_be_bound() {
    let site = Site::new();
    for wrong in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "localhost:1", "relative", "127.0.0.1", "[::ffff:127.0.0.1]:1"]
    {
        let error =
            site.try_sql(&format!("UPDATE settings SET value = '{wrong}' WHERE name = 'HttpBindings'")).unwrap_err();
        assert!(error.contains("HttpBindings: "), "{error}");
        site.fail(&["serve", "-l", "127.0.0.1:0", "--set", &format!("HttpBindings={wrong}")], b"", 64);
    }
    site.set("HttpBindings", "127.0.0.1:9,[::1]:9, /run/pillarbox/http");
    site.set("HttpBindings", "");
}

#[test]
fn a_socket_serves_as_well_as_an_address() {
    let site = Site::with_alice(&[]);
    let path = site.path("http");
    let bindings = format!("127.0.0.1:0,{}", path.display());
    let server = site.serve(&[("HttpBindings", &bindings)]);
    let last = server.listeners().last().unwrap().clone();
    assert_eq!(last, ("http".to_owned(), path.display().to_string()), "behind the others, before ready");
    let (head, body) = ask(UnixStream::connect(&path).unwrap(), "GET /healthz HTTP/1.0\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && body == "ok\n", "{head}");
    server.terminate();
    assert!(!Path::new(&path).exists());
}

#[test]
fn the_page_shows_everything_and_lets_nothing_in() {
    let server = serve(&[PLAIN]);
    server.alice().quit();
    let stream = TcpStream::connect(server.address("http")).unwrap();
    let (head, page) = ask(stream, "GET / HTTP/1.1\r\n\r\n");
    let policy = head.lines().find(|line| line.starts_with("Content-Security-Policy: default-src 'none'; ")).unwrap();
    assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert_eq!(page.matches("role=\"img\"").count(), 12);
    assert!(page.contains(">alice</th>") && page.contains("1 logins, 0 failures"), "{page}");
    assert!(!page.contains("<script") && page.contains("prefers-color-scheme: dark") && page.contains("viewport"));
}

#[test]
fn strangers_get_nothing_and_hold_nothing_up() {
    let server = serve(&[]);
    let connect = || TcpStream::connect(server.address("http")).unwrap();
    for (request, status) in [
        ("GET /nothing HTTP/1.1\r\n\r\n", "404"),
        ("GET /status HTTP/1.1\r\n\r\n", "404"),
        ("POST / HTTP/1.1\r\n\r\n", "405"),
        ("HELO x\r\n\r\n", "400"),
    ] {
        assert!(ask(connect(), request).0.starts_with(&format!("HTTP/1.1 {status} ")), "{request}");
    }
    // All that may be there at the same time, and more, say nothing.
    let silent: Vec<TcpStream> = (0..20).map(|_| connect()).collect();
    server.alice().quit();
    eventually("somebody is answered again", || {
        let mut stream = connect();
        let mut answer = String::new();
        let sent = stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").is_ok();
        sent && stream.read_to_string(&mut answer).is_ok() && answer.ends_with("ok\n")
    });
    drop(silent);
}
