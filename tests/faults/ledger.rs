//! What was asked for and what was promised, in order.

use crate::journal;
use std::path::PathBuf;
use std::sync::Mutex;

/// One entry. Messages are known by their number ([`crate::scene::numbered`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mark {
    /// A message is about to be handed over.
    Begun(&'static str, u32),
    /// It was acknowledged.
    Kept(&'static str, u32),
    /// QUIT is about to be sent with these of alice's marked as deleted.
    Marked(Vec<u32>),
    /// It was acknowledged.
    Removed,
    /// Something else was acknowledged.
    Done(&'static str),
    /// A program of ours ended so (`None`: by a signal), and said this on stderr.
    Ended(Option<i32>, String),
}

/// All entries; written into the journal too, if there is one.
#[derive(Default)]
pub struct Ledger {
    marks: Mutex<Vec<Mark>>,
    journal: Option<PathBuf>,
}

impl Ledger {
    /// Each entry gets a record in this journal.
    pub fn with_journal(journal: PathBuf) -> Ledger {
        Ledger { marks: Mutex::default(), journal: Some(journal) }
    }

    /// Adds an entry.
    pub fn note(&self, mark: Mark) {
        self.marks.lock().unwrap().push(mark);
        self.journal.iter().for_each(|journal| journal::mark(journal));
    }

    /// All so far.
    pub fn marks(&self) -> Vec<Mark> {
        self.marks.lock().unwrap().clone()
    }
}
