//! Power fails at any moment: what every command and a server's life write and sync is recorded, and after each record
//! disks are put together that may be what is left.

use crate::Extent;
use crate::commands::Act;
use crate::crew::Report;
use crate::disk::{Disk, Image, Names, Start, Unsynced, lay_out, start};
use crate::fault::{Fault, How};
use crate::journal::{self, Change};
use crate::ledger::{Ledger, Mark};
use crate::preload::Preload;
use crate::scene::{self, Ids, Layout, Scene};
use crate::session;
use crate::support::Random;
use crate::walk;
use std::collections::{BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Mutex;

/// How many moments of each recording a sample has.
const SAMPLE: usize = 3;
/// How many syncs a sample has that fail, for each layout.
const SYNCS: usize = 4;
/// How many torn disks are made of each moment when all is tried.
const TORN: usize = 2;
/// The same after a sync that failed, of which there are many recordings; names last as POSIX has it.
const TORN_LATER: usize = 1;

/// What was done, from a disk of known contents.
struct Recording {
    act: Act,
    layout: Layout,
    /// What was struck meanwhile.
    fault: Option<Fault>,
    scene: Scene,
    /// What was there before.
    start: Start,
    changes: Vec<Change>,
    marks: Vec<Mark>,
    /// The first moment that another recording does not have: after what was struck.
    first: usize,
    /// Disks that were judged, with the number of entries.
    seen: Mutex<HashSet<u64>>,
}

impl Recording {
    fn new(act: Act, layout: Layout, fault: Option<Fault>) -> Recording {
        let directory = tempfile::tempdir().unwrap();
        let [journal, struck] = ["journal", "struck"].map(|name| directory.path().join(name));
        let preload = Preload { fault: fault.map(|fault| (fault, struck)), journal: Some(journal.clone()) };
        let scene = Scene::new(layout, preload);
        let start = start(&root(&scene));
        let ledger = Ledger::with_journal(journal.clone());
        act.run(&scene, &ledger);
        if fault.is_some() {
            session::again(&scene, &ledger);
        }
        let (changes, marks) = (journal::read(&journal), ledger.marks());
        let failed = changes.iter().position(|change| matches!(change, Change::Failed(_)));
        let (first, seen) = (failed.map_or(0, |failed| failed + 1), Mutex::default());
        Recording { act, layout, fault, scene, start, changes, marks, first, seen }
    }

    /// Entries of the ledger among the first `moment` records.
    fn marks_at(&self, moment: usize) -> &[Mark] {
        &self.marks[..self.changes[..moment].iter().filter(|change| **change == Change::Mark).count()]
    }

    fn group(&self) -> String {
        format!("{:?}", self.act)
    }

    fn name(&self, moment: usize, names: Names, unsynced: Unsynced) -> String {
        let fault = self.fault.map_or_else(String::new, |fault| format!(" with {fault}"));
        let next = self.changes.get(moment).map(|change| format!("{change:?}"));
        let next = next.unwrap_or_default().chars().take(100).collect::<String>();
        let (act, layout, number) = (self.act, self.layout, self.changes.len());
        let done = self.marks_at(moment).len();
        format!(
            "{act:?} {layout:?}{fault}, record {moment} of {number} ({next}), {names:?}, {unsynced:?}, {done} entries"
        )
    }

    fn judge(&self, moment: usize, image: &Image) {
        let directory = tempfile::tempdir().unwrap();
        lay_out(image, directory.path());
        let site = scene::site(directory);
        let before: Ids = self.scene.before.clone();
        let scene = Scene { site, preload: Preload::default(), before };
        self.act.judge(&scene, self.marks_at(moment));
    }
}

const MODES: [Names; 2] = [Names::WithFile, Names::WithDirectory];

fn root(scene: &Scene) -> PathBuf {
    scene.site.database().parent().unwrap().to_owned()
}

/// One way to look at a recording: when names are durable, and which moments.
struct Look<'a> {
    recording: &'a Recording,
    names: Names,
    moments: Option<BTreeSet<usize>>,
    random: Random,
}

impl Look<'_> {
    /// What becomes of what was not synced: everything that can, or in a sample anything.
    fn wanted(&mut self) -> Vec<Unsynced> {
        let torn = match (self.recording.fault, self.names) {
            (None, _) => TORN,
            (Some(_), Names::WithDirectory) => TORN_LATER,
            (Some(_), Names::WithFile) => 0,
        };
        let mut all = vec![Unsynced::Lost, Unsynced::Kept];
        all.extend(std::iter::repeat_n(Unsynced::Torn, torn));
        if self.moments.is_none() { all } else { vec![all[self.random.below(all.len() as u64) as usize]] }
    }

    /// Judges every disk of the recording that was not judged before.
    fn run(mut self, report: &Report) {
        let recording = self.recording;
        let root = root(&recording.scene);
        let mut disk = Disk::holding(&recording.start, &root, self.names);
        for moment in 0..=recording.changes.len() {
            let drawn = self.moments.as_ref().is_none_or(|moments| moments.contains(&moment));
            if moment >= recording.first && drawn {
                for unsynced in self.wanted() {
                    let image = disk.crash(unsynced, &mut self.random, &root);
                    let mut hasher = DefaultHasher::new();
                    (&image, recording.marks_at(moment).len()).hash(&mut hasher);
                    if recording.seen.lock().unwrap().insert(hasher.finish()) {
                        let name = || recording.name(moment, self.names, unsynced);
                        report.case(&recording.group(), name, || recording.judge(moment, &image));
                    }
                }
            }
            recording.changes.get(moment).iter().for_each(|change| disk.apply(change));
        }
    }
}

#[test]
fn power_fails() {
    let mut recordings = Vec::new();
    for (act, layouts) in Act::ALL {
        // It writes nothing.
        let layouts = if act == Act::Hash { &[] } else { layouts };
        recordings.extend(layouts.iter().map(|layout| Recording::new(act, *layout, None)));
    }
    look("power fails", &recordings);
}

/// A sync fails, and power later, when the server has been started again: what the failed sync was to write can be read
/// all the time, and is on no disk.
#[test]
fn power_fails_after_a_sync() {
    let (mut random, mut recordings) = (Random::announced("syncs"), Vec::new());
    for layout in [Layout::Closed, Layout::Logged] {
        let fault = Fault { kind: "sync", how: How::Eio, on: false, at: 0 };
        let number = walk::operations(Act::Serve, layout, fault);
        let drawn: BTreeSet<u64> = match Extent::wanted().of(SYNCS) {
            None => (1..=number).collect(),
            Some(many) => (0..many).map(|_| random.below(number) + 1).collect(),
        };
        recordings.extend(drawn.into_iter().map(|at| Recording::new(Act::Serve, layout, Some(Fault { at, ..fault }))));
    }
    let failed = |recording: &Recording| recording.changes.iter().any(|change| matches!(change, Change::Failed(_)));
    assert!(recordings.iter().any(failed), "no sync was struck");
    look("power fails after a sync", &recordings);
}

fn look(what: &'static str, recordings: &[Recording]) {
    let report = Report::on(what);
    let mut random = Random::announced(what);
    let mut looks = Vec::new();
    for recording in recordings {
        for names in MODES {
            let (first, all) = (recording.first, recording.changes.len() + 1);
            let mut draw = || first + random.below((all - first) as u64) as usize;
            let moments = Extent::wanted().of(SAMPLE).map(|number| (0..number).map(|_| draw()).collect());
            looks.push(Look { recording, names, moments, random: random.fork() });
        }
    }
    // The longest first, so that no processor waits for the other at the end.
    looks.sort_by_key(|look| std::cmp::Reverse(look.recording.changes.len() - look.recording.first));
    report.run(looks, |look| look.run(&report));
    report.finish();
}
