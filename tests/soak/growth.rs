//! What a server uses, sampled: the most in the last third must not exceed the most in the second third by more than a bound.
//! (The first third fills caches and pools.)

use crate::support::Server;
use crate::support::server::memory;
use std::path::PathBuf;

/// One figure.
struct Figure {
    name: &'static str,
    /// How much it may grow from the second third to the last, and how far it may go at all.
    bounds: [u64; 2],
    read: fn(&Growth) -> u64,
}

const FIGURES: [Figure; 4] = [
    Figure { name: "resident memory, KiB", bounds: [24 << 10, 400 << 10], read: |it| it.memory() },
    // One for each client at a time, and a few that come and go.
    Figure { name: "threads", bounds: [16, 100], read: |it| it.entries("task") },
    Figure { name: "descriptors", bounds: [24, 200], read: |it| it.entries("fd") },
    // Its file is cut to 64 MiB when it starts again at its beginning.
    Figure { name: "log, octets", bounds: [64 << 20, 160 << 20], read: |it| it.log() },
];

/// Samples of each figure.
pub struct Growth {
    pid: u32,
    log: PathBuf,
    samples: Vec<[u64; FIGURES.len()]>,
}

impl Growth {
    /// Nothing yet.
    pub fn new(server: &Server) -> Growth {
        let log = format!("{}-wal", server.database().display()).into();
        Growth { pid: server.pid(), log, samples: Vec::new() }
    }

    /// Takes a sample of each.
    pub fn sample(&mut self) {
        let sample = FIGURES.each_ref().map(|figure| (figure.read)(self));
        self.samples.push(sample);
    }

    fn memory(&self) -> u64 {
        memory(self.pid, "VmRSS:").expect("the server is gone")
    }

    fn entries(&self, of: &str) -> u64 {
        std::fs::read_dir(format!("/proc/{}/{of}", self.pid)).expect("the server is gone").count() as u64
    }

    fn log(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |log| log.len())
    }

    /// Prints the figures, and panics if one is out of its bounds.
    pub fn judge(&self) {
        let third = self.samples.len() / 3;
        assert!(third > 0, "{} samples are too few", self.samples.len());
        let most = |samples: &[[u64; FIGURES.len()]], at: usize| samples.iter().map(|sample| sample[at]).max().unwrap();
        let mut wrong = Vec::new();
        for (at, Figure { name, bounds: [growth, ceiling], .. }) in FIGURES.iter().enumerate() {
            let thirds = [0, 1, 2].map(|part| most(&self.samples[part * third..(part + 1) * third], at));
            let line = format!("{name}: at most {}, {}, {} in each third", thirds[0], thirds[1], thirds[2]);
            eprintln!("{line}");
            if thirds[2] > thirds[1] + growth || thirds.into_iter().max().unwrap() > *ceiling {
                wrong.push(format!("{line}; it may grow by {growth}, and to {ceiling}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
