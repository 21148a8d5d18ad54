//! Whatever comes in becomes CRLF lines.

use memchr::{memchr3_iter, memmem};

/// Makes the stored form of a message, chunk by chunk: CRLF, a bare LF and a bare CR are each one line
/// end and become CRLF; the last line gets one if it has none.
///
/// NUL goes, and nothing comes in its place: no message may hold one (RFC 5322 section 4 lists it as
/// obsolete, [MS-STANXPOP3] C0011 wants what is sent to be a message), many clients end a line or a
/// message there, and a stand-in would be an octet that nobody sent. The message is the same as
/// if the NUL had never been there. Other octets, 8-bit ones too, stay.
#[derive(Clone, Debug)]
pub struct Normaliser {
    /// The last octet was CR, and its line end has been written: an LF now belongs to it.
    after_cr: bool,
    line_start: bool,
    dotted: bool,
}

impl Default for Normaliser {
    fn default() -> Self {
        Self { after_cr: false, line_start: true, dotted: false }
    }
}

impl Normaliser {
    /// At the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the stored form of the next chunk to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let from = out.len();
        self.convert(chunk, out);
        let fresh = &out[from..];
        if let (Some(first), Some(last)) = (fresh.first(), fresh.last()) {
            self.dotted |= self.line_start && *first == b'.' || memmem::find(fresh, b"\n.").is_some();
            self.line_start = *last == b'\n';
        }
    }

    /// Ends the last line, if there is one without an end.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.line_start {
            out.extend_from_slice(b"\r\n");
            self.line_start = true;
        }
        self.after_cr = false;
    }

    /// Some line so far starts with a dot, so that the message needs stuffing on the wire.
    pub fn dotted(&self) -> bool {
        self.dotted
    }

    /// Copies whole runs; only what does not stay as it is interrupts them.
    fn convert(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mut copied = 0;
        for at in memchr3_iter(b'\r', b'\n', 0, chunk) {
            let crlf = match chunk[at] {
                b'\r' => chunk.get(at + 1) == Some(&b'\n'),
                b'\n' => at > 0 && chunk[at - 1] == b'\r',
                _ => false,
            };
            if crlf {
                continue;
            }
            let after_cr = self.after_cr && at == copied;
            out.extend_from_slice(&chunk[copied..at]);
            copied = at + 1;
            if chunk[at] == b'\r' || chunk[at] == b'\n' && !after_cr {
                out.extend_from_slice(b"\r\n");
            }
            self.after_cr = chunk[at] == b'\r' || chunk[at] == 0 && after_cr;
        }
        out.extend_from_slice(&chunk[copied..]);
        self.after_cr &= copied == chunk.len();
    }
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
            (b"a\rb\r", b"a\r\nb\r\n", false),
            (b"a\r\r\nb", b"a\r\n\r\nb\r\n", false),
            (b"\n\r", b"\r\n\r\n", false),
            (b"\n\n", b"\r\n\r\n", false),
            (b"\r\n\r\n", b"\r\n\r\n", false),
            (b".", b".\r\n", true),
            (b"a\n.b", b"a\r\n.b\r\n", true),
            (b"a\r.b", b"a\r\n.b\r\n", true),
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
