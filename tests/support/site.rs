//! A database of its own in a temporary directory, and the commands people run on it.

use super::Server;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// The directory of one test; it goes when the last user of it goes.
pub struct Site {
    dir: TempDir,
    database: PathBuf,
    /// What every program on it has in its environment.
    environment: Vec<(&'static str, OsString)>,
    /// The files beside the database are in the directory.
    has_state: bool,
}

impl Site {
    /// A fresh database.
    pub fn new() -> Arc<Site> {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("mail.db");
        Self::at(dir, database)
    }

    /// A fresh database at `database`, which may be on another disk than the directory.
    pub fn at(dir: TempDir, database: PathBuf) -> Arc<Site> {
        let site = Arc::new(Site { dir, database, environment: Vec::new(), has_state: false });
        site.succeed(&["init"], b"");
        site
    }

    /// Whatever is in this directory, for programs with this environment; the database is `mail.db`, if there is one.
    pub fn found(dir: TempDir, environment: Vec<(&'static str, OsString)>) -> Arc<Site> {
        let database = dir.path().join("mail.db");
        Arc::new(Site { dir, database, environment, has_state: false })
    }

    /// A node on the PostgreSQL database that this connection string leads to.
    pub fn node(url: &str) -> Arc<Site> {
        Site::node_with(url, Vec::new())
    }

    /// The same, for programs with this environment.
    pub fn node_with(url: &str, environment: Vec<(&'static str, OsString)>) -> Arc<Site> {
        let dir = tempfile::tempdir().unwrap();
        Arc::new(Site { dir, database: url.into(), environment, has_state: true })
    }

    /// A database with alice, whose password is `se cret`, and these messages in her mailbox.
    pub fn with_alice(messages: &[&[u8]]) -> Arc<Site> {
        let site = Site::new();
        site.add_user("alice", "se cret");
        for message in messages {
            site.deliver("alice", message);
        }
        site
    }

    /// Where the database is.
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// A path in the test's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `pillarbox ARGUMENTS[0] -d DATABASE ARGUMENTS[1..]`, ready to run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
        command.arg(arguments[0]).arg("-d").arg(&self.database);
        if self.has_state {
            command.arg("--state").arg(self.dir.path());
        }
        command.args(&arguments[1..]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command of ours with `input` on stdin.
    pub fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        feed(&mut self.command(arguments), input)
    }

    /// Runs a command of ours that must succeed, and answers its stdout.
    pub fn succeed(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = self.run(arguments, input);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}{}", text(&output.stderr), text(&output.stdout));
        text(&output.stdout)
    }

    /// Runs a command of ours that must fail with this code and exactly one line on stderr, which is answered.
    pub fn fail(&self, arguments: &[&str], input: &[u8], code: i32) -> String {
        let output = self.run(arguments, input);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: one line says what was wrong: {error:?}");
        error
    }

    /// Delivers; it must succeed.
    pub fn deliver(&self, recipient: &str, message: &[u8]) {
        self.succeed(&["deliver", recipient], message);
    }

    /// Makes a user as the documentation shows it.
    pub fn add_user(&self, name: &str, password: &str) {
        self.sql(&format!("INSERT INTO users(name, password) VALUES ('{name}', '{password}')"));
    }

    /// Changes a setting as the documentation shows it.
    pub fn set(&self, name: &str, value: &str) {
        let changed = self.sql(&format!("UPDATE settings SET value = '{value}' WHERE name = '{name}' RETURNING name"));
        assert!(changed.trim().eq_ignore_ascii_case(name), "no setting {name}");
    }

    /// What Debian's `sqlite3` shell, with its defaults, answers to this statement.
    pub fn sql(&self, statement: &str) -> String {
        self.try_sql(statement).unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    /// The same; `Err` is what the shell printed on stderr.
    pub fn try_sql(&self, statement: &str) -> Result<String, String> {
        let output = feed(&mut self.shell(&[statement]), b"");
        if output.status.success() && output.stderr.is_empty() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// The shell on our database, ready to run, as the documentation shows it.
    pub fn shell(&self, statements: &[&str]) -> Command {
        let mut command = Command::new("sqlite3");
        command.args(["-batch", "-cmd", ".timeout 5000"]).arg(&self.database).args(statements);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `check` finds nothing wrong.
    pub fn assert_sound(&self) {
        self.succeed(&["check"], b"");
        assert_eq!(self.sql("PRAGMA integrity_check").trim(), "ok");
    }

    /// A server on this database that takes logins in clear and does not delay failed ones, with these settings too.
    pub fn serve(self: &Arc<Self>, settings: &[(&str, &str)]) -> Server {
        let clear = [("LoginType", "PlainTextLogin"), ("MaxLoginDelay", "0")];
        Server::start(self, &[&clear, settings].concat())
    }

    /// Whether any file of the database holds these octets.
    pub fn files_hold(&self, octets: &[u8]) -> bool {
        ["", "-wal", "-journal"].iter().any(|suffix| {
            let path = format!("{}{suffix}", self.database.display());
            std::fs::read(path).is_ok_and(|file| file.windows(octets.len()).any(|window| window == octets))
        })
    }
}

/// Runs `command` with `input` on its stdin; a reader that stops early is no error here.
pub fn feed(command: &mut Command, input: &[u8]) -> Output {
    let name = command.get_program().to_owned();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{name:?} must be installed: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).is_ok());
        child.wait_with_output().unwrap()
    })
}

/// Octets for a message to a human.
pub fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Leaves a log beside a database, as a program does that is killed.
pub fn leave_log(database: &Path, statement: &str) {
    let mut shell = Command::new("sqlite3");
    let mut shell = shell.arg(database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(shell.stdin.as_ref().unwrap(), "{statement};\nSELECT 'done';").unwrap();
    let mut answer = String::new();
    BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut answer).unwrap();
    assert_eq!(answer, "done\n");
    shell.kill().unwrap();
    shell.wait().unwrap();
    assert!(std::fs::metadata(format!("{}-wal", database.display())).unwrap().len() > 0);
}
