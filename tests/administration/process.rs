//! The process: what it prints, how it ends, what signals do.

use crate::mailbox;
use crate::support::messages::PLAIN;
use crate::support::site::text;
use crate::support::texts::{OK, SIGNING_OFF};
use crate::support::{Client, Server, Site, eventually};
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt;

/// Only the listeners named on the command line; port 0 is a free one, told on stdout.
#[test]
fn listeners_and_ready() {
    let site = Site::with_alice(&[]);
    let server = Server::start_with(&site, &["serve", "-l", "127.0.0.1:0", "-l", "[::1]:0"]);
    let kinds: Vec<&str> = server.listeners().iter().map(|(kind, _)| &**kind).collect();
    assert_eq!(kinds, ["pop3", "pop3"]);
    assert!(server.listeners().iter().all(|(_, address)| !address.ends_with(":0")));
    let (_, second) = &server.listeners()[1];
    Client::greeted(Client::plain(second.parse().unwrap())).quit();
    let taken = server.address("pop3").to_string();
    let second = site.run(&["serve", "-l", &taken], b"");
    assert!(matches!(second.status.code(), Some(69 | 71 | 73 | 74 | 78)), "{second:?}");
    assert!(text(&second.stderr).contains(&taken), "{}", text(&second.stderr));
    assert!(!text(&second.stdout).contains("ready"));
}

/// SIGTERM and SIGINT: exit 0; a session in between is told, and nothing of it is deleted.
#[test]
fn a_polite_end() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut server = mailbox(&[]);
        let mut idle = server.alice();
        idle.expect("DELE 1", OK);
        let mut done = server.alice();
        done.expect("QUIT", SIGNING_OFF);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{signal}: {}", server.log());
        let rest = text(&idle.rest());
        assert!(rest.is_empty() || rest.starts_with("-ERR "), "{rest:?}");
        assert_eq!(server.sql("SELECT messages FROM mailbox_usage"), "2\n");
        server.assert_sound();
    }
}

/// A transfer that runs when SIGTERM comes is finished.
#[test]
fn a_running_command_finishes() {
    let large = crate::support::messages::of_size(20 << 20);
    let mut server = Site::with_alice(&[&large]).serve(&[]);
    let mut client = server.alice();
    client.expect("RETR 1", OK);
    server.signal(Signal::SIGTERM);
    assert!(client.stuffed_body() == large, "the transfer was cut");
    client.rest();
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
}

/// Clients that read nothing, finish no handshake and no line cannot keep the process from ending.
#[test]
fn the_end_waits_for_nobody_for_long() {
    let large = crate::support::messages::of_size(32 << 20);
    let mut server = Site::with_alice(&[&large]).serve(&[]);
    let mut stalled = [server.alice(), server.connect_tls()];
    stalled[1].log_in("alice", "se cret");
    stalled.iter_mut().for_each(|client| client.send("RETR 1\r\nQUIT\r\n"));
    let mut half = [server.connect(), Client::plain(server.address("pop3s")), server.alice()];
    half.iter_mut().for_each(|client| client.send("\x16\x03"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(stalled.iter_mut().all(|client| !client.rest().ends_with(SIGNING_OFF.as_bytes())));
    server.assert_sound();
}

/// SIGHUP: new connections get the new certificate, running sessions go on.
#[test]
fn sighup_reads_the_certificate_again() {
    let site = Site::with_alice(&[PLAIN]);
    let (certificate, key) = (site.path("tls.crt"), site.path("tls.key"));
    make_pair(&site, "first");
    let server =
        site.serve(&[("CertificateFile", certificate.to_str().unwrap()), ("PrivateKeyFile", key.to_str().unwrap())]);
    let mut open = server.connect_tls();
    open.log_in("alice", "se cret");
    let first = open.certificate();
    make_pair(&site, "second");
    server.signal(Signal::SIGHUP);
    eventually("the new certificate", || server.connect_tls().certificate() != first);
    assert_eq!(open.multi("RETR 1"), PLAIN);
    std::fs::write(&certificate, "no certificate").unwrap();
    let second = server.connect_tls().certificate();
    server.signal(Signal::SIGHUP);
    eventually("what is in use", || {
        server.log().contains("contains no PEM certificate; the old certificate stays in use: ")
    });
    assert_eq!(server.connect_tls().certificate(), second, "a bad file changes nothing");
}

/// Renewed files need no signal; as long as only one of the two is there, or they do not belong together, the old pair serves.
#[test]
fn changed_certificate_files_are_noticed() {
    let site = Site::with_alice(&[PLAIN]);
    let (certificate, key) = (site.path("tls.crt"), site.path("tls.key"));
    make_pair(&site, "first");
    let server =
        site.serve(&[("CertificateFile", certificate.to_str().unwrap()), ("PrivateKeyFile", key.to_str().unwrap())]);
    let first = server.connect_tls().certificate();
    let old_key = std::fs::read(&key).unwrap();
    make_pair(&site, "second");
    let new_key = std::fs::read(&key).unwrap();
    std::fs::write(&key, old_key).unwrap();
    eventually("a pair that does not match", || {
        let log = server.log();
        log.contains("does not match the certificate in ") && log.contains("the old certificate stays in use: ")
    });
    assert_eq!(server.connect_tls().certificate(), first);
    std::fs::remove_file(&key).unwrap();
    eventually("a missing key", || server.log().contains("tls.key cannot be read: No such file"));
    assert_eq!(server.connect_tls().certificate(), first);
    std::fs::write(&key, new_key).unwrap();
    eventually("the new certificate", || server.connect_tls().certificate() != first);
}

/// Rows of `certificates` act while the server runs; `openssl s_client` asks for the names.
#[test]
fn names_have_certificates_of_their_own() {
    let site = Site::with_alice(&[]);
    make_pair(&site, "general");
    let (certificate, key) = (site.path("tls.crt"), site.path("tls.key"));
    let pair = |name: &str| {
        let files = [site.path(&format!("{name}.crt")), site.path(&format!("{name}.key"))];
        std::fs::copy(&certificate, &files[0]).unwrap();
        std::fs::copy(&key, &files[1]).unwrap();
        files.map(|file| file.display().to_string())
    };
    let [certificate_file, key_file] = pair("all");
    let server = site.serve(&[("CertificateFile", &certificate_file), ("PrivateKeyFile", &key_file)]);
    let shown = |name: &str| subject(&server.address("pop3s").to_string(), name);
    for (row, subject) in [("mail.example.net", "host"), ("*.example.net", "domain")] {
        make_pair(&site, subject);
        let [certificate, key] = pair(subject);
        site.sql(&format!("INSERT INTO certificates VALUES ('{row}', '{certificate}', '{key}')"));
    }
    eventually("the certificate of the domain", || shown("pop.example.net").contains("CN = domain"));
    assert!(shown("MAIL.example.net").contains("CN = host"));
    for other in ["example.net", "a.b.example.net", "mail.example.org"] {
        assert!(shown(other).contains("CN = general"), "{other}");
    }
    site.sql("UPDATE certificates SET key_file = '/nowhere' WHERE name = 'mail.example.net'");
    eventually("what is in use", || {
        server.log().contains("/nowhere cannot be read: No such file or directory (os error 2); the old certificate for mail.example.net stays in use: ")
    });
    assert!(shown("mail.example.net").contains("CN = host"));
    site.sql("DELETE FROM certificates");
    eventually("the certificate of all names", || shown("mail.example.net").contains("CN = general"));
    site.sql("INSERT INTO certificates VALUES ('bad.example', '/nowhere', '/nowhere')");
    eventually("an error", || server.log().contains("using the certificate for all names for bad.example: "));
    assert!(shown("bad.example").contains("CN = general"));
}

/// The subject of the certificate that a client gets who asks for `name`.
fn subject(address: &str, name: &str) -> String {
    let mut command = std::process::Command::new("openssl");
    command.args(["s_client", "-connect", address, "-servername", name]).stdin(std::process::Stdio::null());
    let shown = text(&command.output().unwrap().stdout);
    shown.lines().find(|line| line.starts_with("subject=")).unwrap_or_default().to_owned()
}

/// A pipe as certificate or protocol log is an error in the log: nobody waits for its other end.
#[test]
fn a_pipe_keeps_nobody_waiting() {
    let site = Site::with_alice(&[]);
    let pipe = |name: &str| {
        let path = site.path(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path.display().to_string()
    };
    let logs = site.path("logs");
    std::fs::create_dir(&logs).unwrap();
    let months = site
        .sql("WITH m(n) AS (VALUES (0), (1)) SELECT strftime('%Y%m', 'now', 'start of month', n || ' months') FROM m");
    months.lines().for_each(|month| drop(pipe(&format!("logs/pop3-{month}.log"))));
    let logs = logs.display().to_string();
    let mut server =
        site.serve(&[("ProtocolLogEnabled", "1"), ("LogFileLocation", &logs), ("LogFileRollOverSettings", "Monthly")]);
    server.alice().quit();
    assert!(server.log().contains(&format!("{logs}/pop3-")), "{}", server.log());
    let certificate = pipe("pipe.pem");
    site.sql(&format!(
        "UPDATE settings SET value = '{certificate}' WHERE name IN ('CertificateFile', 'PrivateKeyFile')"
    ));
    eventually("an error in the log", || server.log().contains(&certificate));
    server.connect_tls().quit();
    site.set("Banner", "Still here.");
    eventually("a new banner", || Client::plain(server.address("pop3")).line() == "+OK Still here.\r\n");
    server.signal(Signal::SIGHUP);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
}

/// A self-signed pair of this name, made by the `openssl` command.
fn make_pair(site: &Site, name: &str) {
    let mut command = std::process::Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &format!("/CN={name}")]);
    let made = command.arg("-out").arg(site.path("tls.crt")).arg("-keyout").arg(site.path("tls.key")).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
}

/// The self-signed pair is made once, beside the database, and its key is private.
#[test]
fn the_self_signed_pair() {
    let server = mailbox(&[]);
    let file = |suffix: &str| format!("{}.{suffix}", server.database().display());
    assert_eq!(std::fs::metadata(file("key")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(file("crt")).unwrap().contains("BEGIN CERTIFICATE"));
    let first = server.connect_tls().certificate();
    let again = mailbox(&[]);
    assert_ne!(again.connect_tls().certificate(), first);
    let site = Site::with_alice(&[]);
    let one = site.serve(&[]);
    let certificate = one.connect_tls().certificate();
    assert!(one.terminate().success());
    assert_eq!(site.serve(&[]).connect_tls().certificate(), certificate);
}

/// A server that was killed between the two leaves a key alone.
#[test]
fn a_pair_of_which_the_certificate_is_missing() {
    let site = Site::with_alice(&[]);
    let one = site.serve(&[]);
    assert!(one.terminate().success());
    let file = |suffix: &str| format!("{}.{suffix}", site.database().display());
    let key = std::fs::read(file("key")).unwrap();
    std::fs::remove_file(file("crt")).unwrap();
    let server = site.serve(&[]);
    server.connect_tls();
    assert_eq!(std::fs::read(file("key")).unwrap(), key, "the key stays");
}

/// A key that does not belong to the certificate is found at the start.
#[test]
fn a_key_of_another_certificate_is_refused() {
    let site = Site::with_alice(&[]);
    make_pair(&site, "one");
    std::fs::rename(site.path("tls.crt"), site.path("one.crt")).unwrap();
    make_pair(&site, "two");
    let certificate = format!("CertificateFile={}", site.path("one.crt").display());
    let key = format!("PrivateKeyFile={}", site.path("tls.key").display());
    let arguments = ["serve", "-s", "127.0.0.1:0", "--set", &certificate, "--set", &key];
    let output = site.run(&arguments, b"");
    assert!(!matches!(output.status.code(), Some(0) | None), "{output:?}");
    assert!(!text(&output.stdout).contains("ready"));
    assert!(text(&output.stderr).contains("tls.key") || text(&output.stderr).contains("one.crt"), "{output:?}");
}

/// A disk that fails is no wrong setting. (To read the first page of a process's memory is EIO.)
#[test]
fn a_certificate_that_the_disk_does_not_give_is_74() {
    let site = Site::with_alice(&[]);
    make_pair(&site, "one");
    let pair = ["tls.crt", "tls.key"].map(|name| site.path(name).display().to_string());
    for (certificate, key) in [("/proc/self/mem", &*pair[1]), (&*pair[0], "/proc/self/mem")] {
        let settings = [format!("CertificateFile={certificate}"), format!("PrivateKeyFile={key}")];
        let error = site.run(&["serve", "-l", "127.0.0.1:0", "--set", &settings[0], "--set", &settings[1]], b"");
        assert_eq!(error.status.code(), Some(74), "{error:?}");
        assert!(text(&error.stderr).contains("/proc/self/mem cannot be read"), "{error:?}");
    }
}

/// Nothing of a session's secrets is in the log, not even at its most talkative.
#[test]
fn the_log_holds_no_passwords() {
    let site = Site::with_alice(&[PLAIN]);
    let arguments =
        ["serve", "-l", "127.0.0.1:0", "--set", "LoginType=PlainTextLogin", "--set", "ProtocolLogEnabled=1"];
    let mut server = Server::launch(&site, site.command(&arguments).env("RUST_LOG", "trace"));
    for password in ["se cret", "Never-To-Be-Logged"] {
        let mut client = Client::greeted(Client::plain(server.address("pop3")));
        client.expect("USER alice", OK);
        client.say(&format!("PASS {password}"));
    }
    server.connect().say("AUTH PLAIN AGFsaWNlAE5ldmVyLVRvLUJlLUxvZ2dlZA==");
    server.signal(Signal::SIGTERM);
    server.wait();
    for secret in ["se cret", "Never-To-Be-Logged", "AGFsaWNlAE5ldmVyLVRvLUJlLUxvZ2dlZA"] {
        assert!(!server.log().contains(secret), "{}", server.log());
    }
}
