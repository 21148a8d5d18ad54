//! What can go wrong with one operation.

use std::fmt;

/// How an operation is struck.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum How {
    /// It fails with EIO.
    Eio,
    /// It fails with ENOSPC.
    Enospc,
    /// It does half of what was asked, which it may.
    Short,
    /// SIGKILL comes before it.
    Kill,
    /// It does half of what was asked, and SIGKILL comes.
    Torn,
}

impl How {
    /// As `FAULTS_HOW` has it.
    pub fn name(self) -> &'static str {
        match self {
            How::Eio => "eio",
            How::Enospc => "enospc",
            How::Short => "short",
            How::Kill => "kill",
            How::Torn => "torn",
        }
    }

    /// The program does not survive it.
    pub fn kills(self) -> bool {
        matches!(self, How::Kill | How::Torn)
    }

    /// It sees an error.
    pub fn fails(self) -> bool {
        matches!(self, How::Eio | How::Enospc)
    }
}

/// The `at`-th operation of `kind` is struck; with `on` all that follow, too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fault {
    pub kind: &'static str,
    pub how: How,
    pub on: bool,
    pub at: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, {}{}", self.kind, self.how.name(), self.at, if self.on { " and on" } else { "" })
    }
}

/// Every kind of fault, without its number.
pub fn all() -> Vec<Fault> {
    let mut all = Vec::new();
    let mut add = |kinds: &[&'static str], how, on| {
        all.extend(kinds.iter().map(|kind| Fault { kind, how, on, at: 0 }));
    };
    let changing = ["open", "write", "sync", "truncate", "rename", "link", "unlink", "mkdir"];
    add(&changing, How::Eio, false);
    add(&changing, How::Eio, true);
    add(&["read", "map"], How::Eio, false);
    add(&["map"], How::Eio, true);
    add(&["write", "open", "truncate", "mkdir", "link", "rename"], How::Enospc, true);
    add(&["write"], How::Enospc, false);
    add(&["read", "write"], How::Short, false);
    add(&changing, How::Kill, false);
    add(&["write"], How::Torn, false);
    all
}
