//! The content of a message as it comes: what is still expected, and what it means.
//!
//! Takes dot-stuffing off (RFC 5321 section 4.5.2) and counts chunks (RFC 3030 section 2). What must
//! not be known here: recipients, replies, the store.
//!
//! Lines are told by CRLF only, so that `LF . LF`, `LF . CRLF` and `CR . CR` are content as any other:
//! what ends a message for us must be what ends it for the MTA, or mail could be smuggled in.

use memchr::memmem;

/// Where in a line the reader of DATA is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum At {
    /// Behind CRLF, or at the start.
    #[default]
    LineStart,
    /// Behind the dot that a line starts with.
    Dot,
    /// Behind such a dot and a CR.
    DotCr,
    /// Within a line.
    Text,
    /// Behind a CR within a line.
    Cr,
}

/// Takes dot-stuffed content apart, in pieces of any size.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unstuffer {
    at: At,
}

impl Unstuffer {
    /// Appends the content in `octets` to `out`. Answers how many octets belong to it, and whether
    /// the final dot was among them.
    pub fn take(&mut self, octets: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        let mut from = 0;
        while let Some(&octet) = octets.get(from) {
            self.at = match (self.at, octet) {
                (At::LineStart, b'.') => At::Dot,
                (At::Dot, b'\r') => At::DotCr,
                (At::DotCr, b'\n') => {
                    self.at = At::LineStart;
                    return (from + 1, true);
                }
                // A dot that is not alone in its line was put there by the client.
                (At::DotCr, _) => {
                    out.push(b'\r');
                    self.at = At::Cr;
                    continue;
                }
                (At::Cr, b'\n') => {
                    out.push(octet);
                    At::LineStart
                }
                (At::LineStart | At::Dot | At::Text | At::Cr, _) => {
                    from += self.text(&octets[from..], out);
                    continue;
                }
            };
            from += 1;
        }
        (octets.len(), false)
    }

    /// Copies up to the next line that starts with a dot; answers how many octets.
    fn text(&mut self, octets: &[u8], out: &mut Vec<u8>) -> usize {
        let end = memmem::find(octets, b"\r\n.").map_or(octets.len(), |at| at + 2);
        let copied = &octets[..end];
        out.extend_from_slice(copied);
        self.at = match copied {
            [.., b'\r', b'\n'] => At::LineStart,
            [.., b'\r'] => At::Cr,
            _ => At::Text,
        };
        end
    }
}

/// Content that is being received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// DATA: up to the final dot.
    Dotted(Unstuffer),
    /// BDAT: this many more octets, and what follows them.
    Chunk {
        /// Octets that are still to come.
        left: u64,
        /// Octets of the whole chunk.
        size: u64,
        /// It is the last one.
        last: bool,
    },
}

impl Content {
    /// DATA begins.
    pub fn dotted() -> Self {
        Self::Dotted(Unstuffer::default())
    }

    /// A chunk begins.
    pub fn chunk(size: u64, last: bool) -> Self {
        Self::Chunk { left: size, size, last }
    }

    /// Appends the content in `octets` to `out`. Answers how many octets belong to it, and whether
    /// it is complete now.
    pub fn take(&mut self, octets: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        match self {
            Self::Dotted(unstuffer) => unstuffer.take(octets, out),
            Self::Chunk { left, .. } => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(octets.len());
                out.extend_from_slice(&octets[..n]);
                *left -= n as u64;
                (n, *left == 0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything in pieces of `size`: content, and octets behind the final dot.
    fn unstuffed(octets: &[u8], size: usize) -> (Vec<u8>, Option<Vec<u8>>) {
        let (mut unstuffer, mut out, mut from) = (Unstuffer::default(), Vec::new(), 0);
        while from < octets.len() {
            let piece = &octets[from..octets.len().min(from + size)];
            let (taken, ended) = unstuffer.take(piece, &mut out);
            from += taken;
            if ended {
                return (out, Some(octets[from..].to_vec()));
            }
            assert_eq!(taken, piece.len());
        }
        (out, None)
    }

    #[test]
    fn content_ends_at_a_dot_alone_between_crlfs_and_nowhere_else() {
        // (what is sent, the content, what is left for commands; None: it goes on)
        let table: &[(&str, &str, Option<&str>)] = &[
            // Empty content.
            (".\r\n", "", Some("")),
            (".\r\nQUIT\r\n", "", Some("QUIT\r\n")),
            ("a\r\n.\r\nQUIT\r\n", "a\r\n", Some("QUIT\r\n")),
            ("\r\n.\r\n", "\r\n", Some("")),
            // Stuffed lines, the first one too.
            ("..\r\n.\r\n", ".\r\n", Some("")),
            ("a\r\n..b\r\n...\r\n.\r\n", "a\r\n.b\r\n..\r\n", Some("")),
            (".a\r\n.\r\n", "a\r\n", Some("")),
            // What other software has taken for the end (SMTP smuggling).
            ("a\n.\nMAIL FROM:<x>\r\n.\r\n", "a\n.\nMAIL FROM:<x>\r\n", Some("")),
            ("a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", Some("")),
            ("a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", Some("")),
            ("a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n", Some("")),
            ("a\r.\rb\r\n.\r\n", "a\r.\rb\r\n", Some("")),
            ("a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", Some("")),
            ("a\r\r\n.\r\n", "a\r\r\n", Some("")),
            ("a\r\n\0.\r\n.\r\n", "a\r\n\0.\r\n", Some("")),
            // It goes on.
            ("a", "a", None),
            ("a\r\n.", "a\r\n", None),
            ("a\r\n.\r", "a\r\n", None),
        ];
        for (sent, content, left) in table {
            for size in 1..=sent.len() {
                let (found, rest) = unstuffed(sent.as_bytes(), size);
                assert_eq!(String::from_utf8_lossy(&found), *content, "{sent:?} by {size}");
                assert_eq!(rest.as_deref(), left.map(str::as_bytes), "{sent:?} by {size}");
            }
        }
    }

    #[test]
    fn chunks_are_counted() {
        let (mut chunk, mut out) = (Content::chunk(5, false), Vec::new());
        assert_eq!(chunk.take(b".\r\n", &mut out), (3, false));
        assert_eq!(chunk.take(b"abQUIT", &mut out), (2, true));
        assert_eq!(out, b".\r\nab");
        assert_eq!(Content::chunk(0, true).take(b"QUIT", &mut out), (0, true));
    }
}
