//! The form of a message: stored, and on the wire.
//!
//! What lives here: slices in, slices out, in chunks of any size. [`Normaliser`] makes the stored
//! form of whatever comes in, [`Stuffer`] and [`Unstuffer`] put on and take off the dots of the
//! wire, [`Top`] cuts. What must not be known here: sockets, the store, commands.
//!
//! * Stored messages are CRLF lines, end in CRLF, hold no bare CR, no bare LF and no NUL, and are
//!   never stuffed. Their size is the length of exactly that.
//! * Unstuffing gives back what was stuffed, however both were cut into chunks.

mod finder;
mod normalise;
mod top;
mod unstuff;

pub use finder::DotFinder;
pub use normalise::Normaliser;
pub use top::Top;
pub use unstuff::Unstuffer;

use memchr::memmem;

/// Byte-stuffing for multi-line replies (RFC 1939 section 3) and LMTP (RFC 5321 section 4.5.2): a line
/// that starts with a dot gets one more, and a line with a dot alone is the end.
#[derive(Clone, Debug)]
pub struct Stuffer {
    line_start: bool,
}

impl Default for Stuffer {
    fn default() -> Self {
        Self { line_start: true }
    }
}

impl Stuffer {
    /// At the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the stuffed form of the next chunk to `out`. Copies whole runs between stuffed lines.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Some(last) = chunk.last() else { return };
        if self.line_start && chunk[0] == b'.' {
            out.push(b'.');
        }
        let mut copied = 0;
        for at in memmem::find_iter(chunk, b"\n.") {
            out.extend_from_slice(&chunk[copied..=at]);
            out.push(b'.');
            copied = at + 1;
        }
        out.extend_from_slice(&chunk[copied..]);
        self.line_start = *last == b'\n';
    }

    /// Appends the final line with the dot. A message that does not end in a line end gets one.
    pub fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.line_start { b".\r\n" } else { b"\r\n.\r\n" });
    }
}

/// Whether a line of `message`, a stored one taken whole, starts with a dot.
pub fn is_dotted(message: &[u8]) -> bool {
    message.first() == Some(&b'.') || memmem::find(message, b"\n.").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffed_forms() {
        let cases: &[(&[u8], &[u8])] = &[
            (b"", b".\r\n"),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b".\r\n", b"..\r\n.\r\n"),
            (b"..\r\n.\r\n.x\r\n", b"...\r\n..\r\n..x\r\n.\r\n"),
            (b"a.\r\n b.c\r\n", b"a.\r\n b.c\r\n.\r\n"),
            (b"a\r\n\r\n.\r\n", b"a\r\n\r\n..\r\n.\r\n"),
            // Not what is stored, but never a false end either.
            (b"a", b"a\r\n.\r\n"),
            (b"a\n.\n", b"a\n..\n.\r\n"),
        ];
        for (message, wire) in cases {
            for size in 1..=message.len().max(1) {
                let (mut stuffer, mut out) = (Stuffer::new(), b"+OK\r\n".to_vec());
                for chunk in message.chunks(size) {
                    stuffer.push(chunk, &mut out);
                    stuffer.push(b"", &mut out);
                }
                stuffer.finish(&mut out);
                assert_eq!(out.strip_prefix(b"+OK\r\n"), Some(*wire), "{} by {size}", message.escape_ascii());
            }
        }
    }

    #[test]
    fn dotted_messages_are_found() {
        for (message, dotted) in
            [(&b""[..], false), (b".", true), (b"a.\r\n", false), (b"a\r\n.\r\n", true), (b"a\r\n..b\r\n", true)]
        {
            assert_eq!(is_dotted(message), dotted);
        }
    }
}
