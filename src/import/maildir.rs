//! Maildirs: the messages in `cur` and `new`, with what Dovecot or Courier note of their unique-ids. Messages that
//! Dovecot's plugin compressed are read, whatever their names say.

use super::files::{packed, read};
use super::folder::Folder;
use super::uid_format::UidFormat;
use super::uidlist::{self, Note, base_name};
use super::{ImportError, Listed, Notes, Result, Source, damaged, file_error, kind, mbox};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::UNIX_EPOCH;

/// One folder (no subfolders: POP3 shows the inbox only).
pub struct Maildir {
    folder: Rc<Folder>,
    inside: PathBuf,
    format: Option<UidFormat>,
    paths: Vec<PathBuf>,
    notes: Notes,
}

/// A file and what it is sorted by.
struct Found {
    path: PathBuf,
    name: String,
    note: Option<Note>,
    modified: Option<i64>,
}

impl Maildir {
    /// Whether a folder is a Maildir.
    pub fn is_one(folder: &Folder, inside: &Path) -> bool {
        ["cur", "new"].iter().any(|name| folder.has_folder(&inside.join(name)))
    }

    /// Nothing is read yet.
    pub fn new(folder: Rc<Folder>, inside: &Path, format: Option<UidFormat>) -> Self {
        Self { folder, inside: inside.to_owned(), format, paths: Vec::new(), notes: Notes::default() }
    }

    /// What the server before noted. With several lists the one that POP3 clients saw.
    fn noted(&self) -> Result<uidlist::Notes> {
        let place = self.folder.place(&self.inside);
        let read = |name: &str| {
            let inside = self.inside.join(name);
            if !self.folder.has_file(&inside) {
                return Ok(None);
            }
            let (mut octets, mut file) = (Vec::new(), self.folder.file(&inside)?);
            file.read_to_end(&mut octets).map_err(file_error(&place))?;
            Ok(Some(String::from_utf8_lossy(&octets).into_owned()))
        };
        let failed = |error| ImportError::Data(format!("{}: {error}", place.display()));
        let format = self.format.as_ref();
        if let Some(text) = read("dovecot-uidlist")? {
            return uidlist::dovecot(&text, format).map_err(failed);
        }
        if format.is_some_and(UidFormat::needs_uid) {
            return Err(ImportError::Data(format!(
                "{place:?}: --uidl-format needs uids, and it has no dovecot-uidlist"
            )));
        }
        match read("courierpop3dsizelist")?.filter(|_| format.is_none()) {
            Some(text) => uidlist::courier(&text).map_err(failed),
            None => Ok(uidlist::Notes::new()),
        }
    }

    /// The note of a file that the server noted nothing of: a format of names needs no server.
    fn named(&self, name: &str) -> Option<Note> {
        let format = self.format.as_ref().filter(|format| !format.needs_uid())?;
        let (unique_id, fault) = match format.unique_id(0, 0, Some(base_name(name))) {
            Ok(id) => (id, None),
            Err(what) => (String::new(), Some(what)),
        };
        Some(Note { unique_id, fault, ..Note::default() })
    }

    fn find(&mut self) -> Result<Vec<Found>> {
        let mut noted = self.noted()?;
        let mut found = Vec::new();
        for name in ["cur", "new"] {
            let folder = self.inside.join(name);
            if !self.folder.has_folder(&folder) {
                // A link to one is not followed.
                self.notes.not_read += usize::from(self.folder.metadata(&folder).is_ok());
                continue;
            }
            let entries = self.folder.entries(&folder)?;
            self.notes.not_read += entries.others;
            for name in &entries.folders {
                self.notes.folder(&self.folder, &folder.join(name), 0)?;
            }
            for name in entries.files.into_iter().map(|name| folder.join(name)) {
                let path = name;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if !name.starts_with('.') {
                    let note = noted.remove(base_name(&name)).or_else(|| self.named(&name));
                    let modified = self.folder.metadata(&path)?.modified().ok();
                    let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                    let modified = modified.and_then(|time| i64::try_from(time.as_secs()).ok());
                    found.push(Found { path, name, note, modified });
                }
            }
        }
        self.notes.beside_maildir(&self.folder, &self.inside)?;
        Ok(found)
    }

    fn listed(&self, found: &Found) -> Listed {
        let place = self.folder.place(&found.path).display().to_string();
        let note = found.note.as_ref();
        let flags = flags(&found.name);
        Listed {
            unique_id: note.filter(|note| note.fault.is_none()).map(|note| note.unique_id.clone()),
            fault: note.and_then(|note| note.fault.as_ref()).map(|fault| format!("{place}: {fault}")),
            // Copies keep the name and lose the time of the file, or the other way round.
            received_at: found.modified.into_iter().chain(time(&found.name)).min(),
            sender: note.and_then(|note| note.sender.clone()),
            read: flags.contains('S'),
            deleted: flags.contains('T'),
            place,
            ..Listed::default()
        }
    }
}

impl Source for Maildir {
    fn list(&mut self) -> Result<Vec<Listed>> {
        self.notes = Notes::default();
        let mut found = self.find()?;
        found.sort_by(|one, other| key(one).cmp(&key(other)));
        let listed = found.iter().map(|found| self.listed(found)).collect();
        self.paths = found.into_iter().map(|found| found.path).collect();
        Ok(listed)
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        let path = self.folder.place(&self.paths[at]);
        let file = packed(&self.folder, &self.paths[at])?;
        let start = file.start(kind::START).map_err(|error| damaged(&path, error))?;
        // A server took it for mail, whatever its first line is; its name says so of an empty one.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let none = || start.is_empty() && name.split([',', ':']).any(|it| it == "S=0");
        if let Some(what) = kind::other_than_stored(&start).filter(|_| !none()) {
            return Err(ImportError::NoMail(format!("{path:?} is {what}")));
        }
        read(&path, &file, limit, octets)?;
        match mbox::Mbox::new(&path, file, None).messages_of_many(&start)? {
            0 => Ok(()),
            count => Err(ImportError::NoMail(format!("{path:?} is an mbox of {count} messages: import it alone"))),
        }
    }

    fn notes(&self) -> Notes {
        self.notes.clone()
    }
}

/// The server's own order, then arrival: the time in the name, then the name, as Courier sorts. What
/// stands in no list came after it was written.
fn key(found: &Found) -> (bool, Option<(u64, u64)>, u64, &str) {
    let time = time(&found.name).map_or(u64::MAX, i64::unsigned_abs);
    let order = found.note.as_ref().and_then(|note| note.order);
    (order.is_none(), order, time, base_name(&found.name))
}

/// The time in a file's name, seconds since 1970 UTC.
fn time(name: &str) -> Option<i64> {
    let digits = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    name[..digits].parse().ok()
}

/// The flags in a file's name, `:2,FLAGS`.
fn flags(name: &str) -> &str {
    name.rsplit_once(":2,").map_or("", |(_, flags)| flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::folder::Opened;

    fn maildir(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn opened(folder: &Path) -> Maildir {
        formatted(folder, None)
    }

    fn formatted(folder: &Path, format: Option<&str>) -> Maildir {
        match crate::import::folder::open(folder).unwrap() {
            Opened::Folder(folder) => {
                Maildir::new(Rc::new(folder), Path::new(""), format.map(|it| UidFormat::parse(it).unwrap()))
            }
            Opened::File(_) => panic!("{folder:?} is a file"),
        }
    }

    /// Content and unique-id of each message, in order.
    fn listed(folder: &Path) -> Vec<(String, Option<String>, bool)> {
        let mut maildir = opened(folder);
        let listed = maildir.list().unwrap();
        let mut octets = Vec::new();
        let mut read = |(at, listed): (usize, &Listed)| {
            maildir.fetch(at, 1000, &mut octets).unwrap();
            (String::from_utf8(octets.clone()).unwrap(), listed.unique_id.clone(), listed.read)
        };
        listed.iter().enumerate().map(&mut read).collect()
    }

    #[test]
    fn dovecots_order_is_kept() {
        let folder = maildir(&[
            ("cur/30.x:2,S", "c"),
            ("cur/20.x:2,RS", "a"),
            ("new/10.x", "b"),
            ("new/5.new", "d"),
            ("tmp/1.x", "not yet"),
            ("dovecot-uidlist", "3 V1 N9 Gx\n1 :20.x:2,\n2 :10.x\n8 :30.x:2,\n7 :gone\n"),
        ]);
        let id = |text: &str| Some(text.to_owned());
        assert_eq!(
            listed(folder.path()),
            [
                ("a".into(), id("0000000100000001"), true),
                ("b".into(), id("0000000200000001"), false),
                ("c".into(), id("0000000800000001"), true),
                ("d".into(), None, false),
            ]
        );
    }

    #[test]
    fn couriers_order_is_that_of_the_names() {
        let folder = maildir(&[
            ("cur/100.x:2,S", "b"),
            ("cur/99.x:2,", "a"),
            ("courierpop3dsizelist", "/3 8 5\n100.x 1 1:5:0\n99.x:2, 1 2:5:0\n"),
        ]);
        let found = listed(folder.path());
        assert_eq!(found[0], ("a".into(), Some("UID2-5".into()), false));
        assert_eq!(found[1], ("b".into(), Some("UID1-5".into()), true));
    }

    #[test]
    fn a_list_that_cannot_be_read_ends_the_import() {
        let folder = maildir(&[("new/1", "a"), ("dovecot-uidlist", "nonsense\n")]);
        assert!(matches!(opened(folder.path()).list(), Err(ImportError::Data(_))));
    }

    #[test]
    fn formats_of_names_need_no_list() {
        let folder = maildir(&[("cur/20.x,S=1:2,S", "a"), ("new/10.y", "b"), ("new/5.z z", "c")]);
        let listed = formatted(folder.path(), Some("%f")).list().unwrap();
        let ids: Vec<_> = listed.iter().map(|listed| listed.unique_id.as_deref()).collect();
        assert_eq!(ids, [None, Some("10.y"), Some("20.x,S=1")]);
        assert!(listed[0].fault.as_ref().unwrap().contains("not a valid unique-id"));
        let error = formatted(folder.path(), Some("%u")).list().unwrap_err();
        assert!(error.to_string().contains("no dovecot-uidlist"), "{error}");
    }

    #[test]
    fn the_earlier_date_counts() {
        let folder = maildir(&[("cur/1000000000.x:2,ST", "a"), ("cur/9999999999.y:2,", "b"), ("cur/z:2,", "c")]);
        for name in ["1000000000.x:2,ST", "9999999999.y:2,", "z:2,"] {
            let file = std::fs::File::options().write(true).open(folder.path().join("cur").join(name)).unwrap();
            file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000)).unwrap();
        }
        let listed = opened(folder.path()).list().unwrap();
        let dates: Vec<_> = listed.iter().map(|listed| (listed.received_at, listed.deleted)).collect();
        assert_eq!(dates, [(Some(1_000_000_000), true), (Some(1_700_000_000), false), (Some(1_700_000_000), false)]);
    }
}
