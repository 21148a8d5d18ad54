//! A database, an engine that has it open, and the shell.

use crate::support::shell::{self, TABLES};
use pillarbox::store::sqlite::{Options, Sqlite};
use pillarbox::store::{Accounts, Engine, Envelope, Mail, MailboxId, Maintenance, Result, Uid};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub struct Bench {
    pub store: Sqlite,
    directory: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mail.db");
        Sqlite::create_or_migrate(&path).unwrap();
        Self { store: open(&path), directory }
    }

    /// Runs a line while nobody has the database open.
    pub fn alone(self, sql: &str) -> Self {
        let Self { store, directory } = self;
        drop(store);
        let path = directory.path().join("mail.db");
        assert!(Command::new("sqlite3").arg("-batch").arg(&path).arg(sql).status().unwrap().success());
        Self { store: open(&path), directory }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("mail.db")
    }

    /// Runs one line as an administrator types it; Debian's shell must be there.
    pub fn run(&self, sql: &str) -> Output {
        let path = self.path();
        // The writer may be behind its answers, cutting the log: the documentation shows this option.
        let mut shell = Command::new("sqlite3");
        shell.args(["-batch", "-cmd", ".timeout 5000"]).arg(path).arg(sql).env("HOME", "/nonexistent");
        let run = shell.output();
        run.expect("the sqlite3 shell must be installed (Debian: apt-get install sqlite3)")
    }

    /// What many statements print, some of which may be refused; nothing of it stays.
    fn script(&self, script: &str) -> String {
        let file = self.directory.path().join("script.sql");
        std::fs::write(&file, format!("BEGIN;\n{script}ROLLBACK;\n")).unwrap();
        let output = Command::new("sqlite3")
            .arg("-batch")
            .arg(self.path())
            .env("HOME", "/nonexistent")
            .stdin(std::fs::File::open(file).unwrap())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// The answer to a line that must work.
    #[track_caller]
    pub fn sql(&self, sql: &str) -> String {
        let output = self.run(sql);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && error.is_empty(), "{sql}\n{error}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// A line that must be refused with a message that has these parts, and change nothing.
    #[track_caller]
    pub fn refused(&self, sql: &str, parts: &[&str]) {
        let run = |sql: &str| {
            let output = self.run(sql);
            (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
        };
        shell::refused(sql, parts, run, || self.dump());
    }

    /// Everything but the chunks.
    fn dump(&self) -> String {
        self.sql(&TABLES.map(|table| format!("SELECT '{table}', * FROM {table};")).concat())
    }

    pub fn mailbox(&self, name: &str) -> MailboxId {
        self.store.recipients(&[name.to_owned()]).unwrap()[0].id
    }

    pub fn deliver(&self, name: &str, octets: usize) -> Result<Uid> {
        self.import(name, octets, None)
    }

    pub fn import(&self, name: &str, octets: usize, unique_id: Option<&str>) -> Result<Uid> {
        let mut upload = self.store.upload(u64::MAX);
        upload.push(&vec![b'x'; octets])?;
        let envelope = Envelope {
            sender: "bob@example.org".into(),
            received_at: Some(1_795_428_000),
            unique_id: unique_id.map(str::to_owned),
            ..Envelope::default()
        };
        upload.deliver(&[self.mailbox(name)], &envelope)?.remove(0)
    }

    pub fn uids(&self, name: &str) -> Vec<u64> {
        self.store.open(self.mailbox(name)).unwrap().entries().iter().map(|entry| entry.uid.0).collect()
    }

    #[track_caller]
    pub fn assert_sound(&self) {
        assert_eq!(self.store.check().unwrap(), Vec::<String>::new());
    }

    /// Moves the log into the database and cuts it to nothing.
    #[track_caller]
    pub fn truncate_log(&self) {
        // The writer may be at it, behind its answers: then the shell is told that somebody else is.
        let done = |_: &u32| {
            let done = self.sql("PRAGMA wal_checkpoint(TRUNCATE)") == "0|0|0";
            done || {
                std::thread::sleep(std::time::Duration::from_millis(20));
                false
            }
        };
        (0..3000).find(done).expect("the log cannot be cut");
    }

    pub fn purge_all(&self, now: i64) {
        while self.store.purge(now, 50).unwrap() > 0 {}
    }
}

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, Options { readers: 2, ..Options::default() }).unwrap()
}

pub fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

fn hex(octets: &[u8]) -> String {
    let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("CAST(x'{digits}' AS TEXT)")
}

/// Which of these values, no two of them the same, the shell lets be written by `update`. `reset` is run before
/// each, or nothing: then `read` still shows the last value that was taken.
pub fn taken(bench: &Bench, reset: &str, update: &str, read: &str, values: &[Vec<u8>]) -> Vec<bool> {
    let script: String = values
        .iter()
        .map(|value| {
            let value = hex(value);
            format!("{reset};\n{};\nSELECT {value} IS ({read});\n", update.replace("NEW", &value))
        })
        .collect();
    let answers: Vec<bool> = bench.script(&script).lines().map(|line| line == "1").collect();
    assert_eq!(answers.len(), values.len());
    answers
}

/// Which of these passwords the schema takes for hashes.
pub fn hashes(bench: &Bench, passwords: &[String]) -> Vec<bool> {
    bench.sql("DROP TRIGGER users_password_usable_update; INSERT INTO users(name) VALUES ('alice')");
    let script: String = passwords
        .iter()
        .map(|value| format!("UPDATE users SET password = {};\nSELECT is_hash FROM users;\n", hex(value.as_bytes())))
        .collect();
    bench.script(&script).lines().map(|line| line == "1").collect()
}
