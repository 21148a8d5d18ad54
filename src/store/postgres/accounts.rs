//! Who may log in, and where mail for an address goes.

use super::Postgres;
use super::libpq::{Connection, Row};
use super::writer::Lane;
use crate::secret::Secret;
use crate::store::shared::accounts::{self, LOGIN_TIMEOUT, must_be_utf8};
use crate::store::{
    Account, Accounts, Mailbox, MailboxId, Principal, Replacement, Result, Scheme, Standing, StoreError, UserId,
};
use std::sync::atomic::Ordering;

const ACCOUNT_BY_ID: &str = "
  SELECT u.id, u.name, u.password, u.pop_enabled, u.ntlm, m.id, m.site, u.generation
    FROM users u LEFT JOIN mailboxes m ON m.name = u.name WHERE u.id = $1";

const MAILBOX: &str = "
  SELECT m.id, m.name, m.site, coalesce(u.pop_enabled, 1),
         EXISTS (SELECT 1 FROM delegates d JOIN users du ON du.name = d.delegate WHERE du.id = $2 AND d.principal = m.name)
    FROM mailboxes m LEFT JOIN users u ON u.name = m.name WHERE m.name = $1::nocase";
/// By its id: it may have been renamed since it was opened.
const OPENED: &str = "
  SELECT m.id, m.name, m.site, coalesce(u.pop_enabled, 1),
         EXISTS (SELECT 1 FROM delegates d JOIN users du ON du.name = d.delegate WHERE du.id = $2 AND d.principal = m.name)
    FROM mailboxes m LEFT JOIN users u ON u.name = m.name WHERE m.id = $1";
/// Of several targets the one that is delegated: the others would be refused.
const ALIAS: &str = "
  SELECT m.id, m.name, m.site, coalesce(u.pop_enabled, 1),
         EXISTS (SELECT 1 FROM delegates d JOIN users du ON du.name = d.delegate WHERE du.id = $2 AND d.principal = m.name)
    FROM aliases a JOIN mailboxes m ON m.name = a.mailbox LEFT JOIN users u ON u.name = m.name
   WHERE a.address = $1::nocase ORDER BY 5 DESC, 1 LIMIT 1";

impl Accounts for Postgres {
    fn account(&self, names: &[String]) -> Result<Option<Account>> {
        self.pool.with(|connection| first(names, |name| self.log_in(connection, name)))
    }

    fn principal(&self, delegate: UserId, names: &[String]) -> Result<Option<Principal>> {
        self.pool.with(|connection| {
            first(names, |name| {
                for sql in [MAILBOX, ALIAS] {
                    let rows = connection.query(sql, [name.into(), delegate.0.into()])?;
                    if let Some(row) = rows.first() {
                        return principal(row).map(Some);
                    }
                }
                Ok(None)
            })
        })
    }

    fn standing(&self, user: UserId, mailbox: MailboxId) -> Result<Option<Standing>> {
        self.pool.with(|connection| {
            let rows = connection.query(ACCOUNT_BY_ID, [user.0.into()])?;
            let Some(row) = rows.first() else { return Ok(None) };
            let opened = connection.query(OPENED, [mailbox.0.into(), user.0.into()])?;
            Ok(Some(Standing { account: account(row)?, principal: opened.first().map(principal).transpose()? }))
        })
    }

    fn recipients(&self, names: &[String]) -> Result<Vec<Mailbox>> {
        let found = self.pool.with(|connection| {
            first(names, |name| {
                for sql in [NAMED, ADDRESSED] {
                    let rows = connection.query(sql, [name.into()])?;
                    if rows.len() > 0 {
                        return rows.iter().map(recipient).collect::<Result<Vec<_>>>().map(Some);
                    }
                }
                Ok(None)
            })
        })?;
        Ok(found.unwrap_or_default())
    }

    fn recipient_names(&self) -> Result<Vec<String>> {
        let sql = "SELECT min(name::text) FROM (
                     SELECT name FROM mailboxes
                     UNION ALL SELECT address FROM aliases WHERE mailbox IN (SELECT name FROM mailboxes)) AS known (name)
                    GROUP BY name ORDER BY name";
        self.pool.with(|connection| connection.query(sql, [])?.iter().map(|row| row.text(0)).collect())
    }

    fn verifier(&self, user: UserId, scheme: Scheme) -> Result<Option<Secret>> {
        let sql = "SELECT value FROM verifiers WHERE user_id = $1 AND scheme = $2";
        self.pool.with(|connection| {
            let rows = connection.query(sql, [user.0.into(), scheme.name().into()])?;
            Ok(rows.first().and_then(|row| row.bytes_or_null(0)).map(Secret::from))
        })
    }

    fn add_verifier(&self, user: UserId, password: &Secret, scheme: Scheme, verifier: &Secret) -> Result<bool> {
        let (password, verifier) = (password.clone(), verifier.clone());
        self.settle(move |connection| {
            let Some(password) = password.expose_str() else { return Ok(false) };
            // Locked, so that it stays what it is until this is committed.
            let unchanged = "SELECT 1 FROM users WHERE id = $1 AND password = $2 FOR NO KEY UPDATE";
            match connection.query(unchanged, [user.0.into(), password.into()])?.len() {
                0 => Ok(false),
                _ => put_verifier(connection, user, scheme, &verifier),
            }
        })
    }

    fn set_password(
        &self,
        user: UserId,
        expected: Option<&Secret>,
        hash: &Secret,
        verifiers: &[(Scheme, Secret)],
    ) -> Result<bool> {
        let (hash, expected, verifiers) = (must_be_utf8(hash)?, expected.cloned(), verifiers.to_vec());
        let login = expected.is_some();
        let work =
            move |connection: &mut Connection| replace_password(connection, user, expected.as_ref(), &hash, &verifiers);
        if login {
            return self.settle(work);
        }
        let replaced = self.writer.write(Lane::Mail, work);
        self.verifiers.fetch_add(1, Ordering::SeqCst);
        replaced
    }

    fn create_user(&self, name: &str) -> Result<UserId> {
        let name = name.to_owned();
        if name.contains('\0') {
            return Err(StoreError::Refused("users.name: a name has no NUL in it".into()));
        }
        self.writer.write(Lane::Mail, move |connection| {
            let sql = "INSERT INTO users (name) VALUES ($1::nocase) RETURNING id";
            Ok(UserId(connection.query(sql, [name.as_str().into()])?.only()?.int(0)?))
        })
    }
}

impl Postgres {
    /// Writes what a login brings, which does not wait long for it: somebody may hold a lock in a shell.
    fn settle(&self, mut work: impl FnMut(&mut Connection) -> Result<bool> + Send + 'static) -> Result<bool> {
        let waiting = self.writer.submit(Lane::Maintenance, move |connection| {
            connection.query("SET LOCAL lock_timeout = '500ms'", [])?;
            work(connection)
        })?;
        let written = waiting.wait_for(LOGIN_TIMEOUT);
        // Where it is not waited for it is missed for a while.
        self.verifiers.fetch_add(1, Ordering::SeqCst);
        written.unwrap_or_else(|| {
            Err(StoreError::Busy("somebody holds a lock, or the database is slow; it is stored later".into()))
        })
    }
}

/// The first of these names that has an answer. The server takes no NUL in a text, and no name has one.
fn first<T>(names: &[String], ask: impl FnMut(&str) -> Result<Option<T>>) -> Result<Option<T>> {
    accounts::first(names.iter().filter(|name| !name.contains('\0')), ask)
}

/// The mailbox of this name, and its room (NULL without a quota).
const NAMED: &str = "
  SELECT m.id, m.name, nullif(coalesce(m.prohibit_send_receive_quota,
           (SELECT value::bigint FROM settings WHERE name = 'ProhibitSendReceiveQuota')), 0) - u.bytes
    FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id WHERE m.name = $1::nocase";

/// The same of those that an alias leads to.
const ADDRESSED: &str = "
  SELECT m.id, m.name, nullif(coalesce(m.prohibit_send_receive_quota,
           (SELECT value::bigint FROM settings WHERE name = 'ProhibitSendReceiveQuota')), 0) - u.bytes
    FROM aliases a JOIN mailboxes m ON m.name = a.mailbox JOIN usage u ON u.mailbox_id = m.id
   WHERE a.address = $1::nocase ORDER BY m.id";

fn recipient(row: Row<'_>) -> Result<Mailbox> {
    let room = row.int_or_null(2)?.map_or(u64::MAX, |room| room.max(0) as u64);
    Ok(Mailbox { id: MailboxId(row.int(0)?), name: row.text(1)?, room })
}

/// Of a row that begins as [`ACCOUNT_BY_ID`] says.
pub(super) fn account(row: Row<'_>) -> Result<Account> {
    Ok(Account {
        user: UserId(row.int(0)?),
        name: row.text(1)?,
        password: row.bytes_or_null(2).map(Secret::from),
        pop_enabled: row.is(3)?,
        ntlm: row.is(4)?,
        generation: row.int(7)?,
        mailbox: row.int_or_null(5)?.map(MailboxId),
        site: row.text_or_null(6)?,
    })
}

fn principal(row: Row<'_>) -> Result<Principal> {
    Ok(Principal {
        mailbox: MailboxId(row.int(0)?),
        name: row.text(1)?,
        site: row.text_or_null(2)?,
        pop_enabled: row.is(3)?,
        delegated: row.is(4)?,
    })
}

/// Where `expected` is given it is the same password in another form, and nobody is shut out: the schema's trigger adds
/// one to `generation`.
fn replace_password(
    connection: &mut Connection,
    user: UserId,
    expected: Option<&Secret>,
    hash: &Secret,
    verifiers: &[(Scheme, Secret)],
) -> Result<bool> {
    let hash = hash.expose_str();
    let replaced = match expected {
        None => connection.query("UPDATE users SET password = $2 WHERE id = $1", [user.0.into(), hash.into()])?,
        Some(expected) => {
            let sql = "UPDATE users SET password = $2, generation = generation - 1 WHERE id = $1 AND password = $3";
            let Some(expected) = expected.expose_str() else { return Ok(false) };
            connection.query(sql, [user.0.into(), hash.into(), expected.into()])?
        }
    };
    if replaced.changed() == 0 {
        return Ok(false);
    }
    // The schema does so too, but only if the value differs.
    connection.query("DELETE FROM verifiers WHERE user_id = $1", [user.0.into()])?;
    for (scheme, verifier) in verifiers {
        put_verifier(connection, user, *scheme, verifier)?;
    }
    Ok(true)
}

/// One of many in a transaction. The inner error is its own; the outer one ends the transaction.
pub fn replace_pending(connection: &mut Connection, one: &Replacement) -> Result<Result<bool>> {
    let hash = match must_be_utf8(&one.hash) {
        Ok(hash) => hash,
        Err(error) => return Ok(Err(error)),
    };
    connection.query("SAVEPOINT one", [])?;
    match replace_password(connection, one.user, Some(&one.expected), &hash, &one.others) {
        Err(error @ StoreError::Refused(_)) => {
            connection.query("ROLLBACK TO one", [])?;
            Ok(Err(error))
        }
        replaced => {
            let replaced = replaced?;
            connection.query("RELEASE one", [])?;
            Ok(Ok(replaced))
        }
    }
}

/// An NT hash of a user who does not want one (any more) is not stored.
fn put_verifier(connection: &mut Connection, user: UserId, scheme: Scheme, verifier: &Secret) -> Result<bool> {
    let sql = "INSERT INTO verifiers (user_id, scheme, value)
               SELECT id, $2, $3 FROM users WHERE id = $1 AND ($2 <> 'NT' OR ntlm = 1)
               ON CONFLICT (user_id, scheme) DO UPDATE SET value = excluded.value";
    let written = connection.query(sql, [user.0.into(), scheme.name().into(), verifier.expose().into()])?;
    if written.changed() == 0 {
        let delete = "DELETE FROM verifiers WHERE user_id = $1 AND scheme = $2";
        connection.query(delete, [user.0.into(), scheme.name().into()])?;
    }
    Ok(written.changed() > 0)
}
