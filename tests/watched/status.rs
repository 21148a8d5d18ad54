//! `pillarbox status` and `pillarbox report`.

use crate::support::messages::PLAIN;
use crate::support::site::text;
use crate::support::{Site, eventually};
use serde_json::Value;

/// The JSON of `status` and its exit code.
pub fn status(site: &Site) -> (Value, i32) {
    let output = site.run(&["status", "--json"], b"");
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code().unwrap())
}

#[test]
fn a_running_server_tells_how_it_is() {
    let site = Site::with_alice(&[PLAIN]);
    let server = site.serve(&[]);
    let mut client = server.alice();
    let mut wrong = server.connect();
    wrong.expect_start("USER alice", "+OK");
    wrong.refuse("PASS wrong");
    let (found, code) = status(&site);
    // Somebody's disk may be full.
    let well = found["warnings"].as_array().unwrap().is_empty();
    assert_eq!(code, if well { 0 } else { 1 }, "{found}");
    for (name, value) in [("sessions", 1), ("logins", 1), ("failures", 1), ("deliveries", 1), ("pending_passwords", 0)]
    {
        assert_eq!(found[name], value, "{name} in {found}");
    }
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found["listeners"][0], format!("pop3 {}", server.address("pop3")));
    for name in ["database_octets", "free_octets", "certificate_days"] {
        assert!(found[name].as_i64().unwrap() > 0, "{name} in {found}");
    }
    assert!(found["since"].as_str().unwrap().ends_with('Z') && found["wal_octets"].is_u64());
    eventually("the reaper has made a round", || status(&site).0["reaper"].is_string());
    client.expect_start("NOOP", "+OK");
    let output = site.run(&["status"], b"");
    assert!(text(&output.stdout).contains("sessions           1\n"), "{}", text(&output.stdout));
}

#[test]
fn without_a_server_the_database_is_read() {
    let site = Site::with_alice(&[PLAIN]);
    let (found, code) = status(&site);
    assert_eq!((code, found["state"].as_str()), (2, Some("down")));
    assert_eq!((&found["pending_passwords"], &found["deliveries"]), (&1.into(), &1.into()));
    assert!(found["since"].is_null() && found["sessions"].is_null());
    assert_eq!(found["warnings"][0], "no server is running");
}

#[test]
fn a_killed_server_is_down_and_the_next_one_is_found() {
    let site = Site::with_alice(&[]);
    site.serve(&[]).kill();
    assert_eq!(status(&site).1, 2);
    let server = site.serve(&[]);
    assert_ne!(status(&site).1, 2);
    server.terminate();
    assert_eq!(status(&site).1, 2);
    assert!(!site.path("mail.db.socket").exists());
}

#[test]
fn what_cannot_be_asked_is_an_error() {
    let site = Site::new();
    assert!(site.fail(&["status", "x"], b"", 64).contains("\"x\""));
    std::fs::remove_file(site.database()).unwrap();
    site.fail(&["status"], b"", 66);
    site.fail(&["report", "/nonexistent/x.html"], b"", 66);
}

#[test]
fn the_report_is_the_page_with_a_server_and_without() {
    let site = Site::with_alice(&[PLAIN]);
    let file = site.path("report.html");
    let report = || {
        site.succeed(&["report", file.to_str().unwrap()], b"");
        std::fs::read_to_string(&file).unwrap()
    };
    let page = report();
    assert!(page.contains("no server is running") && page.contains(">alice</th>"), "{page}");
    let server = site.serve(&[]);
    server.alice().quit();
    let page = report();
    assert!(
        page.contains("<!DOCTYPE html>")
            && page.contains("1 logins, 0 failures")
            && !page.contains("no server is running")
    );
    site.fail(&["report", "/nonexistent/x.html"], b"", 73);
    site.fail(&["report"], b"", 64);
}

/// Its socket cannot be named by an address (unix(7)), but it can be reached.
#[test]
fn a_server_whose_database_lies_deep_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(120)).join("e".repeat(120));
    std::fs::create_dir_all(&deep).unwrap();
    let site = Site::at(dir, deep.join("mail.db"));
    let server = site.serve(&[]);
    assert_ne!(status(&site).1, 2, "{}", server.log());
    assert!(!server.log().contains("will not find this server"), "{}", server.log());
    server.terminate();
    assert!(!deep.join("mail.db.socket").exists());
}
