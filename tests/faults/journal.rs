//! The records that `preload.c` writes, and ours among them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What a program did to a file, which its inode names. Changes of all programs are in the order in which they were made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    Create(u64, PathBuf),
    Write(u64, u64, Vec<u8>),
    Truncate(u64, u64),
    /// A file or a directory was synced.
    Sync(u64, PathBuf),
    /// A sync failed.
    Failed(u64),
    Rename(PathBuf, PathBuf),
    Exchange(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Unlink(PathBuf),
    Directory(PathBuf),
    /// An entry of the ledger.
    Mark,
}

/// Octets of a record before its two texts.
const HEAD: usize = 32;

/// Adds an entry of the ledger.
pub fn mark(journal: &Path) {
    let mut head = [0; HEAD];
    head[0] = b'A';
    let mut file = File::options().append(true).create(true).open(journal).unwrap();
    file.lock().unwrap();
    file.write_all(&head).unwrap();
}

/// All of it.
pub fn read(journal: &Path) -> Vec<Change> {
    let octets = std::fs::read(journal).unwrap();
    let mut rest = &octets[..];
    let mut changes = Vec::new();
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(HEAD);
        let long = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().unwrap());
        let short = |at: usize| u32::from_ne_bytes(head[at..at + 4].try_into().unwrap()) as usize;
        let (first, tail) = tail.split_at(short(24));
        let (second, tail) = tail.split_at(short(28));
        changes.push(change(head[0], long(8), long(16), first, second));
        rest = tail;
    }
    changes
}

fn change(what: u8, file: u64, at: u64, first: &[u8], second: &[u8]) -> Change {
    let path = |octets: &[u8]| PathBuf::from(std::str::from_utf8(octets).unwrap());
    match what {
        b'C' => Change::Create(file, path(first)),
        b'W' => Change::Write(file, at, first.to_vec()),
        b'T' => Change::Truncate(file, at),
        b'S' => Change::Sync(file, path(first)),
        b'F' => Change::Failed(file),
        b'R' => Change::Rename(path(first), path(second)),
        b'X' => Change::Exchange(path(first), path(second)),
        b'L' => Change::Link(path(first), path(second)),
        b'U' => Change::Unlink(path(first)),
        b'D' => Change::Directory(path(first)),
        b'A' => Change::Mark,
        other => panic!("a record of kind {other}"),
    }
}
