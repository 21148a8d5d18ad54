//! Debian's etcd and three members of Debian's Patroni, made of the lines of `docs/nodes.md` themselves.

use crate::support::contained::Contained;
use crate::support::debian::{Unpacked, free_port, unpack};
use crate::support::postgres::{OWNER, fresh_directory, lowered, programs, unprivileged};
use crate::support::site::{feed, text};
use crate::support::waiting::within;
use crate::support::{Site, eventually};
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What Patroni needs to notice a death and to promote: `ttl` and more, on a machine that is slow.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Three members, each of which is a cluster's primary or standby, as Patroni decides.
pub struct Members {
    directory: PathBuf,
    unpacked: Unpacked,
    /// Dropped before the members' directories go.
    running: [Mutex<Option<Contained>>; 3],
    etcd: Option<Contained>,
    /// Removes the directory when its stdin ends, so when the test is killed, too.
    sweeper: Child,
    /// Of PostgreSQL and of the REST API.
    ports: [(u16, u16); 3],
}

impl Members {
    /// All three run, one of them as synchronous standby; the database is as the page makes it, and has these users.
    pub fn start(users: &[String]) -> Members {
        let directory = fresh_directory();
        let ports = [(); 3].map(|()| (free_port(), free_port()));
        let unpacked = unpack("patroni", &["patroni", "etcd-server", "python3-etcd"]);
        let sweeper = sweep(&directory);
        let mut members = Members { directory, unpacked, running: Default::default(), etcd: None, sweeper, ports };
        members.make_certificate();
        let clients = members.start_etcd();
        (0..3).for_each(|number| members.configure(number, &clients));
        (0..3).for_each(|number| members.revive(number));
        within(PATIENCE, "a synchronous standby", || members.has_standby());
        members.sql("postgres", &replaced(&page("sql", "CREATE DATABASE mail"), "'...'", "'owner'"));
        members.node(None).succeed(&["init"], b"");
        let rows: Vec<_> = users.iter().map(|name| format!("('{name}', 'se cret')")).collect();
        members.sql("mail", &format!("INSERT INTO users(name, password) VALUES {}", rows.join(", ")));
        members
    }

    /// A node that finds the primary among all of them, with the key file of another.
    pub fn node(&self, other: Option<&Site>) -> Arc<Site> {
        self.node_of(&[0, 1, 2], other)
    }

    /// A node that knows only these.
    pub fn node_of(&self, known: &[usize], other: Option<&Site>) -> Arc<Site> {
        let unit = page("ini", "PILLARBOX_DB");
        let url = unit.lines().find_map(|line| line.strip_prefix("Environment=PILLARBOX_DB=")).unwrap();
        let hosts: Vec<_> = known.iter().map(|number| format!("localhost:{}", self.ports[*number].0)).collect();
        let hosts = hosts.join(",");
        let url = replaced(&replaced(url, "m1,m2,m3", &hosts), "/etc/pillarbox/ca.pem", &self.path("cert.pem"));
        let passwords = self.directory.join("nodes.pgpass");
        std::fs::write(&passwords, format!("*:*:*:{OWNER}:owner\n")).unwrap();
        std::fs::set_permissions(&passwords, std::fs::Permissions::from_mode(0o600)).unwrap();
        let site = Site::node_with(&url, vec![("PGPASSFILE", passwords.into())]);
        if let Some(other) = other {
            std::fs::copy(other.path("pillarbox.seal"), site.path("pillarbox.seal")).unwrap();
        }
        site
    }

    /// What `psql` prints of these lines, typed by the superuser on the primary; they must work.
    pub fn sql(&self, database: &str, lines: &str) -> String {
        self.try_sql(database, lines).unwrap_or_else(|error| panic!("{lines}: {error}"))
    }

    /// The same; `Err` is what `psql` printed on stderr.
    pub fn try_sql(&self, database: &str, lines: &str) -> Result<String, String> {
        let hosts = [0, 1, 2].map(|number| self.member(number).display().to_string()).join(",");
        let ports = self.ports.map(|(port, _)| port.to_string()).join(",");
        let primary = format!("host={hosts} port={ports} dbname={database} target_session_attrs=read-write");
        let mut psql = unprivileged("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]).arg(primary);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = feed(&mut psql, lines.as_bytes());
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Which member is the one of this role: `leader` or `sync`.
    pub fn who(&self, role: &str) -> Option<usize> {
        (0..3).find(|number| self.is(*number, role))
    }

    /// Whether Patroni's REST API says that a member is a `leader`, a `replica` or a standby in `sync`.
    pub fn is(&self, number: usize, role: &str) -> bool {
        let url = format!("http://127.0.0.1:{}/{role}", self.ports[number].1);
        let mut curl = unprivileged("curl");
        let output = curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "10", &url]).output().unwrap();
        output.stdout == b"200"
    }

    /// Whether the primary waits for a standby that is there, by Patroni's word and by PostgreSQL's.
    pub fn has_standby(&self) -> bool {
        let synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        self.who("sync").is_some() && self.try_sql("postgres", synchronous).is_ok_and(|rows| rows.trim() == "1")
    }

    /// Kills Patroni and PostgreSQL of a member, all processes at once.
    pub fn kill(&self, number: usize) {
        self.running[number].lock().unwrap().take().expect("it runs").kill();
    }

    /// A signal for what has these words in its command line, Patroni or a process of PostgreSQL.
    pub fn signal(&self, number: usize, words: &str, signal: Signal) {
        self.running[number].lock().unwrap().as_ref().expect("it runs").signal(words, signal);
    }

    /// Starts a member that does not run.
    pub fn revive(&self, number: usize) {
        let file = self.member(number).join("config.yml");
        let program = [lowered(), &["/usr/bin/patroni", file.to_str().unwrap()]].concat();
        let patroni = Contained::start(&self.unpacked, &program, &self.member(number).join("log"));
        *self.running[number].lock().unwrap() = Some(patroni);
    }

    /// `patronictl switchover`; it may not be possible yet.
    pub fn switch_over(&self) {
        let leader = self.who("leader").expect("a leader");
        let (file, name) = (self.member(leader).join("config.yml"), format!("m{}", leader + 1));
        let words = ["/usr/bin/patronictl", "-c", file.to_str().unwrap(), "switchover", "--master", &name, "--force"];
        within(PATIENCE, "a switchover", || {
            let mut command = self.unpacked.command(&[], &[lowered(), &words].concat());
            let output = command.env("HOME", "/nonexistent").stdin(Stdio::null()).output().unwrap();
            text(&output.stdout).contains("Successfully switched over")
        });
    }

    fn member(&self, number: usize) -> PathBuf {
        self.directory.join(format!("m{}", number + 1))
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// Is its own authority. Who must not be root makes it, because PostgreSQL's key must be its own.
    fn make_certificate(&self) {
        let mut openssl = unprivileged("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"]);
        openssl.args(["-addext", "subjectAltName=DNS:localhost", "-keyout", &self.path("key.pem"), "-out"]);
        let output = openssl.arg(self.path("cert.pem")).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// One etcd with the page's lines; where it answers.
    fn start_etcd(&mut self) -> String {
        let (clients, peers) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
        let lines = page("ini", "ETCD_NAME");
        let lines = replaced(&lines, ",m2=http://192.0.2.12:2380,m3=http://192.0.2.13:2380", "");
        let lines = replaced(&replaced(&lines, "192.0.2.11:2379", &clients), "192.0.2.11:2380", &peers);
        let data = self.path("etcd");
        let settings = ["env"].into_iter().chain(lines.lines()).chain(["/usr/bin/etcd", "--data-dir", &data]);
        let program: Vec<_> = lowered().iter().copied().chain(settings).collect();
        self.etcd = Some(Contained::start(&self.unpacked, &program, &self.directory.join("etcd.log")));
        let health = format!("http://{clients}/health");
        eventually("etcd answers", || {
            text(&unprivileged("curl").args(["-s", &health]).output().unwrap().stdout).contains("true")
        });
        clients
    }

    /// The page's file, with what is another on another machine put in its place: addresses, paths and names; and without
    /// a watchdog, which would reset this machine.
    fn configure(&self, number: usize, etcd: &str) {
        let (directory, (port, rest)) = (self.member(number), self.ports[number]);
        assert!(unprivileged("mkdir").arg(&directory).status().unwrap().success());
        let user = unprivileged("id").arg("-un").output().unwrap().stdout;
        let data = directory.join("data");
        let file = [
            ("name: m1\n", &*format!("name: m{}\n", number + 1)),
            ("192.0.2.11:8008", &format!("127.0.0.1:{rest}")),
            ("192.0.2.11:5432", &format!("127.0.0.1:{port}")),
            ("m1:2379,m2:2379,m3:2379", etcd),
            ("192.0.2.0/24", "127.0.0.1/32"),
            ("/etc/postgresql/tls", &self.directory.display().to_string()),
            ("/var/lib/postgresql/15/mail", &data.display().to_string()),
            ("/var/lib/postgresql", &directory.display().to_string()),
            ("/usr/lib/postgresql/15/bin", &programs().display().to_string()),
            ("/var/run/postgresql", &directory.display().to_string()),
            ("username: postgres\n", &format!("username: {}\n", text(&user).trim())),
            ("mode: required", "mode: off"),
        ]
        .into_iter()
        .fold(page("yaml", "synchronous_mode"), |file, (there, here)| replaced(&file, there, here));
        std::fs::write(directory.join("config.yml"), file).unwrap();
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.running
            .iter_mut()
            .for_each(|one| drop(one.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take()));
        drop(self.etcd.take());
        drop(self.sweeper.stdin.take());
        let _ = self.sweeper.wait();
    }
}

/// The processes that write there end at the same moment.
fn sweep(directory: &Path) -> Child {
    let mut shell = Command::new("sh");
    shell.args(["-c", "read -r _; sleep 1; rm -rf \"$1\"", "sh"]).arg(directory);
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The block of this language on the page that has these words.
fn page(language: &str, words: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/nodes.md");
    let page = std::fs::read_to_string(page).unwrap();
    let found: Vec<_> = page
        .split("\n```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.split_once('\n'))
        .filter(|(kind, text)| kind.split(' ').next() == Some(language) && text.contains(words))
        .collect();
    assert_eq!(found.len(), 1, "blocks of {language} with {words}");
    format!("{}\n", found[0].1)
}

fn replaced(text: &str, there: &str, here: &str) -> String {
    assert!(text.contains(there), "the page no longer says {there:?}: {text}");
    text.replace(there, here)
}
