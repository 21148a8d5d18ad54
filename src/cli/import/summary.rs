//! What an import says at its end.

use crate::import::transfer::Report;
use crate::import::{Notes, unread};

/// Messages that are named; of more the number must do.
const MOST_NAMED: usize = 100;

/// The same of what went wrong.
const MOST_FAULTS: usize = 10_000;

/// The same of folders and files that were not read: they stand in one line.
const MOST_UNREAD: usize = 20;

/// The counts of one import, for the table of many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImportCounts {
    pub taken: usize,
    pub there: usize,
    pub left_out: usize,
    pub refused: usize,
    /// Folders and files with mail that was not read.
    pub unread: usize,
}

impl ImportCounts {
    /// The counts of a report.
    pub fn of(report: &Report, notes: &Notes) -> Self {
        let Report { stored, present, left_out, refused, .. } = report;
        Self {
            taken: *stored,
            there: *present,
            left_out: *left_out,
            refused: refused.len(),
            unread: notes.folders.len() + notes.files.len(),
        }
    }
}

/// The counts in one line, what did not occur only where people look for it; then the messages that got a number of
/// their own, a line each.
pub fn text(report: &Report, notes: &Notes, dry_run: bool) -> String {
    let ImportCounts { taken, there, left_out, refused, .. } = ImportCounts::of(report, notes);
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
    for line in unread(notes) {
        text += &line;
        text.push('\n');
    }
    text
}

/// What went wrong, a line each, and without a line end the last of them, which ends the command.
pub fn faults(faults: &[&String]) -> (String, String) {
    let mut lines: Vec<String> = faults.iter().take(MOST_FAULTS).map(|fault| format!("pillarbox: {fault}\n")).collect();
    let last = match faults.len() {
        all if all > MOST_FAULTS => format!("{} more were refused", all - MOST_FAULTS),
        _ => {
            lines.pop();
            faults.last().map_or_else(String::new, |fault| (*fault).clone())
        }
    };
    (lines.concat(), last)
}

/// What has mail and was not read, by name.
pub fn unread(notes: &Notes) -> impl Iterator<Item = String> {
    let named = [("folder", &notes.folders), ("file", &notes.files)];
    named.into_iter().filter_map(|(what, paths)| unread::named(what, paths, MOST_UNREAD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_named() {
        let all: Vec<String> = (0..MOST_FAULTS + 2).map(|at| at.to_string()).collect();
        let all: Vec<&String> = all.iter().collect();
        assert_eq!(faults(&all[..3]), ("pillarbox: 0\npillarbox: 1\n".into(), "2".into()));
        let (lines, last) = faults(&all);
        assert_eq!((lines.lines().count(), &*last), (MOST_FAULTS, "2 more were refused"));
    }

    #[test]
    fn what_was_not_read_is_named() {
        let paths = |count: usize| (0..count).map(|at| std::path::PathBuf::from(format!(".{at}"))).collect();
        let notes = Notes { folders: paths(3), files: paths(21), ..Notes::default() };
        let lines: Vec<String> = unread(&notes).collect();
        assert_eq!(lines[0], "3 folders not read: .0, .1, .2");
        assert!(lines[1].starts_with("21 files not read: .0,") && lines[1].ends_with(".19 and 1 more"), "{}", lines[1]);
        assert_eq!(
            unread(&Notes { files: vec!["a\nb".into()], ..Notes::default() }).next().unwrap(),
            "1 file not read: \"a\\nb\""
        );
    }

    #[test]
    fn what_did_not_occur_is_not_said() {
        let mut report = Report::default();
        (report.stored, report.present) = (2, 1);
        assert_eq!(text(&report, &Notes::default(), false), "2 imported, 1 there already, 0 refused\n");
        report.left_out = 3;
        report.own_number = vec!["x".to_owned(); 102];
        let notes = Notes { from_lines: 4, headless: 2, bookkeeping: 1, not_read: 5, ..Notes::default() };
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
