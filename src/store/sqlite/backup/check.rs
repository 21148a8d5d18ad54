//! `pillarbox check`: what must hold, as queries that find what does not.

use crate::store::{Result, StoreError, Uid};
use rusqlite::Connection;
use std::collections::HashSet;

/// Faults listed at most per kind; a damaged file has thousands.
const FAULTS: i64 = 100;

/// Unique-ids that are few: not more than one restore passes over.
const NEAR: u64 = 1 << 40;

/// Each query gives lines of text; a healthy database gives none.
const QUERIES: &[&str] = &[
    "SELECT 'mailbox ' || m.name || ': has no row in usage' FROM mailboxes m LEFT JOIN usage u ON u.mailbox_id = m.id
      WHERE u.mailbox_id IS NULL",
    "SELECT 'mailbox ' || name || ': has no row in reaping' FROM mailboxes WHERE id NOT IN (SELECT mailbox_id FROM reaping)",
    "SELECT 'mailbox ' || m.name || ': row in overfull, but usage is ' || u.bytes FROM overfull o
       JOIN mailboxes m ON m.id = o.mailbox_id JOIN usage u ON u.mailbox_id = m.id
      WHERE coalesce(m.issue_warning_quota, (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'IssueWarningQuota'))
            NOT BETWEEN 1 AND u.bytes",
    "SELECT 'usage of mailbox id ' || u.mailbox_id || ': no such mailbox' FROM usage u LEFT JOIN mailboxes m ON m.id = u.mailbox_id
      WHERE m.id IS NULL",
    "SELECT 'mailbox ' || m.name || ': usage counts ' || u.messages || ' messages and ' || u.bytes || ' octets, there are '
            || count(g.uid) || ' and ' || coalesce(sum(max(1, (g.size + 4095) / 4096) * 4096), 0)
       FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id LEFT JOIN message g ON g.mailbox_id = m.id GROUP BY m.id
     HAVING u.messages <> count(g.uid) OR u.bytes <> coalesce(sum(max(1, (g.size + 4095) / 4096) * 4096), 0)",
    "SELECT 'mailbox ' || m.name || ': next uid ' || u.next_uid || ' was given out already'
       FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id
      WHERE u.next_uid <= max(coalesce((SELECT max(uid) FROM message WHERE mailbox_id = m.id), 0),
                              coalesce((SELECT max(uid) FROM deleted WHERE mailbox_id = m.id), 0))",
    "SELECT 'message ' || uid || ' of mailbox id ' || mailbox_id || ': no such mailbox' FROM message
      WHERE mailbox_id NOT IN (SELECT id FROM mailboxes)",
    "SELECT 'deleted message ' || uid || ' of mailbox id ' || mailbox_id || ': no such mailbox' FROM deleted
      WHERE mailbox_id NOT IN (SELECT id FROM mailboxes UNION ALL SELECT id FROM deleted_mailbox)",
    "SELECT 'deleted message ' || uid || ' of mailbox id ' || mailbox_id || ': was deleted with the mailbox, but the mailbox exists' FROM deleted
      WHERE with_mailbox AND mailbox_id IN (SELECT id FROM mailboxes)",
    "SELECT 'mailbox ' || m.name || ': both live and deleted' FROM mailboxes m JOIN deleted_mailbox USING (id)",
    "SELECT 'alias ' || address || ' of deleted mailbox id ' || mailbox_id || ': no such deleted mailbox' FROM deleted_alias
      WHERE mailbox_id NOT IN (SELECT id FROM deleted_mailbox)",
    "SELECT 'purged unique-id ' || unique_id || ' of mailbox id ' || mailbox_id || ': no such mailbox' FROM purged_id
      WHERE mailbox_id NOT IN (SELECT id FROM mailboxes UNION ALL SELECT id FROM deleted_mailbox)",
    "SELECT 'message ' || uid || ' of mailbox id ' || mailbox_id || ': has the unique-id of one that was purged' FROM message
       JOIN purged_id USING (mailbox_id, unique_id)",
    "SELECT 'message ' || uid || ' of mailbox id ' || mailbox_id || ': both live and deleted' FROM message
       JOIN deleted USING (mailbox_id, uid)",
    "SELECT 'message ' || uid || ' of mailbox id ' || mailbox_id || ': ' || size || ' octets, but ' || found || ' are stored'
       FROM (SELECT mailbox_id, uid, size, coalesce((SELECT sum(length(data)) FROM chunk
                      WHERE id BETWEEN body_id * 4096 AND body_id * 4096 + 4095), -1)
                    + coalesce((SELECT sum(length(data)) FROM continuation c JOIN chunk ON id BETWEEN tail_id * 4096 AND tail_id * 4096 + 4095
                                 WHERE c.body_id = b.body_id), 0) AS found
               FROM (SELECT mailbox_id, uid, size, body_id FROM message UNION ALL SELECT mailbox_id, uid, size, body_id FROM deleted) b)
      WHERE found <> size",
    "SELECT 'body ' || body_id || ': stored, but no message has it' FROM (SELECT DISTINCT id / 4096 AS body_id FROM chunk)
      WHERE body_id NOT IN (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge
             UNION ALL SELECT tail_id FROM continuation UNION ALL SELECT body_id FROM staging)",
    "SELECT 'body ' || body_id || ': ' || count(*) || ' messages have it, ' || coalesce((SELECT copies FROM shared s WHERE s.body_id = b.body_id), 1)
            || ' were counted'
       FROM (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge
             UNION ALL SELECT tail_id FROM continuation) b GROUP BY body_id
     HAVING count(*) <> coalesce((SELECT copies FROM shared s WHERE s.body_id = b.body_id), 1)",
    "SELECT 'body ' || body_id || ': counted as shared, but no message has it' FROM shared
      WHERE body_id NOT IN (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge
             UNION ALL SELECT tail_id FROM continuation)",
    "SELECT 'body ' || body_id || ': goes on in body ' || tail_id || ', but no message has it' FROM continuation
      WHERE body_id NOT IN (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge)",
    "SELECT 'body ' || body_id || ': has a summary, but no message has it' FROM summary
      WHERE body_id NOT IN (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge)",
    "SELECT 'body ' || body_id || ': being uploaded, but a message has it' FROM staging
      WHERE body_id IN (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge
             UNION ALL SELECT tail_id FROM continuation)",
    "SELECT 'body ' || max(id / 4096) || ': beyond counters.next_body_id' FROM chunk
     HAVING max(id / 4096) >= (SELECT next_body_id FROM counters)",
    "SELECT 'counters: date_given is left over from a deletion' FROM counters WHERE date_given",
    "SELECT 'user ' || name || ': has no mailbox' FROM users WHERE name NOT IN (SELECT name FROM mailboxes)",
    "SELECT 'verifier of user id ' || user_id || ': no such user' FROM verifiers WHERE user_id NOT IN (SELECT id FROM users)",
    "SELECT 'alias ' || address || ': no mailbox ' || mailbox FROM aliases WHERE mailbox NOT IN (SELECT name FROM mailboxes)",
    "SELECT 'delegate ' || delegate || ': no such user' FROM delegates WHERE delegate NOT IN (SELECT name FROM users)",
    "SELECT 'delegate ' || delegate || ': no mailbox ' || principal FROM delegates WHERE principal NOT IN (SELECT name FROM mailboxes)",
];

/// All faults, and what is no damage but will be missed. All queries see the same moment, deliveries go on. What cannot be
/// read is a fault, and hides no other.
pub fn faults_and_shortages(connection: &Connection) -> Result<Vec<String>> {
    let (transaction, mut faults) = (connection.unchecked_transaction()?, Vec::new());
    integrity(&transaction, &mut faults)?;
    queries(&transaction, &mut faults)?;
    lines(&transaction, &limited(&near_the_end()), &mut faults)?;
    Ok(each_once(faults))
}

/// The faults of a copy that nobody else has open. One that runs short of unique-ids is sound, and can be restored.
///
/// Where a view, which has no pages, comes first in a schema, SQLite takes PRAGMA integrity_check for one of a part, and looks
/// neither at the list of free pages nor at what the pointer map says of the roots of tables. So the views are
/// taken away for it, in a transaction that is taken back.
pub fn faults_of_copy(connection: &Connection) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let transaction = connection.unchecked_transaction()?;
    match drop_views(&transaction).map_err(StoreError::from) {
        Ok(()) => integrity(&transaction, &mut faults)?,
        Err(StoreError::Internal(text) | StoreError::Damaged(text)) => faults.push(text),
        Err(error) => return Err(error),
    }
    drop(transaction);
    let transaction = connection.unchecked_transaction()?;
    queries(&transaction, &mut faults)?;
    Ok(each_once(faults))
}

fn drop_views(connection: &Connection) -> rusqlite::Result<()> {
    let sql = r#"SELECT 'DROP VIEW "' || replace(name, '"', '""') || '"' FROM sqlite_schema WHERE type = 'view'"#;
    let mut select = connection.prepare(sql)?;
    let drops = select.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    drops.iter().try_for_each(|drop| connection.execute_batch(drop))
}

fn integrity(connection: &Connection, faults: &mut Vec<String>) -> Result<()> {
    lines(connection, &format!("PRAGMA integrity_check({FAULTS})"), faults)?;
    faults.retain(|line| line != "ok");
    Ok(())
}

fn queries(connection: &Connection, faults: &mut Vec<String>) -> Result<()> {
    QUERIES.iter().try_for_each(|query| lines(connection, &limited(query), faults))
}

fn limited(query: &str) -> String {
    format!("SELECT * FROM ({query}) LIMIT {FAULTS}")
}

/// One damaged page spoils many queries.
fn each_once(mut faults: Vec<String>) -> Vec<String> {
    let mut said = HashSet::new();
    faults.retain(|line| said.insert(line.clone()));
    faults
}

/// Mailboxes whose unique-ids are running out.
fn near_the_end() -> String {
    let numbers = Uid::GREATEST.0 + 1;
    format!(
        "SELECT 'mailbox ' || m.name || ': only ' || ({numbers} - u.next_uid) || ' unique-ids are left'
           FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id WHERE u.next_uid > {}",
        numbers - NEAR,
    )
}

/// Adds a query's lines, and a line of its own if damage ends it early.
fn lines(connection: &Connection, sql: &str, faults: &mut Vec<String>) -> Result<()> {
    let mut read = || -> rusqlite::Result<()> {
        let mut select = connection.prepare(sql)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            // A damaged row has NULL where the schema allows none, and NULL takes the whole text with it.
            let line = row.get_ref(0)?.as_bytes_or_null()?.map(|line| String::from_utf8_lossy(line).into_owned());
            faults.push(line.unwrap_or_else(|| format!("a row has lost a value: {sql}")));
        }
        Ok(())
    };
    match read().map_err(StoreError::from) {
        Err(StoreError::Internal(text) | StoreError::Damaged(text)) => faults.push(text),
        other => other?,
    }
    Ok(())
}
