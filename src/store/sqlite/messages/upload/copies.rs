//! The rows of a message's copies, and the chunks that come with them.

use super::staging;
use crate::message::summary::Summary;
use crate::store::shared::upload_buffer::MessageRow;
use crate::store::sqlite::database::error;
use crate::store::sqlite::messages::body_ids::reserve;
use crate::store::sqlite::messages::format::CHUNKS;
use crate::store::{Envelope, MailboxId, Result, StoreError, Uid};
use rusqlite::{Connection, OptionalExtension, params};

/// Copies of one body, of which `number` chunks are staged. The rows first: they find out about the quota before an
/// octet is written.
pub fn of_one_body(
    connection: &Connection,
    body: i64,
    number: i64,
    last: &[u8],
    to: &[MailboxId],
    row: &MessageRow,
) -> Result<Vec<Result<Uid>>> {
    let mut answers = Vec::with_capacity(to.len());
    for &mailbox in to {
        answers.push(insert_copy(connection, mailbox, body, row.size, row)?);
    }
    let copies = count(&answers);
    complete(connection, body, number, last, copies)?;
    if copies > 0 {
        insert_summary(connection, body, &row.summary)?;
    }
    Ok(answers)
}

/// A body for each copy: its header and all of the message.
pub fn of_their_own(
    connection: &Connection,
    message: &[u8],
    to: &[(MailboxId, String)],
    row: &MessageRow,
) -> Result<Vec<Result<Uid>>> {
    let mut answers = Vec::with_capacity(to.len());
    for ((mailbox, header), body) in to.iter().zip(reserve(connection, to.len() as i64)?) {
        let answer = insert_copy(connection, *mailbox, body, row.size + header.len() as i64, row)?;
        if answer.is_ok() {
            insert_chunk(connection, body, 0, &[header.as_bytes(), message].concat())?;
            insert_summary(connection, body, &row.summary)?;
        }
        answers.push(answer);
    }
    Ok(answers)
}

/// A body for each copy, which is its header and goes on in `tail`, of which `number` chunks are staged.
pub fn with_a_tail(
    connection: &Connection,
    tail: i64,
    number: i64,
    last: &[u8],
    to: &[(MailboxId, String)],
    row: &MessageRow,
) -> Result<Vec<Result<Uid>>> {
    let mut insert = connection.prepare_cached("INSERT INTO continuation (body_id, tail_id) VALUES (?1, ?2)")?;
    let mut answers = Vec::with_capacity(to.len());
    for ((mailbox, header), body) in to.iter().zip(reserve(connection, to.len() as i64)?) {
        let answer = insert_copy(connection, *mailbox, body, row.size + header.len() as i64, row)?;
        if answer.is_ok() {
            insert_chunk(connection, body, 0, header.as_bytes())?;
            insert.execute([body, tail])?;
            insert_summary(connection, body, &row.summary)?;
        }
        answers.push(answer);
    }
    complete(connection, tail, number, last, count(&answers))?;
    Ok(answers)
}

fn count(answers: &[Result<Uid>]) -> i64 {
    answers.iter().filter(|answer| answer.is_ok()).count() as i64
}

/// The body is whole, and so many refer to it; without any it stays as it is.
fn complete(connection: &Connection, body: i64, number: i64, last: &[u8], references: i64) -> Result<()> {
    if references == 0 {
        return Ok(());
    }
    if number == 0 || !last.is_empty() {
        insert_chunk(connection, body, number, last)?;
    }
    if number > 0 {
        staging::end(connection, body)?;
    }
    if references > 1 {
        let mut insert = connection.prepare_cached("INSERT INTO shared (body_id, copies) VALUES (?1, ?2)")?;
        insert.execute([body, references])?;
    }
    Ok(())
}

/// One copy of `size` octets. The inner error is this copy's own; the outer one ends the job.
fn insert_copy(
    connection: &Connection,
    mailbox: MailboxId,
    body: i64,
    size: i64,
    row: &MessageRow,
) -> Result<Result<Uid>> {
    let Envelope { sender, unique_id, .. } = &row.envelope;
    let Some(uid) = next_uid(connection, mailbox, unique_id.is_none())? else {
        return Ok(Err(StoreError::NoSuchMailbox));
    };
    // A statement that RAISE(ABORT)s takes back what it and its triggers did, and nothing else.
    let mut insert = connection.prepare_cached(
        "INSERT INTO message (mailbox_id, uid, body_id, size, flags, unique_id, received_at, stored_at, sender, read_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let (flags, received_at, date, read_at) = (row.flags(), row.received_at(), row.stamp.date, row.read_at());
    let values = params![mailbox.0, uid, body, size, flags, unique_id, received_at, date, sender, read_at];
    match insert.execute(values) {
        Ok(_) => Ok(Ok(Uid(uid as u64))),
        Err(error) => match StoreError::from(error) {
            error if error::is_of_the_row(&error) => Ok(Err(error)),
            error => Err(error),
        },
    }
}

/// The uid of the mailbox's next message; nothing: there is no such mailbox. Where numbers are that imported messages may
/// have as plain text, one that will be `shown` passes over these.
pub fn next_uid(connection: &Connection, mailbox: MailboxId, shown: bool) -> Result<Option<i64>> {
    // Not RETURNING: it makes a table for what it returns, which costs as much as the row.
    let mut select = connection.prepare_cached("SELECT next_uid FROM usage WHERE mailbox_id = ?1")?;
    let Some(mut uid) = select.query_row([mailbox.0], |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(None);
    };
    if shown && uid as u64 > Uid::GREATEST_IMPORTED.0 {
        let mut taken = connection.prepare_cached(
            "SELECT 1 FROM message WHERE mailbox_id = ?1 AND unique_id = ?2
             UNION ALL SELECT 1 FROM deleted WHERE mailbox_id = ?1 AND unique_id = ?2
             UNION ALL SELECT 1 FROM purged_id WHERE mailbox_id = ?1 AND unique_id = ?2",
        )?;
        while taken.exists(params![mailbox.0, uid.to_string()])? {
            uid += 1;
        }
    }
    Ok(Some(uid))
}

/// Of a body that a message refers to. One that says nothing needs no row.
pub fn insert_summary(connection: &Connection, body: i64, summary: &Summary) -> Result<()> {
    if *summary == Summary::default() {
        return Ok(());
    }
    let Summary { subject, from_address, message_id } = summary;
    let mut insert = connection
        .prepare_cached("INSERT INTO summary (body_id, subject, from_address, message_id) VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute(params![body, subject, from_address, message_id])?;
    Ok(())
}

pub fn insert_chunk(connection: &Connection, body: i64, number: i64, chunk: &[u8]) -> Result<()> {
    if number >= CHUNKS {
        return Err(StoreError::TooBig);
    }
    let mut insert = connection.prepare_cached("INSERT INTO chunk (id, data) VALUES (?1, ?2)")?;
    insert.execute(params![body * CHUNKS + number, chunk])?;
    Ok(())
}
