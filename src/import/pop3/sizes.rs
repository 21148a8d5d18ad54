//! Whether a server's sizes are exact, as its messages show it.
//!
//! RFC 1939 section 11 wants them exact; Exchange and Pillarbox count storage, some servers count LF. So a size is
//! held against a server only once [`PROOF`] other messages had exactly the size that LIST states, and none had another.

use super::content::Measure;

/// Messages that must fit.
pub(super) const PROOF: usize = 3;
/// Sizes that are multiples of this prove nothing: storage is counted so.
const BLOCK: u64 = 1024;

/// What is known so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes {
    /// Positions of the first messages that fit, [`PROOF`] at most.
    fitting: Vec<usize>,
    inexact: bool,
}

/// What one message shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing is wrong, or the server's sizes are not exact.
    Fine,
    /// It does not fit, and it is not known yet whether that means anything.
    Doubtful,
    /// It does not fit, and the server's sizes are exact.
    Wrong,
}

impl Sizes {
    /// Whether a message with this size could be proof.
    pub(super) fn counts(stated: u64) -> bool {
        !stated.is_multiple_of(BLOCK)
    }

    /// Takes the message at a position into account.
    pub(super) fn judge(&mut self, at: usize, stated: u64, measure: &Measure) -> Verdict {
        if measure.is(stated) {
            if Self::counts(stated) && self.lacking() > 0 && !self.has_seen(at) {
                self.fitting.push(at);
            }
            return Verdict::Fine;
        }
        match self.lacking() {
            _ if self.inexact => Verdict::Fine,
            0 => Verdict::Wrong,
            _ => Verdict::Doubtful,
        }
    }

    /// The message at a position is among those that prove something.
    pub(super) fn has_seen(&self, at: usize) -> bool {
        self.fitting.contains(&at)
    }

    /// How many more messages must fit.
    pub(super) fn lacking(&self) -> usize {
        PROOF - self.fitting.len()
    }

    /// Its sizes are not exact, or that cannot be known.
    pub(super) fn give_up(&mut self) {
        self.inexact = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::pop3::content::Content;

    fn message(octets: usize) -> Measure {
        let mut content = Content::new(false);
        let wire = [&vec![b'x'; octets - 2][..], b"\r\n.\r\n"].concat();
        assert!(content.push(&wire, &mut Vec::new()).1);
        content.measure()
    }

    #[test]
    fn one_size_is_wrong_where_others_are_right() {
        let mut sizes = Sizes::default();
        for (at, stated) in [(0, 10), (1, 20), (1, 20), (2, 30)] {
            assert_eq!(
                (sizes.judge(9, 60, &message(40)), sizes.has_seen(at)),
                (Verdict::Doubtful, at == 1 && sizes.lacking() == 1)
            );
            assert_eq!(sizes.judge(at, stated, &message(stated as usize)), Verdict::Fine);
        }
        assert_eq!(sizes.judge(9, 60, &message(40)), Verdict::Wrong);
    }

    #[test]
    fn storage_sizes_are_no_fault() {
        let mut sizes = Sizes::default();
        for at in 0..5 {
            assert_eq!(sizes.judge(at, 4096, &message(4096)), Verdict::Fine);
        }
        assert_eq!((sizes.judge(5, 4096, &message(40)), sizes.lacking()), (Verdict::Doubtful, PROOF));
        sizes.give_up();
        for stated in [10, 20, 30] {
            sizes.judge(stated, stated as u64, &message(stated));
        }
        assert_eq!(sizes.judge(60, 60, &message(40)), Verdict::Fine);
    }
}
