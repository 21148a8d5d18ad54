//! The protocol log (`ProtocolLogEnabled`): one line per event of a session, for people who look
//! for what a client said. Columns are those that Exchange documents for its own; secrets are
//! never in it.
//!
//! What lives here: lines; [`file`] has the files, [`disk`] the room that is left for mail. What must not be known here: POP3.
//!
//! A stranger decides how much is logged, so it is bounded: the same refusal again is only counted, the directory has a quota
//! (`LogFolderSizeQuota`), and nothing is logged on a disk that is nearly full.

mod disk;
mod file;

use crate::complaints::Complaints;
use crate::lock::IgnorePoison;
use crate::settings::Settings;
use disk::Room;
use file::LogFile;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

/// How often a directory is brought under its quota.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// Events of a connection that are shown before somebody has logged in; of more only the number is.
const STRANGER: u64 = 200;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A connection began.
    Connect,
    /// It ended.
    Disconnect,
    /// The server said something.
    Send,
    /// The server said that a command makes no sense, whoever sends it.
    Refuse,
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
            Self::Send | Self::Refuse => '>',
            Self::Receive => '<',
            Self::Information => '*',
        }
    }
}

/// One connection in the log.
#[derive(Debug)]
pub struct SessionLog {
    id: u64,
    local: SocketAddr,
    remote: SocketAddr,
    /// Lines so far.
    sequence: u64,
    /// What the client said last, until it is known how it was answered.
    received: Option<(SystemTime, String)>,
    /// The refusal that the last command got, if it was refused.
    refusal: String,
    /// Commands since then that got the same.
    again: u64,
    /// Somebody has logged in.
    known: bool,
    /// Events that were not shown because nobody has.
    unsaid: u64,
}

impl SessionLog {
    /// The connection `id` between these ends.
    pub fn new(id: u64, local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            id,
            local,
            remote,
            sequence: 0,
            received: None,
            refusal: String::new(),
            again: 0,
            known: false,
            unsaid: 0,
        }
    }

    /// Somebody has logged in: from now on all is shown.
    pub fn logged_in(&mut self) {
        self.known = true;
    }

    /// The lines that are due with this event.
    fn lines(&mut self, now: SystemTime, event: Event, data: &str) -> String {
        let mut lines = String::new();
        if !self.known && self.sequence >= STRANGER && event != Event::Disconnect {
            self.unsaid += 1;
            self.received = None;
            return lines;
        }
        if self.unsaid > 0 {
            let data = format!("{} more events before a login", std::mem::take(&mut self.unsaid));
            self.push(now, Event::Information, &data, &mut lines);
        }
        match event {
            Event::Receive => {
                if let Some(unanswered) = self.received.replace((now, data.to_owned())) {
                    self.push_received(Some(unanswered), &mut lines);
                }
                return lines;
            }
            Event::Refuse => {
                if self.refusal == data && self.received.take().is_some() {
                    self.again += 1;
                    return lines;
                }
                self.refusal.clear();
                self.refusal.push_str(data);
            }
            _ => self.refusal.clear(),
        }
        let received = self.received.take();
        self.push_received(received, &mut lines);
        self.push(now, event, data, &mut lines);
        lines
    }

    fn push_received(&mut self, received: Option<(SystemTime, String)>, lines: &mut String) {
        let now = received.as_ref().map_or_else(SystemTime::now, |(at, _)| *at);
        if self.again > 0 {
            let data = format!("{} more commands got the same answer", std::mem::take(&mut self.again));
            self.push(now, Event::Information, &data, lines);
        }
        if let Some((at, data)) = received {
            self.push(at, Event::Receive, &data, lines);
        }
    }

    fn push(&mut self, at: SystemTime, event: Event, data: &str, lines: &mut String) {
        *lines += &format!(
            "{},pop3,{:016X},{},{},{},{},{},\n",
            humantime::format_rfc3339_millis(at),
            self.id,
            self.sequence,
            self.local,
            self.remote,
            event.sign(),
            quoted(data),
        );
        self.sequence += 1;
    }
}

/// The log of one server.
pub struct ProtocolLog {
    /// Where it is unless `LogFileLocation` says otherwise.
    directory: PathBuf,
    state: Mutex<LogState>,
}

#[derive(Default)]
struct LogState {
    open: Option<LogFile>,
    room: Room,
    /// When the directory was last brought under its quota, and under which.
    pruned: Option<(SystemTime, u64)>,
    /// Directories that could not be written.
    complaints: Complaints<PathBuf, Instant>,
}

impl ProtocolLog {
    /// A log in `pop3-logs` beside this database; nothing is made before something is logged.
    pub fn beside(database: &Path) -> Self {
        Self { directory: database.with_file_name("pop3-logs"), state: Mutex::default() }
    }

    /// Appends what is due with this event, in a new file if one is due. What cannot be written is lost, and the server's own
    /// log says so once a minute.
    pub fn write(&self, settings: &Settings, session: &mut SessionLog, event: Event, data: &str) {
        let now = SystemTime::now();
        let lines = session.lines(now, event, data);
        if lines.is_empty() {
            return;
        }
        let directory = settings.log_file_location.as_ref().unwrap_or(&self.directory);
        let mut state = self.state.lock().ignore_poison();
        if !state.room.is_left(directory, lines.len() as u64, Instant::now()) {
            return;
        }
        let written = state.append(directory, settings, now, &lines);
        if let Err((path, error)) = written
            && state.complaints.is_due(directory.to_owned(), Instant::now())
        {
            log::warn!("protocol log {}: {error}; its lines are lost", path.display());
        }
    }
}

impl LogState {
    fn append(
        &mut self,
        directory: &Path,
        settings: &Settings,
        now: SystemTime,
        lines: &str,
    ) -> Result<(), file::Failed> {
        let begun = self.open.is_none();
        let file = LogFile::current(&mut self.open, directory, settings, now, lines.len() as u64)?;
        let quota = settings.log_folder_size_quota;
        let recent = |(at, under): (SystemTime, u64)| {
            under == quota && now.duration_since(at).is_ok_and(|since| since < PRUNE_EVERY)
        };
        if begun || file.is_new() || !self.pruned.is_some_and(recent) {
            self.pruned = Some((now, quota));
            file.prune(directory, quota);
        }
        file.append(lines.as_bytes())
    }
}

/// A field of comma-separated values (RFC 4180 section 2). What would not stay on its line, or would show the line as
/// another one than it is, is escaped.
fn quoted(data: &str) -> String {
    let mut clean = String::with_capacity(data.len());
    for c in data.chars() {
        if deceives(c) { clean.extend(c.escape_unicode()) } else { clean.push(c) }
    }
    if clean.contains([',', '"']) { format!("\"{}\"", clean.replace('"', "\"\"")) } else { clean }
}

/// Controls, separators of lines, and what changes direction (UAX #9) or does not show.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionLog {
        let address = SocketAddr::from(([127, 0, 0, 1], 110));
        SessionLog::new(7, address, address)
    }

    /// Number, sign and text of each line that these events make.
    fn logged(events: &[(Event, &str)]) -> Vec<String> {
        let mut session = session();
        let lines: String = events.iter().map(|(event, data)| session.lines(SystemTime::now(), *event, data)).collect();
        let brief = |line: &str| {
            let fields: Vec<&str> = line.splitn(7, ',').collect();
            format!("{} {}", fields[3], fields[6].trim_end_matches(','))
        };
        lines.lines().map(brief).collect()
    }

    #[test]
    fn a_line_per_event_and_a_new_file_when_the_old_one_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let log = ProtocolLog::beside(&dir.path().join("mail.db"));
        let mut settings = Settings { log_per_file_size_quota: 1, ..Settings::default() };
        let mut session = session();
        log.write(&settings, &mut session, Event::Connect, "");
        std::thread::sleep(Duration::from_millis(2)); // so that the names sort
        log.write(&settings, &mut session, Event::Receive, "PASS *****");
        log.write(&settings, &mut session, Event::Send, "-ERR a, \"b\"\r\n");
        let directory = dir.path().join("pop3-logs");
        let mut files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let texts: Vec<_> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts[0].ends_with(",pop3,0000000000000007,0,127.0.0.1:110,127.0.0.1:110,+,,\n"), "{texts:?}");
        assert!(texts[1].contains(",1,127.0.0.1:110,127.0.0.1:110,<,PASS *****,\n"), "{texts:?}");
        let last = ",2,127.0.0.1:110,127.0.0.1:110,>,\"-ERR a, \"\"b\"\"\\u{d}\\u{a}\",\n";
        assert!(texts[1].ends_with(last), "{texts:?}");
        settings.log_per_file_size_quota = 0;
        log.write(&settings, &mut session, Event::Disconnect, "");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 3);
    }

    #[test]
    fn the_same_refusal_again_is_only_counted() {
        use Event::{Disconnect, Receive, Refuse, Send};
        let nonsense = [(Receive, "(unknown)"), (Refuse, "-ERR Protocol error.")];
        let mut events = vec![nonsense; 1000].concat();
        events.extend([(Receive, "NOOP"), (Send, "+OK"), (Receive, "NOOP"), (Send, "+OK")]);
        events.extend([nonsense, nonsense].concat());
        events.push((Disconnect, ""));
        assert_eq!(
            logged(&events),
            [
                "0 <,(unknown)",
                "1 >,-ERR Protocol error.",
                "2 *,999 more commands got the same answer",
                "3 <,NOOP",
                "4 >,+OK",
                "5 <,NOOP",
                "6 >,+OK",
                "7 <,(unknown)",
                "8 >,-ERR Protocol error.",
                "9 *,1 more commands got the same answer",
                "10 -",
            ]
        );
    }

    #[test]
    fn a_stranger_is_shown_so_long() {
        let command = [(Event::Receive, "USER x"), (Event::Send, "+OK")];
        let mut events = vec![command; 500].concat();
        events.push((Event::Disconnect, ""));
        let lines = logged(&events);
        assert_eq!(lines.len() as u64, STRANGER + 2);
        assert!(lines[STRANGER as usize].ends_with("*,800 more events before a login"), "{lines:?}");
        let mut session = session();
        session.logged_in();
        let lines: String = events.iter().map(|(event, data)| session.lines(SystemTime::now(), *event, data)).collect();
        assert_eq!(lines.lines().count(), 1001);
    }

    #[test]
    fn each_attempt_to_log_in_is_shown() {
        let attempt = [(Event::Receive, "AUTH PLAIN *****"), (Event::Send, "-ERR [AUTH] Logon failure.")];
        assert_eq!(logged(&[attempt, attempt, attempt].concat()).len(), 6);
    }

    #[test]
    fn what_deceives_is_escaped() {
        for (data, written) in [
            ("USER \u{202e}eve", "USER \\u{202e}eve"),
            ("a\u{2028}b\u{85}c\x1b[2J", "a\\u{2028}b\\u{85}c\\u{1b}[2J"),
            ("b\u{fc}cher", "b\u{fc}cher"),
            ("a\u{2066}\u{feff}", "a\\u{2066}\\u{feff}"),
        ] {
            assert_eq!(quoted(data), written);
        }
    }
}
