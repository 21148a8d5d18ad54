//! Is the database sound? What the server itself keeps (pages, indexes) is its own business: `pg_amcheck` looks at that.

use super::libpq::Connection;
use crate::store::{Objects, Result};

/// A query, as many of its lines as people want to read.
macro_rules! limited {
    ($query:expr) => {
        concat!("SELECT * FROM (", $query, ") AS fault (line) LIMIT 100")
    };
}

/// What must be true of the rows: each gives a line for each fault. `store/sqlite/backup/check.rs` has the same. (NOT EXISTS, because
/// NOT IN compares each with each where the list is too long for memory.)
const QUERIES: &[&str] = &[
    limited!(
        "SELECT 'mailbox ' || m.name || ': has no row in usage' FROM mailboxes m LEFT JOIN usage u ON u.mailbox_id = m.id
      WHERE u.mailbox_id IS NULL"
    ),
    limited!(
        "SELECT 'mailbox ' || name || ': has no row in reaping' FROM mailboxes WHERE NOT EXISTS (SELECT 1 FROM (SELECT mailbox_id FROM reaping) AS known (it) WHERE known.it = id)"
    ),
    limited!(
        "SELECT 'mailbox ' || m.name || ': row in overfull, but usage is ' || u.bytes FROM overfull o
       JOIN mailboxes m ON m.id = o.mailbox_id JOIN usage u ON u.mailbox_id = m.id
      WHERE coalesce(m.issue_warning_quota, setting_number('IssueWarningQuota'))
            NOT BETWEEN 1 AND u.bytes"
    ),
    limited!(
        "SELECT 'usage of mailbox id ' || u.mailbox_id || ': no such mailbox' FROM usage u LEFT JOIN mailboxes m ON m.id = u.mailbox_id
      WHERE m.id IS NULL"
    ),
    limited!(
        "SELECT 'mailbox ' || m.name || ': usage counts ' || u.messages || ' messages and ' || u.bytes || ' octets, there are '
            || count(g.uid) || ' and ' || coalesce(sum(storage_size(g.size)) FILTER (WHERE g.uid IS NOT NULL), 0)
       FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id LEFT JOIN message g ON g.mailbox_id = m.id GROUP BY m.id, u.mailbox_id
     HAVING u.messages <> count(g.uid) OR u.bytes <> coalesce(sum(storage_size(g.size)) FILTER (WHERE g.uid IS NOT NULL), 0)"
    ),
    limited!(
        "SELECT 'mailbox ' || m.name || ': next uid ' || u.next_uid || ' was given out already'
       FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id
      WHERE u.next_uid <= greatest(coalesce((SELECT max(uid) FROM message WHERE mailbox_id = m.id), 0),
                              coalesce((SELECT max(uid) FROM deleted WHERE mailbox_id = m.id), 0))"
    ),
    limited!(
        "SELECT 'message ' || uid || ' of mailbox id ' || mailbox_id || ': no such mailbox' FROM message
      WHERE NOT EXISTS (SELECT 1 FROM (SELECT id FROM mailboxes) AS known (it) WHERE known.it = mailbox_id)"
    ),
    limited!(
        "SELECT 'deleted message ' || uid || ' of mailbox id ' || mailbox_id || ': no such mailbox' FROM deleted
      WHERE NOT EXISTS (SELECT 1 FROM (SELECT id FROM mailboxes UNION ALL SELECT id FROM deleted_mailbox) AS known (it) WHERE known.it = mailbox_id)"
    ),
    limited!(
        "SELECT 'deleted message ' || uid || ' of mailbox id ' || mailbox_id || ': went with the mailbox, which is there' FROM deleted
      WHERE with_mailbox = 1 AND mailbox_id IN (SELECT id FROM mailboxes)"
    ),
    limited!(
        "SELECT 'mailbox ' || m.name || ': live and deleted at once' FROM mailboxes m JOIN deleted_mailbox USING (id)"
    ),
    limited!(
        "SELECT 'alias ' || address || ' of deleted mailbox id ' || mailbox_id || ': no such deleted mailbox' FROM deleted_alias
      WHERE NOT EXISTS (SELECT 1 FROM (SELECT id FROM deleted_mailbox) AS known (it) WHERE known.it = mailbox_id)"
    ),
    limited!(
        "SELECT 'purged unique-id ' || unique_id || ' of mailbox id ' || mailbox_id || ': no such mailbox' FROM purged_id
      WHERE NOT EXISTS (SELECT 1 FROM (SELECT id FROM mailboxes UNION ALL SELECT id FROM deleted_mailbox) AS known (it) WHERE known.it = mailbox_id)"
    ),
    limited!(
        "SELECT 'message ' || uid || ' of mailbox id ' || mailbox_id || ': has the unique-id of one that was purged' FROM message
       JOIN purged_id USING (mailbox_id, unique_id)"
    ),
    limited!(
        "SELECT 'message ' || uid || ' of mailbox id ' || mailbox_id || ': live and deleted at once' FROM message
       JOIN deleted USING (mailbox_id, uid)"
    ),
    limited!(
        "SELECT 'message ' || uid || ' of mailbox id ' || mailbox_id || ': ' || size || ' octets, but ' || found || ' are stored'
       FROM (SELECT mailbox_id, uid, size, coalesce((SELECT sum(length(data)) FROM chunk c WHERE c.body_id = b.body_id), -1)
                    + coalesce((SELECT sum(length(data)) FROM continuation t JOIN chunk c ON c.body_id = t.tail_id
                                 WHERE t.body_id = b.body_id), 0) AS found
               FROM (SELECT mailbox_id, uid, size, body_id FROM message UNION ALL SELECT mailbox_id, uid, size, body_id FROM deleted) AS b) AS m
      WHERE found <> size"
    ),
    limited!(
        "SELECT 'body ' || body_id || ': stored, but no message has it' FROM (SELECT DISTINCT body_id FROM chunk) AS stored
      WHERE NOT EXISTS (SELECT 1 FROM (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge
             UNION ALL SELECT tail_id FROM continuation UNION ALL SELECT body_id FROM staging) AS known (it) WHERE known.it = body_id)"
    ),
    limited!(
        "SELECT 'body ' || body_id || ': ' || count(*) || ' messages have it, ' || coalesce((SELECT copies FROM shared s WHERE s.body_id = b.body_id), 1)
            || ' were counted'
       FROM (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge
             UNION ALL SELECT tail_id FROM continuation) AS b GROUP BY body_id
     HAVING count(*) <> coalesce((SELECT copies FROM shared s WHERE s.body_id = b.body_id), 1)"
    ),
    limited!(
        "SELECT 'body ' || body_id || ': counted as shared, but no message has it' FROM shared
      WHERE NOT EXISTS (SELECT 1 FROM (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge
             UNION ALL SELECT tail_id FROM continuation) AS known (it) WHERE known.it = body_id)"
    ),
    limited!(
        "SELECT 'body ' || body_id || ': goes on in body ' || tail_id || ', but no message has it' FROM continuation
      WHERE NOT EXISTS (SELECT 1 FROM (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge) AS known (it) WHERE known.it = body_id)"
    ),
    limited!(
        "SELECT 'body ' || body_id || ': has a summary, but no message has it' FROM summary
      WHERE NOT EXISTS (SELECT 1 FROM (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge) AS known (it) WHERE known.it = body_id)"
    ),
    limited!(
        "SELECT 'body ' || body_id || ': on its way in, and a message has it' FROM staging
      WHERE body_id IN (SELECT body_id FROM message UNION ALL SELECT body_id FROM deleted UNION ALL SELECT body_id FROM purge
             UNION ALL SELECT tail_id FROM continuation)"
    ),
    limited!(
        "SELECT 'user ' || name || ': has no mailbox' FROM users WHERE NOT EXISTS (SELECT 1 FROM (SELECT name FROM mailboxes) AS known (it) WHERE known.it = name)"
    ),
    limited!(
        "SELECT 'verifier of user id ' || user_id || ': no such user' FROM verifiers WHERE NOT EXISTS (SELECT 1 FROM (SELECT id FROM users) AS known (it) WHERE known.it = user_id)"
    ),
    limited!(
        "SELECT 'alias ' || address || ': no mailbox ' || mailbox FROM aliases WHERE NOT EXISTS (SELECT 1 FROM (SELECT name FROM mailboxes) AS known (it) WHERE known.it = mailbox)"
    ),
    limited!(
        "SELECT 'delegate ' || delegate || ': no such user' FROM delegates WHERE NOT EXISTS (SELECT 1 FROM (SELECT name FROM users) AS known (it) WHERE known.it = delegate)"
    ),
    limited!(
        "SELECT 'delegate ' || delegate || ': no mailbox ' || principal FROM delegates WHERE NOT EXISTS (SELECT 1 FROM (SELECT name FROM mailboxes) AS known (it) WHERE known.it = principal)"
    ),
];

/// Mailboxes that have given out nearly all of their numbers.
const SHORT: &str = limited!(
    "SELECT 'mailbox ' || m.name || ': only ' || (9007199254740992 - u.next_uid) || ' unique-ids are left'
       FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id WHERE u.next_uid > 9007199254740992 - 1048576"
);

/// Rules that somebody has switched off, and indexes that were never finished.
const DISABLED: &str = limited!(
    "SELECT 'trigger ' || tgname || ' on ' || tgrelid::regclass || ': is disabled' FROM pg_trigger
      WHERE tgenabled = 'D' AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
     UNION ALL SELECT 'index ' || indexrelid::regclass || ': is not valid' FROM pg_index
      WHERE NOT indisvalid AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)"
);

/// All faults. All queries see the same moment, deliveries go on.
///
/// # Errors
/// What the server says.
pub fn faults(connection: &mut Connection) -> Result<Vec<String>> {
    connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", [])?;
    connection.query("SET LOCAL statement_timeout = 0", [])?;
    // Whole tables are read.
    for way in ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"] {
        connection.query(format!("SET LOCAL {way} = on"), [])?;
    }
    let mut faults = Vec::new();
    for query in QUERIES.iter().chain([&SHORT]) {
        faults.extend(lines(connection, query)?);
    }
    connection.query("COMMIT", [])?;
    Ok(faults)
}

/// What of the schema does not do its work.
///
/// # Errors
/// What the server says.
pub fn objects(connection: &mut Connection) -> Result<Objects> {
    Ok(Objects { faults: lines(connection, DISABLED)?, notes: Vec::new() })
}

fn lines(connection: &mut Connection, query: &'static str) -> Result<Vec<String>> {
    connection.query(query, [])?.iter().map(|row| row.text(0)).collect()
}
