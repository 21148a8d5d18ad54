//! What tests of the schema ask of an administrator's shell, whichever engine it belongs to.

/// Tables that show what a line has done: all but the octets.
pub const TABLES: [&str; 11] = [
    "settings",
    "certificates",
    "users",
    "verifiers",
    "mailboxes",
    "aliases",
    "delegates",
    "usage",
    "message",
    "deleted",
    "purge",
];

/// A line must be refused with a message that has these parts, and change nothing. `run` types it and answers with its
/// error; `dump` shows what is there.
#[track_caller]
pub fn refused(line: &str, parts: &[&str], run: impl FnOnce(&str) -> Option<String>, dump: impl Fn() -> String) {
    let before = dump();
    let error = run(line).unwrap_or_else(|| panic!("{line}\nwas not refused"));
    for part in parts {
        assert!(error.contains(part), "{line}\n{error}\ndoes not name {part:?}");
    }
    assert_eq!(dump(), before, "{line}\nwas refused, but changed something");
}
