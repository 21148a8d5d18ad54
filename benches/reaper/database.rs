//! A database full of old mail, filled in bulk.

use pillarbox::secret::Secret;
use pillarbox::store::Accounts;
use pillarbox::store::sqlite::{Options, Sqlite};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Messages of each mailbox that is reaped.
const EACH: usize = 1000;
/// Messages of a mailbox that is polled.
const POLLED: usize = 100;

/// In a directory that goes away with this value.
pub struct Database {
    _dir: tempfile::TempDir,
    path: PathBuf,
    connection: Connection,
}

impl Database {
    /// `messages` of 100 days, and a mailbox for each client.
    pub fn filled(messages: usize, marked: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("mail.db");
        Sqlite::create_or_migrate(&path).expect("a database");
        let people = (0..8).flat_map(|n| [(format!("poller{n}"), POLLED), (format!("receiver{n}"), 0)]);
        let old = (0..messages.div_ceil(EACH)).map(|n| (format!("old{n}"), EACH.min(messages - n * EACH)));
        let mailboxes: Vec<_> = people.chain([("quitter".into(), marked)]).chain(old).collect();
        make_users(&path, mailboxes.iter().map(|(name, _)| name.as_str()));
        let connection = Connection::open(&path).expect("it opens");
        connection.busy_timeout(Duration::from_secs(30)).expect("a timeout");
        let database = Self { _dir: dir, path, connection };
        database.sql("PRAGMA synchronous = OFF; BEGIN");
        for (name, messages) in mailboxes {
            database.fill(&name, messages);
        }
        // What clients have and get stays: only the old mail goes.
        database.sql("UPDATE mailboxes SET retention_hold = 1 WHERE name NOT GLOB 'old*'");
        database.sql("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
        database
    }

    fn fill(&self, name: &str, messages: usize) {
        let (old, body) = ("CAST(strftime('%s', 'now') AS INTEGER) - 8640000", "(SELECT next_body_id FROM counters)");
        let numbers = format!("WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {messages})");
        if messages > 0 {
            self.sql(&format!(
                "{numbers} INSERT INTO chunk (id, data)
                   SELECT ({body} + i) * 4096, CAST('Subject: old' || char(13, 10, 13, 10) || substr(hex(zeroblob(500)), 1, 982) || char(13, 10) AS BLOB) FROM n;
                 {numbers} INSERT INTO message (mailbox_id, uid, body_id, size, flags, received_at, stored_at)
                   SELECT m.id, 1 + i, {body} + i, 1000, 0, {old}, {old} FROM mailboxes m, n WHERE m.name = '{name}';
                 UPDATE counters SET next_body_id = next_body_id + {messages}"
            ));
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn sql(&self, statements: &str) {
        self.connection.execute_batch(statements).expect("statements that work");
    }

    fn number(&self, query: &str) -> i64 {
        self.connection.query_row(query, [], |row| row.get(0)).expect("a number")
    }

    pub fn messages_left(&self) -> i64 {
        self.number("SELECT sum(messages) FROM mailbox_usage WHERE name GLOB 'old*'")
    }

    pub fn deleted_left(&self) -> i64 {
        self.number("SELECT EXISTS (SELECT 1 FROM deleted) + EXISTS (SELECT 1 FROM purge WHERE not_before = 0)")
    }

    pub fn free_pages(&self) -> i64 {
        self.number("SELECT freelist_count FROM pragma_freelist_count")
    }

    /// Nothing that was deleted can be brought back any more.
    pub fn age_deleted(&self) {
        self.sql("UPDATE settings SET value = '0' WHERE name = 'RetainDeletedItemsDays'; UPDATE deleted SET deleted_at = deleted_at - 90000");
        self.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    pub fn octets(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |data| data.len())
    }
}

fn make_users<'a>(path: &Path, names: impl Iterator<Item = &'a str>) {
    let store = Sqlite::open(path, Options::default()).expect("the database opens");
    for name in names {
        let id = store.create_user(name).expect("a new user");
        if !name.starts_with("old") {
            store.set_password(id, None, &Secret::from("secret"), &[]).expect("a password");
        }
    }
}
