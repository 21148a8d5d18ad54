//! Messages that are stored together: each transaction waits for the disk once.
//!
//! They are stored in their order, and none behind one that failed: whatever ends an import, what is in the mailbox is
//! the beginning of the list.

use super::{Stop, Transfer};
use crate::import::{ImportError, Listed};
use crate::store::{Envelope, LARGEST_TOGETHER, StoreError};

/// Most messages of a group.
const MESSAGES: usize = 64;

/// Octets of a group at which it is stored.
const OCTETS: usize = 4 << 20;

/// Messages that wait to be stored.
#[derive(Default)]
pub(super) struct Group {
    octets: usize,
    /// Their positions in the list.
    positions: Vec<usize>,
    messages: Vec<(Vec<u8>, Envelope)>,
}

impl Transfer<'_> {
    /// Whether nothing depends on how a message is stored but the counts: another one may have the unique-id that a
    /// header claims, and one that comes again is compared with the first.
    pub(super) fn can_wait(&self, message: &Listed) -> bool {
        let id = message.unique_id.as_ref();
        self.normal.len() as u64 <= LARGEST_TOGETHER && id.is_none_or(|id| !message.claimed && !self.twice.contains(id))
    }

    /// Adds the message at hand.
    pub(super) fn wait(&mut self, position: usize, envelope: Envelope) -> Result<(), Stop> {
        if self.normal.len() as u64 > self.task.limit {
            let place = self.listed[position].place.clone();
            self.report.refuse(position, ImportError::TooBig(place).to_string());
            return Ok(());
        }
        let octets = std::mem::take(&mut self.normal);
        self.group.octets += octets.len();
        self.group.positions.push(position);
        self.group.messages.push((octets, envelope));
        let is_full = self.group.positions.len() >= MESSAGES || self.group.octets >= OCTETS;
        if is_full { self.store_group() } else { Ok(()) }
    }

    /// Stores what waits.
    pub(super) fn store_group(&mut self) -> Result<(), Stop> {
        let Group { positions, messages, .. } = std::mem::take(&mut self.group);
        if positions.is_empty() {
            return Ok(());
        }
        let answers = self.store.deliver_all(self.task.mailbox, messages);
        for (position, answer) in positions.into_iter().zip(answers) {
            let message = &self.listed[position];
            let settled = match answer {
                Ok(_) => {
                    self.report.stored += 1;
                    self.report.checked.insert(position);
                    Ok(())
                }
                Err(StoreError::Refused(text)) => self.why(message, text).map(|why| self.report.refuse(position, why)),
                Err(error) => Err(error),
            };
            settled.map_err(|error| Stop::Store(message.place.clone(), error))?;
        }
        Ok(())
    }
}
