//! The connection went while a batch was being committed: was it?

use super::delivery::Plan;
use super::job::{Job, Waiting};
use super::{SLOW, Thread, stuck};
use crate::store::postgres::libpq::{Rows, ints, statement};
use crate::store::postgres::pool::durable;
use crate::store::{Result, StoreError, Uid};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long we try to find out. RFC 5321 section 4.5.3.2.6 gives the final dot ten minutes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// What was found.
pub enum Outcome {
    /// It was committed, and is where it must be. The uid is that of the first message.
    Committed(Uid),
    /// Nothing of it is there, and nothing will be: it may be done again.
    Gone,
}

/// A message that a client has deleted since is among the deleted ones. 0 stands for a uid that is not known.
const LOOK: &str = "
  SELECT coalesce(m.uid, d.uid) FROM unnest($1, $2, $3) AS s (mailbox_id, uid, body_id)
    LEFT JOIN message m ON m.mailbox_id = s.mailbox_id AND m.body_id = s.body_id AND (m.uid = s.uid OR s.uid = 0)
    LEFT JOIN deleted d ON d.mailbox_id = s.mailbox_id AND d.body_id = s.body_id AND (d.uid = s.uid OR s.uid = 0)
   WHERE coalesce(m.uid, d.uid) IS NOT NULL LIMIT 1";

impl Thread {
    /// Looks on a new connection, as soon as there is one.
    ///
    /// # Errors
    /// `error`, or what kept us from looking: it is not known.
    pub(super) fn look_up(
        &mut self,
        plan: &Plan,
        waiting: &mut [Job],
        since: Instant,
        mut error: StoreError,
    ) -> Result<Outcome> {
        while since.elapsed() < PATIENCE && !self.shared.hurried.load(Ordering::Relaxed) {
            match self.look(plan, waiting) {
                Ok(outcome) => return Ok(outcome),
                // Nobody waits for it any more.
                Err(why) if self.shared.stuck.load(Ordering::Relaxed) => return Err(why),
                Err(why) => error = why,
            }
            std::thread::sleep(PAUSE);
        }
        Err(error)
    }

    fn look(&mut self, plan: &Plan, waiting: &mut [Job]) -> Result<Outcome> {
        let shared = self.shared.clone();
        let connection = self.connected(waiting)?;
        let mailboxes: BTreeSet<i64> = plan.stored.iter().map(|stored| stored.0).collect();
        let ids = || ints(mailboxes.iter().copied().map(Some));
        let column = |at: fn(&(i64, i64, i64)) -> i64| ints(plan.stored.iter().map(|one| Some(at(one))));
        // The lock: whoever still commits has it. The update: our own commit, and so our answer, waits for the standby.
        let begun = connection.run(&[
            statement("BEGIN", []),
            statement("SELECT 1 FROM usage WHERE mailbox_id = ANY ($1) ORDER BY mailbox_id FOR NO KEY UPDATE", [ids()]),
            statement("UPDATE usage SET version = version WHERE mailbox_id = ANY ($1)", [ids()]),
            statement(LOOK, [column(|one| one.0), column(|one| one.1), column(|one| one.2)]),
        ]);
        let found = match begun {
            Ok(mut answers) => answers.pop(),
            Err(failure) => {
                let _: std::result::Result<_, _> = connection.query("ROLLBACK", []);
                return Err(failure.into());
            }
        };
        connection.take_warning();
        let mut late = || {
            waiting.give_up();
            shared.give_up();
        };
        connection.run_watched(&[statement("COMMIT", [])], Some((SLOW, &mut late)))?;
        durable(connection)?;
        if shared.stuck.load(Ordering::Relaxed) {
            return Err(stuck());
        }
        match found.as_ref().and_then(Rows::first) {
            Some(row) => Ok(Outcome::Committed(Uid(row.size(0)?))),
            None => Ok(Outcome::Gone),
        }
    }
}
