//! Who may log in, and where mail for an address goes.

use crate::secret::Secret;
use crate::store::shared::accounts::{LOGIN_TIMEOUT, first, must_be_utf8};
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::database::error;
use crate::store::sqlite::writer::Lane;
use crate::store::{
    Account, Accounts, Mailbox, MailboxId, Principal, Replacement, Result, Scheme, Standing, StoreError, UserId,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::Duration;

/// Octets that a change of a user writes, for the writer's batches.
const USER_OCTETS: usize = 4096;

impl Accounts for Sqlite {
    fn account(&self, names: &[String]) -> Result<Option<Account>> {
        self.readers.with(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT u.id, u.name, u.password, u.pop_enabled, u.ntlm, m.id, m.site, u.generation
                   FROM users u LEFT JOIN mailboxes m ON m.name = u.name WHERE u.name = ?1",
            )?;
            first(names, |name| Ok(select.query_row([name], account).optional()?))
        })
    }

    fn principal(&self, delegate: UserId, names: &[String]) -> Result<Option<Principal>> {
        self.readers.with(|connection| {
            first(names, |name| match principal_named(connection, delegate, name, MAILBOX)? {
                None => principal_named(connection, delegate, name, ALIAS),
                found => Ok(found),
            })
        })
    }

    fn standing(&self, user: UserId, mailbox: MailboxId) -> Result<Option<Standing>> {
        self.readers.with(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT u.id, u.name, u.password, u.pop_enabled, u.ntlm, m.id, m.site, u.generation
                   FROM users u LEFT JOIN mailboxes m ON m.name = u.name WHERE u.id = ?1",
            )?;
            let Some(account) = select.query_row([user.0], account).optional()? else { return Ok(None) };
            let principal = connection.prepare_cached(OPENED)?.query_row(params![mailbox.0, user.0], principal);
            Ok(Some(Standing { account, principal: principal.optional()? }))
        })
    }

    fn recipients(&self, names: &[String]) -> Result<Vec<Mailbox>> {
        self.query_warm(|connection| {
            let found = first(names, |name| {
                for sql in [NAMED, ADDRESSED] {
                    let mut select = connection.prepare_cached(sql)?;
                    let found = select.query_map([name], recipient)?.collect::<rusqlite::Result<Vec<_>>>()?;
                    if !found.is_empty() {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            })?;
            Ok(found.unwrap_or_default())
        })
    }

    fn recipient_names(&self) -> Result<Vec<String>> {
        self.readers.with(|connection| {
            let sql = "SELECT name FROM mailboxes
                        UNION SELECT address FROM aliases WHERE mailbox IN (SELECT name FROM mailboxes) ORDER BY 1";
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn verifier(&self, user: UserId, scheme: Scheme) -> Result<Option<Secret>> {
        self.readers.with(|connection| {
            let mut select =
                connection.prepare_cached("SELECT value FROM verifiers WHERE user_id = ?1 AND scheme = ?2")?;
            let value = select.query_row(params![user.0, scheme.name()], |row| row.get(0));
            Ok(value.optional()?.map(Secret::new))
        })
    }

    fn add_verifier(&self, user: UserId, password: &Secret, scheme: Scheme, verifier: &Secret) -> Result<bool> {
        let (password, verifier) = (password.clone(), verifier.clone());
        self.settle(move |connection| {
            // Cast, because a secret is bound as a blob.
            let unchanged = "SELECT 1 FROM users WHERE id = ?1 AND password IS CAST(?2 AS TEXT)";
            if connection.prepare_cached(unchanged)?.exists(params![user.0, password.expose()])? {
                return put_verifier(connection, user, scheme, &verifier);
            }
            Ok(false)
        })
    }

    fn set_password(
        &self,
        user: UserId,
        expected: Option<&Secret>,
        hash: &Secret,
        verifiers: &[(Scheme, Secret)],
    ) -> Result<bool> {
        let (hash, expected) = (must_be_utf8(hash)?, expected.cloned());
        let verifiers = verifiers.to_vec();
        let login = expected.is_some();
        let work =
            move |connection: &Connection| replace_password(connection, user, expected.as_ref(), &hash, &verifiers);
        let replaced = if login { self.settle(work) } else { self.writer.write(Lane::Mail, USER_OCTETS, work) };
        // What was not waited for is still done, and then the old password is in the log like any other.
        if !matches!(replaced, Ok(false)) {
            self.writer.truncate_wal_within(Duration::ZERO);
        }
        replaced
    }

    fn create_user(&self, name: &str) -> Result<UserId> {
        let name = name.to_owned();
        self.writer.write(Lane::Mail, USER_OCTETS, move |connection| {
            let mut insert = connection.prepare_cached("INSERT INTO users (name) VALUES (?1) RETURNING id")?;
            Ok(UserId(insert.query_row([&name], |row| row.get(0))?))
        })
    }
}

impl Sqlite {
    /// A query among deliveries: where nobody writes at the moment, on the connection that writes, as a reader's
    /// cache is void after each commit.
    fn query_warm<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        match self.writer.idle() {
            // Not in a transaction that a panic has left open.
            Some(connection) if connection.is_autocommit() => query(&connection),
            _ => self.readers.with(query),
        }
    }

    /// Writes what a login brings, which does not wait long for it: somebody may hold a lock in a shell.
    fn settle(&self, work: impl FnMut(&Connection) -> Result<bool> + Send + 'static) -> Result<bool> {
        let written = self.writer.submit(Lane::Mail, USER_OCTETS, work)?.wait_for(LOGIN_TIMEOUT);
        written.unwrap_or_else(|| {
            let why = if self.writer.is_locked_out() { "somebody holds a lock" } else { "the disk is slow" };
            Err(StoreError::Busy(format!("{why}; it is stored later")))
        })
    }
}

/// The mailbox of this name, and its room (NULL without a quota).
const NAMED: &str = "
  SELECT m.id, m.name, nullif(coalesce(m.prohibit_send_receive_quota,
           (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'ProhibitSendReceiveQuota')), 0) - u.bytes
    FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id WHERE m.name = ?1";

/// The same of those that an alias leads to.
const ADDRESSED: &str = "
  SELECT m.id, m.name, nullif(coalesce(m.prohibit_send_receive_quota,
           (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'ProhibitSendReceiveQuota')), 0) - u.bytes
    FROM aliases a JOIN mailboxes m ON m.name = a.mailbox JOIN usage u ON u.mailbox_id = m.id
   WHERE a.address = ?1 ORDER BY m.id";

fn recipient(row: &Row<'_>) -> rusqlite::Result<Mailbox> {
    let room = row.get::<_, Option<i64>>(2)?;
    Ok(Mailbox {
        id: MailboxId(row.get(0)?),
        name: row.get(1)?,
        room: room.map_or(u64::MAX, |room| room.max(0) as u64),
    })
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        user: UserId(row.get(0)?),
        name: row.get(1)?,
        password: row.get_ref(2)?.as_bytes_or_null()?.map(Secret::from),
        pop_enabled: row.get(3)?,
        ntlm: row.get(4)?,
        generation: row.get(7)?,
        mailbox: row.get::<_, Option<i64>>(5)?.map(MailboxId),
        site: row.get(6)?,
    })
}

const MAILBOX: &str = "SELECT m.id, m.name, m.site, coalesce(u.pop_enabled, 1),
       EXISTS (SELECT 1 FROM delegates d JOIN users du ON du.name = d.delegate WHERE du.id = ?2 AND d.principal = m.name)
  FROM mailboxes m LEFT JOIN users u ON u.name = m.name WHERE m.name = ?1";

/// By its id: it may have been renamed since it was opened.
const OPENED: &str = "SELECT m.id, m.name, m.site, coalesce(u.pop_enabled, 1),
       EXISTS (SELECT 1 FROM delegates d JOIN users du ON du.name = d.delegate WHERE du.id = ?2 AND d.principal = m.name)
  FROM mailboxes m LEFT JOIN users u ON u.name = m.name WHERE m.id = ?1";

/// Of several targets the one that is delegated: the others would be refused.
const ALIAS: &str = "SELECT m.id, m.name, m.site, coalesce(u.pop_enabled, 1),
       EXISTS (SELECT 1 FROM delegates d JOIN users du ON du.name = d.delegate WHERE du.id = ?2 AND d.principal = m.name)
  FROM aliases a JOIN mailboxes m ON m.name = a.mailbox LEFT JOIN users u ON u.name = m.name WHERE a.address = ?1
 ORDER BY 5 DESC, 1 LIMIT 1";

fn principal_named(connection: &Connection, delegate: UserId, name: &str, sql: &str) -> Result<Option<Principal>> {
    let found = connection.prepare_cached(sql)?.query_row(params![name, delegate.0], principal);
    Ok(found.optional()?)
}

fn principal(row: &Row<'_>) -> rusqlite::Result<Principal> {
    Ok(Principal {
        mailbox: MailboxId(row.get(0)?),
        name: row.get(1)?,
        site: row.get(2)?,
        pop_enabled: row.get(3)?,
        delegated: row.get(4)?,
    })
}

fn replace_password(
    connection: &Connection,
    user: UserId,
    expected: Option<&Secret>,
    hash: &Secret,
    verifiers: &[(Scheme, Secret)],
) -> Result<bool> {
    let generation = connection.prepare_cached("SELECT generation FROM users WHERE id = ?1")?;
    let generation: Option<i64> = { generation }.query_row([user.0], |row| row.get(0)).optional()?;
    let sql = "UPDATE users SET password = ?2 WHERE id = ?1 AND (?3 OR password IS CAST(?4 AS TEXT))";
    let replaced = connection.prepare_cached(sql)?.execute(params![
        user.0,
        hash.expose_str(),
        expected.is_none(),
        expected.map(Secret::expose)
    ])?;
    if replaced == 0 {
        return Ok(false);
    }
    if expected.is_some() {
        // It is the same password: nobody is shut out.
        connection
            .prepare_cached("UPDATE users SET generation = ?2 WHERE id = ?1")?
            .execute(params![user.0, generation])?;
    }
    // The schema does so too, but only if the value differs.
    connection.prepare_cached("DELETE FROM verifiers WHERE user_id = ?1")?.execute([user.0])?;
    for (scheme, verifier) in verifiers {
        put_verifier(connection, user, *scheme, verifier)?;
    }
    Ok(true)
}

/// One of many in a transaction. The inner error is its own; the outer one ends the transaction.
pub fn replace_pending(connection: &Connection, one: &Replacement) -> Result<Result<bool>> {
    let hash = match must_be_utf8(&one.hash) {
        Ok(hash) => hash,
        Err(error) => return Ok(Err(error)),
    };
    connection.execute_batch("SAVEPOINT one")?;
    match replace_password(connection, one.user, Some(&one.expected), &hash, &one.others) {
        Err(error) if error::is_of_the_row(&error) => {
            connection.execute_batch("ROLLBACK TO one; RELEASE one")?;
            Ok(Err(error))
        }
        replaced => {
            let replaced = replaced?;
            connection.execute_batch("RELEASE one")?;
            Ok(Ok(replaced))
        }
    }
}

/// An NT hash of a user who does not want one (any more) is not stored.
fn put_verifier(connection: &Connection, user: UserId, scheme: Scheme, verifier: &Secret) -> Result<bool> {
    connection
        .prepare_cached("DELETE FROM verifiers WHERE user_id = ?1 AND scheme = ?2")?
        .execute(params![user.0, scheme.name()])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO verifiers (user_id, scheme, value)
         SELECT id, ?2, ?3 FROM users WHERE id = ?1 AND (?2 <> 'NT' OR ntlm = 1)",
    )?;
    Ok(insert.execute(params![user.0, scheme.name(), verifier.expose()])? > 0)
}
