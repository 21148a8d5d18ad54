//! Import: mailboxes of other programs and servers, with the unique-ids their clients know.
//!
//! What lives here: [`Source`]s, which list messages and give their octets, and [`transfer`], which
//! puts them into a mailbox. What must not be known here: SQL, the command line.
//!
//! * Messages come in the order in which the old server numbered them.
//! * A message whose unique-id the mailbox has already is not stored again, so that an import that
//!   was cut can be run again; if it is another message, that is an error and nothing is changed.

pub mod files;
pub mod folder;
pub mod header;
pub mod imap;
pub mod maildir;
pub mod mbox;
pub mod packed;
pub mod percent;
pub mod pop3;
pub mod remote;
pub mod transfer;
pub mod uid_format;
pub mod uidlist;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

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

    /// Reading a message costs a transfer over the network.
    fn is_remote(&self) -> bool {
        false
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
        matches!(self, Self::TooBig(_) | Self::Withheld(_))
    }
}

/// What reading a source answers.
pub type Result<T> = std::result::Result<T, ImportError>;

fn file_error(path: &Path) -> impl Fn(io::Error) -> ImportError + '_ {
    |error| ImportError::File(path.to_owned(), error)
}

/// The source at a path: a Maildir, a folder of `.eml` files, an mbox file or a single message.
///
/// # Errors
/// There is nothing, or nothing that is known.
pub fn open(path: &Path) -> Result<Box<dyn Source>> {
    let metadata = std::fs::metadata(path).map_err(file_error(path))?;
    if metadata.is_dir() {
        return if maildir::is_maildir(path) {
            Ok(Box::new(maildir::Maildir::new(path)))
        } else {
            Ok(Box::new(files::Files::folder(path)?))
        };
    }
    if mbox::is_mbox(path)? { Ok(Box::new(mbox::Mbox::new(path))) } else { Ok(Box::new(files::Files::single(path))) }
}

/// Whether UIDL could show this (RFC 1939 section 7): 1 to 70 characters of 0x21 to 0x7E.
pub fn is_unique_id(text: &str) -> bool {
    (1..=70).contains(&text.len()) && text.bytes().all(|octet| (0x21..=0x7e).contains(&octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_source_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let count = |path: &Path| open(path).unwrap().list().unwrap().len();
        assert_eq!(
            count(&file("box", "From a Mon Nov 23 12:00:00 2026\nA: b\n\nFrom a Mon Nov 23 12:00:00 2026\n")),
            2
        );
        assert_eq!(count(&file("one.eml", "A: b\n\nFrom here\n")), 1);
        assert_eq!(count(&file("empty", "")), 0);
        file("mails/2.eml", "A: b\n");
        file("mails/1.EML", "A: b\n");
        file("mails/notes.txt", "x");
        assert_eq!(count(&folder.path().join("mails")), 2);
        file("dir/new/1", "A: b\n");
        assert_eq!(count(&folder.path().join("dir")), 1);
        assert!(matches!(open(&folder.path().join("none")), Err(ImportError::File(..))));
    }

    #[test]
    fn unique_ids_are_visible_ascii() {
        assert!(is_unique_id("0000000a5c3f0001") && is_unique_id("!~") && is_unique_id(&"x".repeat(70)));
        for wrong in ["", "a b", "\u{e4}", "a\t", &"x".repeat(71)] {
            assert!(!is_unique_id(wrong), "{wrong}");
        }
    }
}
