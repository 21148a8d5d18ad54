//! What is stored of the users, and what the driver of a server answers to mechanisms.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use md4::Md4;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::Private;
use pillarbox::auth::credential::Secret;
use pillarbox::auth::jwt;
use pillarbox::sasl::gssapi::{Accepted, Acceptor, Fault, Kerberos, Peers, SecurityContext};
use pillarbox::sasl::{Answer, Context, Login, Query, Verifier, bearer};
use pillarbox::store::{MailboxId, Scheme, UserId};
use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock};

pub const NOW: i64 = 1_655_526_400;

// ---- what is stored -------------------------------------------------------------------------

/// The users: `alice` has a password and may open `shared`; `off` has the same and is disabled.
pub const PASSWORD: &str = "pencil";

pub fn scram_verifier(password: &str) -> Verifier {
    let mac = |key: &[u8], text: &[u8]| {
        Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes()
    };
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), &salt, 4096);
    Verifier::Scram {
        salt,
        iterations: 4096,
        stored_key: Secret::from(Sha256::digest(mac(&salted, b"Client Key")).as_slice()),
        server_key: Secret::from(mac(&salted, b"Server Key").as_slice()),
    }
}

pub fn nt_hash(password: &str) -> Verifier {
    let text: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Verifier::NtHash(Secret::from(Md4::digest(text).as_slice()))
}

/// What the server's own driver does, in a few lines: false verifiers for those who do not exist.
pub fn answer(query: Query) -> Answer {
    let known = |name: &str| matches!(name, "alice" | "off");
    match query {
        Query::Verifier { authcid, scheme } => {
            let password = if known(&authcid) { PASSWORD } else { "nobody knows" };
            Answer::Verifier(match scheme {
                Scheme::ScramSha256 => scram_verifier(password),
                Scheme::NtHash => nt_hash(password),
            })
        }
        Query::Password { who, candidates } => {
            let right = known(&who.authcid) && candidates.contains(&Secret::from(PASSWORD));
            if right { authorize(&who.authcid, who.authzid.as_deref()) } else { Answer::Refused }
        }
        Query::Authorize { who } | Query::Vouched { who, .. } => authorize(&who.authcid, who.authzid.as_deref()),
    }
}

pub fn authorize(authcid: &str, authzid: Option<&str>) -> Answer {
    match (authcid, authzid) {
        ("broken", _) => Answer::Unavailable,
        ("alice", None | Some("shared")) => Answer::Accepted(Login {
            user: UserId(1),
            name: authcid.to_owned(),
            mailbox: MailboxId(1),
            principal: authzid.unwrap_or(authcid).to_owned(),
            generation: 0,
        }),
        _ => Answer::Refused,
    }
}

/// Kerberos whose tokens name the initiator, or say what to do.
#[derive(Debug)]
pub struct Tokens;
pub struct Plain;

impl Acceptor for Tokens {
    fn begin(&self, _: Option<Vec<u8>>) -> Box<dyn SecurityContext> {
        Box::new(Plain)
    }
}

impl SecurityContext for Plain {
    fn accept(&mut self, token: &[u8]) -> Result<Accepted, Fault> {
        let text = std::str::from_utf8(token).unwrap_or_default();
        if !text.contains('@') {
            return Err(Fault::Defective("no token".to_owned()));
        }
        let peers = Peers { initiator: text.to_owned(), acceptor: "pop/mail@TEST".to_owned(), bound: false };
        Ok(Accepted { token: Vec::new(), peers: Some(peers) })
    }
    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(message.to_vec())
    }
    fn unwrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(message.to_vec())
    }
}

/// The token issuer and its key.
pub static ISSUER: LazyLock<EcKey<Private>> =
    LazyLock::new(|| EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap());

pub fn token(sub: &str, expiry: i64) -> String {
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let claims = format!(r#"{{"iss":"issuer","aud":"pillarbox","sub":"{sub}","exp":{expiry}}}"#);
    let signed = format!("{}.{}", part(r#"{"alg":"ES256"}"#.to_owned()), part(claims));
    let signature = EcdsaSig::sign(&openssl::sha::sha256(signed.as_bytes()), &ISSUER).unwrap();
    let numbers = [signature.r().to_vec_padded(32).unwrap(), signature.s().to_vec_padded(32).unwrap()].concat();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(numbers))
}

/// The server's own checker, without a file.
#[derive(Debug)]
pub struct Keys;

impl bearer::Checker for Keys {
    fn check(&self, token: &str, now: i64) -> Result<String, &'static str> {
        let keys = jwt::keys::parse(std::str::from_utf8(&ISSUER.public_key_to_pem().unwrap()).unwrap()).unwrap();
        let policy = jwt::Policy { issuer: "issuer".into(), audience: "pillarbox".into(), user_claim: "sub".into() };
        jwt::verify(token, &keys, &policy, now)
    }
    fn ready(&self) -> bool {
        true
    }
}

/// Under TLS, everything switched on.
pub fn context() -> Context {
    Context {
        end_point: Some(b"HASH".to_vec()),
        exporter: Some(b"SECRET".to_vec()),
        ntlm: true,
        scram: true,
        kerberos: Some(Kerberos { acceptor: Arc::new(Tokens), realms: vec!["TEST".to_owned()], exact_case: false }),
        bearer: Some(Arc::new(Keys)),
        clock: || NOW,
        random: |octets| {
            octets.fill(7);
            true
        },
        ..Context::default()
    }
}
