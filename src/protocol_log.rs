//! The protocol log (`ProtocolLogEnabled`): one line per event of a session, for people who look
//! for what a client said. Columns are those that Exchange documents for its own; secrets are
//! never in it.
//!
//! What lives here: lines, files and when a new file begins. What must not be known here: POP3.

use crate::settings::{RollOver, Settings};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FIELDS: &str =
    "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context";
const DAY: u64 = 86_400;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A connection began.
    Connect,
    /// It ended.
    Disconnect,
    /// The server said something.
    Send,
    /// The client did.
    Receive,
    /// Something else worth knowing.
    Information,
}

impl Event {
    fn sign(self) -> char {
        match self {
            Self::Connect => '+',
            Self::Disconnect => '-',
            Self::Send => '>',
            Self::Receive => '<',
            Self::Information => '*',
        }
    }
}

/// One connection in the log.
#[derive(Clone, Copy, Debug)]
pub struct SessionLog {
    /// Names the session.
    pub id: u64,
    /// Our end.
    pub local: SocketAddr,
    /// The client's.
    pub remote: SocketAddr,
    /// Lines so far.
    pub sequence: u64,
}

/// The log of one server.
pub struct ProtocolLog {
    /// Where it is unless `LogFileLocation` says otherwise.
    folder: PathBuf,
    open: Mutex<Option<Open>>,
}

struct Open {
    path: PathBuf,
    file: File,
    octets: u64,
}

impl ProtocolLog {
    /// A log in `pop3-logs` beside this database; nothing is made before something is logged.
    pub fn beside(database: &Path) -> Self {
        Self { folder: database.with_file_name("pop3-logs"), open: Mutex::default() }
    }

    /// Appends a line, in a new file if one is due.
    ///
    /// # Errors
    /// Folder or file cannot be made or written.
    pub fn write(&self, settings: &Settings, session: &mut SessionLog, event: Event, data: &str) -> io::Result<()> {
        let now = SystemTime::now();
        let line = format!(
            "{},pop3,{:016X},{},{},{},{},{},\n",
            humantime::format_rfc3339_millis(now),
            session.id,
            session.sequence,
            session.local,
            session.remote,
            event.sign(),
            quoted(data),
        );
        session.sequence += 1;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = settings.log_file_location.as_ref().unwrap_or(&self.folder);
        let file = current(&mut open, folder, settings, now)?;
        file.file.write_all(line.as_bytes())?;
        file.octets += line.len() as u64;
        Ok(())
    }
}

/// The file that `now` belongs in. By size a file goes on until it is full, else for its period.
fn current<'a>(
    open: &'a mut Option<Open>,
    folder: &Path,
    settings: &Settings,
    now: SystemTime,
) -> io::Result<&'a mut Open> {
    let quota = settings.log_per_file_size_quota;
    let stays = open.take_if(|file| {
        if quota == 0 {
            file.path != folder.join(period(settings.log_file_roll_over_settings, now))
        } else {
            file.octets >= quota || file.path.parent() != Some(folder)
        }
    });
    drop(stays);
    match open {
        Some(file) => Ok(file),
        None => {
            let name = if quota == 0 { period(settings.log_file_roll_over_settings, now) } else { moment(now) };
            Ok(open.insert(begin(folder, &name)?))
        }
    }
}

/// Only the server's own user may read who said what.
fn begin(folder: &Path, name: &str) -> io::Result<Open> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join(OsString::from(name));
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
    let mut octets = file.metadata()?.len();
    if octets == 0 {
        let head = format!("#Software: Pillarbox {}\n#Fields: {FIELDS}\n", env!("CARGO_PKG_VERSION"));
        file.write_all(head.as_bytes())?;
        octets = head.len() as u64;
    }
    Ok(Open { path, file, octets })
}

/// A field of comma-separated values (RFC 4180 section 2); control characters do not get through.
fn quoted(data: &str) -> String {
    let clean: String = data.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    if clean.contains([',', '"']) { format!("\"{}\"", clean.replace('"', "\"\"")) } else { clean }
}

/// `2026-11-23T10:00:00.000Z` without punctuation.
fn digits(now: SystemTime) -> String {
    humantime::format_rfc3339_millis(now).to_string().chars().filter(char::is_ascii_digit).collect()
}

fn moment(now: SystemTime) -> String {
    format!("pop3-{}.log", digits(now))
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

    fn session() -> SessionLog {
        let address = SocketAddr::from(([127, 0, 0, 1], 110));
        SessionLog { id: 7, local: address, remote: address, sequence: 0 }
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

    #[test]
    fn a_line_per_event_and_a_new_file_when_the_old_one_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let log = ProtocolLog::beside(&dir.path().join("mail.db"));
        let mut settings = Settings { log_per_file_size_quota: 1, ..Settings::default() };
        let mut session = session();
        log.write(&settings, &mut session, Event::Receive, "PASS *****").unwrap();
        std::thread::sleep(Duration::from_millis(2)); // another name: names are to the millisecond
        log.write(&settings, &mut session, Event::Send, "-ERR a, \"b\"\r\n").unwrap();
        let folder = dir.path().join("pop3-logs");
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let texts: Vec<_> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
        assert_eq!(texts.len(), 2);
        assert!(
            texts[0].ends_with(",pop3,0000000000000007,0,127.0.0.1:110,127.0.0.1:110,<,PASS *****,\n"),
            "{texts:?}"
        );
        assert!(texts[1].ends_with(",1,127.0.0.1:110,127.0.0.1:110,>,\"-ERR a, \"\"b\"\"??\",\n"), "{texts:?}");
        settings.log_per_file_size_quota = 0;
        log.write(&settings, &mut session, Event::Disconnect, "").unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
    }
}
