//! Warnings ahead: in the log, in `status`, as metrics, and as a mail.

use crate::http::metric;
use crate::status::status;
use crate::support::texts::LOGON;
use crate::support::{Client, Site, eventually};

/// Uids that are nearly used up, and a setting that acts at the next start only.
#[test]
fn everybody_who_can_hear_is_told() {
    let site = Site::with_alice(&[]);
    site.add_user("postmaster", "p0st");
    site.sql("UPDATE usage SET next_uid = 9007199254740000 WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = 'alice')");
    let server = site.serve(&[("HttpBindings", "127.0.0.1:0"), ("PostmasterMailbox", "postmaster")]);
    site.set("LmtpSocketGroup", "mail");
    eventually("both warnings are in the log", || {
        let log = server.log();
        log.contains("WARN mailbox: almost out of unique-ids")
            && log.contains("takes effect after a restart: LmtpSocketGroup")
    });
    let (found, code) = status(&site);
    let texts = found["warnings"].to_string();
    assert!(code == 1 && texts.contains("alice") && texts.contains("LmtpSocketGroup"), "{texts}");
    assert_eq!(metric(&server, "warnings{kind=\"mailbox\"}"), 1.0);
    assert_eq!(metric(&server, "warnings{kind=\"settings\"}"), 1.0);
    let mut client = Client::greeted(Client::plain(server.address("pop3")));
    client.expect_start("USER postmaster", "+OK");
    client.expect("PASS p0st", LOGON);
    eventually("the postmaster has mail", || server.session("postmaster", "p0st").stat().0 > 0);
    let mut client = server.session("postmaster", "p0st");
    let mail = String::from_utf8(client.multi("RETR 1")).unwrap();
    assert!(
        mail.contains("\r\nSubject: ") && mail.contains("unique-ids") && mail.contains("Auto-Submitted:"),
        "{mail}"
    );
    client.quit();
    // One a day, whatever happens meanwhile.
    site.set("LmtpSocketMode", "0600");
    eventually("the new warning is in the log", || server.log().contains("LmtpSocketMode"));
    server.terminate();
    let server = site.serve(&[("PostmasterMailbox", "postmaster")]);
    eventually("a new server warns too", || server.log().contains("unique-ids"));
    assert_eq!(server.session("postmaster", "p0st").stat().0, 1);
}

#[test]
fn a_certificate_that_expires_soon_is_said() {
    let site = Site::with_alice(&[]);
    let (certificate, key) = (site.path("soon.crt"), site.path("soon.key"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-out", certificate.to_str().unwrap(), "-keyout", key.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = site.serve(&[
        ("CertificateFile", certificate.to_str().unwrap()),
        ("PrivateKeyFile", key.to_str().unwrap()),
        ("HttpBindings", "127.0.0.1:0"),
    ]);
    let (found, code) = status(&site);
    let days = found["certificate_days"].as_i64().unwrap();
    assert!([1, 2].contains(&days), "{found}");
    assert!(code == 1 && found["warnings"].to_string().contains("the certificate expires in "), "{found}");
    assert_eq!(metric(&server, "warnings{kind=\"certificate\"}"), 1.0);
}

#[test]
fn limits_of_the_machine_are_named_with_what_to_set() {
    let site = Site::with_alice(&[]);
    let _server = site.serve(&[("MaxConnections", "2147483647")]);
    let (found, code) = status(&site);
    let texts = found["warnings"].to_string();
    assert!(code == 1 && texts.contains("MaxConnections") && texts.contains("LimitNOFILE="), "{texts}");
}
