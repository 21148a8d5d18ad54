//! The same lines in both shells: the same answers, the same refusals word for word, the same rows afterwards.

use crate::psql::Psql;
use crate::shell::{CLERK, database, storing};
use crate::support::Site;
use crate::support::postgres::{Database, OWNER};
use std::sync::Arc;

/// One site on each engine.
struct Both {
    site: Arc<Site>,
    clerk: Psql,
    owner: Psql,
    _database: Database,
}

/// What a line was, for the shells.
use Line::{Mail, Refused, Works};

enum Line {
    /// It works, and prints the same.
    Works(&'static str),
    /// It is refused, with the same words.
    Refused(&'static str),
    /// Not typed: mail for this mailbox, octets, unique-id.
    Mail(&'static str, usize, Option<&'static str>),
}

impl Both {
    fn new() -> Both {
        let database = database();
        let (clerk, owner) = (Psql::open(&database.url_of(CLERK)), Psql::open(&database.url_of(OWNER)));
        Both { site: Site::new(), clerk, owner, _database: database }
    }

    fn run(lines: &[Line]) {
        let mut both = Both::new();
        for line in lines {
            match line {
                Works(line) => both.works(line),
                Refused(line) => both.refused(line),
                Mail(name, octets, unique_id) => both.store(name, *octets, *unique_id),
            }
            both.compare();
        }
    }

    fn works(&mut self, line: &str) {
        assert_eq!(self.clerk.sql(line), self.site.sql(line).trim_end(), "{line}");
    }

    fn refused(&mut self, line: &str) {
        let (_, refusal) = self.clerk.run(line);
        let refusal = refusal.unwrap_or_else(|| panic!("psql took {line}"));
        let expected = self.site.try_sql(line).expect_err(line);
        assert!(expected.contains(&refusal), "{line}\nsqlite3: {expected}psql: {refusal}");
    }

    /// As the two engines store it, through what their schemas have for that.
    fn store(&mut self, name: &str, octets: usize, unique_id: Option<&str>) {
        let unique_id_text = unique_id.map_or_else(|| "NULL".into(), |id| format!("'{id}'"));
        let message = format!(
            "UPDATE counters SET next_body_id = next_body_id + 1;
             INSERT INTO message(mailbox_id, uid, body_id, size, flags, unique_id, received_at, stored_at, sender)
               SELECT m.id, u.next_uid, c.next_body_id, {octets}, 0, {unique_id_text}, 1795428000, strftime('%s', 'now'), 'bob@example.org'
                 FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id JOIN counters c WHERE m.name = '{name}'"
        );
        let (_, error) = self.owner.run(&storing(name, octets, unique_id));
        match (self.site.try_sql(&message), error) {
            (Ok(_), None) => {}
            (Err(expected), Some(error)) => {
                assert!(expected.contains(&error), "{name} {unique_id:?}: {expected}{error}")
            }
            (sqlite, postgres) => panic!("{name}, {octets} octets, {unique_id:?}: {sqlite:?}, {postgres:?}"),
        }
    }

    /// All that is no date.
    fn compare(&mut self) {
        let query = STATE.map(|query| format!("SELECT '--';\n{};\n", query.replace("BOX", BOX))).concat();
        let (sqlite, postgres) = (self.site.sql(&query), self.owner.sql(&query) + "\n");
        let tables = |answer: &str| answer.split("--\n").map(|rows| rows.trim_end().to_owned()).collect::<Vec<_>>();
        for (index, (sqlite, postgres)) in tables(&sqlite).iter().zip(&tables(&postgres)).enumerate() {
            assert_eq!(postgres, sqlite, "{}", STATE[index - 1]);
        }
    }
}

/// The name behind mailbox_id: a refused INSERT takes an id with PostgreSQL.
const BOX: &str = "coalesce((SELECT lower(name) FROM mailboxes m WHERE m.id = mailbox_id),
  (SELECT 'deleted ' || lower(name) FROM deleted_mailbox d WHERE d.id = mailbox_id))";

const STATE: [&str; 19] = [
    "SELECT name, password, pop_enabled, ntlm, generation, is_hash FROM users ORDER BY lower(name)",
    "SELECT name, prohibit_send_receive_quota, issue_warning_quota, retain_read_days, retain_unread_days, retention_hold, exact_rfc822_size, site FROM mailboxes ORDER BY lower(name)",
    "SELECT address, mailbox FROM aliases ORDER BY lower(address), lower(mailbox)",
    "SELECT delegate, principal FROM delegates ORDER BY lower(delegate), lower(principal)",
    "SELECT BOX, next_uid, messages, bytes FROM usage ORDER BY 1",
    "SELECT name, next_uid FROM retired ORDER BY lower(name)",
    "SELECT mailbox, uid, size, received_at, unique_id, sender, read FROM messages ORDER BY lower(mailbox), uid",
    "SELECT mailbox, uid, size, received_at, unique_id, sender FROM recoverable ORDER BY lower(mailbox), uid",
    "SELECT name, messages, bytes FROM deleted_mailboxes ORDER BY lower(name), messages",
    "SELECT BOX, address FROM deleted_alias ORDER BY 1, 2",
    "SELECT BOX, first, last FROM unshown ORDER BY 1, 2",
    "SELECT BOX, unique_id FROM purged_id ORDER BY 1, 2",
    "SELECT BOX, uid, flags, unique_id, with_mailbox FROM deleted ORDER BY 1, 2",
    "SELECT BOX, due_at FROM overfull ORDER BY 1",
    "SELECT BOX, due_at FROM reaping ORDER BY 1",
    "SELECT count(*) FROM purge",
    "SELECT name, value FROM settings ORDER BY lower(name)",
    "SELECT * FROM certificates ORDER BY lower(name)",
    "SELECT * FROM mailbox_usage ORDER BY lower(name)",
];

#[test]
fn users_mailboxes_and_what_leads_to_them() {
    Both::run(&[
        Works("INSERT INTO users(name, password) VALUES ('alice', 'correct horse');  -- makes the mailbox too"),
        Works("INSERT INTO users(name) VALUES ('bob'), ('carol@example.org')"),
        Works("UPDATE users SET password = 'new secret' WHERE name = 'ALICE'"),
        Works("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'"),
        Works("UPDATE users SET ntlm = 1 WHERE name = 'alice' RETURNING id, name"),
        Works("SELECT name FROM users WHERE last_login IS NULL ORDER BY id"),
        Works(
            "UPDATE mailboxes SET prohibit_send_receive_quota = 1073741824, issue_warning_quota = 966367641 WHERE name = 'alice'",
        ),
        Works("UPDATE mailboxes SET retain_read_days = 7, retain_unread_days = 60 WHERE name = 'alice'"),
        Works("INSERT INTO aliases(address, mailbox) VALUES ('sales@example.org', 'ALICE')"),
        Works("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice')"),
        Works(
            "INSERT INTO aliases(address, mailbox) VALUES ('sales@example.org', 'bob') ON CONFLICT (address, mailbox) DO UPDATE SET mailbox = 'alice'",
        ),
        Works(
            "INSERT INTO delegates VALUES ('BOB', 'ALICE') ON CONFLICT (delegate, principal) DO UPDATE SET principal = 'bob'",
        ),
        Works(
            "INSERT INTO users(name, password) VALUES ('alice', 'second') ON CONFLICT (name) DO UPDATE SET password = excluded.password",
        ),
        Works("INSERT INTO users(name, password) VALUES ('alice', 'third') ON CONFLICT DO NOTHING"),
        Works(
            "INSERT INTO settings(name, value) VALUES ('maxcommandsize', '1024') ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        ),
        Works("UPDATE settings SET value = 512 WHERE name = 'maxcommandsize' RETURNING name, value"),
        Works("UPDATE settings SET value = '1' WHERE name = 'Nonsense' RETURNING name, value"),
        Works(
            "INSERT INTO certificates(name, certificate_file, key_file) VALUES ('mail.example.net', '/etc/tls/a.pem', '/etc/tls/a.key')",
        ),
        Refused("UPDATE settings SET value = '39' WHERE name = 'maxcommandsize'"),
        Refused("INSERT INTO settings VALUES ('Nonsense', '1')"),
        Refused("DELETE FROM settings WHERE name = 'Banner'"),
        Refused("UPDATE settings SET name = 'banner' WHERE name = 'Banner'"),
        Refused("UPDATE users SET name = 'BOB' WHERE name = 'alice'"),
        Refused("UPDATE users SET id = 77 WHERE name = 'alice'"),
        Refused("UPDATE users SET name = 'a b' WHERE name = 'alice'"),
        Refused("UPDATE users SET ntlm = 2"),
        Refused("UPDATE users SET password = '$5$saltsalt$x'"),
        Refused("UPDATE users SET password = '$y$j9T$x$y'"),
        Refused("UPDATE users SET password = '{MD5}x'"),
        Refused("UPDATE users SET password = '{PLAIN}'"),
        Refused("UPDATE users SET password = ''"),
        Refused("UPDATE users SET password = '$argon2id$v=19$m=1,t=1,p=1$short$short'"),
        Refused("UPDATE users SET password = '$2b$12$tooshort'"),
        Refused("UPDATE users SET password = '$6$salt$short'"),
        Refused("INSERT INTO mailboxes(name) VALUES ('alice')"),
        Refused("UPDATE mailboxes SET id = 77 WHERE name = 'alice'"),
        Refused("UPDATE mailboxes SET name = 'dora' WHERE name = 'alice'"),
        Refused("UPDATE mailboxes SET retain_read_days = 24856"),
        Refused("UPDATE mailboxes SET issue_warning_quota = -1"),
        Refused("DELETE FROM mailboxes WHERE name = 'alice'"),
        Refused("INSERT INTO aliases VALUES ('x', 'nobody')"),
        Refused("INSERT INTO aliases VALUES ('a b', 'alice')"),
        Refused("INSERT INTO delegates VALUES ('nobody', 'alice')"),
        Refused("INSERT INTO delegates VALUES ('bob', 'nobody')"),
        Refused("INSERT INTO certificates VALUES ('10.0.0.1', '/a', '/b')"),
        Works("UPDATE users SET name = 'Alice' WHERE name = 'alice'"),
        Works("UPDATE users SET name = 'dora' WHERE name = 'alice'"),
        Works("INSERT INTO mailboxes(name) VALUES ('archive')"),
        Works("UPDATE mailboxes SET name = 'attic' WHERE name = 'archive'"),
        Works("INSERT INTO users(name) VALUES ('ATTIC')"),
        Works("DELETE FROM users WHERE name = 'dora'"),
        Works("DELETE FROM users"),
        Works("INSERT INTO users(id, name) VALUES (50, 'fifty')"),
        Works("INSERT INTO users(name) VALUES ('next')"),
        Refused("INSERT INTO mailboxes(id, name) SELECT id, 'other' FROM mailboxes WHERE name = 'next'"),
    ]);
}

#[test]
fn messages() {
    Both::run(&[
        Works("INSERT INTO users(name) VALUES ('alice'), ('bob')"),
        Mail("bob", 100, None),
        Mail("alice", 5000, None),
        Mail("alice", 5000, Some("kept")),
        Mail("alice", 4097, Some("100")),
        Mail("alice", 1, None),
        Mail("alice", 1, Some("kept")),
        Mail("alice", 1, Some("101")),
        Works("SELECT uid, size, received_at FROM messages WHERE mailbox = 'alice' ORDER BY uid"),
        Works("UPDATE messages SET read = 1 WHERE mailbox = 'ALICE' AND uid = 1"),
        Works("UPDATE messages SET mailbox = 'BOB' WHERE mailbox = 'alice' AND uid < 3"),
        Mail("alice", 1, Some("kept")),
        Mail("alice", 1, Some("2")),
        Works("DELETE FROM messages WHERE mailbox = 'alice' AND uid = 101"),
        Works("SELECT uid, size FROM recoverable WHERE mailbox = 'alice'"),
        Mail("alice", 1, None),
        Works("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice' AND uid = 101"),
        Works("DELETE FROM messages WHERE mailbox = 'alice'"),
        Works("DELETE FROM recoverable WHERE mailbox = 'alice' AND uid = 101"),
        Works("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice'"),
        Refused("UPDATE messages SET mailbox = 'nobody' WHERE uid = 1"),
        Refused("UPDATE messages SET mailbox = NULL"),
        Refused("UPDATE messages SET mailbox = 'bob', uid = 7"),
        Refused("UPDATE messages SET sender = 'x'"),
        Refused("UPDATE messages SET read = 2"),
        Works("DELETE FROM messages WHERE mailbox = 'bob' AND uid = 1"),
        Refused("UPDATE recoverable SET deleted_at = '2020-01-01T00:00:00Z'"),
        Refused("UPDATE recoverable SET deleted_at = NULL, uid = 3"),
        Works("UPDATE mailboxes SET prohibit_send_receive_quota = 16384 WHERE name = 'bob'"),
        Refused("UPDATE recoverable SET deleted_at = NULL"),
        Refused("UPDATE messages SET mailbox = 'bob' WHERE mailbox = 'alice'"),
        Mail("bob", 1, None),
        Works("UPDATE mailboxes SET issue_warning_quota = 8192"),
        Works("UPDATE mailboxes SET issue_warning_quota = NULL"),
        Works("UPDATE settings SET value = 4096 WHERE name = 'IssueWarningQuota'"),
        Works("UPDATE messages SET read = 1 - read"),
        Works("DELETE FROM messages"),
        Works("UPDATE mailboxes SET prohibit_send_receive_quota = 0 WHERE name = 'bob'"),
        Works("UPDATE recoverable SET deleted_at = NULL"),
        Works("DELETE FROM messages WHERE uid % 2 = 0"),
        Works("UPDATE settings SET value = '0' WHERE name = 'RetainDeletedItemsDays'"),
        Works("UPDATE recoverable SET deleted_at = NULL"),
    ]);
}

#[test]
fn unique_ids_of_imports() {
    let mut lines = vec![Works("INSERT INTO users(name) VALUES ('alice')")];
    let ids = [
        "5",
        "3",
        "3",
        "4",
        "20",
        "10",
        "11",
        "12",
        "9",
        "15",
        "4503599627370496",
        "4503599627370497",
        "9007199254740993",
        "00012",
        "x",
        "100",
        "101",
        "99",
        "9999999999999999",
        "21",
    ];
    for id in ids {
        lines.push(Mail("alice", 10, Some(id)));
        lines.push(Mail("alice", 10, Some(id)));
    }
    lines.extend([
        Mail("alice", 10, None),
        Works("DELETE FROM messages WHERE unique_id IN ('x', '3', '100', '9007199254740993')"),
        Works("DELETE FROM recoverable"),
        Mail("alice", 10, Some("x")),
        Mail("alice", 10, Some("3")),
        Mail("alice", 10, Some("9007199254740993")),
        Mail("alice", 10, None),
    ]);
    Both::run(&lines);
}

#[test]
fn deleted_mailboxes() {
    let back = "UPDATE deleted_mailboxes SET deleted_at = NULL WHERE name = 'alice'";
    Both::run(&[
        Works("INSERT INTO users(name, password) VALUES ('alice', 'x'), ('bob', 'y')"),
        Works("INSERT INTO aliases VALUES ('sales', 'alice'), ('sales', 'bob'), ('Info@example.org', 'alice')"),
        Works("INSERT INTO delegates VALUES ('bob', 'alice'), ('alice', 'bob')"),
        Works("UPDATE mailboxes SET prohibit_send_receive_quota = 1000000, retain_read_days = 7 WHERE name = 'alice'"),
        Mail("alice", 5000, Some("kept")),
        Mail("alice", 10, Some("gone")),
        Mail("alice", 10, Some("100")),
        Mail("alice", 10, None),
        Works("DELETE FROM messages WHERE unique_id = 'gone'"),
        Works("DELETE FROM users WHERE name = 'alice'"),
        Works("SELECT id, name, messages, bytes FROM deleted_mailboxes"),
        Works(back),
        Works("INSERT INTO users(name) VALUES ('alice')"),
        Mail("alice", 5, Some("gone")),
        Works("DELETE FROM users WHERE name = 'alice'; INSERT INTO users(name) VALUES ('ALICE')"),
        Mail("alice", 1, None),
        Refused(back),
        Refused("UPDATE deleted_mailboxes SET messages = 0"),
        Works("UPDATE users SET name = 'carol' WHERE name = 'alice'"),
        Works("UPDATE settings SET value = 4096 WHERE name = 'ProhibitSendReceiveQuota'"),
        Works(back),
        Mail("alice", 1, None),
        Works("DELETE FROM mailboxes WHERE name = 'alice'"),
        Works("DELETE FROM deleted_mailboxes"),
        Works("UPDATE settings SET value = '0' WHERE name = 'RetainDeletedItemsDays'"),
        Works("DELETE FROM users"),
        Works("INSERT INTO users(name) VALUES ('alice')"),
        Mail("alice", 1, Some("kept")),
    ]);
}
