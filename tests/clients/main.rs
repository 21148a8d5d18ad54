//! Clients that were not written here. A missing one fails its test: the set-up installs them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

use std::process::{Command, Stdio};
use support::messages::{DOTTED, PLAIN, message, stuffed};
use support::site::{feed, text};
use support::{Server, Site};

/// Three messages, one of 8-bit text and dots, under the policy that allows nothing in clear.
fn secure() -> Server {
    mailbox("SecureLogin")
}

/// The same under the policy that allows all.
fn clear() -> Server {
    mailbox("PlainTextLogin")
}

fn mailbox(policy: &str) -> Server {
    Site::with_alice(&[PLAIN, DOTTED, &eight_bit()]).serve(&[("LoginType", policy), ("EnableExactRFC822Size", "1")])
}

fn eight_bit() -> Vec<u8> {
    message("gr\u{fc}n", &"..\u{e4}\u{f6}\u{fc}\r\n".repeat(1000))
}

/// Runs a program that must succeed; answers its stdout.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = feed(&mut command, input);
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{}", text(&output.stderr), text(&output.stdout));
    output.stdout
}

/// A whole session with Python's `poplib`, which compares every octet itself.
fn poplib(server: &Server, kind: &str, way: &str) {
    let files = [PLAIN, DOTTED, &eight_bit()].map(|message| {
        let path = server.path(&format!("expected-{}", message.len()));
        std::fs::write(&path, message).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/session.py");
    let port = server.address(kind).port().to_string();
    run("python3", &[script, way, &port, &files[0], &files[1], &files[2]], b"");
    assert_eq!(server.sql("SELECT messages FROM mailbox_usage"), "2\n", "the second message was deleted");
    server.assert_sound();
}

#[test]
fn poplib_in_clear() {
    poplib(&clear(), "pop3", "clear");
}

#[test]
fn poplib_with_stls() {
    poplib(&secure(), "pop3", "stls");
}

#[test]
fn poplib_over_tls() {
    poplib(&secure(), "pop3s", "tls");
}

/// Listing, fetching, unique-ids and deleting with curl.
fn curl(server: &Server, scheme: &str, options: &[&str]) {
    let base = format!("{scheme}://{}", server.address(scheme));
    let curl = |path: &str, more: &[&str]| {
        let url = format!("{base}/{path}");
        let common = ["-sS", "-k", "--max-time", "60", "-u", "alice:se cret", &url];
        run("curl", &[&common, options, more].concat(), b"")
    };
    let (first, second) = (PLAIN.len(), DOTTED.len());
    assert!(text(&curl("", &[])).starts_with(&format!("1 {first}\r\n2 {second}\r\n3 ")));
    assert_eq!(curl("1", &[]), PLAIN);
    assert_eq!(curl("2", &[]), DOTTED);
    assert_eq!(curl("3", &[]), eight_bit());
    assert_eq!(text(&curl("", &["-X", "UIDL"])).lines().count(), 3);
    let (header, _) = text(PLAIN).split_once("\r\n\r\n").map(|(h, b)| (h.to_owned(), b.to_owned())).unwrap();
    assert_eq!(text(&curl("", &["-X", "TOP 1 0"])), format!("{header}\r\n\r\n"));
    curl("2", &["-X", "DELE", "-l"]);
    assert_eq!(server.sql("SELECT messages FROM mailbox_usage"), "2\n");
}

#[test]
fn curl_in_clear() {
    curl(&clear(), "pop3", &[]);
    curl(&clear(), "pop3", &["--login-options", "AUTH=PLAIN", "--sasl-ir"]);
    curl(&clear(), "pop3", &["--login-options", "AUTH=PLAIN"]);
}

#[test]
fn curl_with_stls() {
    curl(&secure(), "pop3", &["--ssl-reqd"]);
    curl(&secure(), "pop3", &["--ssl-reqd", "--tls-max", "1.2"]);
}

#[test]
fn curl_over_tls() {
    curl(&secure(), "pop3s", &[]);
    curl(&secure(), "pop3s", &["--tlsv1.3"]);
}

#[test]
fn curl_is_refused() {
    let server = secure();
    for (url, options) in [("pop3", &[][..]), ("pop3s", &["-u", "alice:wrong"])] {
        let url = format!("{url}://{}/1", server.address(url));
        let mut command = Command::new("curl");
        command.args(["-sS", "-k", "-u", "alice:se cret"]).args(options).arg(&url);
        let output = feed(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()), b"");
        assert_eq!(output.status.code(), Some(67), "{url}: curl's code for a denied login: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

/// Fetches everything with mpop into an mbox-less directory, pipelined, and deletes it on the server.
fn mpop(server: &Server, kind: &str, lines: &str) {
    let directory = server.path(&format!("maildir-{kind}"));
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(directory.join(sub)).unwrap();
    }
    let (uidls, config) = (server.path("uidls"), server.path("mpoprc"));
    let address = server.address(kind);
    let text = format!(
        "account a\nhost {}\nport {}\nuser alice\npassword \"se cret\"\n{lines}\nkeep off\nreceived_header off\n\
         uidls_file {}\ndelivery maildir {}\naccount default : a\n",
        address.ip(),
        address.port(),
        uidls.display(),
        directory.display()
    );
    std::fs::write(&config, text).unwrap();
    std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    run("mpop", &["-C", config.to_str().unwrap()], b"");
    let fetched =
        std::fs::read_dir(directory.join("new")).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let mut fetched: Vec<Vec<u8>> = fetched.collect();
    let mut expected: Vec<Vec<u8>> = [PLAIN, DOTTED, &eight_bit()].map(unix_lines).to_vec();
    fetched.sort();
    expected.sort();
    assert!(fetched == expected, "mpop fetched {} messages that differ", fetched.len());
    assert_eq!(server.sql("SELECT messages FROM mailbox_usage"), "0\n");
}

/// Lines as a Maildir on this system has them.
fn unix_lines(message: &[u8]) -> Vec<u8> {
    message.iter().copied().filter(|octet| *octet != b'\r').collect()
}

#[test]
fn mpop_in_clear() {
    mpop(&clear(), "pop3", "tls off\nauth user\npipelining on");
    mpop(&clear(), "pop3", "tls off\nauth plain\npipelining auto");
}

#[test]
fn mpop_with_stls() {
    mpop(&secure(), "pop3", "tls on\ntls_starttls on\ntls_certcheck off\nauth plain\npipelining on");
}

#[test]
fn mpop_over_tls() {
    mpop(&secure(), "pop3s", "tls on\ntls_starttls off\ntls_certcheck off\nauth user\npipelining off");
}

/// What a person types after `openssl s_client -quiet -crlf`.
fn s_client(kind: &str, options: &[&str]) {
    let server = secure();
    let connect = server.address(kind).to_string();
    let arguments = [&["s_client", "-quiet", "-crlf", "-connect", &connect], options].concat();
    let shown = run("openssl", &arguments, b"USER alice\nPASS se cret\nSTAT\nRETR 2\nDELE 2\nQUIT\n");
    let octets = [PLAIN, DOTTED, &eight_bit()].map(<[u8]>::len).iter().sum::<usize>();
    let transcript = format!(
        "+OK\r\n+OK User successfully logged on.\r\n+OK 3 {octets}\r\n+OK\r\n{}.\r\n+OK\r\n\
         +OK Pillarbox POP3 server signing off.\r\n",
        text(&stuffed(DOTTED))
    );
    assert!(text(&shown).ends_with(&transcript), "{}", text(&shown));
    assert_eq!(server.sql("SELECT messages FROM mailbox_usage"), "2\n");
}

#[test]
fn openssl_s_client_over_tls() {
    s_client("pop3s", &["-tls1_2"]);
    s_client("pop3s", &["-tls1_3"]);
}

#[test]
fn openssl_s_client_with_stls() {
    s_client("pop3", &["-starttls", "pop3"]);
}
