//! The protocol log: a stranger decides how much is said, not how much is written.

use crate::mailbox;
use crate::support::privileged::{Right, as_root};
use crate::support::{Server, Site, eventually};
use std::path::{Path, PathBuf};

fn logs(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).map(|entries| entries.map(|entry| entry.unwrap().path()).collect());
    entries.unwrap_or_default()
}

fn text(directory: &Path) -> String {
    logs(directory).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

fn octets(directory: &Path) -> u64 {
    logs(directory).iter().map(|file| std::fs::metadata(file).unwrap().len()).sum()
}

#[test]
fn repeated_nonsense_is_one_line_with_a_count() {
    let server = mailbox(&[("ProtocolLogEnabled", "1")]);
    let mut client = server.alice();
    for index in 0..200 {
        client.send("FOO\r\n".repeat(100));
        client.send(format!("BAR{index}\r\n").repeat(10));
        for _ in 0..110 {
            client.line();
        }
    }
    client.quit();
    let text = text(&server.path("pop3-logs"));
    assert!(text.contains("21999 more commands got the same answer"), "{text}");
    assert!(text.lines().count() < 30, "{text}");
}

#[test]
fn the_directory_has_a_quota_and_the_oldest_go() {
    let site = Site::with_alice(&[]);
    let directory = site.path("pop3-logs");
    std::fs::create_dir(&directory).unwrap();
    for year in 2000..2010 {
        std::fs::write(directory.join(format!("pop3-{year}010100.log")), vec![b'x'; 20_000]).unwrap();
    }
    let server = site.serve(&[("ProtocolLogEnabled", "1"), ("LogFolderSizeQuota", "100000")]);
    for _ in 0..100 {
        let mut client = server.connect();
        for index in 0..20 {
            client.say(&format!("USER {index}"));
        }
        client.hang_up();
        assert!(octets(&directory) <= 100_000, "{}", octets(&directory));
    }
    assert!(octets(&directory) > 50_000, "{}", octets(&directory));
    assert!(!directory.join("pop3-2000010100.log").exists());
}

/// The name can be foretold: whoever may write there could make us append to any file of ours.
#[test]
fn a_link_is_not_followed() {
    let site = Site::with_alice(&[]);
    let directory = site.path("pop3-logs");
    std::fs::create_dir(&directory).unwrap();
    let victim = site.path("victim");
    std::fs::write(&victim, "").unwrap();
    for hours in 0..2 {
        let at = std::time::SystemTime::now() + std::time::Duration::from_secs(3600 * hours);
        let digits: String = humantime::format_rfc3339(at).to_string().chars().filter(char::is_ascii_digit).collect();
        std::os::unix::fs::symlink(&victim, directory.join(format!("pop3-{}.log", &digits[..10]))).unwrap();
    }
    let server = site.serve(&[("ProtocolLogEnabled", "1")]);
    server.connect().quit();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "");
    eventually("a log beside it", || text(&directory).contains(",<,QUIT,"));
}

#[test]
fn what_deceives_is_escaped() {
    let server = mailbox(&[("ProtocolLogEnabled", "1")]);
    let mut client = server.connect();
    client.say("USER a\u{202e}b\u{2028}c\u{1b}[2J\u{85}d");
    client.quit();
    let text = text(&server.path("pop3-logs"));
    assert!(text.contains("USER a\\u{202e}b\\u{2028}c\\u{1b}[2J\\u{85}d"), "{text}");
}

/// Mail comes before logs.
#[test]
fn nothing_is_logged_on_a_disk_that_is_nearly_full() {
    as_root("logs::nothing_is_logged_on_a_disk_that_is_nearly_full", Right::Mounts, || {
        let directory = tempfile::tempdir().unwrap();
        let disk = directory.path().join("disk");
        std::fs::create_dir(&disk).unwrap();
        let mount = |arguments: &[&str]| {
            assert!(std::process::Command::new("mount").args(arguments).status().unwrap().success());
        };
        mount(&["-t", "tmpfs", "-o", "size=20m", "tmpfs", disk.to_str().unwrap()]);
        let site = Site::at(directory, disk.join("mail.db"));
        site.add_user("alice", "se cret");
        let server: Server = site.serve(&[("ProtocolLogEnabled", "1")]);
        server.connect().quit();
        let logs = disk.join("pop3-logs");
        let before = octets(&logs);
        assert!(before > 0);
        let free = nix::sys::statvfs::statvfs(&disk).unwrap();
        let free = free.blocks_available() * free.fragment_size();
        std::fs::write(disk.join("ballast"), vec![0; free as usize - (512 << 10)]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        for _ in 0..5 {
            server.connect().quit();
        }
        assert_eq!(octets(&logs), before);
        assert_eq!(
            server.log().lines().filter(|line| line.contains("nothing is logged while")).count(),
            1,
            "{}",
            server.log()
        );
        std::fs::remove_file(disk.join("ballast")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        server.connect().quit();
        assert!(octets(&logs) > before);
        server.terminate();
        assert!(std::process::Command::new("umount").arg("-l").arg(&disk).status().unwrap().success());
    });
}
