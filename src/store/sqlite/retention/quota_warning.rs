//! Warnings of mailboxes that fill up ([MS-STANXPOP3] E0004).
//!
//! Triggers put a mailbox into `overfull` when it crosses its `IssueWarningQuota` and take it out when it
//! falls below; here it is asked who is due, and the warning is put into the maildrop.

use crate::clock::FAR;
use crate::message::dot::is_dotted;
use crate::message::summary::Summary;
use crate::store::shared::upload_buffer::{DOTTED, EXEMPT};
use crate::store::sqlite::date;
use crate::store::sqlite::messages::body_ids::body_id;
use crate::store::sqlite::messages::upload::{insert_chunk, insert_summary, next_uid};
use crate::store::{MailboxId, Overfull, Result, Uid, WARNING_INTERVAL};
use rusqlite::{Connection, OptionalExtension, params};

/// Exchange sends none where the warning lies under half of the limit.
const DUE: &str = "
  SELECT mailbox_id, name, bytes, warning_quota, limit_quota
    FROM (SELECT o.mailbox_id, m.name, u.bytes,
                 coalesce(m.issue_warning_quota,
                   (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'IssueWarningQuota')) AS warning_quota,
                 coalesce(m.prohibit_send_receive_quota,
                   (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'ProhibitSendReceiveQuota')) AS limit_quota
            FROM overfull o JOIN mailboxes m ON m.id = o.mailbox_id JOIN usage u ON u.mailbox_id = o.mailbox_id
           WHERE o.due_at <= ?1)
   WHERE warning_quota BETWEEN 1 AND bytes AND (limit_quota = 0 OR 2 * warning_quota >= limit_quota)";

/// Moments far away: noted by a clock that was wildly wrong. (One that is a day back for a while changes nothing, or the
/// next warning would come early when that is mended.)
pub fn are_astray(connection: &Connection, now: i64) -> Result<bool> {
    let mut select = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM overfull WHERE due_at > ?1)")?;
    Ok(select.query_row([now + WARNING_INTERVAL + FAR], |row| row.get(0))?)
}

/// Brings them back.
pub fn mend(connection: &Connection, now: i64) -> Result<()> {
    let mut update = connection.prepare_cached("UPDATE overfull SET due_at = ?1 WHERE due_at > ?2")?;
    update.execute([now + WARNING_INTERVAL, now + WARNING_INTERVAL + FAR])?;
    Ok(())
}

/// See [`crate::store::Maintenance::overfull`].
pub fn due(connection: &Connection, now: i64, limit: usize) -> Result<Vec<Overfull>> {
    let mut select = connection.prepare_cached(&format!("{DUE} LIMIT ?2"))?;
    let rows = select.query_map(params![now, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
        Ok(Overfull {
            mailbox: MailboxId(row.get(0)?),
            name: row.get(1)?,
            bytes: row.get::<_, i64>(2)? as u64,
            warning: row.get::<_, i64>(3)? as u64,
            limit: row.get::<_, i64>(4)? as u64,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`crate::store::Maintenance::warn`].
pub fn deliver(connection: &Connection, mailbox: MailboxId, message: &[u8], now: i64) -> Result<bool> {
    let mut select = connection.prepare_cached(&format!("SELECT 1 FROM ({DUE}) WHERE mailbox_id = ?2"))?;
    if select.query_row([now, mailbox.0], |_| Ok(())).optional()?.is_none() {
        return Ok(false);
    }
    let mut next = connection.prepare_cached("UPDATE overfull SET due_at = ?2 WHERE mailbox_id = ?1")?;
    next.execute([mailbox.0, now + WARNING_INTERVAL])?;
    // One that has no number left for it must not hold up those of the others.
    let uid = next_uid(connection, mailbox, true)?.filter(|uid| *uid as u64 <= Uid::GREATEST.0);
    let Some(uid) = uid else { return Ok(false) };
    let (body, _) = body_id(connection, None)?;
    let stored_at = date::give(connection, now)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO message (mailbox_id, uid, body_id, size, flags, received_at, stored_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let flags = EXEMPT | if is_dotted(message) { DOTTED } else { 0 };
    insert.execute(params![mailbox.0, uid, body, message.len() as i64, flags, now, stored_at])?;
    insert_chunk(connection, body, 0, message)?;
    insert_summary(connection, body, &Summary::of(message))?;
    Ok(true)
}
