//! Whatever comes in becomes CRLF lines.

use memchr::{memchr3_iter, memmem};

/// CRs that may stand before a CRLF and belong to its line end; of more, the first are line ends of their own, so
/// that nothing grows with them.
const MOST_CRS: usize = 1000;

/// How the separator of an mbox begins, which some programs leave at the head of a message.
const SEPARATOR: &[u8] = b"From ";

/// Where in a line of the header the next octet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    LineStart,
    /// In what may be the name of a field.
    Name,
    /// In blanks behind that.
    Blank,
    /// In a field, or in a line that continues one.
    Field,
    /// In something else.
    Text,
}

/// Makes the stored form of a message, chunk by chunk: CRLF, a bare LF, and in the body a bare CR are each one line
/// end and become CRLF; the last line gets one if it has none.
///
/// CRs right before a CRLF belong to that line end: PHP's mail() and Courier write CR CR LF, and two line ends would be
/// the end of the header. In the header, which goes up to the first empty line, a bare CR becomes a space: some
/// programs take it for a line end and some do not, and nobody may hide a field there. What has only a header gets the
/// empty line behind it (RFC 5322 section 2.1 lets it go): old clients wait for it.
///
/// NUL goes, and nothing comes in its place: no message may hold one (RFC 5322 section 4 lists it as
/// obsolete, [MS-STANXPOP3] C0011 wants what is sent to be a message), many clients end a line or a
/// message there, and a stand-in would be an octet that nobody sent. The message is the same as
/// if the NUL had never been there. Other octets, 8-bit ones too, stay.
#[derive(Clone, Debug)]
pub struct Normaliser {
    /// CRs that were the last octets and are not written yet.
    crs: usize,
    /// The empty line has not come yet.
    in_header: bool,
    at: At,
    /// There were fields.
    fields: bool,
    /// There was something else, too.
    text: bool,
    /// Octets of the first line that are those of `From `, while they are: an mbox's separator is no text.
    separator: Option<usize>,
    line_start: bool,
    dotted: bool,
}

impl Default for Normaliser {
    fn default() -> Self {
        Self {
            crs: 0,
            in_header: true,
            at: At::LineStart,
            fields: false,
            text: false,
            separator: Some(0),
            line_start: true,
            dotted: false,
        }
    }
}

impl Normaliser {
    /// At the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// At the start of a message that gets fields of a header in front: without any of its own it still has a header.
    pub fn behind_fields() -> Self {
        Self { fields: true, ..Self::default() }
    }

    /// Appends the stored form of the next chunk to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let from = out.len();
        let taken = if self.in_header { self.header(chunk, out) } else { 0 };
        self.body(&chunk[taken..], out);
        self.look(&out[from..]);
    }

    /// Ends the last line, if there is one without an end, and a header that nothing follows.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let from = out.len();
        if self.in_header {
            if self.crs > 0 || self.at != At::LineStart {
                self.end_line(out);
            }
            if self.in_header && self.fields && !self.text {
                out.extend_from_slice(b"\r\n");
            }
            self.in_header = false;
        } else {
            self.end_lines(out);
        }
        self.look(&out[from..]);
        if !self.line_start {
            out.extend_from_slice(b"\r\n");
            self.line_start = true;
        }
    }

    /// Some line so far starts with a dot, so that the message needs stuffing on the wire.
    pub fn dotted(&self) -> bool {
        self.dotted
    }

    /// Notes what was written.
    fn look(&mut self, fresh: &[u8]) {
        if let (Some(first), Some(last)) = (fresh.first(), fresh.last()) {
            self.dotted |= self.line_start && *first == b'.' || memmem::find(fresh, b"\n.").is_some();
            self.line_start = *last == b'\n';
        }
    }

    /// Takes octets up to the end of the header; says how many.
    fn header(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> usize {
        for (at, octet) in chunk.iter().enumerate() {
            match octet {
                0 => {}
                b'\r' if self.crs == MOST_CRS => self.octet(b' ', out),
                b'\r' => self.crs += 1,
                b'\n' => {
                    self.end_line(out);
                    if !self.in_header {
                        return at + 1;
                    }
                }
                octet => {
                    (0..std::mem::take(&mut self.crs)).for_each(|_| self.octet(b' ', out));
                    self.octet(*octet, out);
                }
            }
        }
        chunk.len()
    }

    /// An octet of a line of the header.
    fn octet(&mut self, octet: u8, out: &mut Vec<u8>) {
        out.push(octet);
        if let Some(at) = self.separator.filter(|at| *at < SEPARATOR.len()) {
            self.separator = (SEPARATOR[at] == octet).then_some(at + 1);
        }
        self.at = match (self.at, octet) {
            (At::LineStart, b' ' | b'\t') if self.fields => At::Field,
            (At::Name | At::Blank, b':') | (At::Field, _) => At::Field,
            (At::LineStart | At::Name, b'!'..=b'~') if octet != b':' => At::Name,
            (At::Name | At::Blank, b' ' | b'\t') => At::Blank,
            _ => At::Text,
        };
    }

    /// The end of a line of the header, to which the CRs before it belong; an empty one is the header's.
    fn end_line(&mut self, out: &mut Vec<u8>) {
        self.crs = 0;
        out.extend_from_slice(b"\r\n");
        match std::mem::replace(&mut self.at, At::LineStart) {
            At::LineStart => self.in_header = false,
            _ if self.separator.take() == Some(SEPARATOR.len()) => {}
            At::Field => self.fields = true,
            At::Name | At::Blank | At::Text => self.text = true,
        }
    }

    /// Copies whole runs; only what does not stay as it is interrupts them.
    fn body(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mut rest = chunk;
        while let Some(octet) = rest.first() {
            let taken = match octet {
                0 => 1,
                b'\n' => {
                    self.crs = 0;
                    out.extend_from_slice(b"\r\n");
                    1
                }
                b'\r' if self.crs > 0 || rest.get(1) != Some(&b'\n') => {
                    if self.crs == MOST_CRS {
                        out.extend_from_slice(b"\r\n");
                    } else {
                        self.crs += 1;
                    }
                    1
                }
                _ => {
                    self.end_lines(out);
                    let run = run(rest);
                    out.extend_from_slice(&rest[..run]);
                    run
                }
            };
            rest = &rest[taken..];
        }
    }

    /// Bare CRs of the body, each a line end.
    fn end_lines(&mut self, out: &mut Vec<u8>) {
        (0..std::mem::take(&mut self.crs)).for_each(|_| out.extend_from_slice(b"\r\n"));
    }
}

/// How many octets stay as they are.
fn run(octets: &[u8]) -> usize {
    // Octets before this one have been looked at.
    let mut seen = 0;
    for at in memchr3_iter(b'\r', b'\n', 0, octets) {
        match octets[at] {
            _ if at < seen => {}
            b'\r' if octets.get(at + 1) == Some(&b'\n') => seen = at + 2,
            _ => return at,
        }
    }
    octets.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalise(message: &[u8], size: usize) -> (Vec<u8>, bool) {
        let (mut normaliser, mut out) = (Normaliser::new(), Vec::new());
        for chunk in message.chunks(size) {
            normaliser.push(chunk, &mut out);
            normaliser.push(b"", &mut out);
        }
        normaliser.finish(&mut out);
        (out, normaliser.dotted())
    }

    #[test]
    fn stored_forms() {
        let cases: &[(&[u8], &[u8], bool)] = &[
            (b"", b"", false),
            (b"a", b"a\r\n", false),
            (b"a\r\n", b"a\r\n", false),
            (b"a\nb\n", b"a\r\nb\r\n", false),
            (b"\na\rb\r", b"\r\na\r\nb\r\n", false),
            (b"\n\r", b"\r\n\r\n", false),
            (b"\n\n", b"\r\n\r\n", false),
            (b"\r\n\r\n", b"\r\n\r\n", false),
            (b".", b".\r\n", true),
            (b"a\n.b", b"a\r\n.b\r\n", true),
            (b"\na\r.b", b"\r\na\r\n.b\r\n", true),
            (b"a.\r\nb.", b"a.\r\nb.\r\n", false),
            // As if the NUL had not been there, at a line's start and between CR and LF too.
            (b"a\0b\0", b"ab\r\n", false),
            (b"\0\0", b"", false),
            (b"a\r\0\nb\r\0\0\n", b"a\r\nb\r\n", false),
            (b"a\n\0.b", b"a\r\n.b\r\n", true),
            (b"\0.b", b".b\r\n", true),
            // 8-bit octets and other controls stay.
            (b"\xff\x80\x01\x0b\x0c\x1a\xc3\xa9\n", b"\xff\x80\x01\x0b\x0c\x1a\xc3\xa9\r\n", false),
        ];
        for (message, stored, dotted) in cases {
            for size in 1..=message.len().max(1) {
                let (out, found) = normalise(message, size);
                assert_eq!(out.escape_ascii().to_string(), stored.escape_ascii().to_string(), "by {size}");
                assert_eq!(found, *dotted, "{} by {size}", message.escape_ascii());
            }
        }
    }

    /// What comes in, and what is stored.
    fn check(cases: &[(&[u8], &[u8])]) {
        for (message, stored) in cases {
            for size in 1..=message.len().max(1) {
                let (out, _) = normalise(message, size);
                let (out, stored) = (out.escape_ascii().to_string(), stored.escape_ascii().to_string());
                assert_eq!(out, stored, "{} by {size}", message.escape_ascii());
            }
        }
    }

    #[test]
    fn crs_before_a_line_end_belong_to_it() {
        check(&[
            (b"A: x\r\r\nB: y\r\r\r\n\r\r\nz\r\r\n", b"A: x\r\nB: y\r\n\r\nz\r\n"),
            (b"\r\r\nz\r\r\n\r\r\r\ny", b"\r\nz\r\n\r\ny\r\n"),
            (b"\nz\r\0\r\0\n", b"\r\nz\r\n"),
            // Not before a line end, each is one.
            (b"\nz\r\ry\r\r", b"\r\nz\r\n\r\ny\r\n\r\n"),
        ]);
        let many = [b"\nz".as_slice(), &vec![b'\r'; MOST_CRS + 2], b"\n"].concat();
        assert_eq!(normalise(&many, 1).0, b"\r\nz\r\n\r\n\r\n", "two more than belong to a line end");
        for (crs, header) in [(1000, "A: x"), (1001, "A: x "), (1003, "A: x   ")] {
            let many = [b"A: x".as_slice(), &vec![b'\r'; crs], b"\n\nz\n"].concat();
            assert_eq!(normalise(&many, 1).0, format!("{header}\r\n\r\nz\r\n").into_bytes(), "{crs}");
        }
    }

    #[test]
    fn a_bare_cr_begins_no_field() {
        check(&[
            (b"A: x\rB: y\r\n\r\nz\r", b"A: x B: y\r\n\r\nz\r\n"),
            (b"A: x\r\rB: y\n\n", b"A: x  B: y\r\n\r\n"),
            (b"A: x\n\rB: y\n\n", b"A: x\r\n B: y\r\n\r\n"),
            (b"\rA: x\n\n", b" A: x\r\n\r\n"),
            (b"A: x\r \r\n\r\n", b"A: x  \r\n\r\n"),
            (b"no field\rB: y\n\n", b"no field B: y\r\n\r\n"),
            // The end of the message is one of the line, too.
            (b"A: x\r", b"A: x\r\n\r\n"),
            (b"A: x\n\r", b"A: x\r\n\r\n"),
        ]);
        let many = [b"A: x".as_slice(), &vec![b'\r'; 3 * MOST_CRS], b"B: y\n\n"].concat();
        assert_eq!(normalise(&many, 7).0, [b"A: x".as_slice(), &vec![b' '; 3 * MOST_CRS], b"B: y\r\n\r\n"].concat());
    }

    #[test]
    fn a_header_alone_gets_its_empty_line() {
        check(&[
            (b"A: x", b"A: x\r\n\r\n"),
            (b"A: x\r\n", b"A: x\r\n\r\n"),
            (b"A: x\n folded\nB :y\n", b"A: x\r\n folded\r\nB :y\r\n\r\n"),
            (b"A: x\r\n\r\n", b"A: x\r\n\r\n"),
            (b"From a now\nA: x\n", b"From a now\r\nA: x\r\n\r\n"),
            // No header, or not only one.
            (b"a\n", b"a\r\n"),
            (b" A: x\n", b" A: x\r\n"),
            (b": x\n", b": x\r\n"),
            (b"From a now\n", b"From a now\r\n"),
            (b"A: x\nFrom a now\n", b"A: x\r\nFrom a now\r\n"),
            (b"A: x\nno field\n", b"A: x\r\nno field\r\n"),
            (b"A: x\nB\xc3\xa4: y\n", b"A: x\r\nB\xc3\xa4: y\r\n"),
            (b"", b""),
        ]);
    }

    #[test]
    fn fields_in_front_are_a_header_too() {
        let behind = |message: &[u8]| {
            let (mut normaliser, mut out) = (Normaliser::behind_fields(), Vec::new());
            normaliser.push(message, &mut out);
            normaliser.finish(&mut out);
            out
        };
        assert_eq!(behind(b""), b"\r\n");
        assert_eq!(behind(b"A: x"), b"A: x\r\n\r\n");
        assert_eq!(behind(b"From a now\n"), b"From a now\r\n\r\n");
        assert_eq!(behind(b"\n"), b"\r\n");
        assert_eq!(behind(b"no field\n"), b"no field\r\n");
    }

    #[test]
    fn what_was_in_the_vector_stays() {
        let (mut normaliser, mut out) = (Normaliser::new(), b"Return-Path: <>\r\n".to_vec());
        normaliser.push(b"a\n", &mut out);
        normaliser.finish(&mut out);
        normaliser.finish(&mut out);
        assert_eq!(out, b"Return-Path: <>\r\na\r\n");
        assert!(!normaliser.dotted());
    }
}
