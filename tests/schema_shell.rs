//! The schema, driven through Debian's own `sqlite3` shell with its defaults, while an engine has the
//! database open: what interface.md section 2 promises administrators.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "schema_shell/agreement.rs"]
mod agreement;
#[path = "schema_shell/dates.rs"]
mod dates;
#[path = "schema_shell/hashes.rs"]
mod hashes;
#[path = "schema_shell/invariants.rs"]
mod invariants;
#[path = "schema_shell/refusals.rs"]
mod refusals;
#[path = "schema_shell/shell.rs"]
mod shell;
#[path = "schema_shell/tasks.rs"]
mod tasks;
