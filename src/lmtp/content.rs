//! The content of a message as it comes: what is still expected, up to a final dot (DATA) or by count
//! (BDAT, RFC 3030 section 2). What must not be known here: recipients, replies, the store.

use crate::message::dot::Unstuffer;

/// Content that is being received.
#[derive(Clone, Debug)]
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
            Self::Dotted(unstuffer) => match unstuffer.push(octets, out) {
                Some(taken) => (taken, true),
                None => (octets.len(), false),
            },
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

    #[test]
    fn a_dot_alone_ends_data() {
        let (mut data, mut out) = (Content::dotted(), Vec::new());
        assert_eq!(data.take(b"a\r\n..b\n.\n\r\n.", &mut out), (12, false));
        assert_eq!(data.take(b"\r\nQUIT\r\n", &mut out), (2, true));
        assert_eq!(out, b"a\r\n.b\n.\n\r\n");
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
