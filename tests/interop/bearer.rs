//! OAUTHBEARER and XOAUTH2 (RFC 7628) with curl, mpop and octets of our own; tokens are signed here.

use crate::support::texts::{LOGON, LOGON_FAILURE};
use crate::support::{Server, Site, eventually};
use crate::tools::{Login, curl, logged, mpop, offered, wait_for};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const ISSUER: &str = "https://id.example.org/realms/mail";

/// Whoever issues tokens.
pub struct Issuer {
    rsa: PKey<Private>,
    ec: EcKey<Private>,
}

impl Issuer {
    pub fn new() -> Issuer {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        Issuer { rsa: PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(), ec: EcKey::generate(&group).unwrap() }
    }

    /// Both public keys in PEM.
    pub fn pem(&self) -> Vec<u8> {
        [self.rsa.public_key_to_pem().unwrap(), self.ec.public_key_to_pem().unwrap()].concat()
    }

    /// The RSA key as a JWK set.
    fn jwks(&self) -> Vec<u8> {
        let rsa = self.rsa.rsa().unwrap();
        let number = |n: &openssl::bn::BigNumRef| URL_SAFE_NO_PAD.encode(n.to_vec());
        let key =
            json!({"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": number(rsa.n()), "e": number(rsa.e())});
        json!({"keys": [key]}).to_string().into_bytes()
    }

    fn rs256(&self, claims: &Value) -> String {
        signed(&json!({"alg": "RS256", "typ": "JWT"}), claims, |text| {
            let mut signer = Signer::new(MessageDigest::sha256(), &self.rsa).unwrap();
            signer.sign_oneshot_to_vec(text).unwrap()
        })
    }

    pub fn es256(&self, claims: &Value) -> String {
        signed(&json!({"alg": "ES256"}), claims, |text| {
            let digest = hash(MessageDigest::sha256(), text).unwrap();
            let signature = EcdsaSig::sign(&digest, &self.ec).unwrap();
            [signature.r(), signature.s()].map(|n| n.to_vec_padded(32).unwrap()).concat()
        })
    }

    /// HMAC with the public key as the secret, which everybody knows.
    fn hs256(&self, claims: &Value) -> String {
        let secret = PKey::hmac(&self.rsa.public_key_to_pem().unwrap()).unwrap();
        signed(&json!({"alg": "HS256"}), claims, |text| {
            Signer::new(MessageDigest::sha256(), &secret).unwrap().sign_oneshot_to_vec(text).unwrap()
        })
    }
}

fn signed(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let text = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// What a good token for this user says, with some claims changed.
pub fn claims(user: &str, changed: Value) -> Value {
    let mut claims =
        json!({"iss": ISSUER, "aud": ["x", "pillarbox"], "sub": user, "exp": now() + 300, "nbf": now() - 5});
    claims.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    claims
}

pub fn settings(file: &str) -> Vec<(&'static str, String)> {
    vec![("OAuthIssuer", ISSUER.into()), ("OAuthAudience", "pillarbox".into()), ("OAuthKeyFile", file.into())]
}

fn server(issuer: &Issuer) -> (Arc<Site>, Server) {
    let site = Site::with_alice(&[b"Subject: x\n\ny\n"]);
    site.set("Domains", "example.org");
    site.sql("INSERT INTO users(name) VALUES ('bob')");
    site.sql("INSERT INTO delegates(delegate, principal) VALUES ('bob', 'alice')");
    let file = site.path("keys.pem");
    std::fs::write(&file, issuer.pem()).unwrap();
    for (name, value) in settings(file.to_str().unwrap()) {
        site.set(name, &value);
    }
    let server = site.serve(&[]);
    (site, server)
}

/// The last reply to OAUTHBEARER with this token, and what the refusal before it says, if there is one.
fn login(server: &Server, mechanism: &str, message: &str) -> String {
    let mut client = server.connect();
    client.expect(&format!("AUTH {mechanism}"), "+ \r\n");
    let reply = client.say(&STANDARD.encode(message));
    let Some(challenge) = reply.trim_end().strip_prefix("+ ") else { return reply };
    let refusal: Value = serde_json::from_slice(&STANDARD.decode(challenge).unwrap()).unwrap();
    assert!(refusal["status"].is_string(), "{refusal}");
    client.say(if mechanism == "XOAUTH2" { "" } else { "AQ==" })
}

pub fn oauthbearer(server: &Server, authzid: &str, token: &str) -> String {
    login(server, "OAUTHBEARER", &format!("n,{authzid},\x01auth=Bearer {token}\x01\x01"))
}

pub fn xoauth2(server: &Server, user: &str, token: &str) -> String {
    login(server, "XOAUTH2", &format!("user={user}\x01auth=Bearer {token}\x01\x01"))
}

#[test]
fn curl_and_mpop() {
    let issuer = Issuer::new();
    let (_, server) = server(&issuer);
    let (good, old) = (claims("alice", json!({})), claims("alice", json!({"exp": now() - 300})));
    for kind in ["pop3", "pop3s"] {
        for (claims, end) in [(&good, Login::In), (&old, Login::Denied)] {
            let token = issuer.rs256(claims);
            assert_eq!(curl(&server, kind, "OAUTHBEARER", "alice:", &["--oauth2-bearer", &token]), end);
            for auth in ["oauthbearer", "xoauth2"] {
                // mpop reads lines of at most 500 octets, too short for a signature with RSA.
                let lines = format!("auth {auth}\nuser alice\npassword {}", issuer.es256(claims));
                assert_eq!(mpop(&server, kind, &lines), end, "{auth}");
            }
        }
    }
    logged(&server, "OAUTHBEARER failed: token has expired");
    assert!(!server.log().contains("eyJ"), "a token stands in the log");
}

#[test]
fn only_tokens_of_this_issuer_for_this_server() {
    let issuer = Issuer::new();
    let (_, server) = server(&issuer);
    let none = |claims: &Value| signed(&json!({"alg": "none"}), claims, |_| Vec::new());
    let good = claims("alice", json!({}));
    assert_eq!(oauthbearer(&server, "", &issuer.rs256(&good)), LOGON);
    assert_eq!(oauthbearer(&server, "", &issuer.es256(&good)), LOGON);
    assert_eq!(oauthbearer(&server, "", &issuer.es256(&claims("alice@example.org", json!({})))), LOGON);
    assert_eq!(xoauth2(&server, "alice", &issuer.es256(&good)), LOGON);
    for (what, token) in [
        ("expired", issuer.rs256(&claims("alice", json!({"exp": now() - 300})))),
        ("not yet valid", issuer.rs256(&claims("alice", json!({"nbf": now() + 300})))),
        ("no end", issuer.rs256(&claims("alice", json!({"exp": null})))),
        ("another audience", issuer.rs256(&claims("alice", json!({"aud": "webmail"})))),
        ("another issuer", issuer.rs256(&claims("alice", json!({"iss": "https://evil.example"})))),
        ("no user", issuer.rs256(&claims("alice", json!({"sub": null})))),
        ("another domain's alice", issuer.rs256(&claims("alice@evil.example", json!({})))),
        ("a form that people type", issuer.rs256(&claims("example.org/alice", json!({})))),
        ("a form that people type", issuer.es256(&claims(r"EXAMPLE\alice", json!({})))),
        ("unknown user", issuer.rs256(&claims("nobody", json!({})))),
        ("another's key", Issuer::new().rs256(&good)),
        ("another's key", Issuer::new().es256(&good)),
        ("alg none", none(&good)),
        ("HS256 with the public key", issuer.hs256(&good)),
        ("no token", "garbage".into()),
    ] {
        assert_eq!(oauthbearer(&server, "", &token), LOGON_FAILURE, "{what}");
        assert_eq!(xoauth2(&server, "alice", &token), LOGON_FAILURE, "{what}");
    }
}

/// What is proved is a name: without `Domains` no domain is dropped from it, and the log says so at the start.
#[test]
fn without_domains_a_claim_is_the_whole_name() {
    let issuer = Issuer::new();
    let (_, server) = server(&issuer);
    assert!(!server.log().contains("Domains is empty"), "{}", server.log());
    server.set("Domains", "");
    let login = |claim: &str| oauthbearer(&server, "", &issuer.es256(&claims(claim, json!({}))));
    eventually("Domains acts", || login("alice@example.org") == LOGON_FAILURE);
    assert_eq!(login("alice"), LOGON);
    for claim in ["alice@evil.example", "evil/alice", r"evil\alice", "alice@"] {
        assert_eq!(login(claim), LOGON_FAILURE, "{claim}");
    }
    server.sql("INSERT INTO users(name) VALUES ('carol@evil.example')");
    assert_eq!(login("carol@evil.example"), LOGON);
    // The forms that people type stay theirs.
    server.connect().log_in("any.example/alice", "se cret");
    let site = Site::with_alice(&[]);
    let file = site.path("keys.pem");
    std::fs::write(&file, issuer.pem()).unwrap();
    settings(file.to_str().unwrap()).iter().for_each(|(name, value)| site.set(name, value));
    logged(&site.serve(&[]), "Domains is empty");
}

#[test]
fn whose_mailbox() {
    let issuer = Issuer::new();
    let (_, server) = server(&issuer);
    let of = |user: &str| issuer.rs256(&claims(user, json!({})));
    assert_eq!(oauthbearer(&server, "a=alice", &of("alice")), LOGON);
    assert_eq!(oauthbearer(&server, "a=alice", &of("bob")), LOGON, "a delegate");
    assert_eq!(xoauth2(&server, "alice", &of("bob")), LOGON);
    assert_eq!(oauthbearer(&server, "a=bob", &of("alice")), LOGON_FAILURE);
    assert_eq!(xoauth2(&server, "bob", &of("alice")), LOGON_FAILURE);
    server.sql("UPDATE users SET pop_enabled = 0 WHERE name = 'alice'");
    assert_eq!(oauthbearer(&server, "", &of("alice")), LOGON_FAILURE);
    assert_eq!(oauthbearer(&server, "a=alice", &of("bob")), LOGON_FAILURE);
}

/// The key file is read again when it changes, and the settings act while the server runs.
#[test]
fn keys_and_settings_change() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let (site, server) = server(&old);
    let good = claims("alice", json!({"name": "bob"}));
    assert_eq!(oauthbearer(&server, "", &old.rs256(&good)), LOGON);
    let replace = |octets: &[u8]| {
        std::fs::write(site.path("keys.new"), octets).unwrap();
        let before = std::fs::metadata(site.path("keys.pem")).map(|file| file.ino());
        std::fs::rename(site.path("keys.new"), site.path("keys.pem")).unwrap();
        assert_ne!(std::fs::metadata(site.path("keys.pem")).unwrap().ino(), before.unwrap_or(0));
    };
    replace(&new.jwks());
    assert_eq!(oauthbearer(&server, "", &old.rs256(&good)), LOGON_FAILURE, "its key is gone");
    assert_eq!(oauthbearer(&server, "", &new.rs256(&good)), LOGON);
    replace(b"broken");
    assert_eq!(oauthbearer(&server, "", &new.rs256(&good)), LOGON, "what was there stays");
    replace(br#"{"keys":[]}"#);
    assert!(!offered(&server, "pop3s").contains(&"XOAUTH2".to_owned()));
    replace(&new.jwks());
    server.set("OAuthUserClaim", "name");
    server.sql("DELETE FROM delegates");
    eventually("the claim names bob", || xoauth2(&server, "bob", &new.rs256(&good)) == LOGON);
    assert_eq!(xoauth2(&server, "alice", &new.rs256(&good)), LOGON_FAILURE);
    server.set("OAuthAudience", "elsewhere");
    eventually("the audience counts", || oauthbearer(&server, "", &new.rs256(&good)) == LOGON_FAILURE);
    server.set("OAuthKeyFile", "");
    wait_for(&server, "OAUTHBEARER", false);
}

/// A key file that comes after its setting is found without a signal; why it was missing is said once.
#[test]
fn a_key_file_that_comes_later() {
    let site = Site::with_alice(&[]);
    let file = site.path("late.json");
    for (name, value) in settings(file.to_str().unwrap()) {
        site.set(name, &value);
    }
    let server = site.serve(&[]);
    assert!(!offered(&server, "pop3s").contains(&"OAUTHBEARER".to_owned()));
    (0..2).for_each(|_| server.has_looked());
    assert_eq!(server.log().matches("late.json").count(), 1, "{}", server.log());
    let issuer = Issuer::new();
    std::fs::write(&file, issuer.jwks()).unwrap();
    wait_for(&server, "OAUTHBEARER", true);
    assert_eq!(oauthbearer(&server, "", &issuer.rs256(&claims("alice", json!({})))), LOGON);
}
