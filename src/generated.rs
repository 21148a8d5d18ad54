//! Regions of hand-written files that a table of the program writes: the schema's settings, tables of the documentation.
//!
//! A test calls [`assert_region`] for each. `make generate` runs these tests with `PILLARBOX_GENERATE` set: then
//! they write the region instead.

use crate::lock::IgnorePoison;
use std::path::Path;
use std::sync::Mutex;

/// Tests run side by side, and two regions may be in one file.
static WRITING: Mutex<()> = Mutex::new(());

/// Fails unless `lines` stand in `file` between the marks `generated: NAME (make generate)` and `end of generated`,
/// each in a comment on a line of its own.
#[track_caller]
pub fn assert_region(file: &str, name: &str, lines: &str) {
    let _writing = WRITING.lock().ignore_poison();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let before = std::fs::read_to_string(&path).unwrap();
    let after = replaced(&before, name, lines).unwrap_or_else(|| panic!("{file} has no region {name:?}"));
    if std::env::var_os("PILLARBOX_GENERATE").is_some() && before != after {
        std::fs::write(&path, after).unwrap();
    } else {
        assert!(before == after, "{file}, region {name:?}, is out of date: run make generate");
    }
}

/// `text` with other lines in the region of this name, if it has one.
fn replaced(text: &str, name: &str, lines: &str) -> Option<String> {
    let begin = text.find(&format!(" generated: {name} (make generate)"))?;
    let first = begin + text[begin..].find('\n')? + 1;
    let mark = first + text[first..].find("end of generated")?;
    let end = text[..mark].rfind('\n')? + 1;
    Some(format!("{}{lines}{}", &text[..first], &text[end..]))
}

#[test]
fn only_what_stands_between_the_marks_is_replaced() {
    let text = "a\n -- generated: x (make generate)\nold\n -- end of generated\nb\n<!-- generated: y (make generate) -->\n<!-- end of generated -->";
    let new = replaced(text, "x", "1\n2\n").unwrap();
    assert_eq!(new, text.replace("old\n", "1\n2\n"));
    assert_eq!(replaced(&new, "y", "3\n").unwrap(), new.replace(") -->\n", ") -->\n3\n"));
    assert_eq!(replaced(text, "z", ""), None);
}
