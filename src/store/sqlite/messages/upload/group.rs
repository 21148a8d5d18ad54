//! Messages of one mailbox that come together: one transaction, in their order.

use super::{ROW_OCTETS, copies, count, give_date};
use crate::store::shared::upload_buffer::MessageRow;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::messages::body_ids::reserve;
use crate::store::sqlite::messages::format::CHUNK;
use crate::store::sqlite::writer::Lane;
use crate::store::{Envelope, LARGEST_TOGETHER, MailboxId, Result, StoreError, Uid};
use rusqlite::Connection;

// Each is one chunk.
const _: () = assert!(LARGEST_TOGETHER <= CHUNK as u64);

/// Stores them all, up to the first that fails for more than itself.
pub fn deliver(store: &Sqlite, to: MailboxId, messages: Vec<(Vec<u8>, Envelope)>) -> Result<Vec<Result<Uid>>> {
    let (counts, octets) = (store.counts_deliveries, messages.iter().map(|(it, _)| it.len() + ROW_OCTETS).sum());
    let mut rows: Vec<(Vec<u8>, MessageRow)> = messages
        .into_iter()
        .map(|(octets, envelope)| {
            let row = MessageRow::of(&octets, envelope, store.stamps.stamp());
            (octets, row)
        })
        .collect();
    let work = move |connection: &Connection| {
        let (mut answers, bodies) = (Vec::with_capacity(rows.len()), reserve(connection, rows.len() as i64)?);
        for ((octets, row), body) in rows.iter_mut().zip(bodies) {
            give_date(connection, row)?;
            let answer = match octets.len() as u64 {
                0..=LARGEST_TOGETHER => copies::of_one_body(connection, body, 0, octets, &[to], row)?,
                _ => vec![Err(StoreError::TooBig)],
            };
            if counts {
                count(connection, &answer, row);
            }
            let goes_on = answer.iter().all(|answer| matches!(answer, Ok(_) | Err(StoreError::Refused(_))));
            answers.extend(answer);
            if !goes_on {
                break;
            }
        }
        Ok(answers)
    };
    store.writer.write(Lane::Mail, octets, work)
}
