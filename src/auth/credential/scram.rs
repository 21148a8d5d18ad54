//! What SCRAM-SHA-256 (RFC 5802, RFC 7677) keeps of a password.
//!
//! What lives here: making the keys, and their text form. What must not be known here: the exchange
//! (see `sasl`), users, where keys are kept.
//!
//! Passwords are compared as the octets given everywhere else; SCRAM alone prepares them (SASLprep,
//! RFC 4013), because the client computes the keys and does so. One that cannot be prepared (not
//! UTF-8, or a character that is prohibited or newer than Unicode 3.2) is taken as its octets: the
//! clients that can send it at all do the same.

use super::Secret;
use crate::hmac::{Key, hmac_sha256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use zeroize::Zeroizing;

/// Rounds for new keys until `ScramIterations` is known. RFC 7677 section 4 wants 4,096 at least; each login costs the client this.
pub const ITERATIONS: u32 = 32_768;
/// Length of new salts, octets.
pub const SALT: usize = 16;
/// Fewest rounds of stored keys that are taken for such (RFC 7677 section 4).
const FEWEST_ITERATIONS: u32 = 4096;

/// The server's side of a password (RFC 5802 section 3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys {
    /// The user's salt.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// H(ClientKey), 32 octets.
    pub stored_key: Secret,
    /// HMAC(SaltedPassword, "Server Key"), 32 octets.
    pub server_key: Secret,
}

impl Keys {
    /// The keys of a password.
    pub fn derive(password: &Secret, salt: &[u8], iterations: u32) -> Self {
        let mut salted: Key = Zeroizing::new([0; 32]);
        pbkdf2::pbkdf2_hmac::<Sha256>(&prepare(password), salt, iterations, &mut *salted);
        let client_key = hmac_sha256(&salted[..], &[b"Client Key"]);
        Self {
            salt: salt.to_vec(),
            iterations,
            stored_key: Secret::new(Sha256::digest(*client_key).to_vec()),
            server_key: Secret::new(hmac_sha256(&salted[..], &[b"Server Key"]).to_vec()),
        }
    }

    /// `salt,iterations,StoredKey,ServerKey`, the octets in base64.
    pub fn encode(&self) -> Secret {
        let base64 = |octets: &[u8]| Zeroizing::new(STANDARD.encode(octets));
        let (stored, server) = (base64(self.stored_key.expose()), base64(self.server_key.expose()));
        let text = format!("{},{},{},{}", STANDARD.encode(&self.salt), self.iterations, *stored, *server);
        Secret::new(text.into_bytes())
    }

    /// Reads what [`Keys::encode`] wrote.
    pub fn decode(text: &Secret) -> Option<Self> {
        let mut fields = text.expose_str()?.split(',');
        let salt = STANDARD.decode(fields.next()?).ok().filter(|salt| !salt.is_empty())?;
        let iterations = fields.next()?.parse().ok().filter(|rounds| *rounds >= FEWEST_ITERATIONS)?;
        let mut key = || STANDARD.decode(fields.next()?).ok().filter(|key| key.len() == 32).map(Secret::new);
        let (stored_key, server_key) = (key()?, key()?);
        fields.next().is_none().then_some(Self { salt, iterations, stored_key, server_key })
    }
}

/// `Normalize(password)` of RFC 5802 section 2.2.
fn prepare(password: &Secret) -> Zeroizing<Vec<u8>> {
    let prepared = password.expose_str().and_then(|text| stringprep::saslprep(text).ok());
    Zeroizing::new(match prepared.map(Cow::into_owned) {
        Some(text) if !text.is_empty() => text.into_bytes(),
        _ => password.expose().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The user of RFC 7677 section 3: password "pencil", 4,096 rounds.
    fn rfc7677() -> Keys {
        Keys::derive(&"pencil".into(), &STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(), 4096)
    }

    #[test]
    fn keys_prove_the_example_of_rfc_7677() {
        let keys = rfc7677();
        let message = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let key = |secret: &Secret| <[u8; 32]>::try_from(secret.expose()).unwrap();
        let proof = STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let signature = hmac_sha256(&key(&keys.stored_key)[..], &[message.as_bytes()]);
        let client_key: Vec<u8> = proof.iter().zip(signature.iter()).map(|(a, b)| a ^ b).collect();
        assert_eq!(Sha256::digest(client_key).as_slice(), keys.stored_key.expose());
        let server = hmac_sha256(&key(&keys.server_key)[..], &[message.as_bytes()]);
        assert_eq!(STANDARD.encode(*server), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn the_text_form_is_read_back() {
        let keys = rfc7677();
        let text = keys.encode();
        assert!(text.expose_str().unwrap().starts_with("W22ZaJ0SNY7soEsUEjb6gQ==,4096,"));
        assert_eq!(Keys::decode(&text), Some(keys));
    }

    #[test]
    fn refuses_other_texts() {
        let good = rfc7677().encode().expose_str().unwrap().to_owned();
        let bad = [
            String::new(),
            "a,b,c,d".into(),
            good.replace(",4096,", ",4095,"),
            good.replace(",4096,", ",99999999999,"),
            good.replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
            format!("{good},"),
            good[..good.len() - 1].to_owned(),
            good.rsplit_once(',').unwrap().0.to_owned(),
            format!("{},c2hvcnQ=", good.rsplit_once(',').unwrap().0),
        ];
        for text in bad {
            assert_eq!(Keys::decode(&text.as_str().into()), None, "{text}");
        }
        assert_eq!(Keys::decode(&Secret::new(vec![0xff])), None);
    }

    #[test]
    fn passwords_are_prepared_where_they_can_be() {
        let table: &[(&[u8], &[u8])] = &[
            (b"pencil", b"pencil"),
            // RFC 4013 section 3.
            ("I\u{ad}X".as_bytes(), b"IX"),
            ("\u{aa}".as_bytes(), b"a"),
            ("\u{2168}".as_bytes(), b"IX"),
            ("a\u{a0}b".as_bytes(), b"a b"),
            ("pa\u{308}ss".as_bytes(), "p\u{e4}ss".as_bytes()),
            // What cannot be prepared stays as it is.
            (b"\x07", b"\x07"),
            ("\u{627}1".as_bytes(), "\u{627}1".as_bytes()),
            ("\u{1f40e}".as_bytes(), "\u{1f40e}".as_bytes()),
            (b"\xff", b"\xff"),
            ("\u{ad}".as_bytes(), "\u{ad}".as_bytes()),
        ];
        for (given, prepared) in table {
            assert_eq!(prepare(&Secret::from(*given)).as_slice(), *prepared, "{given:?}");
        }
    }
}
