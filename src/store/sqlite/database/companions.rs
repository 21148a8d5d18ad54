//! What SQLite keeps beside a database: a file of an old name and a new log, or the other way round, is damage.

use crate::files::path::with_suffix;
use std::fs;
use std::path::{Path, PathBuf};

/// Suffixes of what holds a part of a database's contents.
pub const LOGS: [&str; 2] = ["-wal", "-journal"];
/// Suffixes of all that there can be.
pub const COMPANIONS: &[&str] = &["-wal", "-shm", "-journal"];

/// A log with something in it beside a database, if there is one.
pub fn log_beside(database: &Path) -> Option<PathBuf> {
    let mut logs = LOGS.iter().map(|suffix| with_suffix(database, suffix));
    logs.find(|log| fs::metadata(log).is_ok_and(|log| log.len() > 0))
}
