//! Fenced blocks of a page.

use std::fs;
use std::path::{Path, PathBuf};

/// A block and where it stands.
pub struct Block {
    /// Line of the opening fence, from 1.
    pub line: usize,
    /// First word of what follows the fence.
    pub language: String,
    /// Why it cannot run, if it is marked so.
    pub no_run: Option<String>,
    pub text: String,
}

/// All of a page, in its order.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let (language, mark) = info.split_once(' ').unwrap_or((info, ""));
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
        blocks.push(Block {
            line: number + 1,
            language: language.to_owned(),
            no_run: mark.strip_prefix("no-run: ").map(str::to_owned),
            text: inside.map(|line| format!("{line}\n")).collect(),
        });
        assert!(mark.is_empty() || blocks.last().unwrap().no_run.is_some(), "line {}: {info}", number + 1);
    }
    blocks
}

impl Block {
    /// Whether the tests run blocks of this language.
    pub fn is_runnable(&self) -> bool {
        matches!(self.language.as_str(), "sh" | "sql" | "console")
    }
}

/// README.md, and everything in and below docs/, as paths from the repository's root.
pub fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![PathBuf::from("README.md")];
    for directory in ["docs", "docs/migration"] {
        for entry in fs::read_dir(root.join(directory)).unwrap() {
            let path = Path::new(directory).join(entry.unwrap().file_name());
            pages.extend((path.extension().is_some_and(|it| it == "md")).then_some(path));
        }
    }
    pages.sort();
    pages
}

/// The text of one of [`pages`].
pub fn read(page: &Path) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap()
}

/// What else is shown in blocks; examples in languages are run by `tests/trial`.
const OTHERS: &[&str] = &["conf", "csharp", "go", "ini", "java", "js", "python", "text", "yaml"];

/// How many blocks are marked as not to be run.
const NO_RUN: usize = 12;

#[test]
fn every_block_says_what_it_is_and_those_that_do_not_run_are_counted() {
    let mut marked = Vec::new();
    for page in pages() {
        for block in blocks(&read(&page)) {
            let place = format!("{}:{}", page.display(), block.line);
            let language = block.language.as_str();
            assert!(block.is_runnable() || OTHERS.contains(&language), "{place}: a block of {language:?}");
            if let Some(reason) = &block.no_run {
                assert!(block.is_runnable() && reason.len() > 5, "{place}: no-run without need or reason");
                marked.push(format!("{place}: {reason}"));
            }
        }
    }
    assert_eq!(marked.len(), NO_RUN, "blocks that do not run:\n{}", marked.join("\n"));
}
