//! A message on the wire of RETR: where it ends, and how large it is in the ways in which servers count.

use crate::message::dot::Unstuffer;

/// What a message took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Measure {
    /// Octets with lines that end in CRLF (RFC 1939 section 11).
    pub(super) octets: u64,
    /// Its lines.
    lines: u64,
    /// Dots that were stuffed.
    dots: u64,
}

impl Measure {
    /// Whether a server that counts octets can have meant this: with CRLF or LF at the end of lines, with stuffed dots
    /// or without, with the last line end or without.
    pub(super) fn is(&self, stated: u64) -> bool {
        let Self { octets, lines, dots } = *self;
        [octets, octets + dots].into_iter().any(|octets| {
            let bare = octets.saturating_sub(lines);
            [octets, octets.saturating_sub(2), bare, bare.saturating_sub(1)].contains(&stated)
        })
    }
}

/// Takes a message off the wire. Where the status line ended in LF, the lines of the message do (no standard, but
/// servers exist); else only CRLF makes a line, so that no text can end a message.
pub(super) struct Content {
    bare_lf: bool,
    unstuffer: Unstuffer,
    measure: Measure,
    /// Octets that were given to the unstuffer.
    wire: u64,
}

impl Content {
    pub(super) fn new(bare_lf: bool) -> Self {
        Self { bare_lf, unstuffer: Unstuffer::new(), measure: Measure::default(), wire: 0 }
    }

    /// Appends the content of the next piece to `out`. Answers how many octets of it were taken, and whether the message
    /// ended with them.
    pub(super) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        let from = out.len();
        let (taken, ended) = if self.bare_lf { self.push_lf(piece, out) } else { self.push_crlf(piece, out) };
        self.measure.octets += (out.len() - from) as u64;
        self.measure.lines += memchr::memchr_iter(b'\n', &out[from..]).count() as u64;
        if ended {
            // The last line has a dot and CRLF.
            self.measure.dots = (self.wire - 3).saturating_sub(self.measure.octets);
        }
        (taken, ended)
    }

    pub(super) fn measure(&self) -> Measure {
        self.measure
    }

    fn push_crlf(&mut self, piece: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        let end = self.unstuffer.push(piece, out);
        let taken = end.unwrap_or(piece.len());
        self.wire += taken as u64;
        (taken, end.is_some())
    }

    /// Line by line with CRLF. A CR at the end waits: perhaps it is half a line end.
    fn push_lf(&mut self, piece: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        let mut taken = 0;
        for line in piece.split_inclusive(|octet| *octet == b'\n') {
            let (content, end): (&[u8], &[u8]) = match line.strip_suffix(b"\n") {
                Some(content) => (content.strip_suffix(b"\r").unwrap_or(content), b"\r\n"),
                None => (line.strip_suffix(b"\r").unwrap_or(line), b""),
            };
            self.unstuffer.push(content, out);
            let ended = self.unstuffer.push(end, out).is_some();
            self.wire += (content.len() + end.len()) as u64;
            taken += if end.is_empty() { content.len() } else { line.len() };
            if ended {
                return (taken, true);
            }
        }
        (taken, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content, what is left of the input if the end was found, and the measure.
    fn read(wire: &[u8], bare_lf: bool, size: usize) -> (Vec<u8>, Option<Vec<u8>>, Measure) {
        let (mut content, mut out, mut waiting) = (Content::new(bare_lf), Vec::new(), Vec::new());
        for at in (0..wire.len()).step_by(size) {
            let end = wire.len().min(at + size);
            waiting.extend_from_slice(&wire[at..end]);
            let (taken, ended) = content.push(&waiting, &mut out);
            waiting.drain(..taken);
            if ended {
                waiting.extend_from_slice(&wire[end..]);
                return (out, Some(waiting), content.measure());
            }
        }
        (out, None, content.measure())
    }

    #[test]
    fn where_messages_end() {
        type Case<'a> = (&'a [u8], bool, &'a [u8], Option<&'a [u8]>);
        let cases: &[Case] = &[
            (b"a\r\n..b\r\n.\r\n+OK\r\n", false, b"a\r\n.b\r\n", Some(b"+OK\r\n")),
            // In a session with CRLF a bare LF ends nothing.
            (b"a\n.\nb\r\n.\r\n", false, b"a\n.\nb\r\n", Some(b"")),
            (b"a\n..b\n.\n+OK\n", true, b"a\r\n.b\r\n", Some(b"+OK\n")),
            (b".\nx", true, b"", Some(b"x")),
            (b"\n.\n", true, b"\r\n", Some(b"")),
            (b"a\r\nb\r\r\n.\r\n", true, b"a\r\nb\r\r\n", Some(b"")),
            (b"a\rb\n.c\n", true, b"a\rb\r\nc\r\n", None),
        ];
        for (wire, bare_lf, expected, rest) in cases {
            for size in 1..=wire.len() {
                let (out, left, _) = read(wire, *bare_lf, size);
                let shown = format!("{} by {size}", wire.escape_ascii());
                assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{shown}");
                assert_eq!(left.as_deref(), *rest, "{shown}");
            }
        }
    }

    #[test]
    fn sizes_as_servers_count_them() {
        for (wire, bare_lf) in [(&b"ab\r\n..c\r\n\r\n.\r\n"[..], false), (b"ab\n..c\n\n.\n", true)] {
            for size in 1..=wire.len() {
                let measure = read(wire, bare_lf, size).2;
                let fits: Vec<u64> = (0..30).filter(|stated| measure.is(*stated)).collect();
                // 10 octets with CRLF and 7 with LF; one dot more, or one line end less.
                assert_eq!(fits, [6, 7, 8, 9, 10, 11], "by {size}");
            }
        }
    }
}
