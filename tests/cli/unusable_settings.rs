//! A setting that the program cannot use, as the next version may have written it: nobody else's trouble.

use super::support::{Client, Server, Site, eventually};
use std::sync::Arc;

const MESSAGE: &[u8] = b"Subject: x\n\nline\n";

/// Alice, and no trigger that refuses values.
fn unguarded() -> Arc<Site> {
    let site = Site::with_alice(&[]);
    let drops = site.sql(
        "SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'settings!_%' ESCAPE '!'",
    );
    site.sql(&drops);
    site
}

/// The lines of `check`, which must find something.
fn faults(site: &Site) -> Vec<String> {
    let output = site.run(&["check"], b"");
    assert_eq!(output.status.code(), Some(65), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn deliver_does_without_a_setting_that_cannot_be_used_and_serve_names_it() {
    for (name, value) in [
        ("Site", "CAST(x'ff' AS TEXT)"),
        ("TrustedNetworks", "'1:2/8'"),
        ("Domains", "'a' || char(160) || 'b'"),
        ("MaxReceiveSize", "'much'"),
    ] {
        let site = unguarded();
        site.sql(&format!("UPDATE settings SET value = {value} WHERE name = '{name}'"));
        site.deliver("alice", MESSAGE);
        let mut faults = faults(&site);
        // That somebody has removed its guards is a fault, too.
        faults.retain(|fault| !fault.starts_with("trigger settings_"));
        assert!(faults.len() == 1 && faults[0].contains(name), "{faults:?}");
        let error = site.fail(&["serve", "-l", "127.0.0.1:0"], b"", 78);
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_running_server_takes_the_other_settings() {
    let site = unguarded();
    let server = site.serve(&[]);
    site.sql("UPDATE settings SET value = CAST(x'ff' AS TEXT) WHERE name = 'Site'; UPDATE settings SET value = 'x' WHERE name = 'MaxCommandSize';");
    site.set("Banner", "Changed.");
    let greeting = |server: &Server| Client::plain(server.address("pop3")).line();
    eventually("the banner is the new one", || greeting(&server) == "+OK Changed.\r\n");
    let log = server.log();
    assert!(log.contains("Site") && log.contains("MaxCommandSize"), "{log}");
}
