//! The statements of the contract, letter by letter, in one shell while the server runs.

use crate::mailbox;
use crate::support::eventually;
use crate::support::messages::PLAIN;
use crate::support::site::{feed, text};
use std::process::{Command, Stdio};

/// docs/interface.md section 2, as people paste it. (Alice and bob exist, and a message with uid 17.)
const STATEMENTS: &str = "
INSERT INTO users(name, password) VALUES ('carol', 'correct horse');  -- makes the mailbox too
UPDATE users SET password = 'new secret' WHERE name = 'alice';        -- plain text or a PHC string
UPDATE users SET pop_enabled = 0 WHERE name = 'alice';                -- no login; mail still arrives
UPDATE users SET ntlm = 1 WHERE name = 'alice';                       -- NTLM for alice, see below
UPDATE mailboxes SET prohibit_send_receive_quota = 1073741824, issue_warning_quota = 966367641 WHERE name = 'alice';
UPDATE mailboxes SET retain_read_days = 7, retain_unread_days = 60 WHERE name = 'alice';
INSERT INTO aliases(address, mailbox) VALUES ('sales@example.org', 'alice');
INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice');   -- bob may open alice's mailbox
UPDATE settings SET value = '1024' WHERE name = 'MaxCommandSize';     -- out of range: an error, nothing changed
UPDATE settings SET value = '64' WHERE name = 'MaxCommandSize' RETURNING name, value;
SELECT * FROM mailbox_usage;    -- name, messages, bytes, warning_quota, limit_quota, percent
SELECT uid, size, received_at FROM messages WHERE mailbox = 'alice';  -- a view or a table
DELETE FROM messages WHERE mailbox = 'alice' AND uid = 17;            -- counters stay right
SELECT uid, size, deleted_at FROM recoverable WHERE mailbox = 'alice';               -- what can still be brought back
UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice' AND uid = 17;       -- brings it back
DELETE FROM users WHERE name = 'carol';                               -- the mailbox goes too, and can be brought back
";

#[test]
fn every_statement_of_the_contract_works_as_it_stands() {
    let server = mailbox(&[]);
    server.add_user("bob", "builder");
    (0..15).for_each(|_| server.deliver("alice", PLAIN));
    let mut shell = Command::new("sqlite3");
    shell.arg("-bail").arg(server.database());
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = feed(&mut shell, format!(".timeout 5000\n{STATEMENTS}").as_bytes());
    let shown = text(&output.stdout);
    assert!(output.status.success() && output.stderr.is_empty(), "{shown}{}", text(&output.stderr));
    assert!(shown.starts_with("MaxCommandSize|64\nalice|17|69632|966367641|1073741824|"), "{shown}");
    let recovered = shown.lines().last().unwrap();
    assert!(recovered.starts_with(&format!("17|{}|", PLAIN.len())), "{recovered}");
    assert_eq!(server.sql("SELECT name, messages FROM mailbox_usage"), "alice|17\nbob|0\n");
    server.sql("UPDATE users SET pop_enabled = 1 WHERE name = 'alice'");
    crate::eventually_logs_in(&server, "alice", "new secret", true);
    let line = format!("USER {}", "x".repeat(60));
    eventually("the new limit", || server.connect().say(&line).starts_with("-ERR "));
    server.assert_sound();
}
