//! What waits to be written, and who is answered.

use super::delivery::{Deletion, Delivery};
use super::stuck;
use crate::store::postgres::libpq::Connection;
use crate::store::shared::oneshot::{Promised, ended};
use crate::store::{Result, StoreError, Uid};

/// What waits to be written.
pub(super) enum Job {
    Delivery(Box<Delivery>, Promised<Vec<Result<Uid>>>),
    Deletion(Deletion, Promised<()>),
    Work(Box<dyn Work>),
}

impl Job {
    pub(super) fn octets(&self) -> usize {
        match self {
            Self::Delivery(delivery, _) => delivery.octets(),
            Self::Deletion(deletion, _) => deletion.uids.len() * 200,
            Self::Work(_) => 0,
        }
    }

    pub(super) fn refuse(&mut self, error: StoreError) {
        match self {
            Self::Delivery(_, answer) => answer.give(Err(error)),
            Self::Deletion(_, answer) => answer.give(Err(error)),
            Self::Work(work) => work.answer(Some(error)),
        }
    }
}

/// Something else, in a transaction of its own.
pub(super) trait Work: Send {
    fn run(&mut self, connection: &mut Connection) -> Result<()>;
    fn answer(&mut self, failed: Option<StoreError>);
}

/// Work that is a function.
pub(super) struct Closure<T, F> {
    pub(super) work: F,
    pub(super) done: Option<T>,
    pub(super) answer: Promised<T>,
}

impl<T: Send, F: FnMut(&mut Connection) -> Result<T> + Send> Work for Closure<T, F> {
    fn run(&mut self, connection: &mut Connection) -> Result<()> {
        self.done = Some((self.work)(connection)?);
        Ok(())
    }

    fn answer(&mut self, failed: Option<StoreError>) {
        match (failed, self.done.take()) {
            (None, Some(done)) => self.answer.give(Ok(done)),
            (failed, _) => self.answer.give(Err(failed.unwrap_or_else(ended))),
        }
    }
}

/// Those who wait for what is being done.
pub(super) trait Waiting {
    /// They are told to try again.
    fn give_up(&mut self);
}

impl Waiting for [Job] {
    fn give_up(&mut self) {
        self.iter_mut().for_each(|job| job.refuse(stuck()));
    }
}

impl Waiting for dyn Work {
    fn give_up(&mut self) {
        self.answer(Some(stuck()));
    }
}
