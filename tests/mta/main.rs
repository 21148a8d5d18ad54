//! The recipes of docs/mta.md, each with Debian's own mail server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test; clippy sees only #[test] as one")]

mod others;
mod postfix;
mod sender;

#[path = "../support/mod.rs"]
mod support;

use support::debian::{Unpacked, unpack};
use support::privileged::{Right, as_root};

/// The block of `docs/mta.md` that follows this heading and names this file, with the documented
/// paths replaced.
fn recipe(heading: &str, file: &str, replace: &[(&str, &str)]) -> String {
    let text = include_str!("../../docs/mta.md");
    let section = text.split("\n## ").find(|section| section.starts_with(heading)).expect(heading);
    let block = section.split("```").skip(1).step_by(2).find(|block| block.contains(file)).expect(file);
    let lines = block.split_once('\n').unwrap().1;
    replace.iter().fold(lines.to_owned(), |text, (from, to)| {
        assert!(text.contains(from) || !from.starts_with('/'), "{from} is not in the recipe of {heading}");
        text.replace(from, to)
    })
}

/// Runs a test of these packages as root: mail servers change to users of their own. They are unpacked before, so that
/// the build directory holds nothing of root's. The network is the test's own: mail servers have port 25, as Debian's files say.
fn with(test: &str, name: &str, packages: &[&str], body: impl FnOnce(&Unpacked)) {
    let unpacked = unpack(name, packages);
    as_root(test, Right::Users, || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        let up = std::process::Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
        assert!(up.success());
        body(&unpacked);
    });
}

/// Everybody may look into this directory.
fn open(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
