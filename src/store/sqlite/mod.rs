//! The SQLite engine: all of its SQL lives in this directory, in `schema.sql` and in `migrations/sqlite`.
//!
//! What must not be known here: sockets, replies, how a password is hashed.
//!
//! # Locking
//!
//! One connection writes, that of whoever's turn it is ([`writer`]); a pool of `query_only`
//! connections is lent for one query each ([`database::readers`]). Nobody holds a connection, a statement or
//! a transaction between two calls, so a slow client can neither hold back the log nor block a delivery.
//!
//! # Durability
//!
//! WAL with `synchronous=FULL`: a call that changes mail returns after the commit's fsync. Jobs
//! that wait together share a commit; where one fails, each is done again with a savepoint of its own. Then it is looked whether the file
//! that was written still has its name ([`database::identity`]).
//!
//! # Dates
//!
//! What is stored and deleted here is dated by [`Options::clock`], what the shell deletes by SQLite's; neither
//! goes back ([`date`]).
//!
//! # What was deleted
//!
//! The writer runs with `secure_delete=ON`, and truncates the log after a password was replaced or mail was purged
//! ([`writer`]). Where SQLite moves rows between pages, copies may stay in unused parts of a page until `VACUUM`.

mod accounts;
mod backup;
mod database;
mod date;
mod engine;
mod maintenance;
#[cfg(test)]
mod manual;
mod messages;
mod presence;
mod retention;
mod statistics;
mod transfer;
mod writer;

pub use crate::store::Options;
pub use database::companions;
pub use database::migrate::{APPLICATION_ID, newest_version};
pub use engine::Sqlite;
pub use transfer::Whole;
