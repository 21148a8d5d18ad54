//! The dots of the wire taken off again.

use memchr::memmem;

/// Where in a line the next octet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// At the start of a line, which is after CRLF and nowhere else.
    LineStart,
    /// Within a line, not after CR.
    Within,
    /// Within a line, after CR.
    Cr,
    /// After a dot at the start of a line. It is not written: either it was stuffed or it is the end.
    Dot,
    /// After CR after such a dot. The CR is not written yet.
    DotCr,
}

/// Takes the content of DATA off the wire (RFC 5321 section 4.5.2; LMTP, RFC 2033 section 4.2).
///
/// Only CRLF makes a line here, so only CRLF.CRLF ends a message, or .CRLF if it is empty. Whoever
/// takes a bare LF or CR for a line end lets the sender smuggle a second message in.
#[derive(Clone, Debug)]
pub struct Unstuffer {
    at: At,
}

impl Default for Unstuffer {
    fn default() -> Self {
        Self { at: At::LineStart }
    }
}

impl Unstuffer {
    /// At the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the content of the next chunk to `out`. `Some(n)`: the message ended with the first `n`
    /// octets, and the rest is the client's next command; this has nothing more to do. `None`: all
    /// of the chunk belongs to the message, and there is more to come.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let mut next = 0;
        while let Some(&octet) = chunk.get(next) {
            if self.at == At::Within {
                next += self.copy_run(&chunk[next..], out);
                continue;
            }
            next += 1;
            self.at = match (self.at, octet) {
                (At::LineStart, b'.') => At::Dot,
                (At::Dot, b'\r') => At::DotCr,
                (At::DotCr, b'\n') => return Some(next),
                (at, octet) => {
                    if at == At::DotCr {
                        out.push(b'\r');
                    }
                    out.push(octet);
                    match (at, octet) {
                        (At::Cr, b'\n') => At::LineStart,
                        (_, b'\r') => At::Cr,
                        _ => At::Within,
                    }
                }
            };
        }
        None
    }

    /// Copies up to the next line that starts with a dot, or all there is. Starts within a line.
    fn copy_run(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> usize {
        let run = match memmem::find(chunk, b"\r\n.") {
            Some(at) => &chunk[..at + 2],
            None => chunk,
        };
        out.extend_from_slice(run);
        self.at = if run.ends_with(b"\r\n") {
            At::LineStart
        } else if run.ends_with(b"\r") {
            At::Cr
        } else {
            At::Within
        };
        run.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content, and what is left of the input if the end was found.
    fn unstuff(wire: &[u8], size: usize) -> (Vec<u8>, Option<Vec<u8>>) {
        let (mut unstuffer, mut out, mut taken) = (Unstuffer::new(), Vec::new(), 0);
        for chunk in wire.chunks(size) {
            assert_eq!(unstuffer.push(b"", &mut out), None);
            if let Some(n) = unstuffer.push(chunk, &mut out) {
                return (out, Some(wire[taken + n..].to_vec()));
            }
            taken += chunk.len();
        }
        (out, None)
    }

    /// The wire, the content, and what is left if the end was found.
    type Case<'a> = (&'a [u8], &'a [u8], Option<&'a [u8]>);

    #[test]
    fn only_crlf_dot_crlf_ends_a_message() {
        let cases: &[Case] = &[
            (b".\r\n", b"", Some(b"")),
            (b".\r\nQUIT\r\n", b"", Some(b"QUIT\r\n")),
            (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", Some(b"QUIT\r\n")),
            (b"a\r\n.\r\n.\r\n", b"a\r\n", Some(b".\r\n")),
            (b"\r\n.\r\n", b"\r\n", Some(b"")),
            (b"\r\r\n.\r\n", b"\r\r\n", Some(b"")),
            // Stuffed lines lose one dot, the first line too.
            (b"..\r\n..\r\n...x\r\n.\r\n", b".\r\n.\r\n..x\r\n", Some(b"")),
            (b".x\r\n.\r\n", b"x\r\n", Some(b"")),
            // A dot elsewhere, and a dot of a line that bare LF or CR would make, is content.
            (b"a.\r\n .\r\n.\r\n", b"a.\r\n .\r\n", Some(b"")),
            (b"a\n.\r\nb", b"a\n.\r\nb", None),
            (b"a\n.\nb", b"a\n.\nb", None),
            (b"a\r\n.\nb\r\n", b"a\r\n\nb\r\n", None),
            (b"a\r\n.\rb\r\n", b"a\r\n\rb\r\n", None),
            (b"a\r.\r\nb", b"a\r.\r\nb", None),
            (b"a\r.\rb", b"a\r.\rb", None),
            (b"a\r\n.\r.\r\n", b"a\r\n\r.\r\n", None),
            (b"a\r\n.\r\r\n.\r\n", b"a\r\n\r\r\n", Some(b"")),
            (b"\n.\r\n", b"\n.\r\n", None),
            // Not complete: a withheld dot or CR is not content yet.
            (b"", b"", None),
            (b"a\r\n.", b"a\r\n", None),
            (b"a\r\n.\r", b"a\r\n", None),
            (b"a", b"a", None),
        ];
        for (wire, content, rest) in cases {
            for size in 1..=wire.len().max(1) {
                let (out, left) = unstuff(wire, size);
                let shown = format!("{} by {size}", wire.escape_ascii());
                assert_eq!(out.escape_ascii().to_string(), content.escape_ascii().to_string(), "{shown}");
                assert_eq!(left.as_deref(), *rest, "{shown}");
            }
        }
    }
}
