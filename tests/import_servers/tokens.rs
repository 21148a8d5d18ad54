//! Tokens in place of passwords: our own server, Debian's Dovecot, and fakes that offer one mechanism only.

use crate::fake::{Drop, Fake, Reply, Session, import, stored};
use crate::imap::Folder;
use crate::support::Site;
use crate::support::dovecot::{dovecot, lay_out};
use crate::support::messages::PLAIN;
use crate::support::site::{feed, text};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Whoever issues tokens.
struct Issuer(PKey<Private>);

impl Issuer {
    fn new() -> Issuer {
        Issuer(PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap())
    }

    fn token(&self, user: &str) -> String {
        let expires = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 300;
        let header = json!({"alg": "RS256", "typ": "JWT"});
        let claims = json!({"iss": "https://id.example.org", "aud": "pillarbox", "sub": user, "exp": expires});
        let text = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let mut signer = Signer::new(MessageDigest::sha256(), &self.0).unwrap();
        let signature = signer.sign_oneshot_to_vec(text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn key(&self, file: &Path) {
        std::fs::write(file, self.0.public_key_to_pem().unwrap()).unwrap();
    }
}

/// Runs an import with a token on stdin.
fn with_token(site: &Site, url: &str, token: &str) -> (i32, String, String) {
    ended(&mut site.command(&["import", "-u", "alice", "--token", "-", url]), token)
}

fn ended(command: &mut Command, token: &str) -> (i32, String, String) {
    let output = feed(command, format!("{token}\n").as_bytes());
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

const ONE: &str = "1 imported, 0 there already, 0 refused\nboth sides are the same\n";

/// With the certificate that it made for itself, which is refused unless it is named.
#[test]
fn our_own_server() {
    let (issuer, old) = (Issuer::new(), Site::with_alice(&[PLAIN]));
    let key = old.path("key.pem");
    issuer.key(&key);
    let server = old.serve(&[
        ("OAuthIssuer", "https://id.example.org"),
        ("OAuthAudience", "pillarbox"),
        ("OAuthKeyFile", key.to_str().unwrap()),
    ]);
    let site = Site::with_alice(&[]);
    let file = site.path("token");
    for (scheme, counts) in
        [("pop3", ONE), ("pop3s", "0 imported, 1 there already, 0 refused\nboth sides are the same\n")]
    {
        let url = format!("{scheme}://alice@localhost:{}", server.address(scheme).port());
        let (code, _, error) = with_token(&site, &url, &issuer.token("alice"));
        assert!(code == 78 && error.contains("self-signed certificate"), "{error}");
        let import = |options: &[&str]| {
            let mut command = site.command(&[&["import", "-u", "alice"], options, &[&*url]].concat());
            command.env("SSL_CERT_FILE", format!("{}.crt", old.database().display()));
            command
        };
        let (code, _, error) = ended(&mut import(&["--token", "-"]), &Issuer::new().token("alice"));
        assert!(code == 77 && error.contains("invalid_token"), "{error}");
        std::fs::write(&file, format!("  {}\r\n", issuer.token("alice"))).unwrap();
        let (code, said, error) = ended(&mut import(&["--token", file.to_str().unwrap()]), "not read");
        assert_eq!((code, &*said, &*error), (0, counts, ""));
    }
}

/// A fake that takes this message of this mechanism only.
fn pop3(mechanism: &'static str, wanted: String) -> Session {
    let mut usual = Drop::sound(1).session();
    let mut state = 0;
    Box::new(move |said| {
        let reply = match (state, said) {
            (_, "CAPA") => format!("+OK\r\nSASL PLAIN {mechanism}\r\n.\r\n"),
            (0, said) if said == format!("AUTH {mechanism}") => {
                state = 1;
                "+ \r\n".to_owned()
            }
            (1, said) => {
                let right = STANDARD.decode(said).unwrap() == wanted.as_bytes();
                state = if right { 3 } else { 2 };
                if right { "+OK\r\n".into() } else { format!("+ {}\r\n", STANDARD.encode(r#"{"status":"401"}"#)) }
            }
            (2, "" | "AQ==") => "-ERR [AUTH] no\r\n".to_owned(),
            (0, "QUIT" | "") | (3, _) => return usual(said),
            _ => "-ERR what?\r\n".to_owned(),
        };
        Reply::Say(reply.into_bytes())
    })
}

fn imap(mechanism: &'static str, wanted: String) -> Session {
    let mut usual =
        Folder { capabilities: format!("IMAP4rev1 SASL-IR AUTH={mechanism}"), ..Folder::sound(1) }.session();
    let mut state = 0;
    Box::new(move |said| {
        let reply = match (state, said) {
            (0, said) if said == format!("A2 AUTHENTICATE {mechanism}") => {
                state = 1;
                "+\r\n".to_owned()
            }
            (1, said) => {
                let right = STANDARD.decode(said).unwrap() == wanted.as_bytes();
                state = if right { 3 } else { 2 };
                let refusal = STANDARD.encode(r#"{"status":"401"}"#);
                if right { "A2 OK\r\n".into() } else { format!("+ {refusal}\r\n") }
            }
            (2, "" | "AQ==") => "A2 NO [AUTHENTICATIONFAILED] no\r\n".to_owned(),
            _ => return usual(said),
        };
        Reply::Say(reply.into_bytes())
    })
}

#[test]
fn servers_that_know_one_mechanism() {
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        let wanted = if mechanism == "XOAUTH2" {
            "user=alice\u{1}auth=Bearer ya29.good\u{1}\u{1}"
        } else {
            "n,a=alice,\u{1}auth=Bearer ya29.good\u{1}\u{1}"
        };
        for (scheme, session) in [("pop3", pop3 as fn(&'static str, String) -> Session), ("imap", imap)] {
            let site = Site::with_alice(&[]);
            let fake = Fake::new(vec![session(mechanism, wanted.into()), session(mechanism, wanted.into())]);
            let (code, said, error) = with_token(&site, &fake.url(scheme), "ya29.bad");
            assert_eq!((code, &*said), (77, ""), "{error}");
            assert!(error.contains("{\"status\":\"401\"}") && !error.contains("ya29"), "{error}");
            let (code, said, error) = with_token(&site, &fake.url(scheme), "ya29.good");
            assert_eq!((code, &*said), (0, ONE), "{mechanism} {scheme}: {error}");
            fake.done();
        }
    }
}

#[test]
fn a_server_without_tokens_and_files_without_one() {
    let site = Site::with_alice(&[]);
    let fake = Fake::new(vec![Drop::sound(1).session(), Folder::sound(1).session()]);
    for scheme in ["pop3", "imap"] {
        let (code, _, error) = with_token(&site, &fake.url(scheme), "ya29.good");
        assert_eq!((code, &*stored(&site)), (69, ""), "{error}");
        assert!(error.contains("neither OAUTHBEARER nor XOAUTH2"), "{error}");
    }
    fake.done();
    let file = site.path("token");
    let url = "pop3://alice@127.0.0.1:1";
    let long = "x".repeat(50_000);
    for wrong in ["", "\n", "two words", "a\u{1}b", "a\0b", "\u{e4}", &long] {
        std::fs::write(&file, wrong).unwrap();
        assert_eq!(import(&site, url, &["--token", file.to_str().unwrap()]).0, 65, "{wrong:?}");
    }
    let nowhere = site.path("nowhere");
    assert_eq!(import(&site, url, &["--token", nowhere.to_str().unwrap()]).0, 66);
}

/// Dovecot checks the token itself, with the issuer's key.
#[test]
fn debians_dovecot() {
    let (issuer, site) = (Issuer::new(), Site::with_alice(&[]));
    let folder = site.path("dovecot");
    lay_out(&site, &folder);
    std::fs::write(folder.join("Maildir/new/1700000001.M1.host"), "Subject: x\n\ny\n").unwrap();
    let keys = folder.join("keys/default/RS256");
    std::fs::create_dir_all(&keys).unwrap();
    issuer.key(&keys.join("default"));
    let oauth = folder.join("oauth2");
    let text = format!(
        "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={}/keys/\nusername_attribute = sub\n\
         issuers = https://id.example.org\n",
        folder.display()
    );
    std::fs::write(&oauth, text).unwrap();
    let more = format!(
        "auth_mechanisms = oauthbearer xoauth2\npassdb {{\n driver = oauth2\n mechanisms = oauthbearer xoauth2\n args = {}\n}}\n",
        oauth.display()
    );
    let (_server, ports) = dovecot(&folder, &more);
    for (scheme, port) in [("imap", ports.imap), ("pop3", ports.pop3)] {
        let url = format!("{scheme}://alice@127.0.0.1:{port}");
        let (code, _, error) = with_token(&site, &url, &Issuer::new().token("alice"));
        assert_eq!(code, 77, "{error}");
        let (code, said, error) = with_token(&site, &url, &issuer.token("alice"));
        assert_eq!(code, 0, "{error}");
        let present =
            if scheme == "imap" { ONE } else { "0 imported, 1 there already, 0 refused\nboth sides are the same\n" };
        assert_eq!(said, present, "{error}");
    }
}
