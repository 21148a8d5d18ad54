//! The protocol log (`ProtocolLogEnabled`): one line per event of a session, for people who look
//! for what a client said. Columns are those that Exchange documents for its own; secrets are
//! never in it.
//!
//! What lives here: lines; [`file`] has the files. What must not be known here: POP3.

mod file;

use crate::settings::Settings;
use file::LogFile;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How often the same complaint is logged.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

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
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Option<LogFile>,
    /// The folder that we complained about last, and when.
    complaint: Option<(PathBuf, Instant)>,
}

impl ProtocolLog {
    /// A log in `pop3-logs` beside this database; nothing is made before something is logged.
    pub fn beside(database: &Path) -> Self {
        Self { folder: database.with_file_name("pop3-logs"), state: Mutex::default() }
    }

    /// Appends a line, in a new file if one is due. A line that cannot be written is lost, and the server's own log
    /// says so once a minute.
    pub fn write(&self, settings: &Settings, session: &mut SessionLog, event: Event, data: &str) {
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
        let folder = settings.log_file_location.as_ref().unwrap_or(&self.folder);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let written = LogFile::current(&mut state.open, folder, settings, now, line.len() as u64)
            .and_then(|file| file.append(line.as_bytes()));
        if let Err((path, error)) = written
            && state.complains(folder, Instant::now())
        {
            log::warn!("protocol log {}: {error}; its lines are lost", path.display());
        }
    }
}

impl State {
    /// Whether it is time to complain about this folder.
    fn complains(&mut self, folder: &Path, now: Instant) -> bool {
        let known = |(other, since): &(PathBuf, Instant)| other == folder && now < *since + REPEAT_AFTER;
        if self.complaint.as_ref().is_some_and(known) {
            return false;
        }
        self.complaint = Some((folder.to_owned(), now));
        true
    }
}

/// A field of comma-separated values (RFC 4180 section 2); control characters do not get through.
fn quoted(data: &str) -> String {
    let clean: String = data.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    if clean.contains([',', '"']) { format!("\"{}\"", clean.replace('"', "\"\"")) } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionLog {
        let address = SocketAddr::from(([127, 0, 0, 1], 110));
        SessionLog { id: 7, local: address, remote: address, sequence: 0 }
    }

    #[test]
    fn a_line_per_event_and_a_new_file_when_the_old_one_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let log = ProtocolLog::beside(&dir.path().join("mail.db"));
        let mut settings = Settings { log_per_file_size_quota: 1, ..Settings::default() };
        let mut session = session();
        log.write(&settings, &mut session, Event::Receive, "PASS *****");
        std::thread::sleep(Duration::from_millis(2)); // so that the names sort
        log.write(&settings, &mut session, Event::Send, "-ERR a, \"b\"\r\n");
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
        log.write(&settings, &mut session, Event::Disconnect, "");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
    }

    #[test]
    fn a_folder_is_complained_about_once_a_minute() {
        let (mut state, now) = (State::default(), Instant::now());
        let (one, other) = (Path::new("one"), Path::new("other"));
        assert!(state.complains(one, now));
        assert!(!state.complains(one, now + REPEAT_AFTER / 2));
        assert!(state.complains(one, now + REPEAT_AFTER));
        assert!(state.complains(other, now + REPEAT_AFTER), "another folder");
    }
}
