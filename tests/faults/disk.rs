//! What a disk may hold when power fails: what was synced, and any part of what was not.
//!
//! Contents and names are apart. Of the writes and truncations of a file since its last sync any may be lost, and of a
//! write any 512 octets. Names are lost from the end, as a journal of metadata has it.

use crate::journal::Change;
use crate::support::Random;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// When a name is durable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Names {
    /// As on ext4, XFS and Btrfs: a sync of a file takes its name along, and every change of names before it.
    WithFile,
    /// As POSIX has it: only a sync of the directory makes the names in it durable.
    WithDirectory,
}

/// What becomes of what was not synced.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Unsynced {
    Lost,
    Kept,
    /// Any of it, chosen at random.
    Torn,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Entry {
    File(usize),
    Directory,
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    /// Since the last sync, in order.
    pending: Vec<Pending>,
}

enum Pending {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

enum Renaming {
    Set(PathBuf, Entry),
    Remove(PathBuf),
    /// What is moved is known, as the new directory holds it: its sync is enough, whatever the old one has forgotten.
    Move(PathBuf, PathBuf, Entry),
    Exchange(PathBuf, PathBuf),
}

impl Renaming {
    /// The directory whose sync makes it durable.
    fn directory(&self) -> &Path {
        let (Renaming::Set(path, _)
        | Renaming::Remove(path)
        | Renaming::Move(_, path, _)
        | Renaming::Exchange(_, path)) = self;
        path.parent().unwrap()
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Entry>) {
        match self {
            Renaming::Set(path, entry) => drop(names.insert(path.clone(), *entry)),
            Renaming::Remove(path) => drop(names.remove(path)),
            Renaming::Move(from, to, entry) => {
                names.remove(from);
                names.insert(to.clone(), *entry);
            }
            Renaming::Exchange(one, other) => {
                let (first, second) = (names.remove(one), names.remove(other));
                names.extend(second.map(|entry| (one.clone(), entry)));
                names.extend(first.map(|entry| (other.clone(), entry)));
            }
        }
    }
}

/// A disk in the middle of its life.
pub struct Disk {
    mode: Names,
    files: Vec<File>,
    /// The file that has this inode now.
    inodes: HashMap<u64, usize>,
    /// Names as programs see them, and as they are durable.
    seen: BTreeMap<PathBuf, Entry>,
    durable: BTreeMap<PathBuf, Entry>,
    pending: Vec<Renaming>,
}

/// The files of a directory: inode and content by name.
pub type Start = BTreeMap<OsString, (u64, Vec<u8>)>;

/// What is in a directory now.
pub fn start(directory: &Path) -> Start {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name(), (entry.metadata().unwrap().ino(), std::fs::read(entry.path()).unwrap())))
        .collect()
}

/// Files by their path below the directory; `None`: a directory.
pub type Image = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl Disk {
    /// At the start, everything is durable.
    pub fn holding(start: &Start, root: &Path, mode: Names) -> Disk {
        let mut disk = Disk {
            mode,
            files: Vec::new(),
            inodes: HashMap::new(),
            seen: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
        };
        for (name, (inode, octets)) in start {
            disk.inodes.insert(*inode, disk.files.len());
            disk.durable.insert(root.join(name), Entry::File(disk.files.len()));
            disk.files.push(File { durable: octets.clone(), pending: Vec::new() });
        }
        disk.seen.clone_from(&disk.durable);
        disk
    }

    /// Takes a change in.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(inode, path) => {
                self.inodes.insert(*inode, self.files.len());
                self.name(Renaming::Set(path.clone(), Entry::File(self.files.len())));
                self.files.push(File::default());
            }
            Change::Write(inode, at, octets) => self.file(*inode, Pending::Write(*at as usize, octets.clone())),
            Change::Truncate(inode, size) => self.file(*inode, Pending::Truncate(*size as usize)),
            Change::Sync(inode, path) => self.sync(*inode, path),
            // Linux marks what could not be written as clean: a second sync has nothing to write.
            Change::Failed(inode) => {
                if let Some(file) = self.inodes.get(inode) {
                    self.files[*file].pending.clear();
                }
            }
            Change::Rename(from, to) => {
                if let Some(entry) = self.seen.get(from).copied() {
                    self.name(Renaming::Move(from.clone(), to.clone(), entry));
                }
            }
            Change::Exchange(one, other) => self.name(Renaming::Exchange(one.clone(), other.clone())),
            Change::Link(from, to) => {
                if let Some(entry) = self.seen.get(from).copied() {
                    self.name(Renaming::Set(to.clone(), entry));
                }
            }
            Change::Unlink(path) => self.name(Renaming::Remove(path.clone())),
            Change::Directory(path) => self.name(Renaming::Set(path.clone(), Entry::Directory)),
            Change::Mark => {}
        }
    }

    fn name(&mut self, change: Renaming) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    fn file(&mut self, inode: u64, change: Pending) {
        let file = self.inodes.get(&inode).unwrap_or_else(|| panic!("inode {inode} is not known"));
        self.files[*file].pending.push(change);
    }

    fn sync(&mut self, inode: u64, path: &Path) {
        let file = self.inodes.get(&inode).copied();
        if let Some(file) = file {
            let file = &mut self.files[file];
            let pending = std::mem::take(&mut file.pending);
            pending.iter().for_each(|change| change.apply(&mut file.durable, &mut |_| true));
        }
        let all = self.mode == Names::WithFile;
        let directory = if file.is_none() { Some(path) } else { None };
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let done = all || directory == Some(change.directory());
            if done {
                change.apply(durable);
            }
            !done
        });
    }

    /// What is there when power fails now.
    pub fn crash(&self, unsynced: Unsynced, random: &mut Random, root: &Path) -> Image {
        let mut names = self.durable.clone();
        let kept = match unsynced {
            Unsynced::Lost => 0,
            Unsynced::Kept => self.pending.len(),
            Unsynced::Torn => random.below(self.pending.len() as u64 + 1) as usize,
        };
        self.pending[..kept].iter().for_each(|change| change.apply(&mut names));
        let mut contents: HashMap<usize, Vec<u8>> = HashMap::new();
        let mut image = Image::new();
        for (path, entry) in names {
            let below = path.strip_prefix(root).unwrap().to_owned();
            let octets = match entry {
                Entry::Directory => None,
                // A file of two names has one content.
                Entry::File(file) => {
                    Some(contents.entry(file).or_insert_with(|| self.files[file].crash(unsynced, random)).clone())
                }
            };
            image.insert(below, octets);
        }
        image
    }
}

impl File {
    fn crash(&self, unsynced: Unsynced, random: &mut Random) -> Vec<u8> {
        let mut octets = self.durable.clone();
        // A disk that has lost little and one that has lost nearly all are both wanted.
        let chance = 1 + random.below(7);
        let mut keeps = |sector: bool| match unsynced {
            Unsynced::Lost => false,
            Unsynced::Kept => true,
            Unsynced::Torn => random.below(8) < if sector { (chance + 8) / 2 } else { chance },
        };
        for change in &self.pending {
            if keeps(false) {
                change.apply(&mut octets, &mut |_| keeps(true));
            }
        }
        octets
    }
}

impl Pending {
    /// Changes a content; of a write only the sectors that are kept.
    fn apply(&self, octets: &mut Vec<u8>, keeps: &mut dyn FnMut(usize) -> bool) {
        match self {
            Pending::Truncate(size) => octets.resize(*size, 0),
            Pending::Write(at, written) => {
                if octets.len() < at + written.len() {
                    octets.resize(at + written.len(), 0);
                }
                let mut from = 0;
                while from < written.len() {
                    let to = (((at + from) / SECTOR + 1) * SECTOR - at).min(written.len());
                    if keeps(from) {
                        octets[at + from..at + to].copy_from_slice(&written[from..to]);
                    }
                    from = to;
                }
            }
        }
    }
}

/// Lays an image out in a directory.
pub fn lay_out(image: &Image, directory: &Path) {
    for (below, octets) in image {
        let path = directory.join(below);
        match octets {
            None => std::fs::create_dir_all(&path).unwrap(),
            // A file may have survived its directory.
            Some(octets) => {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                // As private as they were: `check` looks at that.
                let mut file =
                    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
                file.write_all(octets).unwrap();
            }
        }
    }
}
