//! What CAPA offers, before and after STLS, for each LoginType × EnableGSSAPIAndNTLMAuth × TrustedNetworks.

use crate::kdc::Kdc;
use crate::support::Site;
use crate::tools::{mechanisms, wait_for};
use openssl::rsa::Rsa;

/// In the order of the table of mechanisms: what they send, and what switches them.
const ALL: [&str; 7] = ["NTLM", "GSSAPI", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER", "XOAUTH2"];
const REFUSED: &str = "-ERR Command is not valid in this state. ";
const PROOFS: [&str; 3] = ["NTLM", "GSSAPI", "SCRAM-SHA-256"];

#[test]
fn what_is_offered_follows_the_settings() {
    let kdc = Kdc::start(&[], &["pop/localhost"]);
    let keytab = kdc.keytab("pop.keytab", &["pop/localhost"]);
    let site = Site::with_alice(&[]);
    site.sql("UPDATE users SET ntlm = 1");
    let keys = site.path("keys.pem");
    std::fs::write(&keys, Rsa::generate(2048).unwrap().public_key_to_pem().unwrap()).unwrap();
    // Passwords are replaced behind `ready`, and then there is an NT hash.
    wait_for(&site.serve(&[]), "NTLM", true);
    for (policy, clear) in
        [("PlainTextLogin", &ALL[..]), ("PlainTextAuthentication", &PROOFS[..]), ("SecureLogin", &[][..])]
    {
        for switch in ["1", "0"] {
            for (networks, trusted) in [("", false), ("10.0.0.0/8", false), ("127.0.0.0/8", true)] {
                let server = site.serve(&[
                    ("LoginType", policy),
                    ("EnableGSSAPIAndNTLMAuth", switch),
                    ("TrustedNetworks", networks),
                    ("GssapiKeytab", &keytab),
                    ("ExtendedProtectionPolicy", "Allow"),
                    ("OAuthIssuer", "https://id.example.org"),
                    ("OAuthAudience", "pillarbox"),
                    ("OAuthKeyFile", keys.to_str().unwrap()),
                ]);
                let what = format!("{policy} {switch} {networks:?}");
                let on = |name: &&str| switch == "1" || !matches!(*name, "NTLM" | "GSSAPI");
                let secured: Vec<&str> = ALL.into_iter().filter(on).collect();
                let before = if trusted { &ALL[..] } else { clear };
                let before: Vec<&str> =
                    before.iter().copied().filter(on).filter(|name| *name != "SCRAM-SHA-256-PLUS").collect();
                let mut client = server.connect();
                let listed = client.capabilities();
                assert_eq!(mechanisms(&listed), before, "{what}: before STLS");
                assert_eq!(listed.contains(&"USER".to_owned()), before.contains(&"PLAIN"), "{what}");
                assert_eq!(client.lines("AUTH"), before, "{what}: bare AUTH");
                for name in ALL.iter().filter(|name| !before.contains(name)) {
                    client.expect_start(&format!("AUTH {name}"), REFUSED);
                }
                let mut client = client.start_tls();
                assert_eq!(mechanisms(&client.capabilities()), secured, "{what}: after STLS");
                assert_eq!(mechanisms(&server.connect_tls().capabilities()), secured, "{what}: over TLS");
                for name in ALL.iter().filter(|name| !secured.contains(name)) {
                    client.expect_start(&format!("AUTH {name}"), REFUSED);
                }
                client.log_in("alice", "se cret");
                assert_eq!(mechanisms(&client.capabilities()), secured, "{what}: after login");
            }
        }
    }
}
