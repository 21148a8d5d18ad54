//! What a stolen database is worth.

use crate::guessing::challenge;
use crate::support::{Server, Site, eventually};

fn offers_scram(server: &Server) -> bool {
    server.connect().capabilities().iter().any(|line| line.contains("SCRAM-SHA-256"))
}

fn verifier(site: &Site) -> String {
    site.sql("SELECT CAST(value AS TEXT) FROM verifiers WHERE scheme = 'SCRAM-SHA-256'").trim().to_owned()
}

/// Without the key file there is nothing to try 32,768 rounds on.
#[test]
fn scram_verifiers_are_sealed() {
    let site = Site::with_alice(&[]);
    site.succeed(&["passwd", "alice"], b"se cret\n");
    let stored = verifier(&site);
    assert!(stored.starts_with("v2,") && !stored.contains("32768"), "{stored}");
    let server = site.serve(&[]);
    assert!(offers_scram(&server));
    assert!(challenge(&server, "alice").ends_with(",i=32768"));
}

#[test]
fn a_lost_seal_is_said_once_and_costs_nobody_the_login() {
    let site = Site::with_alice(&[]);
    site.succeed(&["passwd", "alice"], b"se cret\n");
    site.succeed(&["passwd", "--create", "bob"], b"builder\n");
    let before = site.sql("SELECT count(*) FROM verifiers");
    std::fs::remove_file(site.path("mail.db.seal")).unwrap();
    let server = site.serve(&[]);
    assert_eq!(server.log().matches("another key file").count(), 1, "{}", server.log());
    assert!(!offers_scram(&server), "clients would try it first, and fail");
    server.alice().quit();
    server.session("bob", "builder").quit();
    eventually("new verifiers", || site.sql("SELECT count(*) FROM verifiers") == before);
    eventually("SCRAM is offered again", || offers_scram(&server));
    server.terminate();
    assert!(!site.serve(&[]).log().contains("another key file"));
}

#[test]
fn rounds_follow_the_setting_at_the_next_login() {
    let site = Site::with_alice(&[]);
    site.set("ScramIterations", "5000");
    site.succeed(&["passwd", "alice"], b"se cret\n");
    let server = site.serve(&[]);
    for name in ["alice", "nobody"] {
        assert!(challenge(&server, name).ends_with(",i=5000"), "{name}");
    }
    server.set("ScramIterations", "6000");
    eventually("of nobody", || challenge(&server, "nobody").ends_with(",i=6000"));
    server.alice().quit();
    assert!(challenge(&server, "alice").ends_with(",i=6000"));
    assert!(site.try_sql("UPDATE settings SET value = '4095' WHERE name = 'ScramIterations'").is_err());
}
