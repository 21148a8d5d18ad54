//! What has mail beside the mailbox that is read: subfolders, which POP3 does not show, and files of another kind. It is
//! named, so that nobody thinks it came, too.

use super::files::packed;
use super::folder::Folder;
use super::kind::{self, Kind};
use super::maildir::Maildir;
use super::{Notes, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// How deep folders are looked into.
const DEEPEST: usize = 32;

/// The folders of a Maildir that are no subfolders, Courier's books among them.
const OF_MAILDIR: [&str; 5] = ["cur", "new", "tmp", "courierimapkeywords", "courierimaphieracl"];

/// Endings of files with mail that is read nowhere here.
const OF_OTHERS: [&str; 8] = ["msg", "oft", "pst", "ost", "olm", "dbx", "mbx", "nsf"];

impl Notes {
    /// Names what is in the folder `inside`, and is not `taken`.
    pub(super) fn beside(&mut self, folder: &Folder, inside: &Path, taken: impl Fn(&OsStr) -> bool) -> Result<()> {
        let entries = folder.entries(inside)?;
        for name in entries.folders.iter().filter(|name| !taken(name)) {
            self.folder(folder, &inside.join(name), 0)?;
        }
        entries.files.iter().filter(|name| !taken(name)).for_each(|name| self.file(folder, &inside.join(name)));
        Ok(())
    }

    /// The same of a Maildir.
    pub(super) fn beside_maildir(&mut self, folder: &Folder, inside: &Path) -> Result<()> {
        self.beside(folder, inside, |name| OF_MAILDIR.iter().any(|of| name == *of))
    }

    /// Names a folder that is not read, if it has files, and those in it.
    pub(super) fn folder(&mut self, folder: &Folder, inside: &Path, depth: usize) -> Result<()> {
        let (is_maildir, entries) = (Maildir::is_one(folder, inside), folder.entries(inside)?);
        if is_maildir || !entries.files.is_empty() {
            self.folders.push(inside.to_owned());
        }
        let own = |name: &OsStr| is_maildir && OF_MAILDIR.iter().any(|of| name == *of);
        for name in entries.folders.iter().filter(|name| depth < DEEPEST && !own(name)) {
            self.folder(folder, &inside.join(name), depth + 1)?;
        }
        Ok(())
    }

    /// Names a file that is not read, if it begins as mail does, or is named as Outlook and others name mail. Programs hide what they threw away behind a dot, a comma
    /// or a hash.
    pub(super) fn file(&mut self, folder: &Folder, inside: &Path) {
        let name = inside.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(['.', ',', '#']) {
            return;
        }
        let start = packed(folder, inside).and_then(|file| file.start(kind::START).map_err(super::file_error(inside)));
        // What cannot be read is none of the mail that was asked for.
        let ending = inside.extension().unwrap_or_default().to_ascii_lowercase();
        let is_mail = |start: &[u8]| match kind::of(start) {
            Kind::Empty => false,
            Kind::Other(_) => OF_OTHERS.iter().any(|other| ending == *other),
            _ => true,
        };
        if start.is_ok_and(|start| is_mail(&start)) {
            self.files.push(inside.to_owned());
        }
    }
}

/// `3 folders not read: .Sent, .Trash, .Work`, with at most so many names; nothing, if there are none.
pub fn named(what: &str, paths: &[PathBuf], most: usize) -> Option<String> {
    let (count, plural) = (paths.len(), if paths.len() == 1 { "" } else { "s" });
    let shown = |path: &PathBuf| {
        let name = path.display().to_string();
        if name.contains(char::is_control) { format!("{name:?}") } else { name }
    };
    let names: Vec<String> = paths.iter().take(most).map(shown).collect();
    let more = if count > most { format!(" and {} more", count - most) } else { String::new() };
    (count > 0).then(|| format!("{count} {what}{plural} not read: {}{more}", names.join(", ")))
}
