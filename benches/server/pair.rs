//! Two binaries in turn, each with a database that it has made itself.

use crate::fill::{message, user};
use crate::meter::Server;
use crate::{Scenario, play};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Turns of each.
const TURNS: usize = 8;
/// How long one turn is.
const TURN: Duration = Duration::from_secs(1);

/// Plays the scenarios on our binary and on `other`; prints the medians and their quotient.
pub fn compare<'a>(other: &Path, scenarios: impl Iterator<Item = &'a Scenario>) {
    let scenarios: Vec<&Scenario> = scenarios.collect();
    let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let binaries = [Path::new(env!("CARGO_BIN_EXE_pillarbox")), other];
    let servers = [0, 1].map(|at| {
        let database = directories[at].path().join("mail.db");
        fill(binaries[at], &database, &scenarios);
        Server::start_binary(binaries[at], database.as_os_str(), &[])
    });
    println!("| scenario | server CPU \u{b5}s/op | of the other | quotient |\n|---|--:|--:|--:|");
    for scenario in scenarios {
        let mut taken = [Vec::new(), Vec::new()];
        for turn in 0..TURNS {
            // Ours first, then theirs, then theirs first: a machine that warms up is fair to both.
            for at in if turn % 2 == 0 { [0, 1] } else { [1, 0] } {
                taken[at].push(play(&servers[at], scenario, TURN).server);
            }
        }
        let [ours, theirs] = taken.map(median);
        println!("| {} | {ours:.1} | {theirs:.1} | {:.3} |", scenario.name, ours / theirs);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}

fn fill(binary: &Path, database: &Path, scenarios: &[&Scenario]) {
    run(binary, database, &["init"], b"");
    let mut shapes: Vec<(usize, usize)> = scenarios.iter().map(|one| (one.messages, one.octets)).collect();
    shapes.sort();
    shapes.dedup();
    for (messages, octets) in shapes {
        let name = user(messages, octets);
        run(binary, database, &["passwd", "--create", &name], b"secret\n");
        let mbox = [b"From bench@example.org Mon Nov 23 10:00:00 2026\n", &message(octets)[..], b"\n"].concat();
        let file = database.with_extension("mbox");
        std::fs::write(&file, mbox.repeat(messages)).expect("room");
        run(binary, database, &["import", "-u", &name, file.to_str().expect("a name")], b"");
    }
}

fn run(binary: &Path, database: &Path, arguments: &[&str], input: &[u8]) {
    let mut command = Command::new(binary);
    command.arg(arguments[0]).arg("-d").arg(database).args(&arguments[1..]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the binary can be started");
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
    assert!(child.wait().expect("it ends").success(), "{arguments:?}");
}
