//! Administration with the `sqlite3` shell while the server runs (docs/interface.md section 2), and the
//! commands of section 1.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod mail;
mod passwords;
mod presence;
mod process;
mod protocol_log;
mod service_manager;
mod settings;
mod statements;
mod undo;
mod users;

use support::messages::{DOTTED, PLAIN};
use support::texts::{LOGON, OK};
use support::{Server, Site, eventually};

/// Alice's two messages, served with these settings besides the tests' own.
fn mailbox(settings: &[(&str, &str)]) -> Server {
    Site::with_alice(&[PLAIN, DOTTED]).serve(settings)
}

/// The reply to PASS on a connection of its own.
fn attempt(server: &Server, user: &str, password: &str) -> String {
    let mut client = server.connect();
    client.expect(&format!("USER {user}"), OK);
    client.say(&format!("PASS {password}"))
}

/// Waits until this login succeeds, or until it fails.
fn eventually_logs_in(server: &Server, user: &str, password: &str, succeeds: bool) {
    let outcome = if succeeds { "can" } else { "cannot" };
    eventually(&format!("{user} {outcome} log in"), || (attempt(server, user, password) == LOGON) == succeeds);
}
