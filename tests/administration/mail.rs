//! Messages seen and deleted with SQL.

use crate::mailbox;
use crate::support::messages::{DOTTED, PLAIN};

#[test]
fn messages_are_listed_with_uid_size_and_time() {
    let server = mailbox(&[]);
    let rows = server.sql("SELECT uid, size, received_at FROM messages WHERE mailbox = 'alice' ORDER BY uid");
    let ids = server.alice().unique_ids();
    let sizes = [PLAIN.len(), DOTTED.len()];
    for ((row, id), size) in rows.lines().zip(&ids).zip(sizes) {
        let cells: Vec<&str> = row.split('|').collect();
        assert_eq!(cells[..2], [&**id, &size.to_string()]);
        let shape: String = cells[2].chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert_eq!(shape, "9999-99-99T99:99:99Z");
    }
    assert_eq!(rows.lines().count(), 2);
}

#[test]
fn deleting_in_the_shell_keeps_the_counters_right() {
    let server = mailbox(&[]);
    let ids = server.alice().unique_ids();
    server.sql(&format!("DELETE FROM messages WHERE mailbox = 'alice' AND uid = {}", ids[0]));
    assert_eq!(server.sql("SELECT messages, bytes FROM mailbox_usage WHERE name = 'alice'"), "1|4096\n");
    let mut client = server.alice();
    assert_eq!(client.stat(), (1, 4096));
    assert_eq!(client.unique_ids(), ids[1..]);
    assert_eq!(client.multi("RETR 1"), DOTTED);
    server.sql("DELETE FROM messages");
    assert_eq!(server.sql("SELECT messages, bytes FROM mailbox_usage WHERE name = 'alice'"), "0|0\n");
    server.assert_sound();
}

#[test]
fn a_deleted_message_can_be_brought_back_with_its_unique_id() {
    let server = mailbox(&[]);
    let ids = server.alice().unique_ids();
    let mut client = server.alice();
    client.expect("DELE 1", "+OK\r\n");
    client.quit();
    let rows = server.sql("SELECT uid, size FROM recoverable WHERE mailbox = 'alice'");
    assert_eq!(rows, format!("{}|{}\n", ids[0], PLAIN.len()));
    server.sql(&format!("UPDATE recoverable SET deleted_at = NULL WHERE mailbox = 'alice' AND uid = {}", ids[0]));
    let mut client = server.alice();
    assert_eq!(client.unique_ids(), ids);
    assert_eq!(client.multi("RETR 1"), PLAIN);
    assert_eq!(server.sql("SELECT count(*) FROM recoverable"), "0\n");
    assert_eq!(server.sql("SELECT messages, bytes FROM mailbox_usage WHERE name = 'alice'"), "2|8192\n");
    server.assert_sound();
}

#[test]
fn octets_and_unique_ids_are_immutable() {
    let server = mailbox(&[]);
    for change in ["size = 1", "uid = 77", "mailbox = 'bob'"] {
        assert!(server.try_sql(&format!("UPDATE messages SET {change} WHERE mailbox = 'alice'")).is_err(), "{change}");
    }
    assert!(server.try_sql("INSERT INTO messages(mailbox, uid, size) VALUES ('alice', 1, 1)").is_err());
    assert_eq!(server.alice().multi("RETR 1"), PLAIN);
    server.assert_sound();
}

/// Renaming a mailbox or changing its internals in the shell never loses mail or reuses ids.
#[test]
fn vacuum_while_the_server_runs() {
    let server = mailbox(&[]);
    let ids = server.alice().unique_ids();
    server.sql("VACUUM");
    let mut client = server.alice();
    assert_eq!(client.unique_ids(), ids);
    assert_eq!(client.multi("RETR 1"), PLAIN);
    server.deliver("alice", PLAIN);
    server.assert_sound();
}
