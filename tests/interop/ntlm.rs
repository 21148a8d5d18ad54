//! NTLM ([MS-OXPOP3], [MS-NLMP]) with curl and pyspnego.

use crate::support::{Server, Site, eventually};
use crate::tools::{Login, REFUSED, WELCOME, curl, logged, mpop, offered, python, said, wait_for};

/// Alice may use NTLM, bob may not.
fn server(settings: &[(&str, &str)]) -> Server {
    let site = Site::with_alice(&[b"Subject: x\n\ny\n"]);
    site.sql("UPDATE users SET ntlm = 1 WHERE name = 'alice'");
    site.add_user("bob", "builder");
    let server = site.serve(settings);
    // Passwords are replaced behind `ready`, and then there is an NT hash.
    wait_for(&server, "NTLM", true);
    server
}

/// The server's last word to pyspnego.
fn pyspnego(server: &Server, kind: &str, user: &str, password: &str, more: &[&str]) -> String {
    let port = server.address(kind).port().to_string();
    said(&mut python("ntlm.py", &[&[&port, kind, user, password], more].concat()))
}

#[test]
fn curl_right_and_wrong() {
    let server = server(&[]);
    for kind in ["pop3", "pop3s"] {
        assert_eq!(curl(&server, kind, "NTLM", "alice:se cret", &[]), Login::In);
        assert_eq!(curl(&server, kind, "NTLM", "alice:se cret", &["--sasl-ir"]), Login::In, "initial response");
        assert_eq!(curl(&server, kind, "NTLM", "EXAMPLE\\alice:se cret", &[]), Login::In);
        assert_eq!(curl(&server, kind, "NTLM", "ALICE:se cret", &[]), Login::In);
        for wrong in ["alice:se creT", "bob:builder", "nobody:se cret"] {
            assert_eq!(curl(&server, kind, "NTLM", wrong, &[]), Login::Denied, "{wrong}");
        }
    }
}

#[test]
fn only_version_2() {
    let server = server(&[]);
    assert_eq!(mpop(&server, "pop3s", "auth ntlm\nuser alice\npassword \"se cret\""), Login::Denied);
    logged(&server, "NTLM failed: NTLMv1 response");
}

#[test]
fn pyspnego_with_mic_and_bindings() {
    let server = server(&[]);
    for kind in ["pop3", "pop3s"] {
        assert_eq!(pyspnego(&server, kind, "alice", "se cret", &["none"]), WELCOME, "{kind}");
        assert_eq!(pyspnego(&server, kind, "alice", "wrong", &["none"]), REFUSED, "{kind}");
        assert_eq!(pyspnego(&server, kind, "alice", "se cret", &["none", "mic"]), REFUSED, "{kind}");
    }
    logged(&server, "NTLM failed: NTLM MIC is wrong");
    assert_eq!(pyspnego(&server, "pop3s", "alice", "se cret", &["wrong"]), WELCOME, "None does not look at them");
}

#[test]
fn extended_protection() {
    let allow = server(&[("ExtendedProtectionPolicy", "Allow")]);
    let require = server(&[("ExtendedProtectionPolicy", "Require")]);
    for (server, unbound) in [(&allow, WELCOME), (&require, REFUSED)] {
        assert_eq!(pyspnego(server, "pop3s", "alice", "se cret", &["right"]), WELCOME);
        assert_eq!(pyspnego(server, "pop3s", "alice", "se cret", &["wrong"]), REFUSED);
        assert_eq!(pyspnego(server, "pop3s", "alice", "se cret", &["none"]), unbound);
    }
    assert!(!offered(&require, "pop3").contains(&"NTLM".to_owned()), "nobody can bind without TLS");
    require.connect().refuse("AUTH NTLM");
}

/// Nobody can use it: it is not offered, lest clients try it unasked and give up.
#[test]
fn not_offered_unless_somebody_can_use_it() {
    let site = Site::with_alice(&[]);
    let server = site.serve(&[]);
    let ntlm = "NTLM".to_owned();
    eventually("the password is replaced", || server.sql("SELECT is_hash FROM users") == "1\n");
    assert!(!offered(&server, "pop3s").contains(&ntlm));
    server.sql("UPDATE users SET ntlm = 1 WHERE name = 'alice'");
    assert!(!offered(&server, "pop3s").contains(&ntlm), "there is no hash yet");
    server.alice().quit();
    wait_for(&server, "NTLM", true);
    assert_eq!(curl(&server, "pop3s", "NTLM", "alice:se cret", &[]), Login::In);
    server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'");
    wait_for(&server, "NTLM", false);
    server.sql("UPDATE users SET pop_enabled = 1 WHERE name = 'alice'");
    wait_for(&server, "NTLM", true);
    server.set("EnableGSSAPIAndNTLMAuth", "0");
    wait_for(&server, "NTLM", false);
}

#[test]
fn the_hash_is_sealed_and_erased() {
    let server = server(&[]);
    wait_for(&server, "NTLM", true);
    let count = || server.sql("SELECT count(*) FROM verifiers WHERE scheme = 'NT'");
    assert_eq!(count(), "1\n");
    // MD4 of the password in UTF-16.
    let hash = pillarbox::auth::credential::nt_hash(&"se cret".into()).unwrap();
    assert!(!server.files_hold(hash.expose()), "the hash itself stands in the database");
    let sealed = server.sql("SELECT hex(value) FROM verifiers WHERE scheme = 'NT'");
    let sealed: Vec<u8> =
        (0..sealed.trim().len()).step_by(2).map(|at| u8::from_str_radix(&sealed[at..at + 2], 16).unwrap()).collect();
    assert!(server.files_hold(&sealed));
    server.sql("UPDATE users SET ntlm = 0 WHERE name = 'alice'");
    wait_for(&server, "NTLM", false);
    assert_eq!(count(), "0\n");
    eventually("nothing is left of it in the files", || !server.files_hold(&sealed));
    server.sql("UPDATE users SET ntlm = 1 WHERE name = 'alice'");
    assert_eq!(count(), "0\n", "the old hash does not come back");
}
