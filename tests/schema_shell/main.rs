//! The schema, driven through Debian's own `sqlite3` shell with its defaults, while an engine has the
//! database open: what docs/interface.md section 2 promises administrators.
//!
//! `tests/postgres_schema` runs some of these modules too, through PostgreSQL's shell.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod agreement;
mod both_sides;
mod dates;
mod deleted_mailboxes;
mod hashes;
mod invariants;
mod marks;
mod moving;
mod odd_values;
mod refusals;
mod shell;
mod summaries;
mod tasks;
mod upserts;
