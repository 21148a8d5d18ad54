//! Tables, columns, settings and refusals of the two schemas: what one engine has and the other has not is named here.

use crate::shell::Bench;
use crate::support::Site;
use std::collections::BTreeSet;

/// Only SQLite needs these: rules as views, dates and body ids as one row that every write may touch.
const SQLITE_TABLES: &[&str] = &[
    "counters",
    "move_message",
    "must_be_hash",
    "must_be_password",
    "must_be_utf8",
    "setting_address",
    "setting_in_range",
    "setting_item",
    "setting_number",
    "setting_text",
];
const SQLITE_COLUMNS: &[&str] = &["chunk.id", "message.number"];

/// Only several nodes need these.
const POSTGRES_TABLES: &[&str] = &["change", "lease", "node", "noted", "site"];
const POSTGRES_COLUMNS: &[&str] = &[
    "chunk.body_id",
    "chunk.piece",
    "deleted_mailbox.uid_epoch",
    "retired.uid_epoch",
    "session.node_id",
    "session.user_id",
    "session_end.node_id",
    "usage.uid_epoch",
];

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

fn without(all: BTreeSet<String>, tables: &[&str], columns: &[&str]) -> BTreeSet<String> {
    for name in tables {
        assert!(all.iter().any(|column| column.starts_with(&format!("{name}."))), "there is no {name} any more");
    }
    for name in columns {
        assert!(all.contains(*name), "there is no {name} any more");
    }
    let other = |column: &String| !tables.iter().any(|table| column.starts_with(&format!("{table}.")));
    all.into_iter().filter(|column| other(column) && !columns.contains(&column.as_str())).collect()
}

#[test]
fn tables_and_columns() {
    let sqlite = Site::new().sql(
        "SELECT m.name || '.' || c.name FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) c
          WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite%'",
    );
    let postgres = Bench::new().server_sql(
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'",
    );
    assert_eq!(
        without(lines(&postgres), POSTGRES_TABLES, POSTGRES_COLUMNS),
        without(lines(&sqlite), SQLITE_TABLES, SQLITE_COLUMNS)
    );
}

#[test]
fn settings() {
    let query = "SELECT name, value FROM settings ORDER BY lower(name)";
    assert_eq!(Bench::new().sql(query), Site::new().sql(query).trim_end());
}

/// What stands between these two in a text, each time.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
}

/// Refusals of what only SQLite's shell can do: REPLACE, octets that are no text, the tables of the server.
fn only_sqlite(refusal: &str) -> bool {
    let tables = ["usage.mailbox_id", "usage.next_uid: only", "counters", "message: immutable"];
    refusal.ends_with(": must be UTF-8")
        || tables.iter().any(|start| refusal.starts_with(start))
        || refusal.contains("this setting exists")
        || refusal == "users.name: a user of this name or id exists; use UPDATE"
        || refusal == "users.last_login: seconds since 1970, or NULL"
}

#[test]
fn refusals() {
    let schema = include_str!("../../schema.sql");
    let mut sqlite: BTreeSet<String> = between(schema, "RAISE(ABORT, '", "')").into_iter().map(str::to_owned).collect();
    sqlite.extend(between(schema, "CONSTRAINT \"", "\" CHECK").into_iter().map(str::to_owned));
    sqlite.retain(|refusal| !only_sqlite(refusal));
    assert!(sqlite.len() > 100);
    let postgres = include_str!("../../migrations/postgres/0100_initial.sql");
    let ranges = Bench::new().sql("SELECT name || ': ' || setting_range(name::text) FROM settings");
    let ranges = lines(&ranges);
    let unable = " is a hash that cannot be verified here; {PLAIN} in front makes a text of it";
    let found = |refusal: &String| {
        let kind = refusal.strip_prefix("users.password: ").and_then(|rest| rest.strip_suffix(unable));
        // That of verifiers is the server's own affair, in any words.
        kind.map_or(ranges.contains(refusal) || postgres.contains(refusal), |kind| {
            postgres.contains(&format!("'{kind}'"))
        }) || refusal.starts_with("verifiers.scheme: SCRAM")
    };
    let missing: Vec<_> = sqlite.iter().filter(|refusal| !found(refusal)).collect();
    assert!(missing.is_empty(), "PostgreSQL does not have {missing:#?}");
    let own = between(postgres, "check_violation USING MESSAGE = '", "';").into_iter();
    let unknown: Vec<_> = own.filter(|refusal| !sqlite.contains(*refusal)).collect();
    assert!(unknown.is_empty(), "SQLite does not have {unknown:#?}");
}
