//! The files of the protocol log: their names, and when a new one is begun.

use crate::files::regular;
use crate::settings::{RollOver, Settings};
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FIELDS: &str =
    "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context";
const DAY: u64 = 86_400;
/// How often we look whether a file still has its name.
const LOOK: Duration = Duration::from_secs(1);
/// Files begun in one millisecond that can be told apart.
const NAMES: usize = 1000;

/// A file that lines are appended to.
pub struct LogFile {
    path: PathBuf,
    file: File,
    octets: u64,
    /// Of them, what stood in it when it was begun.
    head: u64,
    looked: SystemTime,
}

/// An error and the file or folder it is about.
pub type Failed = (PathBuf, io::Error);

impl LogFile {
    /// The file that a line of `octets` octets belongs in at `now`: by size the one that is open, until it is full, else
    /// that of the period.
    pub fn current<'a>(
        open: &'a mut Option<Self>,
        folder: &Path,
        settings: &Settings,
        now: SystemTime,
        octets: u64,
    ) -> Result<&'a mut Self, Failed> {
        let quota = settings.log_per_file_size_quota;
        let wanted = (quota == 0).then(|| folder.join(period(settings.log_file_roll_over_settings, now)));
        let over = open.take_if(|file| {
            let elsewhere = match &wanted {
                Some(path) => file.path != *path,
                None => file.path.parent() != Some(folder) || file.is_full(quota, octets),
            };
            elsewhere || file.was_moved(now)
        });
        drop(over);
        match open {
            Some(file) => Ok(file),
            None => {
                // Only the server's own user may read who said what.
                let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
                made.map_err(|error| (folder.to_owned(), error))?;
                let begun = match wanted {
                    Some(path) => Self::begin(path, OpenOptions::new().create(true), now),
                    None => Self::begin_new(folder, now),
                };
                Ok(open.insert(begun?))
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
            let mut file = regular::open_with(options.append(true).mode(0o600), &path)?;
            let mut octets = file.metadata()?.len();
            if octets == 0 {
                let head = format!("#Software: Pillarbox {}\n#Fields: {FIELDS}\n", env!("CARGO_PKG_VERSION"));
                file.write_all(head.as_bytes()).inspect_err(|_| drop(std::fs::remove_file(&path)))?;
                octets = head.len() as u64;
            }
            Ok((file, octets))
        };
        match begin() {
            Ok((file, octets)) => Ok(Self { path, file, octets, head: octets, looked: now }),
            Err(error) => Err((path, error)),
        }
    }

    /// One that nobody has begun before.
    fn begin_new(folder: &Path, now: SystemTime) -> Result<Self, Failed> {
        let moment = digits(now);
        let names = (1..NAMES).map(|number| format!("pop3-{moment}-{number}.log"));
        let mut last = (folder.to_owned(), io::Error::from(ErrorKind::AlreadyExists));
        for name in std::iter::once(format!("pop3-{moment}.log")).chain(names) {
            match Self::begin(folder.join(name), OpenOptions::new().create_new(true), now) {
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

/// `2026-11-23T10:00:00.000Z` without punctuation.
fn digits(now: SystemTime) -> String {
    humantime::format_rfc3339_millis(now).to_string().chars().filter(char::is_ascii_digit).collect()
}

fn period(roll_over: RollOver, now: SystemTime) -> String {
    match roll_over {
        RollOver::Hourly => format!("pop3-{}.log", &digits(now)[..10]),
        RollOver::Daily => format!("pop3-{}.log", &digits(now)[..8]),
        RollOver::Weekly => format!("pop3-week-{}.log", &digits(monday(now))[..8]),
        RollOver::Monthly => format!("pop3-{}.log", &digits(now)[..6]),
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
        assert_eq!(period(RollOver::Hourly, now), "pop3-2026112510.log");
        assert_eq!(period(RollOver::Daily, now), "pop3-20261125.log");
        assert_eq!(period(RollOver::Weekly, now), "pop3-week-20261123.log");
        assert_eq!(period(RollOver::Weekly, at("2026-11-23T00:00:00Z")), "pop3-week-20261123.log");
        assert_eq!(period(RollOver::Weekly, at("2026-11-22T23:59:59Z")), "pop3-week-20261116.log");
        assert_eq!(period(RollOver::Monthly, now), "pop3-202611.log");
    }

    /// Appends a line of 100 octets; says to which file.
    fn append(open: &mut Option<LogFile>, folder: &Path, settings: &Settings, now: SystemTime) -> String {
        let file = LogFile::current(open, folder, settings, now, 100).unwrap();
        file.append(&[b'x'; 100]).unwrap();
        file.path.file_name().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_full_file_is_never_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut open, now) = (None, at("2026-11-25T10:59:59Z"));
        let mut settings = Settings { log_per_file_size_quota: 1, ..Settings::default() };
        let mut names = || append(&mut open, folder.path(), &settings, now);
        assert_eq!(
            [names(), names(), names()],
            ["pop3-20261125105959000.log", "pop3-20261125105959000-1.log", "pop3-20261125105959000-2.log"]
        );
        settings.log_per_file_size_quota = 500;
        let names: Vec<String> = (0..5).map(|_| append(&mut open, folder.path(), &settings, now)).collect();
        assert!(names[0] < names[4], "{names:?}");
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            assert!(entry.unwrap().metadata().unwrap().len() <= 500);
        }
    }

    #[test]
    fn a_file_that_lost_its_name_is_noticed_within_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let (mut open, settings, now) = (None, Settings::default(), at("2026-11-25T10:30:00Z"));
        let name = append(&mut open, folder.path(), &settings, now);
        let path = folder.path().join(&name);
        std::fs::rename(&path, folder.path().join("rotated")).unwrap();
        append(&mut open, folder.path(), &settings, now + LOOK / 2);
        assert!(!path.exists(), "not looked up at each line");
        assert_eq!(append(&mut open, folder.path(), &settings, now + LOOK), name);
        assert!(path.exists());
        std::fs::remove_file(&path).unwrap();
        append(&mut open, folder.path(), &settings, now - LOOK);
        assert!(path.exists(), "a clock that was set back");
    }
}
