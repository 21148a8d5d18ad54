//! Making and migrating databases.

use super::*;
use crate::store::Accounts;
use crate::store::Engine;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn made(steps: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mail.db");
    migrate(&path, steps).unwrap();
    (directory, path)
}

fn number(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// What is in a schema: the statements without comments and blanks, the rows that it begins with, the two numbers in
/// the file's header.
fn contents(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut rows = Vec::new();
    for query in [
        "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name",
        "SELECT name || '=' || value FROM settings ORDER BY name",
        "SELECT json_array(id, next_body_id, erased, first_uid, latest_at, date_given) FROM counters",
        "SELECT application_id || ' ' || user_version FROM pragma_application_id, pragma_user_version",
    ] {
        let mut select = connection.prepare(query).unwrap();
        let texts = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.extend(texts.map(|text| without_comments(&text.unwrap())));
    }
    rows
}

fn without_comments(sql: &str) -> String {
    let code = sql.lines().flat_map(|line| line.split("--").next()).collect::<Vec<_>>().join(" ");
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn schema_sql() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.sql")).unwrap()
}

#[test]
fn schema_sql_is_the_newest_schema() {
    let (directory, path) = made(MIGRATIONS);
    let read = directory.path().join("schema.db");
    Connection::open(&read).unwrap().execute_batch(&schema_sql()).unwrap();
    assert_eq!(contents(&read), contents(&path));
    assert!(contents(&path).len() > 100);
}

/// The schemas that were released, oldest first, and today's, each as text that makes a database. A release adds its
/// `schema.sql` to `tests/released` under its number. There is none yet.
fn released() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut schemas: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "sql")).collect();
    schemas.sort();
    let mut texts: Vec<_> = schemas.into_iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    texts.push(schema_sql());
    texts
}

#[test]
fn a_database_of_every_released_version_is_opened() {
    for schema in released() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mail.db");
        let shell = Connection::open(&path).unwrap();
        shell.execute_batch(&schema).unwrap();
        shell
            .execute_batch(
                "INSERT INTO users (name, password) VALUES ('alice', 'correct horse');
                 UPDATE settings SET value = 'Hello.' WHERE name = 'Banner';",
            )
            .unwrap();
        drop(shell);
        create_or_migrate(&path).unwrap();
        let store = crate::store::sqlite::Sqlite::open(&path, Options::default()).unwrap();
        assert_eq!(store.check().unwrap(), [""; 0]);
        assert_eq!(store.account(&["alice".into()]).unwrap().unwrap().name, "alice");
        assert_eq!(number(&path, "SELECT count(*) FROM settings WHERE name = 'Banner' AND value = 'Hello.'"), 1);
        assert_eq!(number(&path, "PRAGMA user_version"), i64::from(newest_version()));
    }
}

#[test]
fn an_unreleased_version_is_refused_and_left_alone() {
    let (_directory, path) = made(MIGRATIONS);
    for version in [-1, 0, 1, 8, 99] {
        Connection::open(&path).unwrap().pragma_update(None, "user_version", version).unwrap();
        for error in [
            create_or_migrate(&path).unwrap_err(),
            crate::store::sqlite::Sqlite::open(&path, Options::default()).err().unwrap(),
        ] {
            let StoreError::Refused(text) = error else { panic!("{error:?}") };
            assert!(text.contains(&format!("schema version {version} was made by an unreleased version")), "{text}");
            assert!(text.starts_with(path.to_str().unwrap()) && !text.contains('\n'), "{text}");
        }
        assert_eq!(number(&path, "PRAGMA user_version"), version);
    }
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 100).unwrap();
    crate::store::sqlite::Sqlite::open(&path, Options::default()).unwrap();
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
    let (directory, path) = made(MIGRATIONS);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(number(&path, "PRAGMA auto_vacuum"), 2);
    assert_eq!(number(&path, "PRAGMA page_size"), 4096);
    assert_eq!(number(&path, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_eq!(number(&path, "PRAGMA user_version"), i64::from(newest_version()));
    migrate(&path, MIGRATIONS).unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "a second init copies nothing");
}

#[test]
fn a_newer_database_is_refused_with_both_versions_and_left_alone() {
    let (_directory, path) = made(MIGRATIONS);
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
    let (directory, path) = made(MIGRATIONS);
    Connection::open(&path).unwrap().execute("INSERT INTO users (name) VALUES ('alice')", []).unwrap();
    let (newest, next) = (newest_version(), newest_version() + 1);
    let mut steps = MIGRATIONS.to_vec();
    steps.push("ALTER TABLE users ADD COLUMN shoe_size INTEGER; UPDATE users SET shoe_size = 43;");
    migrate(&path, &steps).unwrap();
    let copy = directory.path().join(format!("mail.db.before-v{next}"));
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(number(&path, "SELECT shoe_size FROM users"), 43);
    assert_eq!(number(&path, "PRAGMA user_version"), i64::from(next));
    assert_eq!(number(&copy, "PRAGMA user_version"), i64::from(newest));
    assert_eq!(number(&copy, "SELECT count(*) FROM users"), 1);
    assert_eq!(number(&copy, "PRAGMA application_id"), i64::from(APPLICATION_ID));
}

#[test]
fn a_step_that_fails_takes_all_pending_steps_back() {
    let (_directory, path) = made(MIGRATIONS);
    let mut steps = MIGRATIONS.to_vec();
    steps.extend(["CREATE TABLE extra (a);", "SELECT nonsense FROM nowhere;"]);
    let text = migrate(&path, &steps).unwrap_err().to_string();
    assert!(text.contains("nowhere"), "{text}");
    assert_eq!(number(&path, "PRAGMA user_version"), i64::from(newest_version()));
    assert_eq!(number(&path, "SELECT count(*) FROM sqlite_schema WHERE name = 'extra'"), 0);
}

#[test]
fn half_a_copy_does_not_stay() {
    let (directory, path) = made(MIGRATIONS);
    let page = usize::try_from(number(&path, "SELECT rootpage FROM sqlite_schema WHERE name = 'delegates'")).unwrap();
    let mut file = std::fs::read(&path).unwrap();
    file[(page - 1) * 4096..page * 4096].fill(0xA5);
    std::fs::write(&path, file).unwrap();
    let text = migrate(&path, &[MIGRATIONS, &["CREATE TABLE extra (a);"]].concat()).unwrap_err().to_string();
    assert!(text.contains("malformed"), "{text}");
    let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let copies: Vec<_> = names.filter(|name| name.to_string_lossy().contains("before")).collect();
    assert!(copies.is_empty(), "{copies:?}");
}

#[test]
fn an_older_database_is_not_opened_but_named() {
    let (_directory, path) = made(MIGRATIONS);
    let newest = newest_version() + 1;
    let text = require(&Connection::open(&path).unwrap(), &path, newest).unwrap_err().to_string();
    assert!(text.contains("schema version 100, this program needs") && text.contains("run pillarbox init"), "{text}");
}

#[test]
fn what_is_not_ours_is_refused_and_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let (other, text_file) = (directory.path().join("other.db"), directory.path().join("notes.txt"));
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    std::fs::write(&text_file, "dear diary, ".repeat(1000)).unwrap();
    for path in [&other, &text_file] {
        let before = std::fs::read(path).unwrap();
        assert_eq!(migrate(path, MIGRATIONS).unwrap_err(), connection::not_ours(path));
        assert!(crate::store::sqlite::Sqlite::open(path, Options::default()).is_err());
        assert_eq!(std::fs::read(path).unwrap(), before);
    }
    let missing =
        crate::store::sqlite::Sqlite::open(&directory.path().join("none.db"), Options::default()).err().unwrap();
    assert!(missing.to_string().contains("no such database"), "{missing}");
    assert!(migrate(&directory.path().join("no/such/directory.db"), MIGRATIONS).is_err());
}
