//! PostgreSQL's schema, driven through Debian's own `psql`: what the contract promises administrators.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

use support::postgres::{Cluster, OWNER};

#[test]
fn clusters() {
    let cluster = Cluster::shared();
    let database = cluster.database_like("template_x", |url| {
        assert!(url.contains("template_x"));
        cluster.try_sql(OWNER, "template_x", "CREATE TABLE a (b int)").unwrap();
    });
    database.sql("SELECT * FROM a");
    let primary = Cluster::start_with(&["wal_level=replica"]);
    let standby = primary.standby("second", &["hot_standby=on"]);
    primary.sql("postgres", "CREATE TABLE x (y int)");
    primary.kill();
    primary.start_again();
    primary.sql("postgres", "SELECT * FROM x");
    primary.kill();
    standby.promote();
    standby.sql("postgres", "INSERT INTO x VALUES (1)");
    standby.stop("fast");
}
