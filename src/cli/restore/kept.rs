//! The database that a restore replaces: under a second name before the new one takes its first.

use crate::files::atomic::Directory;
use crate::files::path::with_suffix;
use crate::store::sqlite::companions::{LOGS, log_beside};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What was there before. Its keys and certificate stay where they are: they fit both databases.
pub(super) struct Kept {
    target: PathBuf,
    name: PathBuf,
    /// The database itself has the second name.
    named: bool,
    /// Logs that have moved along.
    logs: Vec<&'static str>,
}

impl Kept {
    /// Gives the database, and what is left of its log, a second name, durably. It keeps its first one until the new
    /// database takes it, so that there is one at every moment: `init` would make an empty one.
    ///
    /// # Errors
    /// That was not possible; then everything is as it was.
    pub(super) fn keep(target: &Path, directory: &Directory) -> io::Result<Self> {
        let mut kept = Self { target: target.to_owned(), name: free_name(target), named: false, logs: Vec::new() };
        match kept.rename().and_then(|()| directory.sync()) {
            Ok(()) => Ok(kept),
            Err(error) => {
                kept.bring_back();
                Err(error)
            }
        }
    }

    /// The second name, if there was anything.
    pub(super) fn name(&self) -> Option<&Path> {
        (self.named || !self.logs.is_empty()).then_some(&self.name)
    }

    fn rename(&mut self) -> io::Result<()> {
        // Not every file system knows a second name.
        let linked = fs::hard_link(&self.target, &self.name).or_else(|_| fs::rename(&self.target, &self.name));
        self.named = existed(linked)?;
        for log in LOGS {
            if existed(fs::rename(with_suffix(&self.target, log), with_suffix(&self.name, log)))? {
                self.logs.push(log);
            }
        }
        // Without a log it says nothing, and with the wrong one it would lie.
        existed(fs::remove_file(with_suffix(&self.target, "-shm"))).map(drop)
    }

    /// Undoes [`Kept::keep`]. The error that made it necessary says more than another one.
    pub(super) fn bring_back(self) {
        let moved = |log: &&str| fs::rename(with_suffix(&self.name, log), with_suffix(&self.target, log)).is_err();
        let lost = self.logs.iter().filter(|log| moved(log)).count();
        if !self.named {
            return;
        }
        if !self.target.exists() {
            let _ = fs::rename(&self.name, &self.target);
        } else if lost == 0 {
            // A log that has not come back shall find its database.
            let _ = fs::remove_file(&self.name);
        }
    }
}

/// `false`: there is no such file.
fn existed(outcome: io::Result<()>) -> io::Result<bool> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

fn free_name(target: &Path) -> PathBuf {
    let first = with_suffix(target, ".before-restore");
    let taken = |name: &Path| name.exists() || log_beside(name).is_some();
    let mut name = first.clone();
    for number in 2.. {
        if !taken(&name) {
            break;
        }
        name = with_suffix(&first, &format!("-{number}"));
    }
    name
}
