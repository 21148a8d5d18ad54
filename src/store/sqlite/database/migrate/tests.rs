//! Making and migrating databases.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn made(steps: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail.db");
    migrate(&path, steps).unwrap();
    (folder, path)
}

fn number(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The newest schema as text: what `schema.sql` holds. Rows come before the triggers that keep them.
fn schema() -> String {
    let (_folder, path) = made(MIGRATIONS);
    let connection = Connection::open(path).unwrap();
    let mut text =
        String::from("-- The newest schema, made from migrations/ by PILLARBOX_BLESS=1 cargo test --lib schema_sql.\n");
    text += &format!("PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {};\n", newest_version());
    let mut select = connection
        .prepare(
            "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'sqlite_sequence' ORDER BY rowid",
        )
        .unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        text += &format!("\n{};\n", row.get::<_, String>(1).unwrap());
        text += &match row.get::<_, String>(0).unwrap().as_str() {
            "settings" => {
                inserts(&connection, "INSERT INTO settings (name, value) VALUES (%Q, %Q);", "name, value", "settings")
            }
            "counters" => inserts(
                &connection,
                "INSERT INTO counters (id, next_body_id) VALUES (%d, %d);",
                "id, next_body_id",
                "counters",
            ),
            _ => String::new(),
        };
    }
    text
}

fn inserts(connection: &Connection, format: &str, columns: &str, table: &str) -> String {
    let sql = format!("SELECT format('{format}', {columns}) || char(10) FROM {table} ORDER BY 1");
    let mut select = connection.prepare(&sql).unwrap();
    let lines = select.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<Vec<String>>>();
    lines.unwrap().concat()
}

#[test]
fn schema_sql_is_the_newest_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.sql");
    if std::env::var_os("PILLARBOX_BLESS").is_some() {
        std::fs::write(&path, schema()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), schema(), "run PILLARBOX_BLESS=1 cargo test --lib schema_sql");
}

/// Debian 12 has 3.40, and older ones are in use: one newer construct makes every statement of their shells fail.
#[test]
fn nothing_newer_than_sqlite_3_37() {
    let newer = [
        "unixepoch(",
        "format(",
        "concat(",
        "concat_ws(",
        "octet_length(",
        "string_agg(",
        "timediff(",
        "->",
        "is distinct from",
        "is not distinct from",
        "right join",
        "full join",
        "unhex(",
        "if(",
        "within group",
    ];
    let text = MIGRATIONS.concat().to_lowercase();
    let code: String =
        text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    for construct in newer {
        let found = code
            .match_indices(construct)
            .find(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
        assert_eq!(found, None, "{construct}");
    }
}

#[test]
fn a_new_database_is_private_in_wal_mode_and_gives_space_back() {
    let (folder, path) = made(MIGRATIONS);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(number(&path, "PRAGMA auto_vacuum"), 2);
    assert_eq!(number(&path, "PRAGMA page_size"), 4096);
    assert_eq!(number(&path, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_eq!(number(&path, "PRAGMA user_version"), i64::from(newest_version()));
    migrate(&path, MIGRATIONS).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a second init copies nothing");
}

#[test]
fn a_newer_database_is_refused_with_both_versions_and_left_alone() {
    let (_folder, path) = made(MIGRATIONS);
    let newer = newest_version() + 1;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", newer).unwrap();
    for error in [
        migrate(&path, MIGRATIONS).unwrap_err(),
        crate::store::sqlite::Sqlite::open(&path, Options::default()).err().unwrap(),
    ] {
        let text = error.to_string();
        assert!(text.contains(&format!("version {newer} is newer than {}", newest_version())), "{text}");
        assert!(text.starts_with(path.to_str().unwrap()) && !text.contains('\n'), "{text}");
    }
    assert_eq!(number(&path, "PRAGMA user_version"), i64::from(newer));
}

#[test]
fn a_migration_copies_the_database_first_and_keeps_what_is_in_it() {
    let (folder, path) = made(MIGRATIONS);
    Connection::open(&path).unwrap().execute("INSERT INTO users (name) VALUES ('alice')", []).unwrap();
    let (newest, next) = (newest_version(), newest_version() + 1);
    let mut steps = MIGRATIONS.to_vec();
    steps.push("ALTER TABLE users ADD COLUMN shoe_size INTEGER; UPDATE users SET shoe_size = 43;");
    migrate(&path, &steps).unwrap();
    let copy = folder.path().join(format!("mail.db.before-v{next}"));
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(number(&path, "SELECT shoe_size FROM users"), 43);
    assert_eq!(number(&path, "PRAGMA user_version"), i64::from(next));
    assert_eq!(number(&copy, "PRAGMA user_version"), i64::from(newest));
    assert_eq!(number(&copy, "SELECT count(*) FROM users"), 1);
    assert_eq!(number(&copy, "PRAGMA application_id"), i64::from(APPLICATION_ID));
}

/// Version 7 refuses such rows; those that are there stay, and can be mended.
#[test]
fn rows_that_would_be_refused_now_do_not_stop_a_migration() {
    let (_folder, path) = made(&MIGRATIONS[..6]);
    let shell = Connection::open(&path).unwrap();
    let bad = "CAST(x'6aff' AS TEXT)";
    shell
        .execute_batch(&format!(
            "INSERT INTO users (name, password) VALUES ({bad}, {bad}), ('bob', '$2b$39$' || printf('%.53c', 'a'));
             UPDATE mailboxes SET site = {bad} WHERE name = 'bob';
             INSERT INTO aliases VALUES ({bad}, {bad});
             UPDATE settings SET value = {bad} WHERE name = 'Site';
             UPDATE settings SET value = '1:2/8' WHERE name = 'TrustedNetworks';"
        ))
        .unwrap();
    migrate(&path, MIGRATIONS).unwrap();
    assert_eq!(number(&path, "SELECT count(*) FROM users"), 2);
    shell
        .execute_batch(&format!(
            "UPDATE users SET name = 'jo' WHERE name = {bad};
             UPDATE users SET password = 'new secret', pop_enabled = 0;
             UPDATE mailboxes SET retention_hold = 1, name = name, site = NULL;
             UPDATE aliases SET address = 'sales';
             UPDATE settings SET value = '' WHERE name IN ('Site', 'TrustedNetworks');"
        ))
        .unwrap();
    assert_eq!(number(&path, "SELECT count(*) FROM aliases WHERE mailbox = 'jo'"), 1);
}

#[test]
fn a_step_that_fails_takes_all_pending_steps_back() {
    let (_folder, path) = made(MIGRATIONS);
    let mut steps = MIGRATIONS.to_vec();
    steps.extend(["CREATE TABLE extra (a);", "SELECT nonsense FROM nowhere;"]);
    let text = migrate(&path, &steps).unwrap_err().to_string();
    assert!(text.contains("nowhere"), "{text}");
    assert_eq!(number(&path, "PRAGMA user_version"), i64::from(newest_version()));
    assert_eq!(number(&path, "SELECT count(*) FROM sqlite_schema WHERE name = 'extra'"), 0);
}

#[test]
fn half_a_copy_does_not_stay() {
    let (folder, path) = made(MIGRATIONS);
    let page = usize::try_from(number(&path, "SELECT rootpage FROM sqlite_schema WHERE name = 'delegates'")).unwrap();
    let mut file = std::fs::read(&path).unwrap();
    file[(page - 1) * 4096..page * 4096].fill(0xA5);
    std::fs::write(&path, file).unwrap();
    let text = migrate(&path, &[MIGRATIONS, &["CREATE TABLE extra (a);"]].concat()).unwrap_err().to_string();
    assert!(text.contains("malformed"), "{text}");
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let copies: Vec<_> = names.filter(|name| name.to_string_lossy().contains("before")).collect();
    assert!(copies.is_empty(), "{copies:?}");
}

#[test]
fn an_older_database_is_not_opened_but_named() {
    let (_folder, path) = made(MIGRATIONS);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 0).unwrap();
    let text = crate::store::sqlite::Sqlite::open(&path, Options::default()).err().unwrap().to_string();
    assert!(text.contains("schema version 0") && text.contains("run pillarbox init"), "{text}");
}

#[test]
fn what_is_not_ours_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let (other, text_file) = (folder.path().join("other.db"), folder.path().join("notes.txt"));
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    std::fs::write(&text_file, "dear diary, ".repeat(1000)).unwrap();
    for path in [&other, &text_file] {
        let before = std::fs::read(path).unwrap();
        assert_eq!(migrate(path, MIGRATIONS).unwrap_err(), connection::not_ours(path));
        assert!(crate::store::sqlite::Sqlite::open(path, Options::default()).is_err());
        assert_eq!(std::fs::read(path).unwrap(), before);
    }
    let missing = crate::store::sqlite::Sqlite::open(&folder.path().join("none.db"), Options::default()).err().unwrap();
    assert!(missing.to_string().contains("no such database"), "{missing}");
    assert!(migrate(&folder.path().join("no/such/folder.db"), MIGRATIONS).is_err());
}
