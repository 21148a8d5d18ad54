//! No room for another message: a small disk of its own, and a limit on the size of files. Nothing is
//! lost, nothing half there, and room makes all well again.

use crate::support::messages::{PLAIN, of_size};
use crate::support::privileged::{Right, as_root};
use crate::support::site::{feed, text};
use crate::support::texts::OK;
use crate::support::{Server, Site};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// A site whose database cannot grow far.
struct Cramped {
    site: Arc<Site>,
    /// The mount point of the small disk; without one the limit is on files.
    disk: Option<PathBuf>,
}

impl Cramped {
    /// On a disk of that many MiB; for a process that may mount one.
    fn by_disk(mebibytes: u32) -> Cramped {
        let directory = tempfile::tempdir().unwrap();
        let disk = directory.path().join("disk");
        std::fs::create_dir(&disk).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs", disk.to_str().unwrap()]);
        let database = disk.join("mail.db");
        let guard = Cramped { site: Site::at(directory, database), disk: Some(disk) };
        guard.site.add_user("alice", "se cret");
        guard
    }

    /// With no file allowed to grow beyond 2 MiB.
    fn by_limit() -> Cramped {
        Cramped { site: Site::with_alice(&[]), disk: None }
    }

    /// One of our commands as it runs here. Past the limit a write fails as on a full disk: without
    /// the trap SIGXFSZ would end the process.
    fn command(&self, arguments: &[&str]) -> Command {
        self.confine(self.site.command(arguments))
    }

    fn confine(&self, plain: Command) -> Command {
        if self.disk.is_some() {
            return plain;
        }
        let mut limited = Command::new("sh");
        limited.args(["-c", "trap '' XFSZ; ulimit -S -f 4096; exec \"$0\" \"$@\""]);
        limited.arg(plain.get_program()).args(plain.get_args());
        limited.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        limited
    }

    /// Whether the message was taken; if not, the exit code says so, in one line.
    fn deliver(&self, message: &[u8]) -> bool {
        let output = feed(&mut self.command(&["deliver", "alice"]), message);
        if output.status.success() {
            return true;
        }
        assert_eq!(output.status.code(), Some(75), "{output:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{}", text(&output.stderr));
        false
    }

    fn serve(&self) -> Server {
        let arguments = [
            "serve",
            "-l",
            "127.0.0.1:0",
            "-m",
            "127.0.0.1:0",
            "--set",
            "LoginType=PlainTextLogin",
            "--set",
            "EnableExactRFC822Size=1",
        ];
        Server::launch(&self.site, &mut self.command(&arguments))
    }

    /// Makes room.
    fn relieve(&self) {
        if let Some(disk) = &self.disk {
            // What the table of mounts says are ids outside of this namespace.
            mount(&["--options-mode", "ignore", "-o", "remount,size=64m", "tmpfs", disk.to_str().unwrap()]);
        }
    }
}

impl Drop for Cramped {
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            let _ = Command::new("umount").arg("-l").arg(disk).status();
        }
    }
}

fn mount(arguments: &[&str]) {
    let output = Command::new("mount").args(arguments).output().unwrap();
    assert!(output.status.success(), "mount {arguments:?}: {}", text(&output.stderr));
}

#[test]
fn a_full_disk() {
    as_root("full_disk::a_full_disk", Right::Mounts, || fill(Cramped::by_disk(8)));
}

#[test]
fn a_limit_on_the_size_of_files() {
    fill(Cramped::by_limit());
}

fn fill(cramped: Cramped) {
    let server = cramped.serve();
    let large = of_size(300_000);
    let mut stored = Vec::new();
    for message in [&large[..], &of_size(5_000)] {
        let taken = (0..200).take_while(|_| cramped.deliver(message)).count();
        assert!(taken < 200, "it does not get full");
        stored.extend(std::iter::repeat_n(message.to_vec(), taken));
    }
    assert!(stored.len() > 3, "{} messages", stored.len());
    expect_messages(&server, &stored);
    if deletes_the_first(&server) {
        stored.remove(0);
    }
    expect_messages(&server, &stored);
    cramped.relieve();
    server.deliver("alice", PLAIN);
    stored.push(PLAIN.to_vec());
    expect_messages(&server, &stored);
    cramped.site.assert_sound();
    drop(server);
    expect_messages(&cramped.site.serve(&[("EnableExactRFC822Size", "1")]), &stored);
}

/// LMTP says 452 4.3.1 for what has no room, in the middle of a large message too, and the session goes on.
#[test]
fn lmtp_without_room() {
    as_root("full_disk::lmtp_without_room", Right::Mounts, || lmtp(&Cramped::by_disk(8)));
}

fn lmtp(cramped: &Cramped) {
    let server = cramped.serve();
    let mut lmtp = server.lmtp();
    let mut stored = Vec::new();
    for size in [700_000, 5_000] {
        for _ in 0..300 {
            let reply = lmtp.deliver("alice", &of_size(size));
            if !reply.starts_with("250 ") {
                assert!(reply.starts_with("452 4.3.1 <alice>"), "{reply}");
                break;
            }
            stored.push(size);
        }
    }
    assert!(stored.len() > 3 && stored.len() < 300, "{} messages", stored.len());
    cramped.relieve();
    assert!(lmtp.deliver("alice", PLAIN).starts_with("250 "));
    let mut client = server.alice();
    assert_eq!(client.stat().0, stored.len() as u64 + 1);
    for (at, size) in stored.iter().enumerate() {
        assert!(client.multi(&format!("RETR {}", at + 1)).ends_with(&of_size(*size)), "message {}", at + 1);
    }
    cramped.site.assert_sound();
}

/// Exactly these messages, whole.
fn expect_messages(server: &Server, messages: &[Vec<u8>]) {
    let mut client = server.alice();
    let octets: usize = messages.iter().map(Vec::len).sum();
    client.expect("STAT", &format!("+OK {} {octets}\r\n", messages.len()));
    for (at, message) in messages.iter().enumerate() {
        assert!(client.multi(&format!("RETR {}", at + 1)) == *message, "message {} is damaged", at + 1);
    }
    client.quit();
}

/// Whether QUIT deleted the first message: with no room it may fail, and then says so.
fn deletes_the_first(server: &Server) -> bool {
    let mut client = server.alice();
    client.expect("DELE 1", OK);
    let reply = client.say("QUIT");
    assert!(reply.starts_with("+OK ") || reply.starts_with("-ERR "), "{reply:?}");
    client.expect_end();
    reply.starts_with("+OK ")
}

#[test]
fn backup_and_restore_without_room() {
    backup_and_restore(&Cramped::by_limit());
}

#[test]
fn backup_and_restore_on_a_full_disk() {
    as_root("full_disk::backup_and_restore_on_a_full_disk", Right::Mounts, || backup_and_restore(&Cramped::by_disk(4)));
}

fn backup_and_restore(cramped: &Cramped) {
    let large = Site::with_alice(&[&of_size(3_000_000), &of_size(3_000_000)]);
    let (here, there) = (cramped.site.database().with_file_name("copy.db"), large.path("copy.db"));
    let (here, there) = (here.to_str().unwrap(), there.to_str().unwrap());
    cramped.site.succeed(&["backup", here], b"");
    large.succeed(&["backup", there], b"");
    let before = files(cramped);
    for mut command in [cramped.confine(large.command(&["backup", here])), cramped.command(&["restore", there])] {
        let output = feed(&mut command, b"");
        assert_eq!(output.status.code(), Some(74), "{output:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{}", text(&output.stderr));
        assert_eq!(files(cramped), before, "{output:?}");
    }
    cramped.site.assert_sound();
}

/// Names and contents of what is in the directory of the database.
fn files(cramped: &Cramped) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = std::fs::read_dir(cramped.site.database().parent().unwrap()).unwrap();
    let mut paths: Vec<_> = directory.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Log and database both need room that is not there. The limit is taken away under the running server, as when somebody enlarges a
/// disk: deliveries go on by themselves.
#[test]
fn room_for_log_and_database_comes_back() {
    let cramped = Cramped::by_limit();
    let server = cramped.serve();
    let mut lmtp = server.lmtp();
    let large = of_size(100_000);
    let mut stored = 0;
    // More than the first that is refused, so that the log is as full as the database: behind its answers the writer may
    // still have made room in it.
    let mut refused = 0;
    while refused < 5 {
        match lmtp.deliver("alice", &large).starts_with("250 ") {
            true => (stored, refused) = (stored + 1, 0),
            false => refused += 1,
        }
        assert!(stored < 100, "it does not get full");
    }
    while lmtp.deliver("alice", PLAIN).starts_with("250 ") {
        stored += 1;
        assert!(stored < 2000, "it does not get full");
    }
    let mut unlimited = Command::new("prlimit");
    let output = unlimited.arg(format!("--pid={}", server.pid())).arg("--fsize=unlimited:").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    for message in [PLAIN, &large] {
        assert!(lmtp.deliver("alice", message).starts_with("250 "), "{}", server.log());
        stored += 1;
    }
    assert_eq!(server.alice().stat().0, stored);
    cramped.site.assert_sound();
}
