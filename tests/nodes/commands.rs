//! What commands do on PostgreSQL, and what they say where they cannot.

use super::copying::copy;
use super::support::Site;
use super::support::messages::message;
use super::support::postgres::{Cluster, OWNER};
use super::{database, node};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

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
    let directory = one.path("export");
    let directory = directory.to_str().unwrap();
    assert_eq!(one.succeed(&["export", "-u", "alice", directory], b""), "1 exported\n");
    one.succeed(&["import", "-u", "bob", directory], b"");
    assert_eq!(database.sql("SELECT mailbox, unique_id FROM messages ORDER BY 1").trim(), "alice|\nbob|2");
    let refused = one.run(&["import", "-u", "alice", directory], b"");
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
    for command in [&["serve", "-l", "127.0.0.1:0"][..], &["deliver", "alice"], &["check"]] {
        let error = site.fail(command, b"", 78);
        assert!(error.contains("synchronous_commit is local") && error.lines().count() == 1, "{command:?}: {error}");
    }
    let empty = Cluster::shared().empty_database();
    let error = Site::node(&empty.url()).fail(&["check"], b"", 78);
    assert!(error.contains("pillarbox init"), "{error}");
}

/// Administrators have a role of their own, with which no command works.
#[test]
fn the_role_that_commands_need_is_named() {
    let database = database(Cluster::shared());
    let jane = format!("jane_of_{}", database.name());
    database.cluster().sql("postgres", &format!("CREATE ROLE {jane} LOGIN IN ROLE pillarbox_admin"));
    let site = Site::node(&database.url_of(&jane));
    for command in ["check", "init", "status", "deliver", "serve"] {
        let output = site.run(&[command, "x"][..if command == "deliver" { 2 } else { 1 }], b"");
        let error = String::from_utf8_lossy(&output.stderr);
        if command != "status" {
            assert_eq!(output.status.code(), Some(77), "{command}: {error}");
            assert!(error.contains(&jane) && error.contains(OWNER) && error.lines().count() == 1, "{command}: {error}");
        }
    }
}

/// Answers as a server of this version does until a client is in, and nothing more.
fn old_server(listener: UnixListener, version: &str) {
    let message = |kind: u8, content: &[u8]| [&[kind], &(content.len() as u32 + 4).to_be_bytes()[..], content].concat();
    let parameter = |name: &str, value: &str| message(b'S', format!("{name}\0{value}\0").as_bytes());
    // "Message Formats" in PostgreSQL's manual: AuthenticationOk, ParameterStatus, ReadyForQuery.
    let welcome = [
        message(b'R', &[0; 4]),
        parameter("server_version", version),
        parameter("in_hot_standby", "off"),
        parameter("default_transaction_read_only", "off"),
        message(b'Z', b"I"),
    ]
    .concat();
    for mut stream in listener.incoming().map_while(Result::ok) {
        let (welcome, mut length) = (welcome.clone(), [0; 4]);
        std::thread::spawn(move || {
            let _ = stream.read_exact(&mut length).and_then(|()| {
                stream.read_exact(&mut vec![0; u32::from_be_bytes(length) as usize - 4])?;
                stream.write_all(&welcome)?;
                stream.read_to_end(&mut Vec::new())
            });
        });
    }
}

#[test]
fn a_server_that_is_too_old_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
    std::thread::spawn(move || old_server(listener, "14.22"));
    let url = format!("postgresql:///mail?host={}&user=pillarbox", directory.path().display());
    let site = Site::node(&url);
    let file = Site::new();
    let file = file.database().to_str().unwrap();
    for command in [&["serve", "-l", "127.0.0.1:0"][..], &["init"], &["check"], &["deliver", "x"], &["passwd", "x"]] {
        let error = site.fail(command, b"", 78);
        assert!(error.contains("PostgreSQL 14, 15 or newer"), "{command:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let output = copy(file, &url, &site.path("")).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(78) && error.contains("PostgreSQL 14"), "{error}");
}

#[test]
fn what_is_no_database_is_named() {
    for url in ["mysql://root@localhost/mail", "file:///mail.db"] {
        let site = Site::node(url);
        for command in ["init", "check", "serve", "status", "deliver", "backup"] {
            let error =
                site.fail(&[command, "x"][..if matches!(command, "deliver" | "backup") { 2 } else { 1 }], b"", 64);
            assert!(error.contains("postgresql://") && error.lines().count() == 1, "{command}: {error}");
        }
    }
}

#[test]
fn what_is_no_source_of_mail_is_named() {
    let site = Site::new();
    site.succeed(&["passwd", "--create", "alice"], b"se cret\n");
    for source in ["ftp://old.example/mail", "https://old.example/mbox"] {
        let error = site.fail(&["import", "-u", "alice", source], b"", 64);
        assert!(error.contains("pop3://") && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn without_the_library_it_is_said_what_is_missing() {
    // What is found first is no library.
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("libpq.so.5"), "").unwrap();
    let site = Site::node("postgresql:///mail?host=/nowhere");
    for (command, code) in [("check", 69), ("init", 69), ("serve", 69), ("deliver", 75)] {
        let mut command = site.command(&[command, "x"][..if command == "deliver" { 2 } else { 1 }]);
        let output = command.env("LD_LIBRARY_PATH", directory.path()).output().unwrap();
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
