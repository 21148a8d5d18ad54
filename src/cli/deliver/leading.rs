//! What does not belong to a message that comes through a pipe: the `From ` line of an mbox before it, and, where a new one
//! is written, old Return-Path fields at its start (RFC 5321 section 4.4: whoever makes final delivery may remove them).

/// Longest line that is looked at, octets; a longer one is the message's own.
const LONGEST_LINE: usize = 4096;

/// Takes these lines away from the start of a message, chunk by chunk.
pub(super) struct EnvelopeStripper {
    /// Return-Path goes, too.
    return_path: bool,
    /// The start of a line whose end has not come yet.
    line: Vec<u8>,
    at: At,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Nothing has come yet.
    Start,
    /// Only what was dropped has come.
    Dropped,
    /// The last line was dropped, and may be folded.
    Field,
    /// The message.
    Message,
}

impl EnvelopeStripper {
    /// At the start. `return_path`: another one takes the place of those that come.
    pub(super) fn new(return_path: bool) -> Self {
        Self { return_path, line: Vec::new(), at: At::Start }
    }

    /// Appends what stays of the next CRLF lines to `out`.
    pub(super) fn push(&mut self, mut octets: &[u8], out: &mut Vec<u8>) {
        while self.at != At::Message && !octets.is_empty() {
            let end = memchr::memchr(b'\n', octets).map_or(octets.len(), |at| at + 1);
            let (now, later) = octets.split_at(end);
            self.line.extend_from_slice(now);
            octets = later;
            if self.line.ends_with(b"\n") || self.line.len() > LONGEST_LINE {
                self.take(out);
            }
        }
        out.extend_from_slice(octets);
    }

    /// Appends what waits at the end.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.line);
    }

    fn take(&mut self, out: &mut Vec<u8>) {
        let starts =
            |text: &str| self.line.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()));
        let folded = matches!(self.line.first(), Some(b' ' | b'\t'));
        self.at = match self.at {
            _ if self.line.len() > LONGEST_LINE => At::Message,
            At::Start if self.line.starts_with(b"From ") => At::Dropped,
            At::Field if folded => At::Field,
            _ if self.return_path && starts("Return-Path:") => At::Field,
            _ => At::Message,
        };
        if self.at == At::Message {
            out.append(&mut self.line);
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(return_path: bool, message: &str) -> String {
        let whole = |size: usize| {
            let (mut leading, mut out) = (EnvelopeStripper::new(return_path), Vec::new());
            message.as_bytes().chunks(size).for_each(|chunk| leading.push(chunk, &mut out));
            leading.finish(&mut out);
            String::from_utf8(out).unwrap()
        };
        let one = whole(1);
        assert_eq!(one, whole(message.len().max(1)), "however it comes");
        one
    }

    #[test]
    fn the_line_of_an_mbox_goes() {
        assert_eq!(rest(false, "From a@b Mon Nov 23 10:00:00 2026\r\nA: b\r\n"), "A: b\r\n");
        assert_eq!(rest(false, "A: b\r\nFrom c\r\n"), "A: b\r\nFrom c\r\n");
        assert_eq!(rest(false, "From: a\r\n"), "From: a\r\n");
    }

    #[test]
    fn another_return_path_goes_where_a_new_one_comes() {
        let message = "From a\r\nReturn-Path: <a>\r\nreturn-path:\r\n <b>\r\nA: b\r\n c\r\n\r\nReturn-Path: <c>\r\n";
        assert_eq!(rest(true, message), "A: b\r\n c\r\n\r\nReturn-Path: <c>\r\n");
        assert_eq!(rest(false, message), message[8..]);
    }

    #[test]
    fn what_ends_early_stays() {
        for message in ["", "x", "\r\n", " a\r\n", "Return-Pa"] {
            assert_eq!(rest(true, message), message);
        }
        let long = format!("From {}\r\nA: b\r\n", "x".repeat(2 * LONGEST_LINE));
        assert_eq!(rest(true, &long), long);
    }
}
