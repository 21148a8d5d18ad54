//! Private clusters of Debian's PostgreSQL, each on a Unix socket in a temporary directory.
//!
//! A cluster ends with its test process, however that ends: the shell that supervises it waits for the end of its
//! stdin, stops the server and removes the directory. PostgreSQL refuses to be root, so for root it is nobody.

use super::site::{feed, text};
use super::waiting::eventually;
use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Debian's `nobody` and `nogroup`.
const NOBODY: u32 = 65_534;

/// The superuser of a cluster.
pub const SUPERUSER: &str = "postgres";

/// Owns the databases of tests; may create roles, and nothing else that not everybody may.
pub const OWNER: &str = "pillarbox";

/// A server with its data; both are gone when this is dropped, or when the test process ends.
pub struct Cluster {
    directory: PathBuf,
    supervisor: Mutex<Child>,
}

impl Cluster {
    /// A fresh cluster that syncs nothing to disk.
    pub fn start() -> Cluster {
        Cluster::start_with(&["fsync=off", "synchronous_commit=on", "full_page_writes=off"])
    }

    /// A fresh cluster with these lines of `postgresql.conf`.
    pub fn start_with(settings: &[&str]) -> Cluster {
        let directory = fresh_directory();
        let data = directory.join("data");
        let initdb = ["--username", SUPERUSER, "--locale=C", "--encoding=UTF8", "--no-sync", "--no-instructions"];
        let access = ["--auth-local=trust", "--auth-host=scram-sha-256"];
        run(program("initdb").args(initdb).args(access).arg("--pgdata").arg(&data));
        let cluster = Cluster::launch(directory, settings);
        cluster.sql("postgres", &format!("CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD 'owner'"));
        cluster
    }

    /// The cluster that the tests of this process share.
    pub fn shared() -> &'static Cluster {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Cluster::start)
    }

    /// A standby of this one, called `name` in its `synchronous_standby_names`, with these lines of `postgresql.conf`.
    pub fn standby(&self, name: &str, settings: &[&str]) -> Cluster {
        let directory = fresh_directory();
        let primary = format!("host={} user={SUPERUSER} application_name={name}", self.directory.display());
        let options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--create-slot", "--slot", name];
        run(program("pg_basebackup")
            .args(options)
            .arg("--dbname")
            .arg(primary)
            .arg("--pgdata")
            .arg(directory.join("data")));
        Cluster::launch(directory, &[&["wal_retrieve_retry_interval=100ms"], settings].concat())
    }

    /// From now on no commit is acknowledged that this standby has not on disk.
    pub fn require(&self, standby: &str) {
        let lines = format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}';\nSELECT pg_reload_conf();");
        self.sql("postgres", &lines);
        eventually("the standby is synchronous", || {
            self.sql("postgres", "SELECT sync_state FROM pg_stat_replication").trim() == "sync"
        });
    }

    /// Starts the server on the data in this directory, and waits until it answers.
    fn launch(directory: PathBuf, settings: &[&str]) -> Cluster {
        let lines: String = settings.iter().map(|line| format!("{line}\n")).collect();
        let own =
            format!("unix_socket_directories='{}'\nlisten_addresses=''\nmax_connections=200\n", directory.display());
        append(&directory.join("data/postgresql.conf"), &(own + &lines));
        let cluster = Cluster { supervisor: Mutex::new(supervise(&directory)), directory };
        eventually("a PostgreSQL server answers", || {
            let ended = cluster.supervisor.lock().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the server has ended: {}", cluster.log());
            cluster.try_sql(SUPERUSER, "postgres", "SELECT 1").is_ok()
        });
        cluster
    }

    /// Starts a server again that has ended, and waits until it answers.
    pub fn start_again(&self) {
        let mut supervisor = self.supervisor.lock().unwrap();
        supervisor.wait().unwrap();
        let _ = std::fs::remove_file(self.directory.join("data/postmaster.pid"));
        *supervisor = supervise(&self.directory);
        drop(supervisor);
        eventually("a PostgreSQL server answers again", || self.try_sql(SUPERUSER, "postgres", "SELECT 1").is_ok());
    }

    /// The directory with the server's socket: what `host` is in a connection string.
    pub fn socket(&self) -> &Path {
        &self.directory
    }

    /// What `-d` takes to get to a database as this role.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgresql:///{database}?host={}&user={role}", self.directory.display())
    }

    /// An empty database of its own, which [`OWNER`] owns.
    pub fn empty_database(self: &'static Cluster) -> Database {
        Database::create(self, "template0")
    }

    /// A database like one that `fill` has made of an empty one; `template`, a name, says which that is.
    pub fn database_like(self: &'static Cluster, template: &'static str, fill: impl FnOnce(&str)) -> Database {
        static TEMPLATES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
        let mut templates = TEMPLATES.lock().unwrap();
        if !templates.contains(&template) {
            self.sql("postgres", &format!("CREATE DATABASE {template} TEMPLATE template0 OWNER {OWNER}"));
            fill(&self.url(OWNER, template));
            self.sql("postgres", &format!("ALTER DATABASE {template} ALLOW_CONNECTIONS false"));
            self.sql("postgres", &disconnected(template));
            templates.push(template);
        }
        drop(templates);
        Database::create(self, template)
    }

    /// What `psql` prints of these lines, typed by the superuser; they must work.
    pub fn sql(&self, database: &str, lines: &str) -> String {
        self.try_sql(SUPERUSER, database, lines).unwrap_or_else(|error| panic!("{lines}: {error}"))
    }

    /// The same as any role; `Err` is what `psql` printed on stderr.
    pub fn try_sql(&self, role: &str, database: &str, lines: &str) -> Result<String, String> {
        let output = self.psql(role, database, lines);
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// `psql` with these lines on its stdin; the first that fails ends it.
    pub fn psql(&self, role: &str, database: &str, lines: &str) -> Output {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", "-f", "-"]);
        psql.arg(self.url(role, database)).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        feed(&mut psql, lines.as_bytes())
    }

    /// Makes a standby the primary, and waits until it is.
    pub fn promote(&self) {
        self.sql("postgres", "SELECT pg_promote(true, 60)");
    }

    /// The server's first process.
    pub fn pid(&self) -> u32 {
        let file = std::fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }

    /// SIGKILL to all processes of the server at once, as a power cut does it.
    pub fn kill(&self) {
        use nix::sys::signal::{Signal, kill};
        let first = self.pid();
        let children = std::fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap();
        let others = children.split_whitespace().map(|pid| pid.parse().unwrap());
        for pid in std::iter::once(first as i32).chain(others) {
            let _ = kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
        }
        eventually("a killed server is gone", || !Path::new(&format!("/proc/{first}")).exists());
    }

    /// Stops the server as `pg_ctl stop -m MODE` does.
    pub fn stop(&self, mode: &str) {
        run(program("pg_ctl").args(["stop", "--wait", "--mode", mode, "--pgdata"]).arg(self.directory.join("data")));
    }

    /// What the server has said.
    pub fn log(&self) -> String {
        text(&std::fs::read(self.directory.join("log")).unwrap_or_default())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of PostgreSQL\n{}---", self.log());
        }
        let supervisor = self.supervisor.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(supervisor.stdin.take());
        let _ = supervisor.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// One database of a cluster; dropped with this, whoever is connected.
pub struct Database {
    cluster: &'static Cluster,
    name: String,
}

impl Database {
    fn create(cluster: &'static Cluster, template: &str) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        cluster.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}"));
        Database { cluster, name }
    }

    /// What `-d` takes, as the role that owns the database.
    pub fn url(&self) -> String {
        self.url_of(OWNER)
    }

    /// What `-d` takes, as any role.
    pub fn url_of(&self, role: &str) -> String {
        self.cluster.url(role, &self.name)
    }

    /// What `psql` prints of these lines, typed by the owner; they must work.
    pub fn sql(&self, lines: &str) -> String {
        self.try_sql(OWNER, lines).unwrap_or_else(|error| panic!("{lines}: {error}"))
    }

    /// The same as any role; `Err` is what `psql` printed on stderr.
    pub fn try_sql(&self, role: &str, lines: &str) -> Result<String, String> {
        self.cluster.try_sql(role, &self.name, lines)
    }

    /// A transaction of an administrator with these lines, open until it is dropped.
    pub fn hold(&self, role: &str, lines: &str) -> Held {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-A", "-t"]).arg(self.url_of(role)).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut psql = psql.spawn().unwrap();
        use std::io::{BufRead, BufReader, Write};
        writeln!(psql.stdin.as_mut().unwrap(), "BEGIN; {lines}; SELECT 'held';").unwrap();
        let lines = BufReader::new(psql.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line == "held"), "it is not held");
        Held(psql)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub fn cluster(&self) -> &'static Cluster {
        self.cluster
    }
}

/// An open transaction, rolled back when this is dropped.
pub struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.cluster.try_sql(SUPERUSER, "postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// A program of the server, which Debian keeps out of the PATH, as a user that is not root.
fn program(name: &str) -> Command {
    unprivileged(programs().join(name))
}

/// The directory of the newest PostgreSQL's programs.
pub fn programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
        let newest =
            versions.map(|entry| entry.path()).filter(|path| path.join("bin/initdb").exists()).max_by_key(number);
        newest.expect("PostgreSQL must be installed (scripts/setup.sh test)").join("bin")
    })
}

/// What goes before a program that refuses to be root.
pub fn lowered() -> &'static [&'static str] {
    let lower = &["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--"];
    if nix::unistd::geteuid().is_root() { lower } else { &[] }
}

/// A program that is not root.
pub fn unprivileged(program: impl AsRef<OsStr>) -> Command {
    let mut words = lowered().iter().map(OsStr::new).chain([program.as_ref()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).current_dir("/").stdin(Stdio::null());
    command
}

/// Runs the server on the data in this directory until stdin ends, then removes the directory.
fn supervise(directory: &Path) -> Child {
    let postgres = program("postgres");
    let mut shell = Command::new("sh");
    // A server that ends by itself ends the wait too.
    let script = "directory=$1; shift; exec 3<&0; \"$@\" -D \"$directory/data\" </dev/null >>\"$directory/log\" 2>&1 & server=$!; \
                  (read -r _ <&3; : >\"$directory/over\"; kill -INT $server 2>/dev/null) & waiter=$!; exec 3<&-; \
                  wait $server; kill $waiter 2>/dev/null; \
                  [ ! -e \"$directory/over\" ] || rm -rf \"$directory\"";
    shell.args(["-c", script, "sh"]).arg(directory).arg(postgres.get_program()).args(postgres.get_args());
    // Ctrl-C on a terminal is for the test, which then ends this.
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A directory that the server's user may write and everybody enter. Paths of sockets are short: not in the build directory.
pub fn fresh_directory() -> PathBuf {
    let directory = tempfile::Builder::new().prefix("pg").tempdir().unwrap().keep();
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
    if nix::unistd::geteuid().is_root() {
        chown(&directory, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    directory
}

/// Waits until nobody is connected to a database: it cannot be copied before.
fn disconnected(database: &str) -> String {
    format!(
        "DO $$ BEGIN WHILE EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = '{database}') LOOP
           PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}';
           PERFORM pg_sleep(0.02); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$"
    )
}

fn append(file: &Path, text: &str) {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(file).unwrap().write_all(text.as_bytes()).unwrap();
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
}
