//! Maildirs: the messages in `cur` and `new`, with what Dovecot or Courier note of their unique-ids.

use super::uidlist::{self, Note, Notes, base_name};
use super::{ImportError, Listed, Result, Source, file_error, files};
use std::path::{Path, PathBuf};

/// Whether a folder is a Maildir.
pub fn is_maildir(folder: &Path) -> bool {
    ["cur", "new"].iter().any(|name| folder.join(name).is_dir())
}

/// One folder (no subfolders: POP3 shows the inbox only).
pub struct Maildir {
    folder: PathBuf,
    paths: Vec<PathBuf>,
}

/// A file and what it is sorted by.
struct Found {
    path: PathBuf,
    name: String,
    note: Option<Note>,
}

impl Maildir {
    /// Nothing is read yet.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), paths: Vec::new() }
    }

    /// What the server before noted. With several lists the one that POP3 clients saw.
    fn notes(&self) -> Result<Notes> {
        type Reader = fn(&str) -> Result<Notes>;
        let lists: [(&str, Reader); 2] =
            [("dovecot-uidlist", uidlist::dovecot), ("courierpop3dsizelist", uidlist::courier)];
        for (name, reader) in lists {
            let path = self.folder.join(name);
            if path.is_file() {
                let octets = std::fs::read(&path).map_err(file_error(&path))?;
                return reader(&String::from_utf8_lossy(&octets))
                    .map_err(|error| ImportError::Data(format!("{}: {error}", self.folder.display())));
            }
        }
        Ok(Notes::new())
    }

    fn find(&self) -> Result<Vec<Found>> {
        let mut notes = self.notes()?;
        let mut found = Vec::new();
        for name in ["cur", "new"] {
            let folder = self.folder.join(name);
            let paths = if folder.is_dir() { files::entries(&folder)? } else { Vec::new() };
            for path in paths {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if !name.starts_with('.') {
                    let note = notes.remove(base_name(&name));
                    found.push(Found { path, name, note });
                }
            }
        }
        Ok(found)
    }
}

impl Source for Maildir {
    fn list(&mut self) -> Result<Vec<Listed>> {
        let mut found = self.find()?;
        found.sort_by(|one, other| key(one).cmp(&key(other)));
        let listed = found.iter().map(|found| Listed {
            place: found.path.display().to_string(),
            unique_id: found.note.as_ref().map(|note| note.unique_id.clone()),
            received_at: files::modified(&found.path),
            sender: found.note.as_ref().and_then(|note| note.sender.clone()),
            read: flags(&found.name).contains('S'),
            ..Listed::default()
        });
        let listed = listed.collect();
        self.paths = found.into_iter().map(|found| found.path).collect();
        Ok(listed)
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        files::read(&self.paths[at], limit, octets)
    }
}

/// The server's own order, then arrival: the time in the name, then the name, as Courier sorts. What
/// stands in no list came after it was written.
fn key(found: &Found) -> (bool, Option<(u64, u64)>, u64, &str) {
    let digits = found.name.find(|c: char| !c.is_ascii_digit()).unwrap_or(found.name.len());
    let time = found.name[..digits].parse().unwrap_or(u64::MAX);
    let order = found.note.as_ref().and_then(|note| note.order);
    (order.is_none(), order, time, base_name(&found.name))
}

/// The flags in a file's name, `:2,FLAGS`.
fn flags(name: &str) -> &str {
    name.rsplit_once(":2,").map_or("", |(_, flags)| flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maildir(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    /// Content and unique-id of each message, in order.
    fn listed(folder: &Path) -> Vec<(String, Option<String>, bool)> {
        let mut maildir = Maildir::new(folder);
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
        assert!(matches!(Maildir::new(folder.path()).list(), Err(ImportError::Data(_))));
    }
}
