//! The connection that writes, and work that is no batch of mail: a transaction of its own.

use super::job::{Waiting, Work};
use super::{FIRST_WAIT, SLOW, Shared, TRIES, Thread, stuck};
use crate::lock::IgnorePoison;
use crate::store::postgres::libpq::{CONFLICT, Connection, Failure, LOCKED, statement};
use crate::store::postgres::pool::durable;
use crate::store::postgres::session;
use crate::store::shared::oneshot::ended;
use crate::store::{Result, StoreError};
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Thread {
    /// A connection that is ready to write.
    pub(super) fn connected(&mut self, waiting: &mut (impl Waiting + ?Sized)) -> Result<&mut Connection> {
        if self.connection.as_ref().is_none_or(Connection::is_lost) {
            self.connection = None;
            let mut gave_up = false;
            let mut late = || {
                gave_up = true;
                waiting.give_up();
                self.shared.give_up();
            };
            let mut look = |mut connection: Connection| {
                let looked = session::look_at_timeline(&mut connection, Some((SLOW, &mut late)));
                looked.map(|()| connection)
            };
            let looked = match self.fresh.take().map(&mut look) {
                // The server may have gone since that one was made.
                None | Some(Err(StoreError::Unavailable(_))) => self.shared.connector.connect().and_then(look),
                Some(looked) => looked,
            };
            let connection = match looked {
                // The other thread's look, or another node's, is not committed yet: it waits for the standby, and so would
                // each of those who come meanwhile.
                Err(StoreError::Busy(why)) if why.starts_with(LOCKED) => {
                    waiting.give_up();
                    self.shared.refuse_waiting();
                    return Err(stuck());
                }
                looked => looked?,
            };
            if gave_up {
                self.fresh = Some(connection);
                return Err(stuck());
            }
            *self.shared.cancel.lock().ignore_poison() = connection.cancel();
            self.connection = Some(connection);
        }
        self.connection.as_mut().ok_or_else(ended)
    }

    pub(super) fn work(&mut self, work: &mut (dyn Work + 'static)) -> Result<()> {
        let (mut wait, mut tries, mut reconnected) = (FIRST_WAIT, 0, false);
        loop {
            let (shared, mut sent) = (self.shared.clone(), false);
            match attempt(&shared, self.connected(work)?, work, &mut sent) {
                Err(StoreError::Busy(why)) if why.starts_with(CONFLICT) && tries < TRIES => {
                    std::thread::sleep(wait);
                    (wait, tries) = (wait * 3, tries + 1);
                }
                // The server has gone since the last work, and may be back: nothing of this one was committed.
                Err(_) if !sent && self.has_lost_its_connection() && !reconnected => reconnected = true,
                done => return done,
            }
        }
    }

    /// It had one, which broke.
    pub(super) fn has_lost_its_connection(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_lost)
    }
}

/// `sent`: from then on it may have been committed, whatever the answer is.
fn attempt(shared: &Shared, connection: &mut Connection, work: &mut dyn Work, sent: &mut bool) -> Result<()> {
    connection.query("BEGIN", [])?;
    let done = work.run(connection);
    if let Err(error) = done {
        let _: std::result::Result<_, Failure> = connection.query("ROLLBACK", []);
        return Err(error);
    }
    connection.take_warning();
    let mut late = || {
        work.answer(Some(stuck()));
        shared.give_up();
    };
    let began = Instant::now();
    *sent = true;
    shared.committing.store(true, Ordering::SeqCst);
    let done = connection.run_watched(&[statement("COMMIT", [])], Some((SLOW, &mut late)));
    shared.committing.store(false, Ordering::SeqCst);
    done?;
    shared.metrics.commit.observe(began.elapsed());
    durable(connection)
}
