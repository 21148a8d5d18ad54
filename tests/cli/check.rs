//! `pillarbox check`.

use super::support::Site;

#[test]
fn a_sound_database_has_nothing_to_say() {
    let site = Site::with_alice(&[b"Subject: x\r\n\r\ny\r\n"]);
    assert_eq!(site.succeed(&["check"], b""), "");
}

#[test]
fn a_fault_is_a_line_and_65() {
    let site = Site::with_alice(&[b"Subject: x\r\n\r\ny\r\n"]);
    site.sql("UPDATE usage SET messages = messages + 1");
    let output = site.run(&["check"], b"");
    let (faults, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(65), "{error}");
    assert_eq!(faults.lines().count(), 1, "{faults}");
    assert!(faults.contains("alice") && faults.ends_with('\n'), "{faults}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

/// Each fault is one line, however many looks at the file it spoils.
#[test]
fn a_damaged_file_is_65_too() {
    let site = Site::with_alice(&[b"Subject: x\r\n\r\ny\r\n"]);
    site.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut file = std::fs::read(site.database()).unwrap();
    let damaged = file.len().min(40_960);
    file[4096..damaged].fill(0xA5);
    std::fs::write(site.database(), file).unwrap();
    let output = site.run(&["check"], b"");
    assert_eq!(output.status.code(), Some(65), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
    let faults = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<&str> = faults.lines().collect();
    lines.sort();
    lines.dedup();
    assert!(!lines.is_empty() && lines.len() == faults.lines().count(), "{faults}");
}

/// What cannot be read is listed among the faults and hides none of the others.
#[test]
fn damage_hides_no_other_fault() {
    let site = Site::with_alice(&[b"Subject: x\r\n\r\ny\r\n"]);
    site.sql("UPDATE usage SET messages = messages + 1");
    let page = site.sql("SELECT rootpage FROM sqlite_schema WHERE name = 'delegates'").trim().parse::<usize>().unwrap();
    site.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut file = std::fs::read(site.database()).unwrap();
    file[(page - 1) * 4096..page * 4096].fill(0xA5);
    std::fs::write(site.database(), file).unwrap();
    let output = site.run(&["check"], b"");
    let (faults, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(65), "{error}");
    assert!(faults.contains("mailbox alice: usage counts 2 messages"), "{faults}{error}");
    assert!(faults.contains("malformed"), "{faults}{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}
