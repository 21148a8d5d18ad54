//! The PostgreSQL engine: any number of nodes on one database. All its SQL lives in this directory and in
//! `migrations/postgres`.
//!
//! What must not be known here: sockets, replies, how a password is hashed.
//!
//! # Locking
//!
//! Rows of `usage` first, ascending by mailbox, whoever writes; then anything else of these mailboxes; then `site`. So
//! nobody waits in a ring, and unique-ids are given out under the lock of their mailbox.
//!
//! # Durability
//!
//! `synchronous_commit` is looked at on each connection. What commits with a warning may be on one copy only and counts as
//! failed. Where a connection goes during a commit it is looked what became of it ([`writer`]).
//!
//! # Nodes
//!
//! Each start of a program takes an epoch, which is its number and makes its body ids ([`body_ids`]). Whatever must be
//! done once is claimed by a row: `FOR UPDATE SKIP LOCKED`, or an UPDATE that only one can do.

mod accounts;
mod body_ids;
mod check;
mod config;
mod engine;
mod expire;
mod libpq;
mod login;
mod maildrop;
mod maintenance;
mod migrate;
mod pool;
mod presence;
mod purge;
mod read_ahead;
mod session;
mod statistics;
mod transfer;
mod upload;
mod warning;
mod writer;

pub use engine::Postgres;
pub use transfer::Whole;
