//! The tables of a site, as both SQL engines have them. (What one keeps for itself, like uploads on their way in, is not
//! copied.)

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A whole number.
    Int,
    /// Text.
    Text,
    /// Octets.
    Octets,
}

/// One value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// Octets.
    Octets(Vec<u8>),
}

/// A table and its columns.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns; the key comes first.
    pub columns: &'static [(&'static str, Kind)],
    /// How many columns the key has.
    pub key: usize,
}

impl Table {
    /// Its rows come in the order of numbers, so that a copy that was cut goes on where it was.
    pub fn is_in_order_of_numbers(&self) -> bool {
        self.columns[..self.key].iter().all(|(_, kind)| *kind == Int)
    }

    /// The names of its columns.
    pub fn names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _)| *name).collect()
    }
}

use Kind::{Int, Octets, Text};

macro_rules! tables {
    ($($name:literal [$key:literal] ($($column:literal $kind:ident),* $(,)?);)*) => {
        &[$(Table { name: $name, key: $key, columns: &[$(($column, $kind)),*] }),*]
    };
}

/// All but the pieces of messages.
pub const TABLES: &[Table] = tables! {
    "message" [2] ("mailbox_id" Int, "uid" Int, "body_id" Int, "size" Int, "flags" Int, "read_at" Int, "unique_id" Text,
        "received_at" Int, "stored_at" Int, "sender" Text);
    "deleted" [2] ("mailbox_id" Int, "uid" Int, "body_id" Int, "size" Int, "flags" Int, "read_at" Int, "unique_id" Text,
        "received_at" Int, "stored_at" Int, "sender" Text, "deleted_at" Int, "with_mailbox" Int);
    "continuation" [1] ("body_id" Int, "tail_id" Int);
    "shared" [1] ("body_id" Int, "copies" Int);
    "summary" [1] ("body_id" Int, "subject" Text, "from_address" Text, "message_id" Text);
    "settings" [1] ("name" Text, "value" Text);
    "certificates" [1] ("name" Text, "certificate_file" Text, "key_file" Text);
    "users" [1] ("id" Int, "name" Text, "password" Text, "pop_enabled" Int, "ntlm" Int, "last_login" Int, "generation" Int);
    "verifiers" [2] ("user_id" Int, "scheme" Text, "value" Octets);
    "mailboxes" [1] ("id" Int, "name" Text, "prohibit_send_receive_quota" Int, "issue_warning_quota" Int,
        "retain_read_days" Int, "retain_unread_days" Int, "retention_hold" Int, "exact_rfc822_size" Int, "site" Text);
    "aliases" [2] ("address" Text, "mailbox" Text);
    "delegates" [2] ("delegate" Text, "principal" Text);
    "deleted_mailbox" [1] ("id" Int, "name" Text, "prohibit_send_receive_quota" Int, "issue_warning_quota" Int,
        "retain_read_days" Int, "retain_unread_days" Int, "retention_hold" Int, "exact_rfc822_size" Int, "site" Text,
        "next_uid" Int, "version" Int, "messages" Int, "bytes" Int, "deleted_at" Int);
    "deleted_alias" [2] ("mailbox_id" Int, "address" Text);
    "usage" [1] ("mailbox_id" Int, "next_uid" Int, "messages" Int, "bytes" Int, "version" Int);
    "retired" [1] ("name" Text, "next_uid" Int);
    "unshown" [2] ("mailbox_id" Int, "first" Int, "last" Int);
    "purge" [1] ("id" Int, "body_id" Int, "not_before" Int);
    "purged_id" [2] ("mailbox_id" Int, "unique_id" Text);
    "reaping" [1] ("mailbox_id" Int, "due_at" Int);
    "overfull" [1] ("mailbox_id" Int, "due_at" Int);
    "recent_login" [3] ("name" Text, "address" Text, "mechanism" Text, "at" Int, "count" Int);
    "recent_failure" [3] ("name" Text, "address" Text, "mechanism" Text, "at" Int, "count" Int);
    "statistics" [1] ("at" Int, "logins" Int, "failures" Int, "connections" Int, "most_sessions" Int, "deliveries" Int,
        "delivered_octets" Int, "refused" Int, "retrieved" Int, "retrieved_octets" Int, "removed" Int, "messages" Int,
        "database_octets" Int);
    "recent_minute" [1] ("at" Int, "logins" Int, "failures" Int, "deliveries" Int);
};
