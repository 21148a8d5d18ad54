//! The live connections: who waits for a login, who has logged in, and the way to end either from outside.
//!
//! What lives here: sockets, moments and reasons. What must not be known here: what is said to the client, and who is to be
//! shut out (see `server::session_monitor`).
//!
//! Ending is done in two steps. [`Connections::end`] leaves the reason and ends the reading, so that whoever waits for the
//! client wakes up, says why and goes. Who is still there after [`CUT_AFTER`] (writing to a client that reads nothing, say)
//! is cut by [`Connections::enforce`].

use crate::auth::limits::Permit;
use crate::lock::IgnorePoison;
use crate::net::tls::Handle;
use crate::sasl::Login;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

/// Workers beyond `MaxConnections`: one whose connection has ended or made room has given its permit back, and is not idle yet.
pub const FINISHING: usize = 256;

/// What a connection that is to end may still take.
const CUT_AFTER: Duration = Duration::from_millis(700);

/// Why a connection ends that did nothing wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndReason {
    /// The server is full, and this one has waited longest without a login.
    MadeRoom,
    /// It has had its time to log in.
    LoginTime,
    /// The session has lasted for `MaxSessionTime`.
    SessionTime,
    /// Its user may not be here any more, or an administrator has ended it.
    ShutOut,
}

/// Every connection that is being served.
#[derive(Default)]
pub struct Connections {
    next: AtomicU64,
    stopping: AtomicBool,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    connections: BTreeMap<u64, Connection>,
    /// Those that wait for a login; the longest-waiting first, as ids grow.
    waiting: BTreeSet<u64>,
    /// Those that have logged in and have not been told to end; the longest session first.
    sessions: BTreeSet<(Instant, u64)>,
    /// Those that have been told to end.
    ending: BTreeMap<u64, Instant>,
}

struct Connection {
    socket: Handle,
    since: Instant,
    /// Counted as long as it is one of ours.
    _permit: Option<Permit>,
    reason: Arc<OnceLock<EndReason>>,
    login: Option<(Login, Instant)>,
}

/// One connection's place; leaves when dropped.
pub struct Entry {
    connections: Arc<Connections>,
    id: u64,
    reason: Arc<OnceLock<EndReason>>,
}

impl Connections {
    /// Enters a socket until the answer is dropped. Its id names the connection in the log.
    pub fn enter(self: &Arc<Self>, socket: Handle) -> Entry {
        self.add(socket, None, false)
    }

    /// The same for one whose client has to log in, with what counts it. To be called as soon as it is counted: what is not
    /// entered cannot make room.
    pub fn enter_stranger(self: &Arc<Self>, socket: Handle, permit: Option<Permit>) -> Entry {
        self.add(socket, permit, true)
    }

    fn add(self: &Arc<Self>, socket: Handle, permit: Option<Permit>, waits: bool) -> Entry {
        let reason = Arc::new(OnceLock::new());
        let mut live = self.live();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        if waits {
            live.waiting.insert(id);
        }
        let connection = Connection {
            socket: socket.clone(),
            since: Instant::now(),
            _permit: permit,
            reason: reason.clone(),
            login: None,
        };
        live.connections.insert(id, connection);
        drop(live);
        if self.is_stopping() {
            socket.shutdown_read();
        }
        Entry { connections: self.clone(), id, reason }
    }

    /// Whether sessions shall end after the command that runs.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Wakes everybody who waits for a client: reads end as if the client had closed, what is
    /// being written goes on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for connection in self.live().connections.values() {
            connection.socket.shutdown_read();
        }
    }

    /// Connections being served.
    pub fn len(&self) -> usize {
        self.live().connections.len()
    }

    /// Nobody is being served.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the connection that has waited longest without a login, and gives its permit back; `false`: there is none.
    pub fn make_room(&self) -> bool {
        let mut live = self.live();
        let Some(id) = live.waiting.first().copied() else { return false };
        live.end(id, EndReason::MadeRoom);
        if let Some(connection) = live.connections.get_mut(&id) {
            connection._permit = None;
        }
        true
    }

    /// Ends a connection, if it is still there; the first reason counts.
    pub fn end(&self, id: u64, reason: EndReason) {
        self.live().end(id, reason);
    }

    /// Who has logged in and has not been told to end.
    pub fn logins(&self) -> Vec<(u64, Login)> {
        let live = self.live();
        let staying = |id: &u64| !live.ending.contains_key(id);
        let logins = live.connections.iter().filter(|(id, _)| staying(id));
        logins.filter_map(|(id, connection)| Some((*id, connection.login.as_ref()?.0.clone()))).collect()
    }

    /// Ends what has had its time before login or in a session (none: no bound), and cuts what should have ended by now.
    pub fn enforce(&self, now: Instant, before_login: Duration, session: Option<Duration>) {
        let mut live = self.live();
        let over = |since: Instant, longest: Duration| now.saturating_duration_since(since) >= longest;
        let mut overdue = Vec::new();
        for id in &live.waiting {
            match live.connections.get(id) {
                Some(connection) if over(connection.since, before_login) => overdue.push((*id, EndReason::LoginTime)),
                // Those behind came later.
                _ => break,
            }
        }
        if let Some(longest) = session {
            let lasted = live.sessions.iter().take_while(|(since, _)| over(*since, longest));
            overdue.extend(lasted.map(|(_, id)| (*id, EndReason::SessionTime)));
        }
        for (id, reason) in overdue {
            live.end(id, reason);
        }
        let late = live.ending.iter().filter(|(_, since)| over(**since, CUT_AFTER));
        for connection in late.filter_map(|(id, _)| live.connections.get(id)) {
            connection.socket.shutdown();
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().ignore_poison()
    }
}

impl Live {
    fn end(&mut self, id: u64, reason: EndReason) {
        let Some(connection) = self.connections.get(&id) else { return };
        if connection.reason.set(reason).is_ok() {
            self.waiting.remove(&id);
            if let Some((_, since)) = &connection.login {
                self.sessions.remove(&(*since, id));
            }
            self.ending.insert(id, Instant::now());
            connection.socket.shutdown_read();
        }
    }
}

impl Entry {
    /// Names the connection in the log.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Why the connection is to end, if it is.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.reason.get().copied()
    }

    /// Somebody has logged in: from now on this connection makes room for nobody, and who is shut out of this login is ended.
    pub fn logged_in(&self, login: &Login) {
        let (mut live, now) = (self.connections.live(), Instant::now());
        live.waiting.remove(&self.id);
        if let Some(connection) = live.connections.get_mut(&self.id) {
            connection.login = Some((login.clone(), now));
            if connection.reason.get().is_none() {
                live.sessions.insert((now, self.id));
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut live = self.connections.live();
        live.waiting.remove(&self.id);
        live.ending.remove(&self.id);
        let gone = live.connections.remove(&self.id);
        if let Some((_, since)) = gone.as_ref().and_then(|gone| gone.login.as_ref()) {
            live.sessions.remove(&(*since, self.id));
        }
        drop(live);
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MailboxId, UserId};
    use std::os::unix::net::UnixStream;

    const MINUTE: Duration = Duration::from_secs(60);

    fn socket() -> (Handle, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Handle::Unix(Arc::new(ours)), theirs)
    }

    fn alice() -> Login {
        let name = String::from("alice");
        Login { user: UserId(1), principal: name.clone(), name, mailbox: MailboxId(1), generation: 0 }
    }

    #[test]
    fn the_longest_waiting_makes_room_and_never_one_that_has_logged_in() {
        let connections = Arc::new(Connections::default());
        let sockets: Vec<_> = (0..4).map(|_| socket()).collect();
        let lmtp = connections.enter(sockets[0].0.clone());
        let [first, second, third] =
            [1, 2, 3].map(|index: usize| connections.enter_stranger(sockets[index].0.clone(), None));
        first.logged_in(&alice());
        assert!(connections.make_room());
        assert_eq!(
            [&lmtp, &first, &second, &third].map(Entry::end_reason),
            [None, None, Some(EndReason::MadeRoom), None]
        );
        assert!(connections.make_room() && !connections.make_room());
        assert_eq!(connections.logins(), [(first.id(), alice())]);
    }

    #[test]
    fn time_is_bounded_before_login_and_in_a_session() {
        let connections = Arc::new(Connections::default());
        let (start, sockets) = (Instant::now(), [socket(), socket()]);
        let stranger = connections.enter_stranger(sockets[0].0.clone(), None);
        let session = connections.enter_stranger(sockets[1].0.clone(), None);
        session.logged_in(&alice());
        connections.enforce(start + MINUTE / 2, MINUTE, Some(MINUTE));
        assert_eq!((stranger.end_reason(), session.end_reason()), (None, None));
        connections.enforce(start + 2 * MINUTE, MINUTE, None);
        assert_eq!((stranger.end_reason(), session.end_reason()), (Some(EndReason::LoginTime), None));
        connections.enforce(start + 2 * MINUTE, MINUTE, Some(MINUTE));
        assert_eq!(session.end_reason(), Some(EndReason::SessionTime));
        connections.end(session.id(), EndReason::ShutOut);
        assert_eq!(session.end_reason(), Some(EndReason::SessionTime), "the first reason counts");
        assert_eq!(connections.logins(), []);
        assert!(connections.live().sessions.is_empty());
        let third = connections.enter_stranger(sockets[0].0.clone(), None);
        third.logged_in(&alice());
        assert_eq!(connections.live().sessions.len(), 1);
        drop(third);
        assert!(connections.live().sessions.is_empty());
    }

    /// Reading ends at once, what is written gets through for a moment.
    #[test]
    fn who_does_not_go_is_cut() {
        use std::io::{Read, Write};
        let connections = Arc::new(Connections::default());
        let (handle, mut theirs) = socket();
        let entry = connections.enter(handle.clone());
        connections.end(entry.id(), EndReason::ShutOut);
        let Handle::Unix(ours) = &handle else { panic!("a Unix socket") };
        assert_eq!((&**ours).read(&mut [0]).unwrap(), 0);
        (&**ours).write_all(b"x").unwrap();
        connections.enforce(Instant::now(), MINUTE, None);
        (&**ours).write_all(b"y").unwrap();
        connections.enforce(Instant::now() + CUT_AFTER, MINUTE, None);
        assert!((&**ours).write_all(b"z").is_err());
        let mut read = String::new();
        theirs.read_to_string(&mut read).unwrap();
        assert_eq!(read, "xy");
        drop(entry);
        assert!(connections.is_empty() && connections.live().ending.is_empty());
    }
}
