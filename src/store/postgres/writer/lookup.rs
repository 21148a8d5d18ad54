//! The connection went while a batch was being committed: was it?

use super::Thread;
use super::delivery::Plan;
use crate::store::postgres::libpq::{Connection, ints};
use crate::store::postgres::pool::transact;
use crate::store::{Result, StoreError};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long we try to find out. RFC 5321 section 4.5.3.2.6 gives the final dot ten minutes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// What was found.
pub enum Outcome {
    /// It was committed, and is where it must be.
    Committed,
    /// Nothing of it is there, and nothing will be: it may be done again.
    Gone,
}

/// A message that a client has deleted since is among the deleted ones.
const LOOK: &str = "
  SELECT 1 FROM unnest($1, $2, $3) AS s (mailbox_id, uid, body_id)
   WHERE EXISTS (SELECT 1 FROM message m WHERE (m.mailbox_id, m.uid, m.body_id) = (s.mailbox_id, s.uid, s.body_id))
      OR EXISTS (SELECT 1 FROM deleted d WHERE (d.mailbox_id, d.uid, d.body_id) = (s.mailbox_id, s.uid, s.body_id))
   LIMIT 1";

impl Thread {
    /// Looks on a new connection, as soon as there is one.
    ///
    /// # Errors
    /// `error`, or what kept us from looking: it is not known.
    pub(super) fn look_up(&mut self, plan: &Plan, since: Instant, mut error: StoreError) -> Result<Outcome> {
        while since.elapsed() < PATIENCE && !self.shared.hurried.load(Ordering::Relaxed) {
            match self.connected().and_then(|connection| look(connection, plan)) {
                Ok(outcome) => return Ok(outcome),
                Err(why) => error = why,
            }
            std::thread::sleep(PAUSE);
        }
        Err(error)
    }
}

fn look(connection: &mut Connection, plan: &Plan) -> Result<Outcome> {
    let mailboxes: BTreeSet<i64> = plan.stored.iter().map(|stored| stored.0).collect();
    transact(connection, |connection| {
        // The lock: whoever still commits has it. The update: our own commit, and so our answer, waits for the standby.
        let ids = || ints(mailboxes.iter().copied().map(Some));
        let lock = "SELECT 1 FROM usage WHERE mailbox_id = ANY ($1) ORDER BY mailbox_id FOR NO KEY UPDATE";
        connection.query(lock, [ids()])?;
        connection.query("UPDATE usage SET version = version WHERE mailbox_id = ANY ($1)", [ids()])?;
        let column = |at: fn(&(i64, i64, i64)) -> i64| ints(plan.stored.iter().map(|one| Some(at(one))));
        let found = connection.query(LOOK, [column(|one| one.0), column(|one| one.1), column(|one| one.2)])?;
        Ok(if found.len() > 0 { Outcome::Committed } else { Outcome::Gone })
    })
}
