//! GSSAPI (RFC 4752) against a real KDC, with curl, mpop, fetchmail and python-gssapi.

use crate::kdc::Kdc;
use crate::support::site::{feed, text};
use crate::support::{Server, Site, eventually};
use crate::tools::{Login, REFUSED, WELCOME, logged, mpop_with, offered, run_curl, said, wait_for};
use nix::sys::signal::Signal;
use std::sync::Arc;

const USERS: &[(&str, &str)] = &[
    ("alice", "kerberos"),
    ("bob", "kerberos"),
    ("mallory", "kerberos"),
    ("alice/admin", "kerberos"),
    ("Alice", "kerberos"),
];

/// Alice and bob are users, mallory is in the realm only.
fn site() -> Arc<Site> {
    let site = Site::with_alice(&[b"Subject: x\n\ny\n"]);
    site.sql("INSERT INTO users(name) VALUES ('bob')");
    site
}

/// The server with a keytab of these services.
fn server(services: &[&str], settings: &[(&str, &str)]) -> (Kdc, Server) {
    let kdc = Kdc::start(USERS, services);
    let keytab = kdc.keytab("pop.keytab", services);
    let server = site().serve(&[&[("GssapiKeytab", keytab.as_str())], settings].concat());
    (kdc, server)
}

fn python(kdc: &Kdc, server: &Server, kind: &str, user: &str, more: &[&str]) -> String {
    let port = server.address(kind).port().to_string();
    said(&mut kdc.python("gssapi_login.py", &kdc.tickets(user, "kerberos"), &[&[&port, kind], more].concat()))
}

#[test]
fn curl_right_and_wrong() {
    let (kdc, server) = server(&["pop/localhost"], &[]);
    for kind in ["pop3", "pop3s"] {
        for (user, end) in [("alice", Login::In), ("bob", Login::In), ("mallory", Login::Denied)] {
            let url = format!("{kind}://localhost:{}/", server.address(kind).port());
            let mut command = kdc.command("curl");
            command.env_remove("LD_LIBRARY_PATH").env("KRB5CCNAME", kdc.tickets(user, "kerberos"));
            command.args(["-sSvk", "-4", "--max-time", "60", "--login-options", "AUTH=GSSAPI", "-u"]);
            command.arg(format!("{user}@TEST.LOCAL:")).arg(url);
            assert_eq!(run_curl(&mut command, "GSSAPI"), end, "{kind} {user}");
        }
    }
    logged(&server, "login as mallory refused: there is no such user");
}

#[test]
fn mpop_fetches() {
    let (kdc, server) = server(&["pop/localhost"], &[]);
    for kind in ["pop3", "pop3s"] {
        for (user, end) in [("alice", Login::In), ("mallory", Login::Denied)] {
            let mut command = kdc.command("mpop");
            command.env_remove("LD_LIBRARY_PATH").env("KRB5CCNAME", kdc.tickets(user, "kerberos"));
            let lines = format!("auth gssapi\nuser {user}\npassword x");
            assert_eq!(mpop_with(command, &server, kind, &server.path("mbox"), &lines), end, "{kind} {user}");
        }
    }
    assert!(std::fs::read_to_string(server.path("mbox")).unwrap().contains("Subject: x"));
}

#[test]
fn fetchmail_fetches() {
    let (kdc, server) = server(&["pop/localhost"], &[]);
    let (mail, config) = (server.path("fetched"), server.path("fetchmailrc"));
    let port = server.address("pop3").port();
    let rc = format!(
        "poll localhost protocol pop3 port {port} auth gssapi user alice password x sslproto '' keep\n\
         mda \"cat >>{}\"\n",
        mail.display()
    );
    std::fs::write(&config, rc).unwrap();
    std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut command = kdc.command("fetchmail");
    command.env("KRB5CCNAME", kdc.tickets("alice", "kerberos")).env("FETCHMAILHOME", server.path(""));
    command.args(["-v", "-v", "-f"]).arg(&config);
    let output = feed(&mut command, b"");
    let trace = text(&output.stdout) + &text(&output.stderr);
    assert!(trace.contains("> AUTH GSSAPI") && trace.contains("User successfully logged on"), "{trace}");
    assert_eq!(output.status.code(), Some(0), "{trace}");
    assert!(std::fs::read_to_string(mail).unwrap().contains("Subject: x"));
}

#[test]
fn who_may_open_what() {
    let (kdc, server) = server(&["pop/localhost"], &[]);
    server.sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice')");
    let login = |user, authzid| python(&kdc, &server, "pop3", user, &["pop", authzid, "none"]);
    assert_eq!(login("alice", ""), WELCOME);
    assert_eq!(login("alice", "alice"), WELCOME);
    assert_eq!(login("bob", "alice"), WELCOME);
    for (user, authzid) in [("alice", "bob"), ("mallory", ""), ("mallory", "alice"), ("alice/admin", "")] {
        assert_eq!(login(user, authzid), REFUSED, "{user} as {authzid:?}");
    }
    server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'");
    assert_eq!(login("alice", ""), REFUSED);
}

#[test]
fn the_case_of_a_principal() {
    let (kdc, server) = server(&["pop/localhost"], &[]);
    let login = |user| python(&kdc, &server, "pop3", user, &["pop", "", "none"]);
    assert_eq!((login("Alice"), login("alice")), (WELCOME.to_owned(), WELCOME.to_owned()));
    server.set("GssapiExactCase", "1");
    eventually("the case counts", || login("Alice") == REFUSED);
    assert_eq!(login("alice"), WELCOME);
    logged(&server, "login as Alice refused: the user's name has letters of another case");
}

#[test]
fn other_names_of_the_service_and_other_realms() {
    let (kdc, server) = server(&["POP/localhost", "POP3/localhost"], &[("GssapiRealms", "OTHER.EXAMPLE")]);
    assert_eq!(python(&kdc, &server, "pop3s", "alice", &["POP", "", "none"]), REFUSED);
    logged(&server, "GSSAPI failed: alice@TEST.LOCAL is no user of an allowed realm");
    let (kdc, server) = self::server(&["POP/localhost", "POP3/localhost"], &[]);
    assert_eq!(python(&kdc, &server, "pop3s", "alice", &["POP", "", "none"]), WELCOME);
    assert_eq!(python(&kdc, &server, "pop3s", "alice", &["POP3", "", "none"]), WELCOME);
}

#[test]
fn extended_protection() {
    for (policy, unbound, wrong) in
        [("None", WELCOME, WELCOME), ("Allow", WELCOME, REFUSED), ("Require", REFUSED, REFUSED)]
    {
        let (kdc, server) = server(&["pop/localhost"], &[("ExtendedProtectionPolicy", policy)]);
        let login = |which| python(&kdc, &server, "pop3s", "alice", &["pop", "", which]);
        assert_eq!(
            (login("right"), login("none"), login("wrong")),
            (WELCOME.into(), unbound.into(), wrong.into()),
            "{policy}"
        );
        assert_eq!(offered(&server, "pop3").contains(&"GSSAPI".to_owned()), policy != "Require");
    }
}

/// A keytab that cannot be loaded is said once; the server runs on without GSSAPI, and SIGHUP looks again.
#[test]
fn a_keytab_that_comes_later() {
    let kdc = Kdc::start(USERS, &["pop/localhost", "imap/localhost"]);
    let (missing, wrong) = (kdc.path("late.keytab"), kdc.keytab("imap.keytab", &["imap/localhost"]));
    let server = site().serve(&[]);
    let gssapi = "GSSAPI".to_owned();
    assert!(!offered(&server, "pop3s").contains(&gssapi));
    server.set("GssapiKeytab", &wrong);
    logged(&server, "has no key for the service pop or pop3");
    server.set("GssapiKeytab", missing.to_str().unwrap());
    logged(&server, "late.keytab: No such file");
    server.has_looked();
    assert_eq!(server.log().matches("late.keytab").count(), 1, "said once: {}", server.log());
    assert!(!offered(&server, "pop3s").contains(&gssapi));
    kdc.keytab("late.keytab", &["pop/localhost"]);
    server.signal(Signal::SIGHUP);
    wait_for(&server, "GSSAPI", true);
    assert_eq!(python(&kdc, &server, "pop3s", "alice", &["pop", "", "none"]), WELCOME);
    server.set("EnableGSSAPIAndNTLMAuth", "0");
    wait_for(&server, "GSSAPI", false);
}

/// Garbage is malformed and counts as no failed login; a ticket for another service is refused.
#[test]
fn what_is_no_ticket_for_us() {
    let kdc = Kdc::start(USERS, &["pop/localhost", "POP3/localhost"]);
    let server = site().serve(&[("GssapiKeytab", &kdc.keytab("pop.keytab", &["pop/localhost"]))]);
    let mut client = server.connect();
    for _ in 0..6 {
        client.expect_start("AUTH GSSAPI Z2FyYmFnZQ==", "-ERR Protocol error. ");
    }
    client.log_in("alice", "se cret");
    assert_eq!(python(&kdc, &server, "pop3", "alice", &["POP3", "", "none"]), REFUSED);
}
