//! What an import says at its end.

use crate::import::Notes;
use crate::import::transfer::Report;

/// Messages that are named; of more the number must do.
const MOST_NAMED: usize = 100;

/// The counts of one import, for the table of many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Row {
    pub taken: usize,
    pub there: usize,
    pub left_out: usize,
    pub refused: usize,
}

impl Row {
    /// The counts of a report.
    pub fn of(report: &Report) -> Self {
        let Report { stored, present, left_out, refused, .. } = report;
        Self { taken: *stored, there: *present, left_out: *left_out, refused: refused.len() }
    }
}

/// The counts in one line, what did not occur only where people look for it; then the messages that got a number of
/// their own, a line each.
pub fn text(report: &Report, notes: &Notes, dry_run: bool) -> String {
    let Row { taken, there, left_out, refused } = Row::of(report);
    let verb = if dry_run { "would be imported" } else { "imported" };
    let mut text = format!("{taken} {verb}, {there} there already, {refused} refused");
    for (count, what) in [
        (left_out, "left out as deleted"),
        (report.own_number.len(), "with a number of their own"),
        (notes.bookkeeping, "left out as bookkeeping of c-client"),
        (notes.from_lines, "lines that begin with \"From \" taken for text"),
        (notes.headless, "without header fields"),
        (notes.not_read, "links or devices not read"),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text.push('\n');
    for line in report.own_number.iter().take(MOST_NAMED) {
        text += line;
        text.push('\n');
    }
    if report.own_number.len() > MOST_NAMED {
        text += &format!("and {} more with a number of their own\n", report.own_number.len() - MOST_NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_occur_is_not_said() {
        let mut report = Report::default();
        (report.stored, report.present) = (2, 1);
        assert_eq!(text(&report, &Notes::default(), false), "2 imported, 1 there already, 0 refused\n");
        report.left_out = 3;
        report.own_number = vec!["x".to_owned(); 102];
        let notes = Notes { from_lines: 4, headless: 2, bookkeeping: 1, not_read: 5 };
        let text = text(&report, &notes, true);
        let (first, rest) = text.split_once('\n').unwrap();
        assert_eq!(
            first,
            "2 would be imported, 1 there already, 0 refused, 3 left out as deleted, 102 with a number of their own, \
             1 left out as bookkeeping of c-client, 4 lines that begin with \"From \" taken for text, 2 without header fields, \
             5 links or devices not read"
        );
        assert_eq!((rest.lines().count(), rest.lines().last()), (101, Some("and 2 more with a number of their own")));
    }
}
