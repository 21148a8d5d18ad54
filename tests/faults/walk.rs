//! Every command, and a server's life, with its N-th operation of a kind struck: N from 1 until there is none.

use crate::commands::Act;
use crate::crew::Report;
use crate::fault::{self, Fault, How};
use crate::ledger::{Ledger, Mark};
use crate::preload::Preload;
use crate::scene::{Layout, Scene};
use crate::support::Random;
use crate::{Extent, wanted};
use std::collections::BTreeMap;

/// How many faults a sample has for each command, and for a server.
const SAMPLE: [usize; 2] = [16, 20];

/// One walk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Walk {
    act: Act,
    layout: Layout,
    fault: Fault,
}

/// All walks of these acts.
fn walks(acts: impl Fn(Act) -> bool) -> Vec<Walk> {
    let acts = Act::ALL.into_iter().filter(|(act, _)| acts(*act));
    let pairs = acts.flat_map(|(act, layouts)| layouts.iter().map(move |layout| (act, *layout)));
    let walks = pairs.flat_map(|(act, layout)| fault::all().into_iter().map(move |fault| Walk { act, layout, fault }));
    walks.filter(|walk| wanted(&walk.name(walk.fault))).collect()
}

#[test]
fn commands() {
    try_all("commands", walks(|act| act != Act::Serve), SAMPLE[0] * 9);
}

#[test]
fn a_server() {
    try_all("a server", walks(|act| act == Act::Serve), SAMPLE[1]);
}

/// The database that is replaced has a log, which is settled first: whatever SQLite does by itself must be seen, too.
#[test]
fn restore_sees_every_failed_sync() {
    let fault = Fault { kind: "sync", how: How::Eio, on: false, at: 0 };
    let report = Report::on("restore");
    report.run(vec![Walk { act: Act::Restore, layout: Layout::Logged, fault }], |walk| walk.all(&report));
    report.finish();
}

fn try_all(what: &'static str, walks: Vec<Walk>, sample: usize) {
    let report = Report::on(what);
    match Extent::wanted().of(sample) {
        None => report.run(walks, |walk| walk.all(&report)),
        Some(number) => report.run(draw(what, walks, number), |(walk, at)| {
            walk.step(at, &report);
        }),
    }
    report.finish();
}

/// Some walks, and a step of each. Every kind of fault that has a step has the same chance, however many it has.
fn draw(what: &str, walks: Vec<Walk>, number: usize) -> Vec<(Walk, u64)> {
    let mut random = Random::announced(what);
    let mut lengths = BTreeMap::new();
    let mut drawn = Vec::new();
    while drawn.len() < number && !walks.is_empty() {
        let walk = walks[random.below(walks.len() as u64) as usize];
        let length = *lengths
            .entry((walk.act, walk.layout, walk.fault.kind))
            .or_insert_with(|| operations(walk.act, walk.layout, walk.fault));
        if length > 0 {
            drawn.push((walk, random.below(length) + 1));
        }
    }
    drawn
}

/// How many operations of the fault's kind there are when none is struck.
pub fn operations(act: Act, layout: Layout, fault: Fault) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("report");
    let preload = Preload { fault: Some((Fault { at: 0, ..fault }, report.clone())), journal: None };
    act.run(&Scene::new(layout, preload), &Ledger::default());
    // A line for each of our programs.
    let lines = std::fs::read_to_string(report).unwrap_or_default();
    lines.lines().map(|line| line.parse::<u64>().unwrap()).max().unwrap_or(0)
}

impl Walk {
    fn name(&self, fault: Fault) -> String {
        format!("{:?} {:?}, {fault}", self.act, self.layout)
    }

    /// Every step: the first N that strikes nothing is the last one.
    fn all(&self, report: &Report) {
        let _ = (1..).find(|at| !self.step(*at, report));
    }

    /// One step; whether there was anything to strike.
    fn step(&self, at: u64, report: &Report) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let struck = directory.path().join("struck");
        let fault = Fault { at, ..self.fault };
        let scene = Scene::new(self.layout, Preload { fault: Some((fault, struck.clone())), journal: None });
        let ledger = Ledger::default();
        let name = || self.name(fault);
        let mut any = true;
        report.case(&format!("{:?}", self.act), name, || {
            self.act.run(&scene, &ledger);
            let struck = std::fs::read_to_string(&struck).unwrap_or_default();
            any = !struck.is_empty();
            let marks = ledger.marks();
            let context = || format!("{} struck {:?}, then {marks:?}", struck.lines().count(), struck.lines().next());
            if let Err(error) = ends(self.act, fault, &struck, &marks) {
                panic!("{error}; {}", context());
            }
            self.act.judge(&scene, &marks);
        });
        any
    }
}

/// Whether the programs ended as they had to.
fn ends(act: Act, fault: Fault, struck: &str, marks: &[Mark]) -> Result<(), String> {
    let ends: Vec<(Option<i32>, &str)> = marks
        .iter()
        .filter_map(|mark| match mark {
            Mark::Ended(code, said) => Some((*code, said.as_str())),
            _ => None,
        })
        .collect();
    if fault.how.kills() {
        let killed = ends.iter().any(|(code, _)| code.is_none());
        return if killed || struck.is_empty() { Ok(()) } else { Err("it was not killed".to_owned()) };
    }
    for (code, said) in &ends {
        let Some(code) = code else { return Err(format!("a signal ended it: {said}")) };
        if *code != 0 && (!fault.how.fails() || struck.is_empty()) {
            return Err(format!("exit {code} though nothing failed: {said}"));
        }
        if *code != 0 && !may_end(act, fault, *code) {
            return Err(format!("exit {code} is wrong here: {said}"));
        }
        if *code != 0 && act != Act::Serve && said.lines().count() != 1 {
            return Err(format!("exit {code} and {} lines: {said}", said.lines().count()));
        }
        if *code != 0 && act == Act::Serve && !said.lines().last().is_some_and(|line| line.contains("mail.db")) {
            return Err(format!("exit {code} without a line that names the database: {said}"));
        }
    }
    if must_fail(fault, struck) && ends.iter().all(|(code, _)| *code == Some(0)) {
        return Err("a sync failed, and nobody said so".to_owned());
    }
    Ok(())
}

fn may_end(act: Act, fault: Fault, code: i32) -> bool {
    let makes = matches!(fault.kind, "open" | "mkdir" | "link" | "rename");
    let cannot_create = makes && !matches!(act, Act::Deliver | Act::Check);
    // What cannot be read is what `check` looks for, and what a copy is verified for.
    let verifies = act == Act::Check || (fault.kind == "read" && matches!(act, Act::Backup | Act::Restore));
    code == act.io_code() || (code == 73 && cannot_create) || (code == 65 && verifies)
}

/// A sync that failed once is a failure: the kernel may say nothing the next time. Only of a directory's sync a second one is
/// enough, by whoever takes care of the name.
fn must_fail(fault: Fault, struck: &str) -> bool {
    let of_file = struck.lines().any(|line| !line.ends_with('/'));
    fault.kind == "sync" && fault.how.fails() && (of_file || fault.on) && !struck.is_empty()
}
