//! The engine on PostgreSQL: a database of its own for each promise.

use crate::fixture::{Change, Fixture, SetClock};
use crate::support::postgres::{Cluster, Database};
use pillarbox::store::postgres::Postgres;
use pillarbox::store::{Engine, Options, Store};
use std::fmt::Display;
use std::sync::Arc;

pub struct OnPostgres {
    store: Option<Postgres>,
    database: Database,
    clock: Arc<SetClock>,
}

pub fn on_postgres(promise: fn(&mut dyn Fixture)) {
    let mut fixture = OnPostgres::new();
    promise(&mut fixture);
    fixture.finish();
}

/// A text in SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A value that may be NULL, in SQL.
fn or_null<T: Display>(value: Option<T>) -> String {
    value.map_or("NULL".into(), |value| value.to_string())
}

impl OnPostgres {
    pub fn new() -> Self {
        let fill = |url: &str| Postgres::create_or_migrate(url).unwrap();
        let database = Cluster::shared().database_like("contract", fill);
        let mut fixture = Self { store: None, database, clock: Arc::default() };
        fixture.reopen();
        fixture
    }

    /// Another node of the same site.
    pub fn another(&self) -> Postgres {
        let options = Options { readers: 3, clock: self.clock.clone(), ..Options::default() };
        Postgres::open(&self.database.url(), options).unwrap()
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Rows of a query, their columns.
    fn rows<const N: usize>(&self, sql: &str) -> Vec<[String; N]> {
        let lines = self.database.sql(sql);
        let columns = |line: &str| line.split('|').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
        lines.lines().map(columns).collect()
    }
}

impl Fixture for OnPostgres {
    fn store(&self) -> &dyn Store {
        self.store.as_ref().unwrap()
    }

    fn clock(&self) -> &SetClock {
        &self.clock
    }

    fn change(&self, change: Change<'_>) {
        let flag = i64::from;
        let sql = match change {
            Change::Setting(name, value) => {
                format!("UPDATE settings SET value = {} WHERE name = {}", quoted(value), quoted(name))
            }
            Change::Password(user, text) => {
                format!("UPDATE users SET password = {} WHERE name = {}", quoted(text), quoted(user))
            }
            Change::Pop(user, on) => {
                format!("UPDATE users SET pop_enabled = {} WHERE name = {}", flag(on), quoted(user))
            }
            Change::Ntlm(user, on) => format!("UPDATE users SET ntlm = {} WHERE name = {}", flag(on), quoted(user)),
            Change::Quota(mailbox, quota) => format!(
                "UPDATE mailboxes SET prohibit_send_receive_quota = {} WHERE name = {}",
                or_null(quota),
                quoted(mailbox)
            ),
            Change::Warning(mailbox, quota) => {
                format!(
                    "UPDATE mailboxes SET issue_warning_quota = {} WHERE name = {}",
                    or_null(quota),
                    quoted(mailbox)
                )
            }
            Change::Retention(mailbox, read, unread, hold) => format!(
                "UPDATE mailboxes SET retain_read_days = {}, retain_unread_days = {}, retention_hold = {} WHERE name = {}",
                or_null(read),
                or_null(unread),
                flag(hold),
                quoted(mailbox)
            ),
            Change::ExactSizes(mailbox, exact) => format!(
                "UPDATE mailboxes SET exact_rfc822_size = {} WHERE name = {}",
                or_null(exact.map(flag)),
                quoted(mailbox)
            ),
            Change::Certificate(name, file, key) => {
                format!("INSERT INTO certificates VALUES ({}, {}, {})", quoted(name), quoted(file), quoted(key))
            }
            Change::Site(mailbox, site) => {
                format!("UPDATE mailboxes SET site = {} WHERE name = {}", or_null(site.map(quoted)), quoted(mailbox))
            }
            Change::Mailbox(name) => format!("INSERT INTO mailboxes (name) VALUES ({})", quoted(name)),
            Change::Alias(address, mailbox) => {
                format!("INSERT INTO aliases VALUES ({}, {})", quoted(address), quoted(mailbox))
            }
            Change::Delegate(delegate, principal) => {
                format!("INSERT INTO delegates VALUES ({}, {})", quoted(delegate), quoted(principal))
            }
            Change::DeleteUser(name) => format!("DELETE FROM users WHERE name = {}", quoted(name)),
            Change::Dismiss(name) => format!("DELETE FROM sessions WHERE name = {}", quoted(name)),
            Change::DeleteMessage(mailbox, uid) => {
                format!("DELETE FROM messages WHERE mailbox = {} AND uid = {uid}", quoted(mailbox))
            }
            Change::BringBack(mailbox, uid) => {
                format!("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = {} AND uid = {uid}", quoted(mailbox))
            }
            Change::PurgeMailbox(id) => format!("DELETE FROM deleted_mailboxes WHERE id = {}", id.0),
            Change::BringBackMailbox(name) => {
                format!("UPDATE deleted_mailboxes SET deleted_at = NULL WHERE name = {}", quoted(name))
            }
            Change::NextUid(mailbox, next) => format!(
                "UPDATE usage SET next_uid = {next} WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = {})",
                quoted(mailbox)
            ),
        };
        self.database.sql(&sql);
    }

    fn sessions(&self) -> Vec<(String, String, String, bool)> {
        let rows = self.rows("SELECT name, principal, address, tls FROM sessions");
        rows.into_iter().map(|[name, principal, address, tls]| (name, principal, address, tls == "1")).collect()
    }

    fn recent_logins(&self) -> Vec<(String, String, String, i64)> {
        let rows = self.rows("SELECT name, address, mechanism, count FROM recent_logins ORDER BY 1, 2, 3");
        rows.into_iter()
            .map(|[name, address, mechanism, count]| (name, address, mechanism, count.parse().unwrap()))
            .collect()
    }

    fn recent_failures(&self) -> Vec<(String, String, String, i64)> {
        let rows = self.rows("SELECT name, address, mechanism, count FROM recent_failures ORDER BY 1, 2, 3");
        rows.into_iter()
            .map(|[name, address, mechanism, count]| (name, address, mechanism, count.parse().unwrap()))
            .collect()
    }

    fn last_login(&self, user: &str) -> Option<i64> {
        self.database.sql(&format!("SELECT last_login FROM users WHERE name = {}", quoted(user))).trim().parse().ok()
    }

    fn reopen(&mut self) {
        self.store = None;
        self.store = Some(self.another());
    }

    fn finish(&self) {
        let mut faults = self.store.as_ref().unwrap().check().unwrap();
        // Some tests want that.
        faults.retain(|fault| !fault.ends_with("unique-ids are left"));
        assert_eq!(faults, Vec::<String>::new());
    }
}
