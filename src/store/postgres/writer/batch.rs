//! A batch: the mailboxes are locked in ascending order, numbers and quotas are decided here, and all is written and
//! committed in a second round trip.

use super::delivery::{Locked, Plan, storage, unstage};
use super::job::Job;
use super::lookup::Outcome;
use super::{FIRST_WAIT, SLOW, Shared, TRIES, Thread, stuck};
use crate::store::postgres::libpq::{CONFLICT, Connection, LOCKED, Rows, ints, statement};
use crate::store::postgres::pool::durable;
use crate::store::postgres::statistics;
use crate::store::{Result, Sample, StoreError, Uid};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Instant;

/// Locks in ascending order, whoever locks: nobody waits in a ring.
const LOCK: &str = "
  SELECT u.mailbox_id, u.next_uid, u.bytes, u.uid_epoch, s.uid_epoch, s.latest_at,
         coalesce(m.prohibit_send_receive_quota, (SELECT value::bigint FROM settings WHERE name = 'ProhibitSendReceiveQuota')),
         coalesce(m.issue_warning_quota, (SELECT value::bigint FROM settings WHERE name = 'IssueWarningQuota'))
    FROM usage u JOIN mailboxes m ON m.id = u.mailbox_id CROSS JOIN site s
   WHERE u.mailbox_id = ANY ($1) ORDER BY u.mailbox_id FOR NO KEY UPDATE OF u";

const TAKEN: &str = "
  SELECT 1 FROM message WHERE mailbox_id = $1 AND unique_id = $2
  UNION ALL SELECT 1 FROM deleted WHERE mailbox_id = $1 AND unique_id = $2
  UNION ALL SELECT 1 FROM purged_id WHERE mailbox_id = $1 AND unique_id = $2";

/// What the jobs will be answered once it is durable, and what was written for it.
pub(super) type Written = (Vec<Vec<Result<Uid>>>, Plan);

/// Why a batch has not come to its end.
pub(super) enum Stop {
    /// Nothing was written.
    Failed(StoreError),
    /// The connection went while it was being committed.
    Unknown(StoreError, Box<Written>),
}

impl<E: Into<StoreError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Thread {
    /// Writes deliveries and deletions, and answers them.
    pub(super) fn batch(&mut self, mut jobs: Vec<Job>) {
        match self.settle(&mut jobs, false) {
            Ok(answers) => answer(&mut jobs, answers),
            // Whose fault it is shows when each is alone.
            Err(error) if jobs.len() > 1 && !is_of_the_server(&error) => {
                for job in jobs {
                    let mut alone = [job];
                    match self.settle(&mut alone, true) {
                        Ok(answers) => answer(&mut alone, answers),
                        Err(error) => alone.iter_mut().for_each(|job| job.refuse(error.clone())),
                    }
                }
            }
            Err(error) => jobs.iter_mut().for_each(|job| job.refuse(error.clone())),
        }
    }

    /// Until it is known what became of them.
    /// `alone`: it was part of a batch that failed, and must not keep the others of it waiting.
    fn settle(&mut self, jobs: &mut [Job], alone: bool) -> Result<Vec<Vec<Result<Uid>>>> {
        let began = Instant::now();
        let (mut wait, mut tries, mut reconnected) = (FIRST_WAIT, 0, false);
        loop {
            match self.try_batch(jobs, alone) {
                Ok((answers, _)) => return Ok(answers),
                Err(Stop::Unknown(error, written)) => match self.look_up(&written.1, jobs, began, error)? {
                    Outcome::Committed(uid) if written.0.is_empty() => return Ok(vec![vec![Ok(uid)]]),
                    Outcome::Committed(_) => return Ok(written.0),
                    Outcome::Gone => {}
                },
                Err(Stop::Failed(StoreError::Busy(why))) if why.starts_with(CONFLICT) && tries < TRIES => {
                    std::thread::sleep(wait);
                    (wait, tries) = (wait * 3, tries + 1);
                }
                // The server has gone since the last batch, and may be back: nothing of this one was begun.
                Err(Stop::Failed(_)) if self.has_lost_its_connection() && !reconnected => reconnected = true,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    fn try_batch(&mut self, jobs: &mut [Job], alone: bool) -> std::result::Result<Written, Stop> {
        let shared = self.shared.clone();
        let connection = self.connected(jobs)?;
        if let [job] = &mut *jobs
            && !alone
            && let Some(uid) = lone(&shared, connection, job)?
        {
            return Ok((vec![vec![Ok(uid)]], Plan::default()));
        }
        let planned = match jobs {
            [Job::Delivery(delivery, _)] if delivery.is_import() => super::import::plan(connection, delivery),
            _ => plan(connection, jobs, alone),
        };
        let (answers, plan) = match planned {
            Ok(planned) => planned,
            Err(error) => {
                let _: std::result::Result<_, _> = connection.query("ROLLBACK", []);
                return Err(error.into());
            }
        };
        let mut statements = plan.statements();
        for (job, answers) in jobs.iter().zip(&answers) {
            if let Job::Delivery(delivery, _) = job
                && delivery.counts
            {
                statements.extend(statistics::counting(delivery.row.stamp.now, &sample(delivery.row.size, answers)));
            }
        }
        statements.push(statement("COMMIT", []));
        connection.take_warning();
        let mut late = || {
            jobs.iter_mut().for_each(|job| job.refuse(stuck()));
            shared.give_up();
        };
        let began = Instant::now();
        let done = connection.run_watched(&statements, Some((SLOW, &mut late)));
        shared.metrics.commit.observe(began.elapsed());
        match done {
            Ok(_) => durable(connection)?,
            Err(failure) if failure.lost => {
                return Err(Stop::Unknown(failure.into(), Box::new((answers, plan))));
            }
            Err(failure) => {
                let _: std::result::Result<_, _> = connection.query("ROLLBACK", []);
                return Err(failure.into());
            }
        }
        Ok((answers, plan))
    }
}

/// One that is alone, in one statement; nothing where that is no matter of one statement.
fn lone(shared: &Shared, connection: &mut Connection, job: &mut Job) -> std::result::Result<Option<Uid>, Stop> {
    let Job::Delivery(delivery, answer) = job else { return Ok(None) };
    let Some((deliver, plan)) = super::lone::deliver(delivery) else { return Ok(None) };
    connection.take_warning();
    let mut late = || {
        answer.give(Err(stuck()));
        shared.give_up();
    };
    let began = Instant::now();
    let done = connection.run_watched(&[deliver], Some((SLOW, &mut late)));
    match done {
        Ok(rows) => {
            durable(connection)?;
            let row = rows.first().and_then(Rows::first);
            let uid = row.map(|row| Ok::<_, StoreError>(Uid(row.size(0)?))).transpose()?;
            if uid.is_some() {
                shared.metrics.commit.observe(began.elapsed());
            }
            Ok(uid)
        }
        Err(failure) if failure.lost => Err(Stop::Unknown(failure.into(), Box::new((Vec::new(), plan)))),
        Err(failure) => Err(failure.into()),
    }
}

/// The server's state, and not a job, is the reason.
fn is_of_the_server(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable(_) | StoreError::Denied(_) => true,
        StoreError::Busy(why) => !why.starts_with(LOCKED),
        _ => false,
    }
}

fn answer(jobs: &mut [Job], answers: Vec<Vec<Result<Uid>>>) {
    for (job, answers) in jobs.iter_mut().zip(answers) {
        match job {
            Job::Delivery(_, answer) => answer.give(Ok(answers)),
            Job::Deletion(_, answer) => answer.give(Ok(())),
            Job::Work(_) => {}
        }
    }
}

fn sample(size: i64, answers: &[Result<Uid>]) -> Sample {
    let deliveries = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
    Sample {
        deliveries,
        delivered_octets: deliveries * size as u64,
        refused: answers.len() as u64 - deliveries,
        ..Sample::default()
    }
}

/// Begins the transaction and decides.
fn plan(connection: &mut Connection, jobs: &[Job], alone: bool) -> Result<Written> {
    let (mailboxes, staged) = (mailboxes(jobs), staged(jobs));
    let mut first = vec![statement("BEGIN", [])];
    if alone {
        // One mailbox that an administrator has locked does not hold up the mail of all others.
        first.push(statement("SET LOCAL lock_timeout = '200ms'", []));
    }
    let at = first.len();
    first.push(statement(LOCK, [ints(mailboxes.into_iter().map(Some))]));
    if !staged.is_empty() {
        first.push(unstage(staged.into_iter()));
    }
    let rows = connection.run(&first)?;
    let (mut locked, latest_at) = locked(&rows[at])?;
    let there = rows.get(at + 1).map(bodies).transpose()?.unwrap_or_default();
    let (mut plan, mut all) = (Plan::default(), Vec::with_capacity(jobs.len()));
    for job in jobs {
        let mut answers = Vec::new();
        match job {
            Job::Delivery(delivery, _) if delivery.staged().is_some_and(|body| !there.contains(&body)) => {
                answers.extend(delivery.copies.iter().map(|_| Err(StoreError::Abandoned)));
            }
            Job::Delivery(delivery, _) => {
                let date = plan.date(delivery.row.stamp, latest_at);
                for copy in &delivery.copies {
                    let mailbox = copy.mailbox.0;
                    let mut is_taken = |uid: i64| is_taken(connection, mailbox, uid);
                    let answer = match locked.get_mut(&mailbox) {
                        None => Err(StoreError::NoSuchMailbox),
                        Some(locked) => locked.take(storage(&delivery.row, copy), &mut is_taken)?,
                    };
                    if let Ok(uid) = answer {
                        plan.store(copy, uid, &delivery.row, date);
                    }
                    answers.push(answer.map(|uid| Uid(uid as u64)));
                }
                plan.keep(delivery, &answers);
            }
            Job::Deletion(deletion, _) => {
                // A mailbox that is gone has nothing left to delete.
                if let Some(locked) = locked.get(&deletion.mailbox.0) {
                    let date = plan.date(deletion.stamp, latest_at);
                    plan.delete(deletion, date, locked.warning > 0 && locked.bytes >= locked.warning);
                }
            }
            Job::Work(_) => {}
        }
        all.push(answers);
    }
    plan.count(&locked);
    Ok((all, plan))
}

/// Whether an imported message has that number as plain text.
pub fn is_taken(connection: &mut Connection, mailbox: i64, uid: i64) -> Result<bool> {
    let uid = uid.to_string();
    Ok(connection.query(TAKEN, [mailbox.into(), uid.as_str().into()])?.len() > 0)
}

fn mailboxes(jobs: &[Job]) -> BTreeSet<i64> {
    let mut all = BTreeSet::new();
    for job in jobs {
        match job {
            Job::Delivery(delivery, _) => all.extend(delivery.copies.iter().map(|copy| copy.mailbox.0)),
            Job::Deletion(deletion, _) => drop(all.insert(deletion.mailbox.0)),
            Job::Work(_) => {}
        }
    }
    all
}

fn staged(jobs: &[Job]) -> Vec<(i64, i64)> {
    let staged = |job: &Job| match job {
        Job::Delivery(delivery, _) => delivery.pieces(),
        _ => None,
    };
    jobs.iter().filter_map(staged).collect()
}

fn bodies(rows: &Rows) -> Result<HashSet<i64>> {
    rows.iter().map(|row| row.int(0)).collect()
}

fn locked(rows: &Rows) -> Result<(BTreeMap<i64, Locked>, i64)> {
    let mut latest_at = 0;
    let mut all = BTreeMap::new();
    for row in rows.iter() {
        latest_at = row.int(5)?;
        let one = Locked::new(row.int(1)?, row.int(2)?, (row.int(3)?, row.int(4)?), row.int(6)?, row.int(7)?);
        all.insert(row.int(0)?, one);
    }
    Ok((all, latest_at))
}
