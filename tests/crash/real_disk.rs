//! A disk of the real kernel that cannot write for a while: ext4 on a file that lies on a file system without room. What was to be
//! written is then dropped from memory or marked as written, and the next sync succeeds.

use crate::support::messages::of_size;
use crate::support::privileged::{Right, as_root};
use crate::support::site::text;
use crate::support::{Lmtp, Server, Site};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is below the disk, MiB, and what the disk says that it has.
const BACKING: u64 = 64;
const DISK: u64 = 256;

/// A disk in a file in a small file system.
struct Disk {
    _directory: tempfile::TempDir,
    backing: PathBuf,
    disk: PathBuf,
}

impl Disk {
    fn new(features: &str) -> Disk {
        let directory = tempfile::tempdir().unwrap();
        let [backing, disk] = ["backing", "disk"].map(|name| directory.path().join(name));
        [&backing, &disk].iter().for_each(|path| std::fs::create_dir(path).unwrap());
        let made = Disk { _directory: directory, backing, disk };
        shell(&format!("mount -t tmpfs -o size={BACKING}m tmpfs {}", made.backing.display()));
        shell(&format!("truncate -s {DISK}M {}", made.image().display()));
        shell(&format!("mkfs.ext4 -q -O {features} {}", made.image().display()));
        made.mount();
        made
    }

    fn image(&self) -> PathBuf {
        self.backing.join("image")
    }

    fn mount(&self) {
        shell(&format!("mount -o loop,errors=continue {} {}", self.image().display(), self.disk.display()));
    }

    /// From memory nothing is left after this.
    fn mount_again(&self) {
        shell(&format!("umount {}", self.disk.display()));
        self.mount();
    }

    /// No new block can be written.
    fn exhaust(&self) {
        let filled = Command::new("dd").args(["if=/dev/zero", "bs=4096"]).arg(of(&self.filler())).output().unwrap();
        assert!(text(&filled.stderr).contains("No space left"), "{}", text(&filled.stderr));
    }

    fn relieve(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.backing.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for path in [&self.disk, &self.backing] {
            let _ = Command::new("umount").arg("-l").arg(path).status();
        }
    }
}

fn of(path: &Path) -> String {
    format!("of={}", path.display())
}

fn shell(line: &str) {
    let output = Command::new("sh").args(["-c", &format!("PATH=$PATH:/usr/sbin:/sbin; {line}")]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", text(&output.stderr));
}

#[test]
fn a_log_that_the_disk_does_not_take() {
    as_root("real_disk::a_log_that_the_disk_does_not_take", Right::Disks, || lose("^has_journal", 5_000, 0));
}

/// The log has its blocks already; the database has not.
#[test]
fn a_database_that_the_disk_does_not_take() {
    let name = "real_disk::a_database_that_the_disk_does_not_take";
    as_root(name, Right::Disks, || lose("^has_journal", 300_000, 20));
}

#[test]
fn a_disk_with_a_journal() {
    as_root("real_disk::a_disk_with_a_journal", Right::Disks, || lose("has_journal", 40_000, 0));
}

/// Delivers messages of this size, so many of them before the disk fails, until the server ends. All that was acknowledged is
/// there when the server was started again, and after the memory was lost.
fn lose(features: &str, size: usize, before: usize) {
    let disk = Disk::new(features);
    let site = Site::at(tempfile::tempdir().unwrap(), disk.disk.join("mail.db"));
    site.add_user("alice", "se cret");
    let mut server = site.serve(&[]);
    let mut lmtp = server.lmtp();
    let message = |number: usize| [format!("Subject: {number}\r\n").as_bytes(), &of_size(size)].concat();
    let mut taken: Vec<usize> = (0..before).collect();
    taken.iter().for_each(|number| assert!(deliver(&mut lmtp, &message(*number))));
    disk.exhaust();
    for number in before..before + 300 {
        if !deliver(&mut lmtp, &message(number)) {
            break;
        }
        taken.push(number);
    }
    assert!(taken.len() < before + 300, "the disk took it all");
    assert_eq!(server.wait().code(), Some(74), "{}", server.log());
    assert!(server.log().contains("check the disk"), "{}", server.log());
    disk.relieve();
    if features == "has_journal" {
        // The file system has made itself read-only.
        disk.mount_again();
    }
    let server = site.serve(&[]);
    expect(&server, &taken, message);
    assert!(deliver(&mut server.lmtp(), &message(1000)));
    taken.push(1000);
    server.kill();
    disk.mount_again();
    site.assert_sound();
    expect(&site.serve(&[]), &taken, message);
}

fn deliver(lmtp: &mut Lmtp, message: &[u8]) -> bool {
    lmtp.deliver("alice", message).starts_with("250 ")
}

/// These messages, whole, in their order; what was not acknowledged may be among them.
fn expect(server: &Server, numbers: &[usize], message: impl Fn(usize) -> Vec<u8>) {
    let mut client = server.alice();
    let count = client.stat().0;
    let stored: Vec<Vec<u8>> = (1..=count).map(|number| client.multi(&format!("RETR {number}"))).collect();
    for number in numbers {
        let sought = message(*number);
        assert!(stored.iter().any(|found| found.ends_with(&sought)), "message {number} of {numbers:?} is gone");
    }
    client.quit();
}
