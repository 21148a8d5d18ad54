//! The table `statistics` and its view.

use crate::support::messages::PLAIN;
use crate::support::{Server, Site};

#[test]
fn every_hour_has_a_row_that_the_shell_shows() {
    let site = Site::with_alice(&[PLAIN, PLAIN]);
    assert_eq!(site.sql("SELECT sum(deliveries), sum(delivered_octets) > 0 FROM statistics").trim(), "2|1");
    let server = site.serve(&[]);
    let mut client = server.alice();
    client.multi("RETR 1");
    client.quit();
    // What was counted is written at the end at the latest.
    assert_eq!(server.terminate().code(), Some(0));
    let sums =
        "SELECT sum(logins), sum(connections), max(most_sessions), sum(retrieved), sum(deliveries), max(messages)";
    assert_eq!(site.sql(&format!("{sums} FROM statistics")).trim(), "1|1|1|1|2|2");
    let hour = site.sql("SELECT hour FROM hourly_statistics WHERE logins > 0");
    assert!(hour.trim().len() == 20 && hour.trim().ends_with(":00:00Z"), "{hour}");
    site.assert_sound();
}

#[test]
fn rows_are_kept_for_400_days() {
    let site = Site::with_alice(&[]);
    let now = "CAST(strftime('%s', 'now') AS INTEGER)";
    site.sql(&format!(
        "INSERT INTO statistics(at, logins) VALUES ({now} - 399 * 86400, 1), ({now} - 401 * 86400, 2);
         INSERT INTO recent_minute VALUES ({now} - 7200, 5, 5, 5)"
    ));
    let server: Server = site.serve(&[]);
    server.terminate();
    assert_eq!(site.sql("SELECT sum(logins) FROM statistics").trim(), "1");
    assert_eq!(site.sql("SELECT count(*) FROM recent_minute").trim(), "0");
}
