//! Each line of the log has one form: `who: what: why`.

use std::path::Path;

/// What a line may begin with besides a word of its own: the connection, listener, thread or warning it is about.
const SUBJECTS: [&str; 10] = [
    "pop3 connection {id}: ",
    "{}: ",
    "{about}: ",
    "{self}: ",
    "{name}: ",
    "{who}: ",
    "{} listener {}: ",
    "protocol log {}: ",
    "{line}",
    "{kind}: ",
];

/// The format texts of the log's macros in a source, from their lines on.
fn formats(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let macros = ["error!(", "warn!(", "info!(", "debug!("];
    let mut found = Vec::new();
    for name in macros {
        let calls = source.match_indices(name).map(|(at, _)| source[at + name.len()..].trim_start());
        found.extend(calls.filter_map(|call| Some(call.strip_prefix('"')?.split('"').next()?.to_owned())));
    }
    found
}

fn is_named(format: &str) -> bool {
    let word =
        |text: &str| text.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'-' || octet.is_ascii_digit());
    SUBJECTS.iter().any(|subject| format.starts_with(subject))
        || format.split_once(": ").is_some_and(|(who, what)| !who.is_empty() && word(who) && !what.is_empty())
}

fn sources(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_line_of_the_log_says_who_speaks() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in files {
        for format in formats(&std::fs::read_to_string(&file).unwrap()) {
            seen += 1;
            if !is_named(&format) {
                wrong.push(format!("{}: {format:?}", file.display()));
            }
        }
    }
    assert!(seen > 60, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
