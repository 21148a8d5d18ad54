//! `pillarbox try` as people who test clients use it: what it is without a fault, and what each fault does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

#[path = "../support/mod.rs"]
mod support;

mod documentation;
mod faults;
mod plain;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use support::{Client, Server, Site};

/// A directory for one test.
fn directory() -> Arc<Site> {
    Site::found(tempfile::tempdir().unwrap(), Vec::new())
}

/// `pillarbox try ARGUMENTS`, ready to run, with temporary files in this directory.
fn command(site: &Site, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
    command.arg("try").args(arguments).env("TMPDIR", site.path(""));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it and waits until it is ready.
fn start(arguments: &[&str]) -> Server {
    let site = directory();
    Server::launch(&site, &mut command(&site, arguments))
}

/// The same with these messages in the mailbox of demo, and a fault.
fn faulty(fault: &str, messages: &[&[u8]]) -> Server {
    let site = directory();
    let mail = site.path("mail");
    std::fs::create_dir(&mail).unwrap();
    for (at, message) in messages.iter().enumerate() {
        std::fs::write(mail.join(format!("{at}.eml")), message).unwrap();
    }
    let given = ["--fault", fault, "--mail", mail.to_str().unwrap()];
    // A directory without mail is refused.
    let given = if messages.is_empty() { &given[..2] } else { &given };
    Server::launch(&site, &mut command(&site, given))
}

fn demo(server: &Server) -> Client {
    server.session("demo", "demo")
}

/// What is left of temporary directories.
fn leftovers(directory: &Path) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("pillarbox-try-")).collect()
}
