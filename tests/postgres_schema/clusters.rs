//! What the tests' own clusters do for them.

use crate::support::postgres::Cluster;

#[test]
fn a_standby_takes_over_and_a_killed_server_keeps_what_it_had() {
    let primary = Cluster::start_with(&["wal_level=replica"]);
    let standby = primary.standby("second", &["hot_standby=on"]);
    primary.require("second");
    primary.sql("postgres", "CREATE TABLE notes (text text)");
    primary.kill();
    primary.start_again();
    primary.sql("postgres", "INSERT INTO notes VALUES ('kept')");
    primary.stop("immediate");
    standby.promote();
    assert_eq!(standby.sql("postgres", "SELECT text FROM notes").trim(), "kept");
}
