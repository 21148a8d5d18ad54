//! Import: mailboxes of other programs and servers, with the unique-ids their clients know.
//!
//! What lives here: [`Source`]s, which list messages and give their octets, and [`transfer`], which
//! puts them into a mailbox. What must not be known here: SQL, the command line.
//!
//! * Messages come in the order in which the old server numbered them.
//! * A message whose unique-id the mailbox has already is not stored again, so that an import that
//!   was cut can be run again; if it is another message, that is an error and nothing is changed.

pub mod emlx;
pub mod files;
pub mod folder;
mod folders;
pub mod header;
pub mod imap;
pub mod kind;
pub mod maildir;
pub mod mbox;
pub mod packed;
pub mod percent;
pub mod pop3;
pub mod remote;
pub mod transfer;
pub mod uid_format;
pub mod uidlist;
pub mod unread;

use folder::Opened;
use kind::Kind;
use mbox::Mbox;
use packed::Packed;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use uid_format::UidFormat;

/// A message of a source, before its octets are read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listed {
    /// Where it is, for people.
    pub place: String,
    /// The unique-id that the old server shows for it.
    pub unique_id: Option<String>,
    /// Why it cannot be taken over, if that is seen without its octets.
    pub fault: Option<String>,
    /// Octets, as the old server states them in LIST.
    pub octets: Option<u64>,
    /// When it was received, seconds since 1970 UTC, if that stands outside of it.
    pub received_at: Option<i64>,
    /// The reverse path, if that stands outside of it.
    pub sender: Option<String>,
    /// It was read.
    pub read: bool,
    /// It is marked as deleted: left out, if it is not wanted all the same.
    pub deleted: bool,
    /// The unique-id is what a header claims, and anybody can write headers: where it is another message's, this one
    /// is kept with a number of its own. Else a clash is refused.
    pub claimed: bool,
}

/// Where messages come from.
pub trait Source {
    /// All messages, in their order.
    ///
    /// # Errors
    /// The source cannot be read, or is not what it should be.
    fn list(&mut self) -> Result<Vec<Listed>>;

    /// Replaces `octets` by the message at this position of the list, as it was found: line ends
    /// of any kind, no dots stuffed.
    ///
    /// # Errors
    /// It cannot be read. After [`ImportError::TooBig`] (more than `limit` octets) and [`ImportError::Withheld`]
    /// the others still can.
    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()>;

    /// The same in pieces, for messages that need not fit into memory. Nothing that `sink` got counts before it is
    /// `Ok`.
    ///
    /// # Errors
    /// As [`Source::fetch`].
    fn stream(&mut self, at: usize, limit: u64, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        let mut octets = Vec::new();
        self.fetch(at, limit, &mut octets)?;
        sink(&octets);
        Ok(())
    }

    /// What the list left out or took for something else; known after [`Source::list`].
    fn notes(&self) -> Notes {
        Notes::default()
    }

    /// Reading a message costs a transfer over the network.
    fn is_remote(&self) -> bool {
        false
    }
}

/// What is no message of a list, but is told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Notes {
    /// Lines of an mbox that begin with `From ` and were taken for text.
    pub from_lines: usize,
    /// Messages of an mbox that have no header, and are told from the text before them by their dated separators only.
    pub headless: usize,
    /// Messages in which c-client keeps its books.
    pub bookkeeping: usize,
    /// Links, devices and pipes in a folder: they are not read.
    pub not_read: usize,
    /// Subfolders that are not read.
    pub folders: Vec<PathBuf>,
    /// Files beside the mailbox that look like mail, and are not read.
    pub files: Vec<PathBuf>,
}

impl std::ops::AddAssign for Notes {
    fn add_assign(&mut self, other: Self) {
        self.from_lines += other.from_lines;
        self.headless += other.headless;
        self.bookkeeping += other.bookkeeping;
        self.not_read += other.not_read;
        self.folders.extend(other.folders);
        self.files.extend(other.files);
    }
}

/// Why something could not be imported.
#[derive(Debug)]
pub enum ImportError {
    /// A file or folder cannot be read.
    File(PathBuf, io::Error),
    /// What was read is not what it should be.
    Data(String),
    /// A message has more octets than may be stored.
    TooBig(String),
    /// The other server does not give a message away.
    Withheld(String),
    /// A file is no mail, or damaged; what it is and what to do.
    NoMail(String),
    /// The other server cannot be reached, or does not offer what is needed.
    Unreachable(String),
    /// The connection to the other server is not safe for a password.
    Insecure(String),
    /// The other server refused the login.
    Login(String),
    /// The connection to the other server broke, or it cannot serve now: run the import again.
    Broken(String),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "cannot read {path:?}: {error}"),
            Self::TooBig(place) => write!(f, "{place} is larger than MaxReceiveSize"),
            Self::Data(text)
            | Self::Withheld(text)
            | Self::NoMail(text)
            | Self::Unreachable(text)
            | Self::Insecure(text)
            | Self::Login(text)
            | Self::Broken(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ImportError {}

impl ImportError {
    /// One message cannot be had, but others can.
    fn is_of_one_message(&self) -> bool {
        matches!(self, Self::TooBig(_) | Self::Withheld(_) | Self::NoMail(_))
    }
}

/// What reading a source answers.
pub type Result<T> = std::result::Result<T, ImportError>;

fn file_error(path: &Path) -> impl Fn(io::Error) -> ImportError + '_ {
    |error| ImportError::File(path.to_owned(), error)
}

/// The source at a path: a Maildir, a folder of messages or mailboxes, an mbox file or a single message, each
/// compressed or not. `format` makes unique-ids of the uids that are noted there.
///
/// # Errors
/// There is nothing, or nothing that is known; what is no mail is named.
pub fn open(path: &Path, format: Option<&UidFormat>) -> Result<Box<dyn Source>> {
    let file = match folder::open(path)? {
        Opened::Folder(folder) => return folders::open(folder, format),
        Opened::File(file) => Packed::new(file).map_err(file_error(path))?,
    };
    let start = file.start(kind::START).map_err(|error| damaged(path, error))?;
    match kind::of(&start) {
        Kind::Empty | Kind::Mbox | Kind::Mmdf => Ok(Box::new(Mbox::new(path, file, format.cloned()))),
        Kind::Emlx | Kind::Message if format.is_some() => {
            Err(ImportError::Data(format!("{path:?}: --uidl-format needs uids, and a single message has none")))
        }
        Kind::Emlx | Kind::Message => Ok(Box::new(files::Files::single(path, file))),
        Kind::Other(what) => Err(ImportError::NoMail(format!("{path:?} is {what}"))),
    }
}

/// What was compressed is damaged, or cannot be read.
fn damaged(path: &Path, error: io::Error) -> ImportError {
    if packed::is_damage(&error) {
        ImportError::NoMail(format!("{path:?} is damaged: {error}"))
    } else {
        file_error(path)(error)
    }
}

/// Whether UIDL could show this (RFC 1939 section 7): 1 to 70 characters of 0x21 to 0x7E.
pub fn is_unique_id(text: &str) -> bool {
    (1..=70).contains(&text.len()) && text.bytes().all(|octet| (0x21..=0x7e).contains(&octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_ids_are_visible_ascii() {
        assert!(is_unique_id("0000000a5c3f0001") && is_unique_id("!~") && is_unique_id(&"x".repeat(70)));
        for wrong in ["", "a b", "\u{e4}", "a\t", &"x".repeat(71)] {
            assert!(!is_unique_id(wrong), "{wrong}");
        }
    }
}
