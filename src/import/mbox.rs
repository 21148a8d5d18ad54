//! mbox files (RFC 4155): messages behind lines that start with `From `.
//!
//! The file is read once to find the messages; their octets are read when they are wanted. A From_
//! line starts a message at the start of the file or behind an empty line. `>From ` and `>>From ` lose
//! one `>` (the convention called mboxrd, which all but the oldest programs write).

use super::{ImportError, Listed, Result, Source, file_error, header, is_unique_id};
use crate::date;
use memchr::memmem;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const FROM: &[u8] = b"From ";

/// Whether a file is empty or starts with a From_ line.
///
/// # Errors
/// It cannot be read.
pub fn is_mbox(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    File::open(path).map_err(file_error(path))?.take(5).read_to_end(&mut start).map_err(file_error(path))?;
    Ok(start.is_empty() || start == FROM)
}

/// One file.
pub struct Mbox {
    path: PathBuf,
    /// First octet behind the From_ line, and first octet behind the message.
    ranges: Vec<(u64, u64)>,
}

/// A message that is being found.
struct Found {
    start: u64,
    from: Vec<u8>,
    head: Vec<u8>,
}

impl Mbox {
    /// Nothing is read yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), ranges: Vec::new() }
    }

    fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(file_error(&self.path))
    }

    fn end(&mut self, found: Option<Found>, end: u64, listed: &mut Vec<Listed>) {
        let Some(found) = found else { return };
        self.ranges.push((found.start, end.max(found.start)));
        let (sender, received_at) = envelope(&found.from);
        let status = header::field(&found.head, "Status").unwrap_or_default();
        listed.push(Listed {
            place: format!("{}, message {}", self.path.display(), self.ranges.len()),
            unique_id: header::field(&found.head, "X-UIDL").filter(|id| is_unique_id(id)),
            octets: None,
            received_at,
            sender: Some(sender),
            read: status.contains('R'),
        });
    }
}

impl Source for Mbox {
    fn list(&mut self) -> Result<Vec<Listed>> {
        self.ranges.clear();
        let (mut reader, mut listed) = (BufReader::new(self.open()?), Vec::new());
        let (mut at, mut found, mut line) = (0, None::<Found>, Vec::new());
        // Octets of the empty line in front of the next one; at the start of the file it counts as there.
        let mut empty = Some(0);
        loop {
            let whole = line.is_empty() || line.ends_with(b"\n");
            line.clear();
            // A longer line comes in pieces, of which only the first can be a From_ line.
            let read = reader.by_ref().take(header::LONGEST as u64).read_until(b'\n', &mut line);
            let read = read.map_err(file_error(&self.path))? as u64;
            if read == 0 {
                self.end(found.take(), at - empty.unwrap_or(0), &mut listed);
                return Ok(listed);
            }
            if let (Some(before), true) = (empty, line.starts_with(FROM)) {
                self.end(found.take(), at - before, &mut listed);
                found = Some(Found { start: at + read, from: line.clone(), head: Vec::new() });
            } else if let Some(found) = &mut found
                && found.head.len() < header::LONGEST
            {
                found.head.extend_from_slice(&line);
            }
            at += read;
            let blank = whole && matches!(line.as_slice(), b"\n" | b"\r\n");
            empty = blank.then_some(read);
        }
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        let (start, end) = self.ranges[at];
        if end - start > limit {
            return Err(ImportError::TooBig(format!("{}, message {}", self.path.display(), at + 1)));
        }
        let mut quoted = Vec::new();
        let mut file = self.open()?;
        let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.take(end - start).read_to_end(&mut quoted));
        read.map_err(file_error(&self.path))?;
        octets.clear();
        unquote(&quoted, octets);
        Ok(())
    }
}

/// Sender and date of a From_ line.
fn envelope(line: &[u8]) -> (String, Option<i64>) {
    let text = String::from_utf8_lossy(&line[FROM.len()..]);
    let (sender, date) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let sender = if sender.eq_ignore_ascii_case("MAILER-DAEMON") || sender.len() > 254 { "" } else { sender };
    (sender.to_owned(), date::parse_asctime(date))
}

/// Takes one `>` off the lines that are `From ` behind any number of them.
fn unquote(quoted: &[u8], out: &mut Vec<u8>) {
    let mut rest = quoted;
    // Each turn begins at the start of a line.
    while !rest.is_empty() {
        let marks = rest.iter().take_while(|octet| **octet == b'>').count();
        if marks > 0 && rest[marks..].starts_with(FROM) {
            rest = &rest[1..];
        }
        let end = memmem::find(rest, b"\n>").map_or(rest.len(), |at| at + 1);
        out.extend_from_slice(&rest[..end]);
        rest = &rest[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> (Vec<Listed>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        std::fs::write(&path, text).unwrap();
        let mut mbox = Mbox::new(&path);
        let listed = mbox.list().unwrap();
        let mut octets = Vec::new();
        let mut read = |at| {
            mbox.fetch(at, 10_000, &mut octets).unwrap();
            String::from_utf8(octets.clone()).unwrap()
        };
        let texts = (0..listed.len()).map(&mut read).collect();
        (listed, texts)
    }

    #[test]
    fn messages_begin_with_from_lines() {
        let (listed, texts) = messages(
            "From bob@b.example Mon Nov 23 12:00:00 2026\nX-UIDL: abc\nStatus: RO\n\nHello\nFrom here on\n\n\
             From MAILER-DAEMON Mon Nov 23 12:00:00 2026\nSubject: x\n\n>From me\n>>From you\n>Frog\n\n\n\
             From carol@c.example no date\n\n",
        );
        assert_eq!(texts[0], "X-UIDL: abc\nStatus: RO\n\nHello\nFrom here on\n");
        assert_eq!(texts[1], "Subject: x\n\nFrom me\n>From you\n>Frog\n\n");
        assert_eq!(texts[2], "");
        assert_eq!(listed.len(), 3);
        assert_eq!(
            (listed[0].sender.as_deref().unwrap(), listed[0].received_at),
            ("bob@b.example", Some(1_795_435_200))
        );
        assert_eq!((listed[0].unique_id.as_deref(), listed[0].read), (Some("abc"), true));
        assert_eq!(
            (listed[1].sender.as_deref().unwrap(), listed[1].unique_id.as_deref(), listed[1].read),
            ("", None, false)
        );
        assert_eq!((listed[2].sender.as_deref().unwrap(), listed[2].received_at), ("carol@c.example", None));
    }

    #[test]
    fn crlf_is_as_good() {
        let (_, texts) = messages("From a Mon Nov 23 12:00:00 2026\r\nA: b\r\n\r\n>From x\r\n\r\nFrom b x\r\nC: d\r\n");
        assert_eq!(texts, ["A: b\r\n\r\nFrom x\r\n", "C: d\r\n"]);
    }

    #[test]
    fn too_big_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        std::fs::write(&path, "From a b\n0123456789\n").unwrap();
        let mut mbox = Mbox::new(&path);
        assert_eq!(mbox.list().unwrap().len(), 1);
        assert!(matches!(mbox.fetch(0, 10, &mut Vec::new()), Err(ImportError::TooBig(_))));
        assert!(mbox.fetch(0, 11, &mut Vec::new()).is_ok());
    }
}
