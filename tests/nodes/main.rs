//! Several nodes on one PostgreSQL database, and what breaks around them: promotion of the standby, a standby that is away,
//! nodes that are killed, drained and balanced, locks that are left.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod balancer;
mod failover;
mod load;
mod locks;
mod pair;
mod standby;
