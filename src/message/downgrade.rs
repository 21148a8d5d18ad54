//! Internationalized messages for clients that do not know them: the simplified downgrade of RFC 6858.
//!
//! Pure: slices in, slices out. Header fields with anything but ASCII, of the message and of its parts, become
//! fields that every client reads; bodies stay as they are. What must not be known here: which message needs it
//! (only one that was received as internationalized does; old Latin-1 mail is sent as it is).
//!
//! * An internationalized address becomes one that nobody has, and its display name tells who it was (section 2.1).
//!   Groups stay groups; where only the display name is not ASCII, the address stays.
//! * MIME parameters are encoded by RFC 2231 (section 2.2 would let them go), so attachments keep their names.
//! * Subject and a few other texts become encoded words (section 2.3); every other such field is left out (2.4).
//! * A message within the message is downgraded too, but not `message/global`: who opens that one knows UTF-8.
//! * TOP counts the lines of what is made here (section 4). LIST shows the size as stored.

mod addresses;
mod field;
mod lexer;
mod parameters;
mod steps;
mod words;

/// Longest line of a header, and longest field that is understood, octets.
const LONGEST_FIELD: usize = 64 * 1024;
/// How deep multiparts may be nested; what is deeper is taken for text.
const MOST_MULTIPARTS: usize = 100;

/// Where in a message the next line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// In the header of the message or of a part.
    Header,
    /// In a body.
    Body,
}

/// What becomes of the rest of a line, or of a field, that was too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rest {
    Kept,
    Dropped,
}

/// A multipart around the next line.
struct Multipart {
    /// With its `--` (RFC 2046 section 5.1.1).
    delimiter: Vec<u8>,
    /// Its parts are messages, if they do not say otherwise (RFC 2046 section 5.1.5).
    digest: bool,
}

/// Downgrades a message, chunk by chunk.
pub struct Downgrader {
    at: At,
    /// The start of a line whose end has not come yet.
    line: Vec<u8>,
    line_rest: Option<Rest>,
    /// A field whose end has not been seen: it may go on in the next line.
    field: Vec<u8>,
    field_rest: Option<Rest>,
    /// Outermost first.
    multiparts: Vec<Multipart>,
    /// In this header was a line that is no field: what is not ASCII behind it is text.
    loose: bool,
    /// The body of this part is a message again (RFC 2046 section 5.2.1).
    holds_message: bool,
}

impl Default for Downgrader {
    fn default() -> Self {
        Self {
            at: At::Header,
            line: Vec::new(),
            line_rest: None,
            field: Vec::new(),
            field_rest: None,
            multiparts: Vec::new(),
            loose: false,
            holds_message: false,
        }
    }
}

impl Downgrader {
    /// At the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the downgraded form of the next chunk to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        for part in chunk.split_inclusive(|octet| *octet == b'\n') {
            let whole = part.ends_with(b"\n");
            match self.line_rest {
                Some(Rest::Kept) => out.extend_from_slice(part),
                Some(Rest::Dropped) => {}
                None => {
                    self.line.extend_from_slice(part);
                    self.take_line(whole, out);
                }
            }
            if whole {
                self.line_rest = None;
            }
        }
    }

    /// Appends what is left.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.line.is_empty() {
            self.take_line(true, out);
        }
        self.end_field(out);
    }

    /// Takes what there is of a line if that is all of it, or more than is waited for: then it is no
    /// delimiter, and in a header it is cut.
    fn take_line(&mut self, whole: bool, out: &mut Vec<u8>) {
        let long = self.line.len() > LONGEST_FIELD;
        if !whole && !long {
            return;
        }
        let mut line = std::mem::take(&mut self.line);
        match self.at {
            At::Body => {
                out.extend_from_slice(&line);
                if whole {
                    self.delimiter(&line);
                }
                self.line_rest = Some(Rest::Kept);
            }
            At::Header if long && !matches!(line[0], b' ' | b'\t') && !field::is_one(&line) => {
                self.end_field(out);
                self.text(&line, out);
                self.line_rest = Some(Rest::Kept);
            }
            At::Header => {
                if long {
                    line.truncate(LONGEST_FIELD);
                    line.extend_from_slice(b"\r\n");
                }
                self.header_line(&line, out);
                self.line_rest = Some(Rest::Dropped);
            }
        }
    }

    fn header_line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        match line {
            b"\r\n" | b"\n" => {
                self.end_field(out);
                out.extend_from_slice(line);
                self.loose = false;
                self.at = if std::mem::take(&mut self.holds_message) { At::Header } else { At::Body };
            }
            [b' ' | b'\t', ..]
                if line.is_ascii() || !self.loose && (!self.field.is_empty() || self.field_rest.is_some()) =>
            {
                self.folded_line(line, out);
            }
            _ => {
                self.end_field(out);
                // A part may end where its header should.
                if self.delimiter(line) {
                    out.extend_from_slice(line);
                } else if (line.is_ascii() || !self.loose) && field::is_one(line) {
                    self.field.extend_from_slice(line);
                } else {
                    self.text(line, out);
                }
            }
        }
    }

    /// A line that is no field: the empty line that should stand before it is missing. A body has begun, of which
    /// nothing is left out; the header before it stays ASCII. (What is blank, or the separator of an mbox at the head
    /// of a message, begins none.)
    fn text(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let ascii = line.is_ascii();
        if !ascii {
            out.extend_from_slice(b"\r\n");
        }
        let stray = line.trim_ascii().is_empty() || line.starts_with(b"From ") || line.starts_with(b">From ");
        if !ascii {
            self.at = At::Body;
            self.loose = false;
            self.holds_message = false;
        } else if !stray {
            self.loose = true;
        }
        out.extend_from_slice(line);
    }

    /// A line that continues the field. Of a field that is too long, the lines that are ASCII are kept, but not
    /// behind others: those were rewritten.
    fn folded_line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if self.field_rest.is_none() && self.field.len() + line.len() > LONGEST_FIELD {
            let rest = if self.field.is_ascii() { Rest::Kept } else { Rest::Dropped };
            self.end_field(out);
            self.field_rest = Some(rest);
        }
        match self.field_rest {
            None => self.field.extend_from_slice(line),
            Some(Rest::Kept) if line.is_ascii() => out.extend_from_slice(line),
            Some(_) => self.field_rest = Some(Rest::Dropped),
        }
    }

    /// Whether the line is a delimiter: a new part begins behind it, but behind the last one a body goes on.
    fn delimiter(&mut self, line: &[u8]) -> bool {
        let line = line.trim_ascii_end();
        if !line.starts_with(b"--") {
            return false;
        }
        let known = |line: &[u8]| self.multiparts.iter().rposition(|multipart| multipart.delimiter == line);
        if let Some(at) = known(line) {
            self.multiparts.truncate(at + 1);
            self.at = At::Header;
            self.loose = false;
            self.holds_message = self.multiparts[at].digest;
        } else if let Some(at) = line.strip_suffix(b"--").and_then(known) {
            self.multiparts.truncate(at);
            self.at = At::Body;
        } else {
            return false;
        }
        true
    }

    fn end_field(&mut self, out: &mut Vec<u8>) {
        self.field_rest = None;
        let field = std::mem::take(&mut self.field);
        if field.is_empty() {
            return;
        }
        if let Some(content) = field::content_type(&field) {
            self.holds_message = content.kind == "message/rfc822";
            let digest = content.kind == "multipart/digest";
            if let Some(boundary) = content.boundary.filter(|_| self.multiparts.len() < MOST_MULTIPARTS) {
                self.multiparts.push(Multipart { delimiter: [b"--", boundary.as_bytes()].concat(), digest });
            }
        }
        field::downgrade(&field, out);
    }
}

#[cfg(test)]
mod tests;
