//! mbox files (RFC 4155): messages behind lines that say `From sender date`.
//!
//! The file is read once to find the messages; their octets are read when they are wanted. A separator is
//! known by its form, with or without an empty line before it. `Content-Length` is believed where a separator or
//! the end of the file stands exactly at its end (mboxcl). `>From ` and `>>From ` lose one `>` (the convention called
//! mboxrd, which all but the oldest programs write), except in a message whose length shows that its text has
//! lines with `From ` that are not quoted (mboxcl2).

mod separator;

use super::{ImportError, Listed, Result, Source, file_error, header, is_unique_id};
use memchr::memmem;
use separator::Separator;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const FROM: &[u8] = b"From ";

/// What some programs write at the start of every file (UTF-8's byte order mark).
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Octets in which the first line of a file, and a separator behind a message, are looked for.
const WINDOW: usize = 4096;

/// Whether a file is empty or starts with a From_ line. A byte order mark and empty lines before it do not count.
///
/// # Errors
/// It cannot be read.
pub fn is_mbox(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(file_error(path))?;
    file.take(WINDOW as u64).read_to_end(&mut start).map_err(file_error(path))?;
    let start = start.strip_prefix(MARK).unwrap_or(&start);
    let text = start.iter().position(|octet| !matches!(octet, b'\r' | b'\n')).unwrap_or(start.len());
    Ok(text == start.len() || start[text..].starts_with(FROM))
}

/// One file.
pub struct Mbox {
    path: PathBuf,
    messages: Vec<Range>,
}

/// Where a message is.
struct Range {
    /// First octet behind the From_ line.
    start: u64,
    /// First octet behind the message.
    end: u64,
    /// The end is where `Content-Length` says.
    by_length: bool,
}

/// A message that is being found.
struct Found {
    start: u64,
    separator: Separator,
    /// The header, as far as it has been read and is looked at.
    head: Vec<u8>,
    in_header: bool,
}

impl Found {
    fn new(start: u64, separator: Separator) -> Self {
        Self { start, separator, head: Vec::new(), in_header: true }
    }

    /// Takes a line of it; `true`: the header has ended.
    fn take(&mut self, line: &[u8], is_empty: bool) -> bool {
        if self.in_header && self.head.len() < header::LONGEST {
            self.head.extend_from_slice(line);
        }
        let ended = self.in_header && is_empty;
        self.in_header &= !is_empty;
        ended
    }
}

impl Mbox {
    /// Nothing is read yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), messages: Vec::new() }
    }

    fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(file_error(&self.path))
    }

    fn end(&mut self, found: Option<Found>, end: u64, by_length: bool, listed: &mut Vec<Listed>) {
        let Some(found) = found else { return };
        self.messages.push(Range { start: found.start, end: end.max(found.start), by_length });
        let status = header::field(&found.head, "Status").unwrap_or_default();
        listed.push(Listed {
            place: format!("{}, message {}", self.path.display(), self.messages.len()),
            unique_id: header::field(&found.head, "X-UIDL").filter(|id| is_unique_id(id)),
            received_at: found.separator.received_at,
            sender: found.separator.sender,
            read: status.contains('R'),
            ..Listed::default()
        });
    }

    fn find(&mut self, mut reader: BufReader<File>) -> io::Result<Vec<Listed>> {
        let (mut at, mut found, mut listed) = (skip_mark(&mut reader)?, None::<Found>, Vec::new());
        let mut line = Vec::new();
        // Octets of the empty line in front of the next one.
        let mut empty = 0;
        loop {
            let whole = line.is_empty() || line.ends_with(b"\n");
            line.clear();
            // A longer line comes in pieces, of which only the first can be a From_ line.
            let read = reader.by_ref().take(header::LONGEST as u64).read_until(b'\n', &mut line)? as u64;
            if read == 0 {
                self.end(found.take(), at - empty, false, &mut listed);
                return Ok(listed);
            }
            let is_empty = whole && matches!(line.as_slice(), b"\n" | b"\r\n");
            let separator = match &found {
                None if is_empty => None,
                None => Some(separator::read_first(&line)),
                Some(_) if whole => separator::read(&line),
                Some(_) => None,
            };
            let (before, start) = (at, at + read);
            at = start;
            if let Some(separator) = separator {
                self.end(found.replace(Found::new(start, separator)), before - empty, false, &mut listed);
            } else if found.as_mut().is_some_and(|found| found.take(&line, is_empty))
                && let Some(end) = found.as_ref().and_then(|found| stated_end(reader.get_ref(), &found.head, start))
            {
                self.end(found.take(), end, true, &mut listed);
                at = reader.seek(SeekFrom::Start(end))?;
                line.clear();
            }
            empty = if is_empty && found.is_some() { read } else { 0 };
        }
    }
}

impl Source for Mbox {
    fn list(&mut self) -> Result<Vec<Listed>> {
        self.messages.clear();
        let reader = BufReader::new(self.open()?);
        self.find(reader).map_err(file_error(&self.path.clone()))
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        let Range { start, end, by_length } = self.messages[at];
        if end - start > limit {
            return Err(ImportError::TooBig(format!("{}, message {}", self.path.display(), at + 1)));
        }
        let mut quoted = Vec::new();
        let mut file = self.open()?;
        let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.take(end - start).read_to_end(&mut quoted));
        read.map_err(file_error(&self.path))?;
        octets.clear();
        if by_length && memmem::find(&quoted, b"\nFrom ").is_some() {
            octets.extend_from_slice(&quoted);
        } else {
            unquote(&quoted, octets);
        }
        Ok(())
    }
}

/// Reads over a byte order mark; answers its length.
fn skip_mark(reader: &mut BufReader<File>) -> io::Result<u64> {
    let length = if reader.fill_buf()?.starts_with(MARK) { MARK.len() } else { 0 };
    reader.consume(length);
    Ok(length as u64)
}

/// Where a message ends by its `Content-Length`, if there is the end of the file, or a separator with or
/// without an empty line before it: many files have lengths that are not true any more.
fn stated_end(file: &File, head: &[u8], body: u64) -> Option<u64> {
    let length: u64 = header::field(head, "Content-Length")?.parse().ok()?;
    let end = body.checked_add(length)?;
    let mut window = [0; WINDOW];
    // From the line end before, which is that of the header for an empty text.
    let read = file.read_at(&mut window, end.checked_sub(1)?).ok()?;
    let (before, rest) = window[..read].split_first()?;
    let behind = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"));
    let next = behind.unwrap_or(rest);
    let line = next.split_inclusive(|octet| *octet == b'\n').next().unwrap_or_default();
    let is_next = (behind.is_some() || *before == b'\n') && separator::read(line).is_some();
    (next.is_empty() || is_next).then_some(end)
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
            mbox.fetch(at, 100_000, &mut octets).unwrap();
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
             From carol@c.example Tue Nov 24 12:00 2026\n\n",
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
        assert_eq!(
            (listed[2].sender.as_deref().unwrap(), listed[2].received_at),
            ("carol@c.example", Some(1_795_521_600))
        );
    }

    #[test]
    fn crlf_is_as_good() {
        let (_, texts) = messages(
            "From a Mon Nov 23 12:00:00 2026\r\nA: b\r\n\r\n>From x\r\n\r\nFrom b Mon Nov 23 12:00:00 2026\r\nC: d\r\n",
        );
        assert_eq!(texts, ["A: b\r\n\r\nFrom x\r\n", "C: d\r\n"]);
    }

    const A: &str = "From a@x Mon Nov 23 12:00:00 2026\n";

    fn texts(text: &str) -> Vec<String> {
        messages(&text.replace("A\n", A)).1
    }

    #[test]
    fn a_separator_is_known_by_its_form() {
        assert_eq!(
            texts("A\nS: 1\n\nHello\n\nFrom here on, all is fine\nbye\n\nA\nS: 2\n"),
            ["S: 1\n\nHello\n\nFrom here on, all is fine\nbye\n", "S: 2\n",]
        );
        assert_eq!(texts("A\nS: 1\n\nb\nA\nS: 2\n\nb\n\n\n"), ["S: 1\n\nb\n", "S: 2\n\nb\n\n"]);
        assert_eq!(texts("A\nA\n"), ["", ""]);
        assert_eq!(texts("From me\nS: 1\n"), ["S: 1\n"]);
    }

    #[test]
    fn a_mark_and_empty_lines_at_the_start_are_passed_over() {
        for start in ["\u{feff}", "\n", "\r\n\n", "\u{feff}\n"] {
            assert_eq!(texts(&format!("{start}A\nS: 1\n\nb\n\nA\nS: 2\n")), ["S: 1\n\nb\n", "S: 2\n"]);
        }
        assert!(texts("\n\n").is_empty() && texts("").is_empty());
    }

    #[test]
    fn a_length_that_ends_at_a_separator_is_believed() {
        let body = "Hello\n\nFrom b@x Mon Nov 23 12:00:00 2026\n>From c\n";
        let first = format!("Content-Length: {}\n\n{body}", body.len());
        for between in ["", "\n"] {
            for end in ["", "\n"] {
                let found = texts(&format!("A\n{first}{between}A\nContent-Length: 2\n\nb\n{end}"));
                assert_eq!(found, [first.as_str(), "Content-Length: 2\n\nb\n"], "{between:?} {end:?}");
            }
        }
        // Only quoted lines: one `>` goes, as without a length.
        assert_eq!(texts("A\nContent-Length: 8\n\n>From x\n\nA\n"), ["Content-Length: 8\n\nFrom x\n", ""]);
        assert_eq!(texts("A\nContent-Length: 0\n\nA\nS: 2\n"), ["Content-Length: 0\n\n", "S: 2\n"]);
    }

    #[test]
    fn a_length_that_ends_elsewhere_is_not() {
        for length in ["1", "3", "4", "5", "99999", "18446744073709551615", "-1", "x"] {
            let first = format!("Content-Length: {length}\n\nab\ncd\n");
            let found = texts(&format!("A\n{first}\nA\nS: 2\n\nb\n"));
            assert_eq!(found, [first.as_str(), "S: 2\n\nb\n"], "{length}");
        }
    }

    #[test]
    fn who_notes_no_sender_leaves_it_to_the_header() {
        let (listed, _) = messages("From - Mon Nov 23 12:00:00 2026\nS: 1\n");
        assert_eq!((listed[0].sender.as_deref(), listed[0].received_at), (None, Some(1_795_435_200)));
    }

    #[test]
    fn long_lines_are_no_separators_in_their_middle() {
        let long = format!("{}{A}", "x".repeat(header::LONGEST));
        let text = format!("A\nS: 1\n\n{long}\nA\nS: 2\n");
        assert_eq!(texts(&text), [format!("S: 1\n\n{long}"), "S: 2\n".to_owned()]);
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
