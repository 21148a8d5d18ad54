//! What `make generate` writes into pillarbox-sql(5): tables and columns from `schema.sql`, statements from the documentation.

use crate::generated::assert_region;
use rusqlite::Connection;

const SCHEMA: &str = include_str!("../../../schema.sql");

/// Pages whose statements an administrator types.
const PAGES: &[&str] =
    &[include_str!("../../../docs/administration.md"), include_str!("../../../docs/quotas-and-retention.md")];

/// Tables and views that are meant for administrators, in the order of the page. All others may change with any version.
const PUBLIC: &[&str] = &[
    "settings",
    "users",
    "mailboxes",
    "aliases",
    "delegates",
    "certificates",
    "messages",
    "recoverable",
    "deleted_mailboxes",
    "mailbox_usage",
    "mailbox_retention",
    "sessions",
    "recent_logins",
    "recent_failures",
    "hourly_statistics",
];

/// Columns of them that are the program's own.
const PRIVATE: &[&str] = &["generation", "is_hash"];

/// Text in a manual page.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    escaped
        .lines()
        .map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}\n") } else { format!("{line}\n") })
        .collect()
}

/// The lines of the schema that make a table or view, and the comment before them.
fn definition(name: &str) -> (String, Vec<&'static str>) {
    let lines: Vec<_> = SCHEMA.lines().collect();
    let starts = [format!("CREATE TABLE {name} ("), format!("CREATE VIEW {name} ")];
    let first = lines.iter().position(|line| starts.iter().any(|start| line.starts_with(start))).expect(name);
    let comment = lines[..first].iter().rev().map_while(|line| line.strip_prefix("-- "));
    let comment: Vec<_> = comment.collect::<Vec<_>>().into_iter().rev().collect();
    (comment.join("\n"), lines[first..].iter().copied().take_while(|line| !line.is_empty()).collect())
}

/// What is said of a column of a table: the comment behind it, and the range that its constraint names.
fn meaning(table: &str, column: &str, lines: &[&str]) -> String {
    let comment = lines.iter().find(|line| line.trim_start().split(' ').next() == Some(column));
    let comment = comment.and_then(|line| line.split_once(" -- ")).map(|(_, comment)| comment.trim());
    let range = lines.iter().find_map(|line| line.split_once(&format!("\"{table}.{column}: "))?.1.split_once('"'));
    let range = range.map(|(range, _)| format!("Range: {range}."));
    comment.map(|comment| format!("{comment}.")).into_iter().chain(range).collect::<Vec<_>>().join("\n")
}

#[test]
fn generated_manual_of_tables() {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch(SCHEMA).unwrap();
    let mut text = String::new();
    for table in PUBLIC {
        let (comment, lines) = definition(table);
        let query = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns: Vec<_> = query.column_names().filter(|column| !PRIVATE.contains(column)).collect();
        text += &format!(".SS {table}\n{}", roff(&comment));
        if lines[0].starts_with("CREATE VIEW") {
            text += &format!(".PP\nColumns: {}", roff(&format!("{}.", columns.join(", "))));
            continue;
        }
        for column in columns {
            text += &format!(".TP\n.B {column}\n{}", roff(&meaning(table, column, &lines)));
        }
    }
    assert_region("packaging/pillarbox-sql.5", "tables", &text);
}

#[test]
fn generated_manual_of_statements() {
    let mut text = String::new();
    for section in PAGES.iter().flat_map(|page| page.split("\n## ").skip(1)) {
        let blocks = section.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let statements: Vec<_> = blocks.flat_map(str::lines).filter(|line| !line.is_empty()).collect();
        if statements.is_empty() {
            continue;
        }
        text += &format!(".SS {}", roff(section.lines().next().unwrap()));
        for line in statements {
            let (statement, comment) = line.split_once(" -- ").unwrap_or((line, ""));
            text += if comment.is_empty() { ".PP\n" } else { ".PP\n\\(bu " };
            text += &format!("{}.EX\n{}.EE\n", roff(comment), roff(statement.trim_end()));
        }
    }
    assert_region("packaging/pillarbox-sql.5", "statements", &text);
}
