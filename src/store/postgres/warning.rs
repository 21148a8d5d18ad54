//! Warnings of mailboxes that fill up ([MS-STANXPOP3] E0004).
//!
//! Whoever stores or deletes keeps `overfull`; here it is asked who is due, and the warning is put into the maildrop. The
//! row says which node does that: one moves its date on.

use super::libpq::{Connection, Row, statement};
use super::writer::Locked;
use crate::clock::{FAR, is_noted, latest};
use crate::message::dot::is_dotted;
use crate::message::summary::Summary;
use crate::store::shared::upload_buffer::{DOTTED, EXEMPT};
use crate::store::{MailboxId, Overfull, Result, WARNING_INTERVAL, storage_size};

/// Exchange sends none where the warning lies under half of the limit.
const DUE: &str = "
  SELECT mailbox_id, name, bytes, warning_quota, limit_quota
    FROM (SELECT o.mailbox_id, m.name, u.bytes,
                 coalesce(m.issue_warning_quota, setting_number('IssueWarningQuota')) AS warning_quota,
                 coalesce(m.prohibit_send_receive_quota, setting_number('ProhibitSendReceiveQuota')) AS limit_quota
            FROM overfull o JOIN mailboxes m ON m.id = o.mailbox_id JOIN usage u ON u.mailbox_id = o.mailbox_id
           WHERE o.due_at <= $1 AND ($2::bigint IS NULL OR o.mailbox_id = $2)) AS full_one
   WHERE warning_quota BETWEEN 1 AND bytes AND (limit_quota = 0 OR 2 * warning_quota >= limit_quota) LIMIT $3";

/// Moments far away: noted by a clock that was wildly wrong.
///
/// # Errors
/// What the server says.
pub fn are_astray(connection: &mut Connection, now: i64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM overfull WHERE due_at > $1)";
    connection.query(sql, [(now + WARNING_INTERVAL + FAR).into()])?.only()?.is(0)
}

/// Brings them back.
///
/// # Errors
/// What the server says.
pub fn mend(connection: &mut Connection, now: i64) -> Result<()> {
    let sql = "UPDATE overfull SET due_at = $1 WHERE due_at > $2";
    connection.query(sql, [(now + WARNING_INTERVAL).into(), (now + WARNING_INTERVAL + FAR).into()])?;
    Ok(())
}

/// See [`crate::store::Maintenance::overfull`].
///
/// # Errors
/// What the server says.
pub fn due(connection: &mut Connection, now: i64, limit: usize) -> Result<Vec<Overfull>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let overfull = |row: Row<'_>| {
        Ok(Overfull {
            mailbox: MailboxId(row.int(0)?),
            name: row.text(1)?,
            bytes: row.size(2)?,
            warning: row.size(3)?,
            limit: row.size(4)?,
        })
    };
    connection.query(DUE, [now.into(), None::<i64>.into(), limit.into()])?.iter().map(overfull).collect()
}

/// See [`crate::store::Maintenance::warn`].
///
/// # Errors
/// What the server says.
pub fn deliver(connection: &mut Connection, mailbox: MailboxId, body: i64, message: &[u8], now: i64) -> Result<bool> {
    // The quota does not hold for it, and the lock makes numbers jump where they must.
    let rows = connection.run(&[
        statement("SELECT lock_mailboxes($1, $1)", [mailbox.0.into()]),
        statement(DUE, [now.into(), Some(mailbox.0).into(), 1.into()]),
        statement("SELECT next_uid, bytes FROM usage WHERE mailbox_id = $1", [mailbox.0.into()]),
        statement("SELECT latest_at FROM site", []),
    ])?;
    let (1, Some(usage)) = (rows[1].len(), rows[2].first()) else { return Ok(false) };
    let next = "UPDATE overfull SET due_at = $2 WHERE mailbox_id = $1";
    connection.query(next, [mailbox.0.into(), (now + WARNING_INTERVAL).into()])?;
    let mut locked = Locked::new(usage.int(0)?, usage.int(1)?, (0, 0), 0, 0);
    let storage = storage_size(message.len() as u64) as i64;
    let mut is_taken = |uid: i64| super::writer::is_taken(connection, mailbox.0, uid);
    // One that has no number left for it must not hold up those of the others.
    let Ok(uid) = locked.take(storage, &mut is_taken)? else { return Ok(false) };
    let before = rows[3].only()?.int(0)?;
    let date = latest(now, before);
    let flags = EXEMPT | if is_dotted(message) { DOTTED } else { 0 };
    let row = "INSERT INTO message (mailbox_id, uid, body_id, size, flags, received_at, stored_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let size = message.len() as i64;
    let values = [mailbox.0, uid, body, size, flags, now, date].map(Into::into);
    let counted = "UPDATE usage SET next_uid = $2, messages = messages + 1, bytes = bytes + $3 WHERE mailbox_id = $1";
    let mut all = vec![
        statement(row, values),
        statement("INSERT INTO chunk (body_id, piece, data) VALUES ($1, 0, $2)", [body.into(), message.into()]),
        statement(counted, [mailbox.0.into(), (uid + 1).into(), storage.into()]),
    ];
    let Summary { subject, from_address, message_id } = &Summary::of(message);
    let said = "INSERT INTO summary (body_id, subject, from_address, message_id) VALUES ($1, $2, $3, $4)";
    all.push(statement(
        said,
        [body.into(), subject.as_deref().into(), from_address.as_deref().into(), message_id.as_deref().into()],
    ));
    if !is_noted(date, before) {
        all.push(statement("UPDATE site SET latest_at = $1", [date.into()]));
    }
    connection.run(&all)?;
    Ok(true)
}
