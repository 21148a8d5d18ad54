//! The files of the protocol log: their names, when a new one is begun, and which go because there are too many.

use crate::files::regular;
use crate::settings::{RollOver, Settings};
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FIELDS: &str =
    "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context";
/// A file that has no line yet is not larger.
const HEAD: u64 = 256;
const DAY: u64 = 86_400;
/// How often we look whether a file still has its name.
const LOOK: Duration = Duration::from_secs(1);
/// Files begun in one period or millisecond that can be told apart.
const NAMES: usize = 1000;
/// Files that share `LogFolderSizeQuota`, so that the oldest can go.
const SHARES: u64 = 8;

/// A file that lines are appended to.
pub struct LogFile {
    path: PathBuf,
    file: File,
    octets: u64,
    /// Of them, what stood in it when it was begun.
    head: u64,
    looked: SystemTime,
    /// Named after this period, not after the moment it was begun.
    period: Option<String>,
    /// The most that it may hold.
    limit: u64,
}

/// An error and the file or directory it is about.
pub type Failed = (PathBuf, io::Error);

impl LogFile {
    /// The file that lines of `octets` octets belong in at `now`: the one that is open until it is full, and, without
    /// `LogPerFileSizeQuota`, until its period is over.
    pub fn current<'a>(
        open: &'a mut Option<Self>,
        directory: &Path,
        settings: &Settings,
        now: SystemTime,
        octets: u64,
    ) -> Result<&'a mut Self, Failed> {
        let quota = settings.log_per_file_size_quota;
        let limit = limit(quota, settings.log_folder_size_quota);
        let wanted = (quota == 0).then(|| period(settings.log_file_roll_over_settings, now));
        let over = open.take_if(|file| {
            let elsewhere = file.path.parent() != Some(directory) || wanted.is_some() && file.period != wanted;
            elsewhere || file.is_full(limit, octets) || file.was_moved(now)
        });
        drop(over);
        match open {
            Some(file) => Ok(file),
            None => {
                // Only the server's own user may read who said what.
                let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
                made.map_err(|error| (directory.to_owned(), error))?;
                let mut begun = match &wanted {
                    Some(period) => Self::begin_of(directory, period, (limit, octets), now),
                    None => Self::begin_new(directory, now),
                }?;
                (begun.period, begun.limit) = (wanted, limit);
                Ok(open.insert(begun))
            }
        }
    }

    /// Appends a line.
    pub fn append(&mut self, line: &[u8]) -> Result<(), Failed> {
        let written = self.file.write_all(line);
        self.octets = match &written {
            Ok(()) => self.octets + line.len() as u64,
            // Some of it may have been written.
            Err(_) => self.file.metadata().map_or(self.octets, |found| found.len()),
        };
        written.map_err(|error| (self.path.clone(), error))
    }

    fn begin(path: PathBuf, options: &mut OpenOptions, now: SystemTime) -> Result<Self, Failed> {
        let mut begin = || {
            let mut file = regular::open_no_link(options.append(true).mode(0o600), &path)?;
            let mut octets = file.metadata()?.len();
            if octets == 0 {
                let head = format!("#Software: Pillarbox {}\n#Fields: {FIELDS}\n", env!("CARGO_PKG_VERSION"));
                file.write_all(head.as_bytes()).inspect_err(|_| drop(std::fs::remove_file(&path)))?;
                octets = head.len() as u64;
            }
            Ok((file, octets))
        };
        match begin() {
            Ok((file, octets)) => {
                Ok(Self { path, file, octets, head: octets, looked: now, period: None, limit: u64::MAX })
            }
            Err(error) => Err((path, error)),
        }
    }

    /// One of this period that has room for so many octets, begun before or new. What is no file of ours is passed over.
    fn begin_of(directory: &Path, period: &str, room: (u64, u64), now: SystemTime) -> Result<Self, Failed> {
        let mut last = (directory.to_owned(), io::Error::from(ErrorKind::AlreadyExists));
        for name in names(period) {
            match Self::begin(directory.join(name), OpenOptions::new().create(true), now) {
                Ok(file) if file.octets > HEAD && file.octets.saturating_add(room.1) > room.0 => {}
                Err((path, error)) if error.kind() == ErrorKind::Other => {
                    log::warn!("protocol log {}: skipped: {error}", path.display());
                    last = (path, error);
                }
                begun => return begun,
            }
        }
        Err(last)
    }

    /// One that nobody has begun before.
    fn begin_new(directory: &Path, now: SystemTime) -> Result<Self, Failed> {
        let mut last = (directory.to_owned(), io::Error::from(ErrorKind::AlreadyExists));
        for name in names(&format!("pop3-{}", digits(now))) {
            match Self::begin(directory.join(name), OpenOptions::new().create_new(true), now) {
                Err((path, error)) if error.kind() == ErrorKind::AlreadyExists => last = (path, error),
                begun => return begun,
            }
        }
        Err(last)
    }

    /// Whether a line of `octets` octets would make it larger than `quota`. A first line always fits.
    fn is_full(&self, quota: u64, octets: u64) -> bool {
        self.octets > self.head && self.octets.saturating_add(octets) > quota
    }

    /// Nothing was appended yet.
    pub fn is_new(&self) -> bool {
        self.octets == self.head
    }

    /// Removes the oldest other logs in the directory until `quota` octets (0: any number) hold all of them, this one full.
    pub fn prune(&self, directory: &Path, quota: u64) {
        if quota == 0 {
            return;
        }
        let mut others = logs(directory).unwrap_or_default();
        others.retain(|(_, _, path)| *path != self.path);
        others.sort();
        let own = if self.limit == u64::MAX { self.octets } else { self.limit.max(self.octets) };
        let mut all = others.iter().map(|(_, octets, _)| octets).sum::<u64>().saturating_add(own);
        for (_, octets, path) in &others {
            if all <= quota {
                break;
            }
            match std::fs::remove_file(path) {
                Ok(()) => all -= octets,
                Err(error) => log::debug!("protocol log {}: cannot be removed: {error}", path.display()),
            }
        }
    }

    /// Whether somebody took the name from the file; looked up once in a while.
    fn was_moved(&mut self, now: SystemTime) -> bool {
        // A clock that was set back is a reason to look, too.
        if now.duration_since(self.looked).is_ok_and(|since| since < LOOK) {
            return false;
        }
        self.looked = now;
        let identity = |found: Metadata| (found.dev(), found.ino());
        match (std::fs::metadata(&self.path).map(identity), self.file.metadata().map(identity)) {
            (Ok(named), Ok(open)) => named != open,
            (Err(error), _) => error.kind() == ErrorKind::NotFound,
            (Ok(_), Err(_)) => false,
        }
    }
}

/// What a file may hold: its own quota, and a share of the directory's.
fn limit(file: u64, directory: u64) -> u64 {
    let file = if file == 0 { u64::MAX } else { file };
    let share = if directory == 0 { u64::MAX } else { (directory / SHARES).max(1) };
    file.min(share)
}

/// All logs in a directory, with age and size: ours, and what somebody's rotation made of them.
fn logs(directory: &Path) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with("pop3-") && name.contains(".log"));
        // Does not follow links.
        let Ok(metadata) = entry.metadata() else { continue };
        if ours && metadata.is_file() {
            logs.push((metadata.modified()?, metadata.len(), entry.path()));
        }
    }
    Ok(logs)
}

/// `STEM.log`, then `STEM-1.log` and so on.
fn names(stem: &str) -> impl Iterator<Item = String> {
    let more = (1..NAMES).map(move |number| format!("-{number}"));
    std::iter::once(String::new()).chain(more).map(move |number| format!("{stem}{number}.log"))
}

/// `2026-11-23T10:00:00.000Z` without punctuation.
fn digits(now: SystemTime) -> String {
    humantime::format_rfc3339_millis(now).to_string().chars().filter(char::is_ascii_digit).collect()
}

fn period(roll_over: RollOver, now: SystemTime) -> String {
    match roll_over {
        RollOver::Hourly => format!("pop3-{}", &digits(now)[..10]),
        RollOver::Daily => format!("pop3-{}", &digits(now)[..8]),
        RollOver::Weekly => format!("pop3-week-{}", &digits(monday(now))[..8]),
        RollOver::Monthly => format!("pop3-{}", &digits(now)[..6]),
    }
}

/// 1970-01-01 was a Thursday.
fn monday(now: SystemTime) -> SystemTime {
    let days = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / DAY;
    UNIX_EPOCH + Duration::from_secs((days - ((days + 3) % 7).min(days)) * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        humantime::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn periods_name_the_files() {
        let now = at("2026-11-25T10:59:59Z");
        assert_eq!(period(RollOver::Hourly, now), "pop3-2026112510");
        assert_eq!(period(RollOver::Daily, now), "pop3-20261125");
        assert_eq!(period(RollOver::Weekly, now), "pop3-week-20261123");
        assert_eq!(period(RollOver::Weekly, at("2026-11-23T00:00:00Z")), "pop3-week-20261123");
        assert_eq!(period(RollOver::Weekly, at("2026-11-22T23:59:59Z")), "pop3-week-20261116");
        assert_eq!(period(RollOver::Monthly, now), "pop3-202611");
    }

    /// Appends a line of 100 octets; says to which file.
    fn append(open: &mut Option<LogFile>, directory: &Path, settings: &Settings, now: SystemTime) -> String {
        let file = LogFile::current(open, directory, settings, now, 100).unwrap();
        file.append(&[b'x'; 100]).unwrap();
        file.path.file_name().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_full_file_is_never_opened_again() {
        let directory = tempfile::tempdir().unwrap();
        let (mut open, now) = (None, at("2026-11-25T10:59:59Z"));
        let mut settings = Settings { log_per_file_size_quota: 1, ..Settings::default() };
        let mut names = || append(&mut open, directory.path(), &settings, now);
        assert_eq!(
            [names(), names(), names()],
            ["pop3-20261125105959000.log", "pop3-20261125105959000-1.log", "pop3-20261125105959000-2.log"]
        );
        settings.log_per_file_size_quota = 500;
        let names: Vec<String> = (0..5).map(|_| append(&mut open, directory.path(), &settings, now)).collect();
        assert!(names[0] < names[4], "{names:?}");
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            assert!(entry.unwrap().metadata().unwrap().len() <= 500);
        }
    }

    #[test]
    fn the_directory_keeps_to_its_quota_and_the_oldest_go() {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings { log_folder_size_quota: 4000, ..Settings::default() };
        let (mut open, now) = (None, at("2026-11-25T10:59:59Z"));
        std::fs::write(directory.path().join("other"), [b'x'; 9000]).unwrap();
        std::fs::write(directory.path().join("pop3-2025.log.1"), [b'x'; 9000]).unwrap();
        for _ in 0..200 {
            let file = LogFile::current(&mut open, directory.path(), &settings, now, 100).unwrap();
            if file.is_new() {
                file.prune(directory.path(), 4000);
            }
            file.append(&[b'x'; 100]).unwrap();
            let all: u64 = logs(directory.path()).unwrap().iter().map(|(_, octets, _)| octets).sum();
            assert!(all <= 4000, "{all}");
        }
        assert!(directory.path().join("other").exists(), "not ours");
        assert!(logs(directory.path()).unwrap().len() >= 7);
    }

    #[test]
    fn a_link_is_not_followed_and_the_next_name_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        std::fs::write(&target, "x").unwrap();
        std::os::unix::fs::symlink(&target, directory.path().join("pop3-2026112510.log")).unwrap();
        let (mut open, settings) = (None, Settings::default());
        let name = append(&mut open, directory.path(), &settings, at("2026-11-25T10:30:00Z"));
        assert_eq!(name, "pop3-2026112510-1.log");
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "x");
    }

    #[test]
    fn a_file_that_lost_its_name_is_noticed_within_a_second() {
        let directory = tempfile::tempdir().unwrap();
        let (mut open, settings, now) = (None, Settings::default(), at("2026-11-25T10:30:00Z"));
        let name = append(&mut open, directory.path(), &settings, now);
        let path = directory.path().join(&name);
        std::fs::rename(&path, directory.path().join("rotated")).unwrap();
        append(&mut open, directory.path(), &settings, now + LOOK / 2);
        assert!(!path.exists(), "not looked up at each line");
        assert_eq!(append(&mut open, directory.path(), &settings, now + LOOK), name);
        assert!(path.exists());
        std::fs::remove_file(&path).unwrap();
        append(&mut open, directory.path(), &settings, now - LOOK);
        assert!(path.exists(), "a clock that was set back");
    }
}
