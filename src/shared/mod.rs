//! What all connections of a server share.

pub mod buffers;
pub mod connections;
pub mod fault;
pub mod health;
pub mod metrics;
pub mod snapshot;
pub mod state;
