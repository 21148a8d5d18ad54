//! The start of a message.

use memchr::memchr;

/// Finds where TOP's part of a message ends: the header, the empty line behind it, and `lines` lines of
/// the body (RFC 1939 section 7). What TOP sends is a prefix of the message, so this only counts.
#[derive(Clone, Debug)]
pub struct Top {
    /// Lines of the body still wanted.
    lines: u64,
    in_header: bool,
    /// What the current line has so far; chunks may cut it anywhere.
    line: Begun,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Begun {
    Nothing,
    Cr,
    Text,
}

impl Top {
    /// At the start of a message in its stored form.
    pub fn new(lines: u64) -> Self {
        Self { lines, in_header: true, line: Begun::Nothing }
    }

    /// How many octets of the next chunk belong to what TOP sends.
    pub fn push(&mut self, chunk: &[u8]) -> usize {
        let mut taken = 0;
        while taken < chunk.len() && !self.finished() {
            let rest = &chunk[taken..];
            let Some(at) = memchr(b'\n', rest) else {
                self.line = self.line_with(rest);
                return chunk.len();
            };
            self.end_line(self.line_with(&rest[..at]));
            taken += at + 1;
        }
        taken
    }

    /// All of it has been seen: nothing more of the message need be read.
    pub fn finished(&self) -> bool {
        !self.in_header && self.lines == 0
    }

    fn line_with(&self, more: &[u8]) -> Begun {
        match (self.line, more) {
            (begun, []) => begun,
            (Begun::Nothing, [b'\r']) => Begun::Cr,
            _ => Begun::Text,
        }
    }

    fn end_line(&mut self, line: Begun) {
        if !self.in_header {
            self.lines -= 1;
        } else if line != Begun::Text {
            self.in_header = false;
        }
        self.line = Begun::Nothing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"Subject: x\r\n y\r\n\r\none\r\n\r\n.three\r\n";

    fn top(message: &[u8], lines: u64, size: usize) -> (Vec<u8>, bool) {
        let (mut top, mut out) = (Top::new(lines), Vec::new());
        for chunk in message.chunks(size) {
            assert_eq!(top.push(b""), 0);
            let n = top.push(chunk);
            out.extend_from_slice(&chunk[..n]);
            assert!(n == chunk.len() || top.finished());
        }
        (out, top.finished())
    }

    #[test]
    fn cut_after_the_header_and_so_many_lines() {
        let cases: &[(&[u8], u64, &[u8], bool)] = &[
            (MESSAGE, 0, b"Subject: x\r\n y\r\n\r\n", true),
            (MESSAGE, 1, b"Subject: x\r\n y\r\n\r\none\r\n", true),
            (MESSAGE, 2, b"Subject: x\r\n y\r\n\r\none\r\n\r\n", true),
            (MESSAGE, 3, MESSAGE, true),
            // More lines than there are: all of it.
            (MESSAGE, 4, MESSAGE, false),
            (MESSAGE, u64::MAX, MESSAGE, false),
            // No empty line: all of it is header.
            (b"a: b\r\nc: d\r\n", 0, b"a: b\r\nc: d\r\n", false),
            // No header, no body, nothing.
            (b"\r\nbody\r\nmore\r\n", 0, b"\r\n", true),
            (b"\r\nbody\r\nmore\r\n", 1, b"\r\nbody\r\n", true),
            (b"a: b\r\n\r\n", 5, b"a: b\r\n\r\n", false),
            (b"", 0, b"", false),
            // A line of blanks is not empty.
            (b"a: b\r\n \r\nc\r\n\r\nd\r\n", 0, b"a: b\r\n \r\nc\r\n\r\n", true),
        ];
        for (message, lines, expected, finished) in cases {
            for size in 1..=message.len().max(1) {
                let (out, end) = top(message, *lines, size);
                let shown = format!("{} {lines} by {size}", message.escape_ascii());
                assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{shown}");
                assert_eq!(end, *finished, "{shown}");
            }
        }
    }
}
