//! Somebody who sends mail from elsewhere.

use crate::support::site::{feed, text};
use std::process::{Command, Output, Stdio};

/// Not the address of the mail server itself, whose mail is taken for anybody.
const STRANGER: &str = "127.0.0.9";

/// Hands a message to the SMTP server.
pub fn send(to: &str, body: &str) {
    send_from("bob@b.example", to, body);
}

/// The same, of this sender; swaks says `<>` for the null one.
pub fn send_from(sender: &str, to: &str, body: &str) {
    let output = attempt(sender, to, body);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// Mail to nobody@example.org is refused at RCPT with a 550 that says this, so that nothing will bounce.
pub fn assert_refused(reason: &str) {
    let output = attempt("bob@b.example", "nobody@example.org", "x");
    let said = text(&output.stdout);
    let refusal = said.lines().skip_while(|line| !line.contains("RCPT TO:")).nth(1).unwrap_or_default();
    assert!(!output.status.success() && refusal.contains("550 ") && refusal.contains(reason), "{said}");
}

fn attempt(sender: &str, to: &str, body: &str) -> Output {
    let mut command = Command::new("swaks");
    command.args(["--server", "127.0.0.1", "--local-interface", STRANGER, "--helo", "b.example", "--timeout", "30"]);
    command.args(["--from", sender, "--to", to, "--body", body]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    feed(&mut command, b"")
}
