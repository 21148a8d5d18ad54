//! Where messages end, and what `Content-Length` has to say about it.
//!
//! A length is believed where a separator, with or without an empty line before it, or the end of the file stands
//! exactly at its end (mboxcl). Over separators in between (mboxcl2 has such text unquoted) it is believed only if
//! no message in between has such a length itself, and those before and behind state theirs, too: anybody can
//! write a header, and a wrong length would make one message of many.
//!
//! A file in which a message with a believed length has lines with `From ` that are not quoted is of the kind mboxcl2:
//! nothing is quoted in any such message.

use super::Range;
use super::scan::{Draft, Scan};

/// The range of each message, nothing for those that are text of another one; and how many these are.
pub fn resolve(scan: &Scan) -> (Vec<Option<Range>>, usize) {
    let drafts = &scan.drafts;
    let next: Vec<Option<(usize, u64)>> = drafts.iter().map(|draft| next(scan, draft)).collect();
    // How many of the messages before each have a length that is one.
    let mut sound = vec![0];
    sound.extend(next.iter().scan(0, |sum, next| {
        *sum += usize::from(next.is_some());
        Some(*sum)
    }));
    let states = |at: usize| drafts.get(at).is_none_or(|draft| draft.facts.length.is_some());
    let mut ranges = vec![None; drafts.len()];
    let (mut at, mut inner, mut by_length, mut quotes) = (0, 0, Vec::new(), true);
    while let Some(draft) = drafts.get(at) {
        let believed = next[at].filter(|(next, _)| {
            let around = states(*next) && (at == 0 || states(at - 1));
            // What has no header is text rather than a message.
            let text = drafts[at + 1..*next].iter().all(|draft| draft.headless);
            text || around && sound[*next] == sound[at + 1]
        });
        let (behind, end) = believed.unwrap_or_else(|| (at + 1, usual_end(scan, at)));
        ranges[at] =
            Some(Range { start: draft.start, end: end.max(draft.start), quoted: draft.end.is_none() || scan.quoted });
        inner += behind - at - 1;
        if believed.is_some() {
            by_length.push(at);
            quotes &= behind == at + 1 && !draft.unquoted;
        }
        at = behind;
    }
    for at in by_length {
        ranges[at] = ranges[at].map(|range| Range { quoted: quotes, ..range });
    }
    (ranges, inner)
}

/// The message behind this one and where this one ends, by its length.
fn next(scan: &Scan, draft: &Draft) -> Option<(usize, u64)> {
    let length = draft.facts.length.filter(|_| draft.end.is_none())?;
    let end = draft.body?.checked_add(length)?;
    let at = scan.drafts.partition_point(|other| other.from < end);
    let there = match scan.drafts.get(at) {
        Some(next) => next.from == end || next.from - next.blank == end,
        None => end == scan.end || end + scan.blank == scan.end,
    };
    there.then_some((at, end))
}

/// Where its format says, or in front of the next separator and the empty line before it.
fn usual_end(scan: &Scan, at: usize) -> u64 {
    if let Some(end) = scan.drafts[at].end {
        return end;
    }
    match scan.drafts.get(at + 1) {
        Some(next) => next.from - next.blank,
        None => scan.end - scan.blank,
    }
}
