//! Debian's NeoMutt with its defaults: GNU SASL takes the mechanism it likes best and never falls back.

use crate::support::debian::{Unpacked, unpack};
use crate::support::site::{feed, text};
use crate::support::{Server, Site, eventually};
use std::process::Stdio;

const PACKAGES: &[&str] = &[
    "neomutt",
    "libassuan0",
    "libcom-err2",
    "libglib2.0-0",
    "libgmime-3.0-0",
    "libgpg-error0",
    "libgpgme11",
    "libgsasl18",
    "libgssapi-krb5-2",
    "libidn12",
    "libk5crypto3",
    "libkeyutils1",
    "libkrb5-3",
    "libkrb5support0",
    "liblua5.4-0",
    "libncursesw6",
    "libnotmuch5",
    "libntlm0",
    "libsexp1",
    "libsqlite3-0",
    "libtalloc2",
    "libtokyocabinet9",
    "libxapian30",
];

/// Opens the mailbox at `url` on a terminal of its own and leaves; what it showed.
fn open(neomutt: &Unpacked, server: &Server, url: &str) -> String {
    let configuration = server.path("neomuttrc");
    let certificate = server.path("mail.db.crt");
    let lines = format!(
        "set folder=\"{0}\" spoolfile=\"{0}/spool\" record=\"\"\n\
         set pop_pass=\"se cret\" certificate_file=\"{1}\" ssl_verify_host=no ssl_starttls=yes quit=yes\n",
        server.path("").display(),
        certificate.display()
    );
    std::fs::write(&configuration, lines).unwrap();
    // The shell becomes NeoMutt and the deadline stands outside: a child of either would not own the terminal and be stopped.
    let run = format!("exec neomutt -n -F {} -f {url} -e 'push <quit>'", configuration.display());
    let mut command = neomutt.command(&[], &["timeout", "-k", "5", "60", "script", "-qec", &run, "/dev/null"]);
    command.env("TERM", "xterm").env("HOME", server.path("")).env("SHELL", "/bin/sh");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = feed(&mut command, b"");
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn over_tls_and_stls() {
    let neomutt = unpack("neomutt", PACKAGES);
    let server = Site::with_alice(&[b"Subject: seen by NeoMutt\n\ny\n"]).serve(&[]);
    for (kind, scheme) in [("pop3s", "pops"), ("pop3", "pop")] {
        let shown = open(&neomutt, &server, &format!("{scheme}://alice@{}/", server.address(kind)));
        assert!(shown.contains("Authenticating (SCRAM-SHA-256)"), "{shown}");
        assert!(shown.contains("seen by NeoMutt"), "{shown}");
        assert!(shown.contains("SSL/TLS connection"), "{shown}");
    }
    eventually("two logins", || server.log().matches("Login: user=<alice>").count() == 2);
}
