//! A delivery that is alone, to one mailbox, of one piece: the usual case of a mail server with little to do. It is one
//! statement, which decides by itself; where anything is out of the ordinary it finds nothing to do, and a batch decides.

use super::delivery::{Delivery, Plan, storage};
use crate::message::summary::Summary;
use crate::store::Uid;
use crate::store::postgres::libpq::Statement;

/// Out of the ordinary: a mailbox that must jump, numbers that imports may have taken, a date that must be noted, a quota that is
/// reached, a warning that is due.
const DELIVER: &str = "
  WITH box AS (
    UPDATE usage u SET next_uid = u.next_uid + 1, messages = u.messages + 1, bytes = u.bytes + $10
      FROM mailboxes m, site s
     WHERE u.mailbox_id = $1 AND m.id = u.mailbox_id AND u.uid_epoch = s.uid_epoch AND u.next_uid <= $11
       AND $7 < s.latest_at + 60 AND s.latest_at - $7 <= 172800
       AND u.bytes + $10 <= coalesce(nullif(coalesce(m.prohibit_send_receive_quota,
             (SELECT value::bigint FROM settings WHERE name = 'ProhibitSendReceiveQuota')), 0), 9007199254740991)
       AND u.bytes + $10 < coalesce(nullif(coalesce(m.issue_warning_quota,
             (SELECT value::bigint FROM settings WHERE name = 'IssueWarningQuota')), 0), 9007199254740991)
    RETURNING u.mailbox_id, u.next_uid - 1 AS uid, greatest($7, s.latest_at) AS date),
  octets AS (INSERT INTO chunk (body_id, piece, data) SELECT $2, 0, $3 FROM box),
  said AS (
    INSERT INTO summary (body_id, subject, from_address, message_id)
    SELECT $2, $12, $13, $14 FROM box WHERE coalesce($12, $13, $14) IS NOT NULL)
  INSERT INTO message (mailbox_id, uid, body_id, size, flags, received_at, stored_at, read_at, sender)
  SELECT mailbox_id, uid, $2, $4, $5, $6, date, $8, $9 FROM box RETURNING uid";

/// The statement, and for the look-up after a lost answer what it stores; its uid is not known.
pub(super) fn deliver(delivery: &Delivery) -> Option<(Statement<'_>, Plan)> {
    let ([copy], row) = (&delivery.copies[..], &delivery.row) else { return None };
    if delivery.is_import() || delivery.counts {
        return None;
    }
    let octets = match (&copy.own, &delivery.common) {
        (Some(own), None) => own,
        (None, Some(common)) if common.staged == 0 && !common.is_tail => &common.last,
        _ => return None,
    };
    let Summary { subject, from_address, message_id } = &row.summary;
    let parameters = vec![
        copy.mailbox.0.into(),
        copy.body.into(),
        octets.as_slice().into(),
        (row.size + copy.extra).into(),
        row.flags().into(),
        row.envelope.received_at.unwrap_or(row.stamp.now).into(),
        row.stamp.date.into(),
        row.envelope.read.then_some(row.stamp.now).into(),
        row.envelope.sender.as_str().into(),
        storage(row, copy).into(),
        (Uid::GREATEST_IMPORTED.0 as i64).into(),
        subject.as_deref().into(),
        from_address.as_deref().into(),
        message_id.as_deref().into(),
    ];
    let plan = Plan::of_one(copy.mailbox.0, copy.body);
    Some((Statement { sql: DELIVER.into(), parameters }, plan))
}
