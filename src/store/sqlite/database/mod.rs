//! The database file itself: how it is opened, migrated and recognised, and what its errors mean.

pub mod closing;
pub mod companions;
pub mod connection;
pub mod error;
pub mod identity;
pub mod migrate;
pub mod readers;
pub mod recovery;
