//! What all connections of a server share.

pub mod connections;
pub mod health;
pub mod metrics;
pub mod state;
