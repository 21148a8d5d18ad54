//! What commands do on PostgreSQL, and what they say where they cannot.

use super::support::Site;
use super::support::messages::message;
use super::support::postgres::{Cluster, OWNER};
use super::{database, node};

#[test]
fn mail_is_exported_and_imported_with_its_unique_ids() {
    let database = database(Cluster::shared());
    let one = node(&database, None);
    one.succeed(&["passwd", "--create", "alice"], b"se cret\n");
    one.succeed(&["passwd", "--create", "bob"], b"se cret\n");
    for body in ["one\r\n", "two\r\n"] {
        one.deliver("alice", &message("Hello", body));
    }
    database.sql("DELETE FROM messages WHERE uid = 1");
    let folder = one.path("export");
    let folder = folder.to_str().unwrap();
    assert_eq!(one.succeed(&["export", "-u", "alice", folder], b""), "1 exported\n");
    one.succeed(&["import", "-u", "bob", folder], b"");
    assert_eq!(database.sql("SELECT mailbox, unique_id FROM messages ORDER BY 1").trim(), "alice|\nbob|2");
    let refused = one.run(&["import", "-u", "alice", folder], b"");
    assert!(refused.status.success(), "what is there already is not stored again");
    assert_eq!(database.sql("SELECT count(*) FROM messages").trim(), "2");
    assert_eq!(one.succeed(&["check"], b""), "");
    assert_eq!(one.run(&["status"], b"").status.code(), Some(2), "no server runs");
}

#[test]
fn backup_and_restore_name_the_servers_own_tools() {
    let site = Site::node("postgresql:///mail?host=/nowhere");
    assert!(site.fail(&["backup", "x"], b"", 64).contains("pg_dump"));
    assert!(site.fail(&["restore", "x"], b"", 64).contains("pg_basebackup"));
}

#[test]
fn init_may_be_run_again() {
    let database = database(Cluster::shared());
    node(&database, None).succeed(&["init"], b"");
}

/// In a cluster where nobody has made the role yet.
#[test]
fn init_says_what_a_superuser_must_type() {
    let cluster = Cluster::start();
    cluster.sql("postgres", "CREATE ROLE humble LOGIN");
    cluster.sql("postgres", "CREATE DATABASE mail OWNER humble TEMPLATE template0");
    let site = Site::node(&cluster.url("humble", "mail"));
    let error = site.fail(&["init"], b"", 77);
    let line = error.trim_end().split_once("a superuser types: ").expect(&error).1;
    cluster.sql("mail", line);
    site.succeed(&["init"], b"");
    cluster.sql("postgres", &format!("CREATE DATABASE odd OWNER {OWNER} TEMPLATE template0 LC_CTYPE 'C.UTF-8'"));
    let error = Site::node(&cluster.url(OWNER, "odd")).fail(&["init"], b"", 78);
    assert!(error.contains("LC_CTYPE 'C'"), "{error}");
}

#[test]
fn a_server_that_forgets_or_is_empty_is_refused() {
    let database = database(Cluster::shared());
    let site = node(&database, None);
    database.cluster().sql(
        database.name(),
        &format!("ALTER ROLE {OWNER} IN DATABASE {} SET synchronous_commit = 'local'", database.name()),
    );
    let error = site.fail(&["serve", "-l", "127.0.0.1:0"], b"", 78);
    assert!(error.contains("synchronous_commit is local"), "{error}");
    let empty = Cluster::shared().empty_database();
    let error = Site::node(&empty.url()).fail(&["check"], b"", 78);
    assert!(error.contains("pillarbox init"), "{error}");
}

#[test]
fn without_the_library_it_is_said_what_is_missing() {
    // What is found first is no library.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("libpq.so.5"), "").unwrap();
    let site = Site::node("postgresql:///mail?host=/nowhere");
    for (command, code) in [("check", 69), ("init", 69), ("serve", 69), ("deliver", 75)] {
        let mut command = site.command(&[command, "x"][..if command == "deliver" { 2 } else { 1 }]);
        let output = command.env("LD_LIBRARY_PATH", folder.path()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains("libpq5") && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn who_may_not_in_is_told_so() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start()));
    let database = cluster.empty_database();
    let hba = cluster.socket().join("data/pg_hba.conf");
    std::fs::write(hba, format!("local all {OWNER} scram-sha-256\nlocal all all trust\n")).unwrap();
    cluster.sql("postgres", "SELECT pg_reload_conf()");
    let passwords = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(passwords.path(), "*:*:*:*:wrong\n").unwrap();
    let site = Site::node(&database.url());
    for (command, code) in [("check", 77), ("init", 77), ("deliver", 77)] {
        let mut command = site.command(&[command, "x"][..if command == "deliver" { 2 } else { 1 }]);
        let output = command.env("PGPASSFILE", passwords.path()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let site = Site::node("postgresql://pillarbox:owner@127.0.0.1/postgres");
    let error = site.fail(&["check"], b"", 78);
    assert!(error.contains("PGPASSFILE") && !error.contains(":owner"), "{error}");
    let site = Site::node("host=192.0.2.1 dbname=mail");
    assert!(site.fail(&["check"], b"", 78).contains("sslmode"));
    drop(database);
    cluster.stop("fast");
}
