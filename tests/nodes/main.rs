//! The real binary on PostgreSQL: nodes that share a database, what breaks around them (promotion of the standby, a standby
//! that is away, nodes that are killed, drained and balanced, locks that are left), and what commands say.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod away;
mod balancer;
mod commands;
mod copying;
mod failover;
mod load;
mod locks;
mod members;
mod pair;
mod patroni;
mod shared;
mod standby;

use std::sync::Arc;
use support::postgres::{Cluster, Database};
use support::{Server, Site};

/// Passwords may cross in clear, and a wrong one costs no time.
const SETTINGS: [(&str, &str); 2] = [("LoginType", "PlainTextLogin"), ("MaxLoginDelay", "0")];

/// A database of ours, as its owner has it.
fn database(cluster: &'static Cluster) -> Database {
    let fill = |url: &str| drop(Site::node(url).succeed(&["init"], b""));
    cluster.database_like("nodes", fill)
}

/// A node, with the key file that the others have.
fn node(database: &Database, other: Option<&Site>) -> Arc<Site> {
    let site = Site::node(&database.url());
    if let Some(other) = other {
        std::fs::copy(other.path("pillarbox.seal"), site.path("pillarbox.seal")).unwrap();
    }
    site
}

fn serve(site: &Arc<Site>) -> Server {
    Server::start(site, &SETTINGS)
}
