//! What a folder is: a Maildir, messages that are files, a mailbox that Apple Mail exported, an MH folder, or a tree of
//! mailboxes such as Thunderbird's.

use super::files::{Files, packed};
use super::folder::Folder;
use super::maildir::Maildir;
use super::mbox::Mbox;
use super::uid_format::UidFormat;
use super::{ImportError, Kind, Listed, Notes, Result, Source, damaged, kind};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How deep trees are looked into.
const DEEPEST: usize = 32;

/// Files of Thunderbird that are no mailboxes.
const NO_MAILBOXES: &[&str] = &["msf", "dat", "html", "json", "rdf", "log", "sqlite", "ini", "xml", "txt", "lock"];

/// The source that a folder is.
///
/// # Errors
/// It cannot be read, or has no mail that is known.
pub fn open(folder: Folder, format: Option<&UidFormat>) -> Result<Box<dyn Source>> {
    let (folder, here) = (Rc::new(folder), Path::new(""));
    if Maildir::is_one(&folder, here) {
        return Ok(Box::new(Maildir::new(folder, here, format.cloned())));
    }
    let place = folder.path().to_owned();
    if is_dbox(&folder)? {
        let what = "is Dovecot's dbox: convert it to a Maildir with doveadm backup";
        return Err(ImportError::NoMail(format!("{place:?} {what}")));
    }
    let entries = folder.entries(here)?;
    let ends = |name: &OsStr, ending: &str| Path::new(name).extension().is_some_and(|it| it == ending);
    let thunderbird = place.extension().is_some_and(|it| it == "sbd")
        || entries.files.iter().any(|name| ends(name, "msf"))
        || entries.folders.iter().any(|name| ends(name, "sbd"));
    if !thunderbird && folder.has_file(Path::new("mbox")) {
        let path = Path::new("mbox");
        let mut notes = Notes::default();
        notes.beside(&folder, here, |name| name == "mbox")?;
        let source = Box::new(Mbox::new(&folder.place(path), packed(&folder, path)?, format.cloned()));
        return Ok(Box::new(Many {
            parts: vec![Part { inside: path.to_owned(), source, trash: false }],
            at: Vec::new(),
            notes,
        }));
    }
    let files = if thunderbird { None } else { Files::folder(&folder)?.or(Files::mh(&folder)?) };
    match files {
        Some(_) if format.is_some() => {
            Err(ImportError::Data(format!("{place:?}: --uidl-format needs uids, and these messages have none")))
        }
        Some(files) => Ok(Box::new(files)),
        None => {
            let (found, refused, notes) = (Vec::new(), Vec::new(), Notes::default());
            let mut tree = Tree { folder, format, thunderbird, found, refused, notes };
            tree.collect(here, false, 0)?;
            if tree.found.is_empty() && !thunderbird {
                let what =
                    "contains no known mail: it is not a Maildir or MH folder, and has no .eml, .emlx or mbox files";
                return Err(ImportError::NoMail(format!("{place:?} {what}")));
            }
            tree.found.sort_by_key(|found| (!found.is_inbox(), found.inside.clone()));
            let source = Box::new(Refused(tree.refused));
            tree.found.push(Part { inside: PathBuf::new(), source, trash: false });
            Ok(Box::new(Many { parts: tree.found, at: Vec::new(), notes: tree.notes }))
        }
    }
}

/// `dbox-Mails` of sdbox, `storage` of mdbox, or what is in them.
fn is_dbox(folder: &Folder) -> Result<bool> {
    if folder.has_folder(Path::new("dbox-Mails")) {
        return Ok(true);
    }
    let within = if folder.has_folder(Path::new("storage")) { Path::new("storage") } else { Path::new("") };
    let names = folder.entries(within)?.files;
    let mut names = names.iter().filter_map(|name| name.to_str());
    Ok(names.any(|name| name.starts_with("dovecot.map.index") || name == "dbox.index" || is_dbox_file(name)))
}

/// `u.17` and `m.17`.
fn is_dbox_file(name: &str) -> bool {
    let number = name.strip_prefix("u.").or_else(|| name.strip_prefix("m."));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit()))
}

/// Mailboxes that are looked for.
struct Tree<'a> {
    folder: Rc<Folder>,
    format: Option<&'a UidFormat>,
    thunderbird: bool,
    found: Vec<Part>,
    /// What is no mailbox, and why.
    refused: Vec<String>,
    notes: Notes,
}

/// One of them.
struct Part {
    inside: PathBuf,
    source: Box<dyn Source>,
    /// What was thrown away.
    trash: bool,
}

impl Part {
    fn is_inbox(&self) -> bool {
        self.inside.components().next().is_some_and(|it| it.as_os_str().eq_ignore_ascii_case("inbox"))
    }
}

impl Tree<'_> {
    fn collect(&mut self, inside: &Path, trash: bool, depth: usize) -> Result<()> {
        let entries = self.folder.entries(inside)?;
        self.notes.not_read += entries.others;
        for name in &entries.files {
            let text = name.to_string_lossy();
            let ending = text.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
            // Thunderbird has an index beside each mailbox, whatever that is named.
            let indexed = self.thunderbird && entries.files.iter().any(|other| *other == *format!("{text}.msf"));
            if !text.starts_with('.') && (indexed || !NO_MAILBOXES.contains(&&*ending)) {
                self.mailbox(&inside.join(name), trash || self.is_trash(&text), indexed)?;
            } else if ending != "msf" {
                self.notes.file(&self.folder, &inside.join(name));
            }
        }
        for name in &entries.folders {
            let text = name.to_string_lossy();
            let (path, trash) = (inside.join(name), trash || self.is_trash(text.trim_end_matches(".sbd")));
            if Maildir::is_one(&self.folder, &path) {
                let source = Box::new(Maildir::new(self.folder.clone(), &path, self.format.cloned()));
                self.found.push(Part { inside: path, source, trash });
            } else if !text.starts_with('.') && depth < DEEPEST {
                self.collect(&path, trash, depth + 1)?;
            } else {
                self.notes.folder(&self.folder, &path, 0)?;
            }
        }
        Ok(())
    }

    /// Takes a file if it is a mailbox. What is none is refused by name, except among the many other files of Thunderbird:
    /// there one with an index must be a mailbox.
    fn mailbox(&mut self, inside: &Path, trash: bool, indexed: bool) -> Result<()> {
        let (place, file) = (self.folder.place(inside), packed(&self.folder, inside)?);
        let error = match file.start(kind::START).map(|start| kind::of(&start)) {
            Ok(Kind::Mbox | Kind::Mmdf) => {
                let source = Box::new(Mbox::new(&place, file, self.format.cloned()));
                self.found.push(Part { inside: inside.to_owned(), source, trash });
                return Ok(());
            }
            Ok(Kind::Empty) => return Ok(()),
            _ if self.thunderbird && !indexed => {
                self.notes.file(&self.folder, inside);
                return Ok(());
            }
            Ok(Kind::Other(what)) => ImportError::NoMail(format!("{place:?} is {what}")),
            Ok(_) => ImportError::NoMail(format!("{place:?} is not an mbox")),
            Err(error) => damaged(&place, error),
        };
        match error {
            ImportError::NoMail(why) => self.refused.push(why),
            error => return Err(error),
        }
        Ok(())
    }

    fn is_trash(&self, name: &str) -> bool {
        self.thunderbird && name.eq_ignore_ascii_case("trash")
    }
}

/// Files that are no mailboxes, and why: they keep back none of the others.
struct Refused(Vec<String>);

impl Source for Refused {
    fn list(&mut self) -> Result<Vec<Listed>> {
        let listed = |why: &String| Listed { place: why.clone(), fault: Some(why.clone()), ..Listed::default() };
        Ok(self.0.iter().map(listed).collect())
    }

    fn fetch(&mut self, at: usize, _: u64, _: &mut Vec<u8>) -> Result<()> {
        Err(ImportError::NoMail(self.0[at].clone()))
    }
}

/// Several sources one behind the other.
struct Many {
    parts: Vec<Part>,
    /// Part and position in it of each message.
    at: Vec<(usize, usize)>,
    notes: Notes,
}

impl Source for Many {
    fn list(&mut self) -> Result<Vec<Listed>> {
        let mut all = Vec::new();
        let alone = self.parts.len() == 1;
        self.at.clear();
        for (number, part) in self.parts.iter_mut().enumerate() {
            let listed = match part.source.list() {
                // It keeps back none of the others.
                Err(error @ (ImportError::Data(_) | ImportError::NoMail(_))) if !alone => {
                    part.source = Box::new(Refused(vec![error.to_string()]));
                    part.source.list()?
                }
                listed => listed?,
            };
            self.at.extend((0..listed.len()).map(|at| (number, at)));
            all.extend(listed.into_iter().map(|listed| Listed { deleted: listed.deleted || part.trash, ..listed }));
        }
        Ok(all)
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        let (part, at) = self.at[at];
        self.parts[part].source.fetch(at, limit, octets)
    }

    fn notes(&self) -> Notes {
        let mut notes = self.notes.clone();
        self.parts.iter().for_each(|part| notes += part.source.notes());
        notes
    }
}

#[cfg(test)]
mod tests;
