//! Connections, lent for one query each.
//!
//! One that breaks is dropped; who had it reads again on a fresh one. While the server is away only one try a second goes
//! out, and everybody else is told at once.

use super::libpq::{Connection, Conninfo, Failure};
use super::session;
use crate::lock::IgnorePoison;
use crate::store::{Result, StoreError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long nobody tries again after a connection could not be made.
const AWAY: Duration = Duration::from_secs(1);
/// How long a query waits for a connection that others have.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes connections.
pub struct Connector {
    conninfo: Conninfo,
    state: Mutex<Reach>,
}

/// Whether the server can be reached.
#[derive(Default)]
struct Reach {
    /// It was, once: before, whoever opens the database says why it cannot.
    reached: bool,
    /// The last attempt, if that has failed.
    away: Option<(Instant, StoreError)>,
    /// Since when it cannot, and after how many attempts.
    outage: Option<(Instant, u32)>,
}

impl Reach {
    /// An outage is told of when it begins and when it ends: nobody who meets it needs to.
    fn note(&mut self, made: &Result<Connection>) {
        match made {
            Ok(_) => {
                if let Some((since, attempts)) = self.outage.take() {
                    log::warn!(
                        "store: the database is back: away for {} s, {attempts} attempts",
                        since.elapsed().as_secs()
                    );
                }
                (self.reached, self.away) = (true, None);
            }
            Err(why) => {
                if self.reached && self.outage.is_none() {
                    log::error!("store: the database is away: {why}");
                }
                self.outage.get_or_insert((Instant::now(), 0)).1 += 1;
                self.away = Some((Instant::now(), why.clone()));
            }
        }
    }
}

impl Connector {
    /// None is made yet.
    pub fn new(conninfo: Conninfo) -> Self {
        Self { conninfo, state: Mutex::default() }
    }

    /// A connection that is ready for work.
    ///
    /// # Errors
    /// What the server says, or said a moment ago.
    pub fn connect(&self) -> Result<Connection> {
        let mut reach = self.state.lock().ignore_poison();
        if let Some((since, why)) = &reach.away
            && since.elapsed() < AWAY
        {
            return Err(why.clone());
        }
        // The others wait for what comes of it.
        let made = session::connect(&self.conninfo).and_then(session::prepared);
        reach.note(&made);
        made
    }
}

/// Connections that read.
pub struct Pool {
    connector: Arc<Connector>,
    most: usize,
    state: Mutex<PoolState>,
    given_back: Condvar,
}

#[derive(Default)]
struct PoolState {
    idle: Vec<Connection>,
    lent: usize,
}

impl Pool {
    /// At most so many; they are made when they are needed.
    pub fn new(connector: Arc<Connector>, most: usize) -> Self {
        Self { connector, most, state: Mutex::default(), given_back: Condvar::new() }
    }

    /// Reads. What was read on a connection that broke is read once more.
    ///
    /// # Errors
    /// What the server says.
    pub fn with<T>(&self, mut query: impl FnMut(&mut Connection) -> Result<T>) -> Result<T> {
        let lent = self.lend()?;
        let (answer, lost) = self.lent(lent, &mut query);
        if !lost {
            return answer;
        }
        // The others were made before the same server went.
        self.lock().idle.clear();
        let lent = self.lend()?;
        self.lent(lent, &mut query).0
    }

    fn lent<T>(
        &self,
        mut connection: Connection,
        query: &mut impl FnMut(&mut Connection) -> Result<T>,
    ) -> (Result<T>, bool) {
        let answer = query(&mut connection);
        if !connection.is_idle() {
            // It failed in the middle of a snapshot.
            let _: std::result::Result<_, Failure> = connection.query("ROLLBACK", []);
        }
        let lost = connection.is_lost();
        let mut state = self.lock();
        state.lent -= 1;
        if !lost {
            state.idle.push(connection);
        }
        drop(state);
        self.given_back.notify_one();
        (answer, lost)
    }

    fn lend(&self) -> Result<Connection> {
        let until = Instant::now() + PATIENCE;
        let mut state = self.lock();
        loop {
            if let Some(connection) = state.idle.pop() {
                state.lent += 1;
                return Ok(connection);
            }
            if state.lent < self.most {
                break;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::Busy("all connections to the database are in use".into()));
            }
            state = self.given_back.wait_timeout(state, left).ignore_poison().0;
        }
        state.lent += 1;
        drop(state);
        let made = self.connector.connect();
        if made.is_err() {
            self.lock().lent -= 1;
            self.given_back.notify_one();
        }
        made
    }

    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().ignore_poison()
    }
}

/// What was committed is where it must be: a server that gave up its wait for a standby only warns.
///
/// # Errors
/// [`StoreError::Busy`]: there was a warning.
pub fn durable(connection: &mut Connection) -> Result<()> {
    match connection.take_warning() {
        None => Ok(()),
        Some(warning) => Err(StoreError::Busy(format!("what was written may not be durable: {warning}"))),
    }
}
