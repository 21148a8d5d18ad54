//! Messages that are files: one of them, or a folder of `.eml`, `.emlx` or MH files, subfolders included.
//!
//! The order is that of the names, numbers as numbers; where there are subfolders (hMailServer spreads the messages of
//! one mailbox over them) that of the dates, then the names. Files of no octets are nothing.

use super::folder::Folder;
use super::packed::Packed;
use super::{ImportError, Kind, Listed, Notes, Result, Source, damaged, emlx, header, kind, mbox};
use std::cmp::Ordering;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How deep folders are looked into.
const DEEPEST: usize = 32;

/// Files, in their order.
pub struct Files {
    at: Place,
    items: Vec<Item>,
    notes: Notes,
}

/// Where the files are.
enum Place {
    /// The one file.
    File(PathBuf, Packed),
    /// In here.
    Folder(Rc<Folder>),
}

#[derive(Default)]
struct Item {
    inside: PathBuf,
    /// It was read; absent where the file does not say.
    read: bool,
    deleted: bool,
    received_at: Option<i64>,
}

/// What a folder has.
#[derive(Default)]
struct Found {
    mails: Vec<PathBuf>,
    notes: Notes,
    deep: bool,
}

impl Files {
    /// One file is one message.
    pub fn single(path: &Path, file: Packed) -> Self {
        Self { at: Place::File(path.to_owned(), file), items: vec![Item::default()], notes: Notes::default() }
    }

    /// All `.eml` and `.emlx` files of a folder and of those in it; nothing, if there are none.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn folder(folder: &Rc<Folder>) -> Result<Option<Self>> {
        let mut found = Found::default();
        collect(folder, Path::new(""), 0, &mut found)?;
        if found.mails.is_empty() {
            return Ok(None);
        }
        let mut files = Self { at: Place::Folder(folder.clone()), items: Vec::new(), notes: found.notes };
        for inside in found.mails {
            files.items.extend(item(folder, inside, found.deep)?);
        }
        let date = |item: &Item| if found.deep { item.received_at } else { None };
        files.items.sort_by(|one, other| date(one).cmp(&date(other)).then_with(|| by_name(&one.inside, &other.inside)));
        Ok(Some(files))
    }

    /// The files of an MH folder, whose names are numbers; nothing, if there are none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn mh(folder: &Rc<Folder>) -> Result<Option<Self>> {
        let entries = folder.entries(Path::new(""))?;
        let mut items: Vec<Item> = Vec::new();
        let unseen = unseen(folder);
        for name in entries.files {
            let Some(number) = number(&name) else { continue };
            let read = unseen.as_ref().is_some_and(|unseen| !unseen.iter().any(|range| range.contains(&number)));
            let empty = folder.file(Path::new(&name))?.metadata().is_ok_and(|it| it.len() == 0);
            if !empty {
                items.push(Item { inside: name.into(), read, ..Item::default() });
            }
        }
        items.sort_by(|one, other| by_name(&one.inside, &other.inside));
        if items.is_empty() {
            return Ok(None);
        }
        let mut notes = Notes { not_read: entries.others, ..Notes::default() };
        notes.beside(folder, Path::new(""), |name| number(name).is_some())?;
        Ok(Some(Self { at: Place::Folder(folder.clone()), items, notes }))
    }
}

impl Source for Files {
    fn list(&mut self) -> Result<Vec<Listed>> {
        let at = &self.at;
        let listed = |item: &Item| Listed {
            place: at.of(item).display().to_string(),
            read: item.read,
            deleted: item.deleted,
            received_at: item.received_at,
            ..Listed::default()
        };
        Ok(self.items.iter().map(listed).collect())
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        let item = &self.items[at];
        let path = self.at.of(item);
        match &self.at {
            Place::File(_, file) => message(&path, file, limit, octets),
            Place::Folder(folder) => {
                let file = packed(folder, &item.inside)?;
                let start = file.start(kind::START).map_err(|error| damaged(&path, error))?;
                match kind::of(&start) {
                    Kind::Mbox => one_of_mbox(&path, file, limit, octets),
                    _ => message(&path, &file, limit, octets),
                }
            }
        }
    }

    fn notes(&self) -> Notes {
        self.notes.clone()
    }
}

impl Place {
    fn of(&self, item: &Item) -> PathBuf {
        match self {
            Self::File(path, _) => path.clone(),
            Self::Folder(folder) => folder.place(&item.inside),
        }
    }
}

/// Opens a file of a folder.
pub(super) fn packed(folder: &Folder, inside: &Path) -> Result<Packed> {
    let place = folder.place(inside);
    Packed::new(folder.file(inside)?).map_err(super::file_error(&place))
}

/// Replaces `octets` by the message in a file, which may be an `.emlx`.
fn message(path: &Path, file: &Packed, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
    let start = file.start(kind::START).map_err(|error| damaged(path, error))?;
    match kind::of(&start) {
        Kind::Emlx => emlx::read(path, file, limit, octets),
        Kind::Other(what) => Err(ImportError::NoMail(format!("{path:?} is {what}"))),
        Kind::Mmdf => Err(ImportError::NoMail(format!("{path:?} is an MMDF file: import it alone"))),
        Kind::Empty | Kind::Mbox | Kind::Message => read(path, file, limit, octets),
    }
}

/// The message of a file that begins with a separator. If it has more, one message would be made of many.
fn one_of_mbox(path: &Path, file: Packed, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
    let mut mbox = mbox::Mbox::new(path, file, None);
    match mbox.list() {
        Ok(listed) if listed.len() == 1 => mbox.fetch(0, limit, octets),
        Ok(listed) => {
            let what = format!("{path:?} is an mbox of {} messages: import it alone", listed.len());
            Err(ImportError::NoMail(what))
        }
        Err(ImportError::Data(what)) => Err(ImportError::NoMail(what)),
        Err(error) => Err(error),
    }
}

/// Replaces `octets` by the content of a file, without a byte order mark and with LF for CR if it has no LF.
pub(super) fn read(path: &Path, file: &Packed, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
    octets.clear();
    file.reader().take(limit.saturating_add(1)).read_to_end(octets).map_err(|error| damaged(path, error))?;
    if octets.len() as u64 > limit {
        return Err(ImportError::TooBig(path.display().to_string()));
    }
    plain(octets);
    Ok(())
}

/// Takes a byte order mark off, and makes LF of CR line ends.
pub(super) fn plain(octets: &mut Vec<u8>) {
    if octets.strip_prefix(kind::MARK).is_some_and(kind::is_field) {
        octets.drain(..kind::MARK.len());
    }
    if memchr::memchr(b'\n', octets).is_none() {
        mbox::to_lf(octets);
    }
}

/// Looks for mail in a folder and those in it.
fn collect(folder: &Folder, inside: &Path, depth: usize, found: &mut Found) -> Result<()> {
    let entries = folder.entries(inside)?;
    found.notes.not_read += entries.others;
    for name in entries.files.iter().map(|name| inside.join(name)) {
        if is_mail(name.as_os_str()) {
            found.deep |= depth > 0;
            found.mails.push(name);
        } else {
            found.notes.file(folder, &name);
        }
    }
    for name in entries.folders.iter().map(|name| inside.join(name)) {
        if depth < DEEPEST {
            collect(folder, &name, depth + 1, found)?;
        } else {
            found.notes.folder(folder, &name, 0)?;
        }
    }
    Ok(())
}

/// `.eml`, `.emlx`, and the same compressed.
fn is_mail(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    let name = [".gz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    name.ends_with(".eml") || name.ends_with(".emlx")
}

/// What stands beside a message, and for the order of subfolders its date; nothing, if the file is empty.
fn item(folder: &Folder, inside: PathBuf, dated: bool) -> Result<Option<Item>> {
    let file = packed(folder, &inside)?;
    if file.is_empty() {
        return Ok(None);
    }
    let is_emlx = inside.as_os_str().to_string_lossy().to_ascii_lowercase().contains(".emlx");
    // What is damaged or no mail is said when it is read.
    let marks = if is_emlx { emlx::marks(&file) } else { emlx::Marks::default() };
    let mut received_at = marks.received_at;
    if dated && received_at.is_none() {
        let head = file.start(header::LONGEST_HEADER as u64).unwrap_or_default();
        received_at = header::received_at(&head).or_else(|| file.modified());
    }
    Ok(Some(Item { inside, read: marks.read, deleted: marks.deleted, received_at }))
}

/// Names that are numbers as such, and before others.
fn by_name(one: &Path, other: &Path) -> Ordering {
    let number = |path: &Path| path.file_stem().and_then(number);
    match (one.parent() == other.parent(), number(one), number(other)) {
        (true, Some(one), Some(other)) if one != other => one.cmp(&other),
        _ => one.cmp(other),
    }
}

fn number(name: &OsStr) -> Option<u64> {
    let name = name.to_str()?;
    name.bytes().all(|octet| octet.is_ascii_digit()).then(|| name.parse().ok())?
}

/// What MH's sequence `unseen` has; nothing without sequences.
fn unseen(folder: &Folder) -> Option<Vec<std::ops::RangeInclusive<u64>>> {
    let mut text = String::new();
    folder.file(Path::new(".mh_sequences")).ok()?.take(1 << 20).read_to_string(&mut text).ok()?;
    let words = text.lines().find_map(|line| line.strip_prefix("unseen:")).unwrap_or_default().split_whitespace();
    let range = |word: &str| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    Some(words.filter_map(range).collect())
}
