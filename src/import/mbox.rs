//! mbox files (RFC 4155): messages behind lines that say `From sender date`; and MMDF files.
//!
//! The file is read once to find the messages (what a separator is, stands in [`scan`]); their octets are read when they
//! are wanted. `Content-Length` is a hint: see [`lengths`]. `>From ` and `>>From ` lose one `>` (the convention called
//! mboxrd, which all but the oldest programs write), except where lengths show that nothing is quoted (mboxcl2). A file without any LF has CR line ends.

mod date;
mod facts;
mod lengths;
mod mmdf;
mod scan;
mod separator;

use super::packed::Packed;
use super::uid_format::UidFormat;
use super::{ImportError, Listed, Notes, Result, Source, damaged, kind};
use facts::Facts;
use memchr::memmem;
use scan::{Draft, Failure, Scan};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Octets that are read at a time.
const PIECE: usize = 256 * 1024;

/// One file.
pub struct Mbox {
    path: PathBuf,
    file: Packed,
    format: Option<UidFormat>,
    messages: Vec<Range>,
    notes: Notes,
    /// Lines end in CR.
    cr: bool,
}

/// Where a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range {
    /// First octet behind the separator.
    start: u64,
    /// First octet behind the message.
    end: u64,
    /// Lines that begin with `>From ` have one `>` too many.
    quoted: bool,
}

impl Mbox {
    /// Nothing is read yet.
    pub fn new(path: &Path, file: Packed, format: Option<UidFormat>) -> Self {
        Self { path: path.to_owned(), file, format, messages: Vec::new(), notes: Notes::default(), cr: false }
    }

    /// How many messages are in a file that begins with `start`, if it is a mailbox rather than one message.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn messages_of_many(mut self, start: &[u8]) -> Result<usize> {
        if !matches!(kind::of(start), kind::Kind::Mbox | kind::Kind::Mmdf) {
            return Ok(0);
        }
        match self.list() {
            Ok(listed) => Ok(if listed.len() > 1 { listed.len() } else { 0 }),
            Err(ImportError::Data(_)) => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn find(&mut self) -> Result<Scan> {
        self.cr = ends_in_cr(&mut BufReader::new(self.file.reader())).map_err(|error| damaged(&self.path, error))?;
        let reader = BufReader::with_capacity(PIECE, LineEnds { reader: self.file.reader(), cr: self.cr });
        let start = self.file.start(kind::START).map_err(|error| damaged(&self.path, error))?;
        let is_mmdf = kind::of(&start) == kind::Kind::Mmdf;
        let found = if is_mmdf { mmdf::scan(reader) } else { scan::scan(reader) };
        found.map_err(|failure| match failure {
            Failure::Io(error) => damaged(&self.path, error),
            Failure::First(what) => ImportError::Data(format!("{:?}: {what}", self.path)),
        })
    }

    fn listed(&self, draft: &Draft, number: usize, base: Option<(u32, u32)>) -> Listed {
        let Facts { unique_id, read, deleted, uid, .. } = &draft.facts;
        let place = format!("{}, message {number}", self.path.display());
        let uid = uid.zip(base.map(|(validity, _)| validity));
        let made = self.format.as_ref().zip(uid).map(|(format, (uid, validity))| {
            format.unique_id(uid.into(), validity.into(), None).map_err(|what| format!("{place}: {what}"))
        });
        let (unique_id, fault) = match made {
            Some(Ok(id)) => (Some(id), None),
            Some(Err(what)) => (None, Some(what)),
            None => (unique_id.clone(), None),
        };
        Listed {
            unique_id,
            fault,
            received_at: draft.separator.received_at,
            sender: draft.separator.sender.clone(),
            read: *read,
            deleted: *deleted,
            claimed: true,
            place,
            octets: None,
        }
    }
}

impl Source for Mbox {
    fn list(&mut self) -> Result<Vec<Listed>> {
        let scan = self.find()?;
        let mut base = None;
        let mut last_uid = 0;
        (self.messages, self.notes) = (Vec::new(), Notes { from_lines: scan.from_lines, ..Notes::default() });
        let mut listed = Vec::new();
        let (ranges, inner) = lengths::resolve(&scan);
        self.notes.from_lines += inner;
        for (mut draft, range) in scan.drafts.into_iter().enumerate().filter_map(|(at, it)| Some((it, ranges[at]?))) {
            self.notes.headless += usize::from(draft.headless);
            let first = self.messages.is_empty() && base.is_none();
            if first {
                base = draft.facts.base;
            }
            if first && draft.facts.bookkeeping {
                self.notes.bookkeeping += 1;
                continue;
            }
            // Uids grow, and one that was never given out is not the server's.
            draft.facts.uid =
                draft.facts.uid.filter(|uid| *uid > last_uid && base.is_some_and(|(_, last)| *uid <= last));
            last_uid = draft.facts.uid.unwrap_or(last_uid);
            self.messages.push(range);
            listed.push(self.listed(&draft, self.messages.len(), base));
        }
        let needs_uid = self.format.as_ref().is_some_and(|format| format.needs_uid() || format.needs_file_name());
        if needs_uid && base.is_none() && !listed.is_empty() {
            let what = "--uidl-format needs uids, and it has no X-IMAPbase";
            return Err(ImportError::Data(format!("{:?}: {what}", self.path)));
        }
        Ok(listed)
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        let Range { start, end, quoted } = self.messages[at];
        if end - start > limit {
            return Err(ImportError::TooBig(format!("{}, message {}", self.path.display(), at + 1)));
        }
        let mut found = Vec::new();
        self.file.read(start, end, &mut found).map_err(|error| damaged(&self.path, error))?;
        if self.cr {
            to_lf(&mut found);
        }
        octets.clear();
        if quoted {
            unquote(&found, octets)
        } else {
            octets.append(&mut found)
        }
        Ok(())
    }

    fn notes(&self) -> Notes {
        self.notes.clone()
    }
}

/// Whether there are CRs and not a single LF.
///
/// # Errors
/// It cannot be read.
pub(super) fn ends_in_cr(reader: &mut impl BufRead) -> io::Result<bool> {
    let mut crs = false;
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() || memchr::memchr(b'\n', piece).is_some() {
            return Ok(crs && piece.is_empty());
        }
        crs = crs || memchr::memchr(b'\r', piece).is_some();
        let read = piece.len();
        reader.consume(read);
    }
}

/// Makes LF of CR line ends.
pub(super) fn to_lf(octets: &mut [u8]) {
    octets.iter_mut().filter(|octet| **octet == b'\r').for_each(|octet| *octet = b'\n');
}

/// A reader that shows CR line ends as LF.
struct LineEnds<R> {
    reader: R,
    cr: bool,
}

impl<R: Read> Read for LineEnds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if self.cr {
            to_lf(&mut buffer[..read]);
        }
        Ok(read)
    }
}

/// Takes one `>` off the lines that are `From ` behind any number of them.
fn unquote(quoted: &[u8], out: &mut Vec<u8>) {
    let mut rest = quoted;
    // Each turn begins at the start of a line.
    while !rest.is_empty() {
        let marks = rest.iter().take_while(|octet| **octet == b'>').count();
        if marks > 0 && rest[marks..].starts_with(b"From ") {
            rest = &rest[1..];
        }
        let end = memmem::find(rest, b"\n>").map_or(rest.len(), |at| at + 1);
        out.extend_from_slice(&rest[..end]);
        rest = &rest[end..];
    }
}

#[cfg(test)]
mod tests;
