//! Finds the messages of an mbox in one pass over its lines, with little in memory.
//!
//! A line is a separator if it has the form of one and what follows looks like a header:
//!
//! | form | where | what follows |
//! |---|---|---|
//! | `From SENDER DATE` | behind an empty line | anything: programs quote such a line of text, and Dovecot and Python read it so |
//! | the same | elsewhere | a header field; or nothing more than empty lines and further such lines up to one that has a field or to the end of the file |
//! | `From ` alone, `From -` | behind an empty line | two lines of a header, or a well-known field and an empty line or the end |
//! | `From TOKEN` | behind an empty line, in a file whose first separator has this form | the same |
//!
//! `>From ` lines between a separator and its first field belong to the separator (UUCP, RFC 976). All other lines that
//! begin with `From ` are text, and counted. The first line of a file must be a separator; a dated one may be followed
//! by anything, as there is nothing before it that could have that text.

use super::facts::Facts;
use super::separator::{self, Form, Separator};
use crate::import::{header, kind};
use std::io::{self, BufRead, Read};

/// Octets of a line that an error shows.
const LONGEST_SHOWN: usize = 200;

/// Octets behind a separator that are waited for a field.
const TIMEOUT: usize = 64 * 1024;

/// A message and where it is.
pub struct Draft {
    /// Where its separator begins.
    pub from: u64,
    /// Octets of an empty line before that.
    pub blank: u64,
    /// First octet behind the separator.
    pub start: u64,
    /// First octet of the text, if its header has an end.
    pub body: Option<u64>,
    /// A line of it begins with `From ` and is not quoted.
    pub unquoted: bool,
    /// Another message is before it, and what follows its separator is no header: only its date tells that it is one.
    pub headless: bool,
    /// Where it ends, if its format says so.
    pub end: Option<u64>,
    /// What its separator says.
    pub separator: Separator,
    /// What its header says.
    pub facts: Facts,
}

/// What is in a file.
#[derive(Default)]
pub struct Scan {
    /// The messages, in their order.
    pub drafts: Vec<Draft>,
    /// Lines that begin with `From ` and are text.
    pub from_lines: usize,
    /// Messages whose end their format says have quoted lines, too.
    pub quoted: bool,
    /// Octets of the file.
    pub end: u64,
    /// Octets of an empty line at its end.
    pub blank: u64,
}

/// Why there is no [`Scan`].
#[derive(Debug)]
pub enum Failure {
    /// The file cannot be read.
    Io(io::Error),
    /// The first line is no separator that we know.
    First(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A line that has the form of a separator.
struct Candidate {
    from: u64,
    blank: u64,
    end: u64,
    separator: Separator,
}

struct Scanner {
    scan: Scan,
    /// The header of the last message as far as it has come, while it goes on.
    head: Option<Vec<u8>>,
    /// Separators, perhaps: only empty lines are between them.
    candidates: Vec<Candidate>,
    /// What stands behind the last of them.
    behind: Vec<u8>,
    /// Fields in that.
    fields: usize,
    /// Form of the file's first separator.
    first: Option<Form>,
    first_line: Vec<u8>,
}

/// A line, or a piece of a long one.
struct Line<'a> {
    octets: &'a [u8],
    start: u64,
    /// Octets of the empty line before it.
    blank: u64,
    /// It is the start of a line.
    begins: bool,
}

impl Line<'_> {
    fn is_empty(&self) -> bool {
        self.begins && is_blank(self.octets)
    }

    fn end(&self) -> u64 {
        self.start + self.octets.len() as u64
    }
}

/// Finds the messages.
///
/// # Errors
/// [`Failure`].
pub fn scan(mut reader: impl BufRead) -> Result<Scan, Failure> {
    let mut scanner = Scanner {
        scan: Scan::default(),
        head: None,
        candidates: Vec::new(),
        behind: Vec::new(),
        fields: 0,
        first: None,
        first_line: Vec::new(),
    };
    let mark = if reader.fill_buf()?.starts_with(kind::MARK) { kind::MARK.len() } else { 0 };
    reader.consume(mark);
    let (mut start, mut blank, mut octets) = (mark as u64, 0, Vec::new());
    loop {
        let begins = octets.is_empty() || octets.ends_with(b"\n");
        octets.clear();
        // A longer line comes in pieces, of which only the first can be a separator.
        let read = reader.by_ref().take(header::LONGEST_HEADER as u64).read_until(b'\n', &mut octets)? as u64;
        if read == 0 {
            return scanner.end(start, blank);
        }
        let line = Line { octets: &octets, start, blank, begins };
        let is_empty = line.is_empty();
        scanner.line(&line)?;
        start += read;
        blank = if is_empty { read } else { 0 };
    }
}

impl Scanner {
    fn line(&mut self, line: &Line<'_>) -> Result<(), Failure> {
        if !self.candidates.is_empty() && self.wait(line)? {
            return Ok(());
        }
        if line.begins && line.octets.starts_with(b"From ") || self.first.is_none() && !line.is_empty() {
            return self.separator_line(line);
        }
        self.text(line.octets, line.start, line.is_empty());
        Ok(())
    }

    /// A line that begins with `From `, or that should: the first one.
    fn separator_line(&mut self, line: &Line<'_>) -> Result<(), Failure> {
        let separator = separator::read(line.octets).filter(|found| self.may_be(found.form, line.blank));
        match separator {
            Some(separator) => {
                if self.first.is_none() {
                    self.first = Some(separator.form);
                    self.first_line = line.octets.to_vec();
                }
                let candidate = Candidate { from: line.start, blank: line.blank, end: line.end(), separator };
                self.candidates.push(candidate);
                if self.scan.drafts.is_empty() && self.candidates[0].separator.form == Form::Dated {
                    self.accept();
                }
                Ok(())
            }
            None if self.first.is_none() => Err(first(line.octets, "is a separator of a form that is not known")),
            None => {
                self.count_text(1);
                self.text(line.octets, line.start, false);
                Ok(())
            }
        }
    }

    fn may_be(&self, form: Form, blank: u64) -> bool {
        match (form, self.first) {
            (Form::Dated, _) | (_, None) => true,
            (Form::Bare, _) => blank > 0,
            (Form::Token(_), first) => blank > 0 && first == Some(form),
        }
    }

    /// Takes a line behind a candidate; `false`: there is none any more, and the line is as any other.
    fn wait(&mut self, line: &Line<'_>) -> Result<bool, Failure> {
        let weak = self.candidates.last().is_none_or(|last| last.separator.form != Form::Dated);
        let octets = line.octets;
        let folded = octets.starts_with(b" ") || octets.starts_with(b"\t") || !line.begins;
        self.behind.extend_from_slice(octets);
        if line.is_empty() {
            if self.fields > 0 && self.is_enough() {
                self.accept();
            } else if weak {
                self.take_back(octets.len());
                return self.reject();
            }
        } else if line.begins && is_field(octets, weak) || folded && self.fields > 0 {
            self.fields += 1;
            if !weak || self.fields > 1 {
                self.accept();
            }
        } else if line.begins && octets.starts_with(b">From ") && self.fields == 0 {
            // Of the separator.
        } else if !weak && line.begins && separator::read(octets).is_some_and(|found| found.form == Form::Dated) {
            self.behind.clear();
            self.separator_line(line)?;
        } else {
            self.take_back(octets.len());
            return self.reject();
        }
        if self.behind.len() > TIMEOUT && !self.candidates.is_empty() {
            self.behind.truncate(TIMEOUT);
            self.reject()?;
        }
        Ok(true)
    }

    /// Whether one field is a header. At the start of a file nothing is there of which it could be text.
    fn is_enough(&self) -> bool {
        self.scan.drafts.is_empty() || is_known(&self.behind)
    }

    fn take_back(&mut self, octets: usize) {
        self.behind.truncate(self.behind.len() - octets);
    }

    /// The candidates are separators.
    fn accept(&mut self) {
        self.accept_as(false);
    }

    fn accept_as(&mut self, headless: bool) {
        self.end_head();
        for candidate in self.candidates.drain(..) {
            let Candidate { from, blank, end, separator } = candidate;
            let draft = Draft {
                from,
                blank,
                start: end,
                body: None,
                unquoted: false,
                headless: false,
                end: None,
                separator,
                facts: Facts::default(),
            };
            self.scan.drafts.push(draft);
        }
        self.scan.drafts.last_mut().into_iter().for_each(|draft| draft.headless = headless);
        self.head = Some(Vec::new());
        let behind = std::mem::take(&mut self.behind);
        let mut at = self.scan.drafts.last().map_or(0, |draft| draft.start);
        for line in behind.split_inclusive(|octet| *octet == b'\n') {
            let end = at + line.len() as u64;
            self.text(line, at, is_blank(line));
            at = end;
        }
        self.fields = 0;
    }

    /// No header is behind them: they are text up to one that has a date, and an empty line before it. The first line
    /// of a file cannot be text.
    fn reject(&mut self) -> Result<bool, Failure> {
        if self.scan.drafts.is_empty() {
            return Err(first(&self.first_line, "is a separator without a date, and no header is behind it"));
        }
        let is_sure = |it: &Candidate| it.blank > 0 && it.separator.form == Form::Dated;
        let text = self.candidates.iter().position(is_sure).unwrap_or(self.candidates.len());
        self.count_text(text);
        self.candidates.drain(..text);
        self.fields = 0;
        if !self.candidates.is_empty() {
            self.accept_as(true);
            return Ok(false);
        }
        // No field is in it, but perhaps the end of the header.
        if std::mem::take(&mut self.behind).split_inclusive(|octet| *octet == b'\n').any(is_blank) {
            self.end_head();
        }
        Ok(false)
    }

    /// Lines of the last message begin with `From `.
    fn count_text(&mut self, count: usize) {
        self.scan.from_lines += count;
        if let Some(draft) = self.scan.drafts.last_mut() {
            draft.unquoted = true;
        }
    }

    /// A line of the last message.
    fn text(&mut self, octets: &[u8], start: u64, is_empty: bool) {
        let (Some(head), Some(draft)) = (&mut self.head, self.scan.drafts.last_mut()) else { return };
        let end = start + octets.len() as u64;
        if octets.starts_with(b">From ") && draft.start == start && !draft.headless {
            draft.start = end;
            return;
        }
        if head.len() < header::LONGEST_HEADER {
            head.extend_from_slice(octets);
        }
        if is_empty {
            draft.body = Some(end);
            self.end_head();
        }
    }

    fn end_head(&mut self) {
        if let (Some(head), Some(draft)) = (self.head.take(), self.scan.drafts.last_mut()) {
            draft.facts = Facts::of(&head);
        }
    }

    fn end(mut self, end: u64, blank: u64) -> Result<Scan, Failure> {
        let weak = self.candidates.last().is_some_and(|last| last.separator.form != Form::Dated);
        if !self.candidates.is_empty() && (!weak || self.fields > 0 && self.is_enough()) {
            self.accept();
        } else if !self.candidates.is_empty() {
            self.reject()?;
        }
        self.end_head();
        Ok(Scan { end, blank, ..self.scan })
    }
}

/// Fields that programs write, and with which seldom a line of text begins.
const KNOWN: &[&str] = &[
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "received",
    "return-path",
    "sender",
    "reply-to",
    "delivered-to",
    "mime-version",
    "content-type",
    "status",
];

/// Whether a header of one field has a well-known one, or one that begins with `X-`.
fn is_known(header: &[u8]) -> bool {
    let name = header.split(|octet| *octet == b':').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    name.starts_with(b"x-") || KNOWN.iter().any(|known| known.as_bytes() == name)
}

/// Whether a line is a header field. Behind a date the name may have what no field should, but some have: `S\u{fc}bject`.
fn is_field(line: &[u8], strict: bool) -> bool {
    let ascii = |octet: &u8| if octet.is_ascii() { *octet } else { b'x' };
    kind::is_field(line) || !strict && kind::is_field(&line.iter().map(ascii).collect::<Vec<_>>())
}

/// Nothing but a line end.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|octet| matches!(octet, b'\r' | b'\n'))
}

fn first(line: &[u8], what: &str) -> Failure {
    let line = String::from_utf8_lossy(&line[..line.len().min(LONGEST_SHOWN)]);
    Failure::First(format!("its first line, {:?}, {what}", line.trim_end()))
}
