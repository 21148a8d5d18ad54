//! What `init` needs of a database, and what it says where that is not so.

use crate::support::postgres::{Cluster, OWNER};

const SCHEMA: &str = include_str!("../../migrations/postgres/0100_initial.sql");

/// A cluster of its own, in which nobody has made the role yet.
fn init(cluster: &Cluster, role: &str, database: &str) -> Result<String, String> {
    cluster.try_sql(role, database, &format!("BEGIN;\n{SCHEMA}\nCOMMIT;\n"))
}

#[track_caller]
fn assert_refused(result: Result<String, String>, part: &str) {
    let error = result.unwrap_err();
    assert!(error.contains(part) && error.trim_end().lines().count() == 1, "{error}");
}

#[test]
fn roles_encodings_and_locales() {
    let cluster = Cluster::start();
    cluster.sql("postgres", "CREATE ROLE humble LOGIN");
    cluster.sql("postgres", "CREATE DATABASE humble OWNER humble TEMPLATE template0");
    let lines = "a superuser types: CREATE ROLE pillarbox_admin;";
    assert_refused(init(&cluster, "humble", "humble"), lines);
    for (options, part) in [
        ("LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'", "must have LC_CTYPE 'C'"),
        ("ENCODING 'LATIN1'", "must have ENCODING 'UTF8', this one has LATIN1"),
    ] {
        cluster.sql("postgres", "DROP DATABASE IF EXISTS odd");
        cluster.sql("postgres", &format!("CREATE DATABASE odd OWNER {OWNER} TEMPLATE template0 {options}"));
        assert_refused(init(&cluster, OWNER, "odd"), part);
    }
    // The line that it says is enough.
    cluster.sql("postgres", "CREATE ROLE pillarbox_admin");
    assert_eq!(init(&cluster, "humble", "humble"), Ok(String::new()));
    // A second database beside it finds the role.
    cluster.sql("postgres", &format!("CREATE DATABASE second OWNER {OWNER} TEMPLATE template0"));
    assert_eq!(init(&cluster, OWNER, "second"), Ok(String::new()));
    let query = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),
        current_setting('idle_in_transaction_session_timeout'), current_setting('synchronous_commit')";
    assert_eq!(cluster.try_sql("humble", "humble", query).unwrap().trim(), "5s|1min|10s|on");
}
