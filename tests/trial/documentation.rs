//! The examples of docs/testing-clients.md in languages that are here run as they stand.

use super::directory;
use crate::support::site::{feed, text};
use std::path::Path;
use std::process::{Command, Stdio};

const PAGE: &str = include_str!("../../docs/testing-clients.md");

/// Runs the page's examples in one language with `pillarbox` in the PATH.
fn run(language: &str, program: &str) {
    let site = directory();
    let ours = Path::new(env!("CARGO_BIN_EXE_pillarbox")).parent().unwrap().to_owned();
    let paths = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
    let path = std::env::join_paths(std::iter::once(ours).chain(paths)).unwrap();
    let mut examples = 0;
    for block in PAGE.split(&format!("```{language}\n")).skip(1) {
        let script = block.split("```").next().unwrap();
        let mut command = Command::new(program);
        command.arg("-").env("PATH", &path).env("TMPDIR", site.path(""));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = feed(&mut command, script.as_bytes());
        assert!(output.status.success(), "{language}: {}", text(&output.stderr));
        examples += 1;
    }
    assert!(examples > 0, "no example in {language}");
    assert!(super::leftovers(&site.path("")).is_empty());
}

#[test]
fn the_examples_in_python_run() {
    run("python", "python3");
}

#[test]
fn the_examples_in_node_run() {
    run("js", "node");
}
