//! Which messages have to be stuffed, found out while they come in.

use memchr::memmem;

/// Finds out whether some line starts with a dot, however the octets come in.
#[derive(Debug)]
pub struct DotFinder {
    /// There was one.
    pub found: bool,
    at_line_start: bool,
}

impl Default for DotFinder {
    fn default() -> Self {
        Self { found: false, at_line_start: true }
    }
}

impl DotFinder {
    /// The next octets.
    pub fn look(&mut self, octets: &[u8]) {
        let (Some(first), Some(last)) = (octets.first(), octets.last()) else { return };
        self.found = self.found || (self.at_line_start && *first == b'.') || memmem::find(octets, b"\n.").is_some();
        self.at_line_start = *last == b'\n';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_dot_at_the_start_of_a_line_is_found() {
        for (message, found) in [
            ("", false),
            (".", true),
            ("a.\r\n", false),
            ("a\r\n.", true),
            ("a\r\nb.\r\n", false),
            (".\r\na", true),
            ("a\r\n", false),
        ] {
            for cut in 0..=message.len() {
                let mut finder = DotFinder::default();
                let (start, end) = message.as_bytes().split_at(cut);
                finder.look(start);
                finder.look(end);
                assert_eq!(finder.found, found, "{message:?} cut at {cut}");
            }
        }
    }
}
