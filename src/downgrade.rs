//! Internationalized messages for clients that do not know them: the simplified downgrade of RFC 6858.
//!
//! Pure: slices in, slices out. Header fields with anything but ASCII, of the message and of its parts,
//! become fields that every client reads; bodies stay as they are. What must not be known here: which
//! message needs it (only one that was received as internationalized does; old Latin-1 mail is sent as it is).

mod field;

/// Longest header field that is understood, octets; of a longer one the rest is dropped.
const LONGEST_FIELD: usize = 64 * 1024;
/// Most boundaries that are remembered: parts may be nested.
const MOST_BOUNDARIES: usize = 100;

/// Where in a message the next line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// In the header of the message or of a part.
    Header,
    /// In a body.
    Body,
}

/// Downgrades a message, piece by piece.
pub struct Downgrader {
    at: At,
    /// The start of a line whose end has not come yet.
    line: Vec<u8>,
    /// Rest of a body's line that was too long to be looked at.
    within_line: bool,
    /// A field whose end has not been seen: it may go on in the next line.
    field: Vec<u8>,
    /// Delimiters of the multiparts around (RFC 2046 section 5.1.1), with their `--`.
    boundaries: Vec<Vec<u8>>,
    /// The body of this part is a message again (RFC 2046 section 5.2).
    holds_message: bool,
}

impl Default for Downgrader {
    fn default() -> Self {
        Self {
            at: At::Header,
            line: Vec::new(),
            within_line: false,
            field: Vec::new(),
            boundaries: Vec::new(),
            holds_message: false,
        }
    }
}

impl Downgrader {
    /// At the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the downgraded form of the next piece to `out`.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for part in piece.split_inclusive(|octet| *octet == b'\n') {
            let whole = part.ends_with(b"\n");
            if self.within_line {
                out.extend_from_slice(part);
                self.within_line = !whole;
                continue;
            }
            self.line.extend_from_slice(part);
            if whole {
                let line = std::mem::take(&mut self.line);
                self.take(&line, out);
            } else if self.line.len() > LONGEST_FIELD {
                self.long(out);
            }
        }
    }

    /// Appends what is left.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.take(&line, out);
        }
        self.end_field(out);
    }

    /// A line without an end in sight: no delimiter; in a header it is cut.
    fn long(&mut self, out: &mut Vec<u8>) {
        if self.at == At::Body {
            out.append(&mut self.line);
            self.within_line = true;
        } else {
            self.line.truncate(LONGEST_FIELD);
        }
    }

    fn take(&mut self, line: &[u8], out: &mut Vec<u8>) {
        match self.at {
            At::Body => {
                out.extend_from_slice(line);
                self.delimiter(line);
            }
            At::Header if line.trim_ascii().is_empty() && !line.starts_with(b" ") && !line.starts_with(b"\t") => {
                self.end_field(out);
                out.extend_from_slice(line);
                self.at = if std::mem::take(&mut self.holds_message) { At::Header } else { At::Body };
            }
            At::Header => {
                let folded = line.starts_with(b" ") || line.starts_with(b"\t");
                if !folded {
                    self.end_field(out);
                }
                let room = LONGEST_FIELD.saturating_sub(self.field.len());
                self.field.extend_from_slice(&line[..line.len().min(room)]);
                // A part may end where its header should.
                if !folded && line.starts_with(b"--") {
                    self.delimiter(line);
                }
            }
        }
    }

    /// A new part begins behind a delimiter; what follows the last one is a body again.
    fn delimiter(&mut self, line: &[u8]) {
        let line = line.trim_ascii_end();
        if !line.starts_with(b"--") {
            return;
        }
        if self.boundaries.iter().any(|boundary| boundary == line) {
            self.at = At::Header;
            self.holds_message = false;
        } else if line.strip_suffix(b"--").is_some_and(|line| self.boundaries.iter().any(|known| known == line)) {
            self.at = At::Body;
        }
    }

    fn end_field(&mut self, out: &mut Vec<u8>) {
        let field = std::mem::take(&mut self.field);
        if field.is_empty() {
            return;
        }
        let content = field::content_type(&field);
        if let Some(content) = content {
            self.holds_message = content.is_message;
            if let Some(boundary) = content.boundary.filter(|_| self.boundaries.len() < MOST_BOUNDARIES) {
                self.boundaries.push([b"--", boundary.as_bytes()].concat());
            }
        }
        field::downgrade(&field, out);
    }
}

#[cfg(test)]
mod tests;
