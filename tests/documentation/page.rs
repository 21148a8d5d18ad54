//! A page as a script: what a reader does with it, line by line.

use crate::block::{Block, blocks, pages, read};
use crate::sandbox::Sandbox;
use crate::support::privileged::{Right, as_root};
use std::path::Path;

/// Pages whose blocks begin on a machine that has only the source; all others have a server that runs, with mail of alice's.
const BARE: &[&str] = &["README.md", "docs/installation.md"];

/// Pages that make alice, and whose statements the running server is to see; those of the others each have a demo database of their own.
const LIVE: &[&str] = &["docs/authentication.md", "docs/migration.md"];

/// Each page that has something to run, with a test of its own.
macro_rules! pages {
    ($($name:ident $page:literal)*) => {
        const TESTED: &[&str] = &[$($page),*];
        $(#[test]
        fn $name() {
            as_root(concat!("page::", stringify!($name)), Right::Users, || run($page));
        })*
    };
}

pages! {
    readme "README.md"
    administration "docs/administration.md"
    authentication "docs/authentication.md"
    backup "docs/backup.md"
    durability "docs/durability.md"
    installation "docs/installation.md"
    interface "docs/interface.md"
    migration "docs/migration.md"
    migration_exchange "docs/migration/exchange.md"
    monitoring "docs/monitoring.md"
    mta "docs/mta.md"
    nodes "docs/nodes.md"
    quotas_and_retention "docs/quotas-and-retention.md"
    security "docs/security.md"
    settings "docs/settings.md"
    testing_clients "docs/testing-clients.md"
    tls "docs/tls.md"
    upgrading "docs/upgrading.md"
}

#[test]
fn every_page_with_something_to_run_is_tested() {
    let runs = |page: &Path| blocks(&read(page)).iter().any(Block::is_runnable);
    let expected: Vec<_> = pages().into_iter().filter(|page| runs(page)).collect();
    let mut tested: Vec<_> = TESTED.iter().map(Path::new).collect();
    tested.sort();
    assert_eq!(tested, expected);
}

fn run(page: &str) {
    let sandbox = Sandbox::new();
    let mut script = String::from("# What a reader of the page pastes.\n");
    let text = read(Path::new(page));
    for block in blocks(&text).iter().filter(|block| block.is_runnable() && block.no_run.is_none()) {
        let place = format!("{page}:{}", block.line);
        let file = format!("/blocks/{}.{}", block.line, block.language);
        let content = match block.language.as_str() {
            "sh" => block.text.lines().map(typed).collect(),
            _ => block.text.clone(),
        };
        sandbox.write(&file, &content);
        script += &match block.language.as_str() {
            // Not in a function: what a block defines is there in the next one.
            "sh" => format!("place={place}\n. {file} </dev/null\n"),
            "sql" if LIVE.contains(&page) => format!("paste_sql {place} {file} $database\n"),
            "sql" => format!("paste_sql {place} {file} \"$(fresh {file})\"\n"),
            _ => format!("paste_console {place} {file}\n"),
        };
    }
    sandbox.write("/blocks/page.sh", &script);
    sandbox.run(match page {
        _ if BARE.contains(&page) => "bare",
        _ if LIVE.contains(&page) => "host_without_alice",
        _ => "host",
    });
}

/// A line as the reader's shell runs it: what asks for a password is answered, and a server is left to run in a terminal of its own.
fn typed(line: &str) -> String {
    let command = line.split(" #").next().unwrap().trim_end();
    let asks = ["pillarbox passwd", "pillarbox hash", "curl -u", "mpop "]
        .iter()
        .any(|start| command.strip_prefix("sudo -u pillarbox ").unwrap_or(command).starts_with(start));
    if command.starts_with("pillarbox serve") || command.starts_with("make run") {
        format!("other_terminal {command}\n")
    } else if asks && !command.contains('<') {
        format!("{command} <<<'correct horse'\n")
    } else {
        format!("{line}\n")
    }
}
