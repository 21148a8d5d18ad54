//! A database, an administrator's shell on it, and that of the role it belongs to.

use crate::psql::Psql;
use crate::support::postgres::{Cluster, Database, OWNER};
use crate::support::shell::{self, TABLES};
use std::cell::RefCell;
use std::path::PathBuf;

/// A member of pillarbox_admin, who is nothing else.
pub const CLERK: &str = "clerk";

pub struct Bench {
    clerk: RefCell<Psql>,
    owner: RefCell<Psql>,
    directory: tempfile::TempDir,
    _database: Database,
}

/// A database with the schema as `init` makes it.
pub fn database() -> Database {
    let cluster = Cluster::shared();
    cluster.database_like("schema", |_| {
        let script = include_str!("../../migrations/postgres/0100_initial.sql");
        cluster.try_sql(OWNER, "schema", &format!("BEGIN;\n{script}\nCOMMIT;\n")).unwrap();
        cluster.sql("postgres", &format!("CREATE ROLE {CLERK} LOGIN IN ROLE pillarbox_admin"));
    })
}

impl Bench {
    pub fn new() -> Bench {
        let database = database();
        let open = |role| RefCell::new(Psql::open(&database.url_of(role)));
        let (clerk, owner) = (open(CLERK), open(OWNER));
        Bench { clerk, owner, directory: tempfile::tempdir().unwrap(), _database: database }
    }

    /// Where a file database would be.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("mail.db")
    }

    /// A line as an administrator types it.
    pub fn run(&self, line: &str) -> (String, Option<String>) {
        self.clerk.borrow_mut().run(line)
    }

    /// The answer to one that must work.
    #[track_caller]
    pub fn sql(&self, line: &str) -> String {
        self.clerk.borrow_mut().sql(line)
    }

    /// The same as the role of the server.
    #[track_caller]
    pub fn server_sql(&self, line: &str) -> String {
        self.owner.borrow_mut().sql(line)
    }

    /// A line that must be refused with a message that has these parts, and change nothing.
    #[track_caller]
    pub fn refused(&self, line: &str, parts: &[&str]) {
        shell::refused(line, parts, |line| self.run(line).1, || self.dump());
    }

    /// Everything but the octets.
    fn dump(&self) -> String {
        let rows = TABLES.map(|table| format!("SELECT '{table}' AS t, r::text FROM {table} AS r"));
        self.server_sql(&format!("{} ORDER BY 1, 2;", rows.join(" UNION ALL ")))
    }

    /// Stores a message of so many octets.
    pub fn deliver(&self, name: &str, octets: usize) -> Result<u64, String> {
        self.import(name, octets, None)
    }

    /// The same with a unique-id of its own.
    pub fn import(&self, name: &str, octets: usize, unique_id: Option<&str>) -> Result<u64, String> {
        let (answer, error) = self.owner.borrow_mut().run(&storing(name, octets, unique_id));
        error.map_or_else(|| Ok(answer.parse().unwrap()), Err)
    }

    /// Counters and references are as the rows are.
    #[track_caller]
    pub fn assert_sound(&self) {
        assert_eq!(self.server_sql(FAULTS), "");
    }
}

/// Stores a message as deliveries and imports do, and answers its uid.
pub fn storing(name: &str, octets: usize, unique_id: Option<&str>) -> String {
    let row = |uid: &str, unique_id: &str| {
        format!(
            "ROW(m.id, {uid}, b.id, {octets}, 0, NULL, {unique_id}, 1795428000, seconds_now(), 'bob@example.org')::message"
        )
    };
    let store = match unique_id {
        None => format!("put_message({}, false, true) IS NULL, u.next_uid", row("u.next_uid", "NULL")),
        Some(unique_id) => format!("true, import_message({})", row("0", &format!("'{unique_id}'"))),
    };
    let body = "(UPDATE site SET next_epoch = next_epoch + 1 RETURNING next_epoch AS id)";
    format!(
        "WITH b AS {body}, s AS (SELECT {store} AS uid FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id, b WHERE m.name = '{name}'),
         c AS (INSERT INTO chunk SELECT id, 0, convert_to(repeat('x', {octets}), 'UTF8') FROM b, s) SELECT uid FROM s"
    )
}

/// What must not be.
const FAULTS: &str = "
  SELECT 'counters', u.* FROM usage u LEFT JOIN (
      SELECT mailbox_id, count(*) AS n, sum(storage_size(size)) AS b, max(uid) AS last FROM message GROUP BY 1) g USING (mailbox_id)
   WHERE u.messages <> coalesce(n, 0) OR u.bytes <> coalesce(b, 0) OR u.next_uid <= coalesce(last, 0);
  SELECT 'usage', id FROM mailboxes m FULL JOIN usage u ON u.mailbox_id = m.id WHERE m.id IS NULL OR u.mailbox_id IS NULL;
  SELECT 'reaping', id FROM mailboxes m FULL JOIN reaping r ON r.mailbox_id = m.id WHERE m.id IS NULL OR r.mailbox_id IS NULL;
  SELECT 'users', name FROM users u WHERE NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.name = u.name);
  SELECT 'verifiers', user_id FROM verifiers v WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = v.user_id);
  SELECT 'aliases', address FROM aliases a WHERE NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.name = a.mailbox);
  SELECT 'delegates', delegate FROM delegates d
   WHERE NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.name = d.principal) OR NOT EXISTS (SELECT 1 FROM users u WHERE u.name = d.delegate);
  SELECT 'messages', mailbox_id FROM message g WHERE NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = g.mailbox_id);
  SELECT 'deleted', mailbox_id FROM deleted d WHERE NOT EXISTS (
      SELECT 1 FROM mailboxes m WHERE m.id = d.mailbox_id UNION ALL SELECT 1 FROM deleted_mailbox x WHERE x.id = d.mailbox_id);
  SELECT 'bodies', body_id FROM chunk c WHERE NOT EXISTS (
      SELECT 1 FROM message g WHERE g.body_id = c.body_id UNION ALL SELECT 1 FROM deleted d WHERE d.body_id = c.body_id
      UNION ALL SELECT 1 FROM purge p WHERE p.body_id = c.body_id);
  SELECT 'overfull', u.mailbox_id FROM usage u JOIN mailboxes m ON m.id = u.mailbox_id
   WHERE (coalesce(m.issue_warning_quota, setting_number('IssueWarningQuota')) BETWEEN 1 AND u.bytes)
      <> EXISTS (SELECT 1 FROM overfull o WHERE o.mailbox_id = u.mailbox_id);
  SELECT 'unshown', a.* FROM unshown a JOIN unshown b ON a.mailbox_id = b.mailbox_id AND a.first < b.first AND a.last >= b.first;";

/// `octets` as a text of SQL; none: they cannot be one.
fn literal(octets: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(octets).ok().filter(|text| !text.contains('\0'))?;
    Some(format!("'{}'", text.replace('\'', "''")))
}

/// Runs `change` with NEW replaced by a value, and says whether `look` finds that value then.
const ATTEMPT: &str =
    "CREATE FUNCTION pg_temp.attempt(reset text, change text, look text, value text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  same boolean;
BEGIN
  IF reset <> '' THEN
    EXECUTE reset;
  END IF;
  BEGIN
    EXECUTE replace(change, 'NEW', quote_literal(value));
  EXCEPTION WHEN check_violation THEN NULL;
  END;
  EXECUTE 'SELECT ((' || look || ')::text IS NOT DISTINCT FROM ' || quote_literal(value) || ')' INTO same;
  RETURN same::int;
END $$";

/// Which of these values, no two of them the same, the shell lets be written by `update`. `reset` is run before
/// each, or nothing: then `read` still shows the last value that was taken.
pub fn taken(bench: &Bench, reset: &str, update: &str, read: &str, values: &[Vec<u8>]) -> Vec<bool> {
    let mut clerk = bench.clerk.borrow_mut();
    clerk.sql(&format!("BEGIN; {ATTEMPT}"));
    let quoted = |text: &str| text.replace('\'', "''");
    let (reset, update, read) = (quoted(reset), quoted(update), quoted(read));
    let mut attempt = |value: &Vec<u8>| {
        literal(value).is_some_and(|value| {
            clerk.sql(&format!("SELECT pg_temp.attempt('{reset}', '{update}', '{read}', {value})")) == "1"
        })
    };
    let answers = values.iter().map(&mut attempt).collect();
    clerk.sql("ROLLBACK");
    answers
}

/// Which of these passwords the schema takes for hashes.
pub fn hashes(bench: &Bench, passwords: &[String]) -> Vec<bool> {
    let is_hash = |value: &String| {
        bench.server_sql(&format!("SELECT password_is_hash({})", literal(value.as_bytes()).unwrap())) == "1"
    };
    passwords.iter().map(is_hash).collect()
}
