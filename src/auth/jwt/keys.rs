//! Public keys of token issuers, from PEM (`PUBLIC KEY`, `CERTIFICATE`) or a JWK set (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::sign::Verifier;
use openssl::x509::X509;
use serde_json::Value;

/// Most keys of a file: each costs a token without `kid` one attempt.
const MOST_KEYS: usize = 32;
/// Least bits of an RSA key (RFC 7518 section 3.3).
const LEAST_RSA_BITS: u32 = 2048;

/// Signature algorithms of RFC 7518 section 3.1 that we accept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

/// One public key, for the one algorithm of its type.
#[derive(Clone, Debug)]
pub struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: PKey<Public>,
}

impl Key {
    /// Takes a key whose type and strength we accept.
    fn new(id: Option<String>, key: PKey<Public>) -> Result<Self, String> {
        let algorithm = match key.id() {
            Id::RSA if key.bits() >= LEAST_RSA_BITS => Algorithm::Rs256,
            Id::RSA => return Err(format!("RSA key has {} bits, less than {LEAST_RSA_BITS}", key.bits())),
            Id::EC if curve(&key) == Some(Nid::X9_62_PRIME256V1) => Algorithm::Es256,
            _ => return Err("key is neither RSA nor EC on P-256".to_owned()),
        };
        Ok(Self { id, algorithm, key })
    }

    /// Whether this key can have made a signature of that algorithm. A key without id fits any.
    pub fn fits(&self, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let named = self.id.as_deref().zip(kid).is_none_or(|(ours, theirs)| ours == theirs);
        named && self.algorithm == algorithm
    }

    /// Whether this is this key's signature of these octets.
    pub fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match self.algorithm {
            Algorithm::Rs256 => self.verifies_rsa(signed, signature),
            Algorithm::Es256 => self.verifies_ecdsa(signed, signature),
        };
        verified.unwrap_or(false)
    }

    fn verifies_rsa(&self, signed: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
        Verifier::new(MessageDigest::sha256(), &self.key)?.verify_oneshot(signature, signed)
    }

    /// R and S, 32 octets each (RFC 7518 section 3.4).
    fn verifies_ecdsa(&self, signed: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
        let (numbers, rest) = signature.as_chunks::<32>();
        let ([r, s], []) = (numbers, rest) else { return Ok(false) };
        let signature = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
        signature.verify(&sha256(signed), &*self.key.ec_key()?)
    }
}

fn curve(key: &PKey<Public>) -> Option<Nid> {
    key.ec_key().ok()?.group().curve_name()
}

/// The keys in a file's text. A JWK set may hold none that serves; a PEM file may not.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Key>, String> {
    let keys = if text.trim_start().starts_with('{') { parse_jwks(text)? } else { parse_pem(text)? };
    if keys.len() > MOST_KEYS { Err(format!("more than {MOST_KEYS} keys")) } else { Ok(keys) }
}

fn parse_pem(text: &str) -> Result<Vec<Key>, String> {
    let mut keys = Vec::new();
    for body in text.split("-----BEGIN ").skip(1) {
        let label = body.split("-----").next().unwrap_or_default();
        let pem = format!("-----BEGIN {body}");
        let key = match label {
            "PUBLIC KEY" => PKey::public_key_from_pem(pem.as_bytes()),
            "CERTIFICATE" => X509::from_pem(pem.as_bytes()).and_then(|certificate| certificate.public_key()),
            _ => return Err(format!("PEM block \"{label}\" is not a public key")),
        };
        let key = key.map_err(|error| format!("PEM block \"{label}\" cannot be read: {error}"))?;
        keys.push(Key::new(None, key)?);
    }
    if keys.is_empty() { Err("neither a JWK set nor a PEM public key".to_owned()) } else { Ok(keys) }
}

/// Keys of other types, curves or uses are passed over (RFC 7517 section 5).
fn parse_jwks(text: &str) -> Result<Vec<Key>, String> {
    let set: Value = serde_json::from_str(text).map_err(|error| format!("JWK set cannot be read: {error}"))?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or("JWK set has no \"keys\"")?;
    keys.iter().filter_map(|jwk| parse_jwk(jwk).transpose()).collect()
}

fn parse_jwk(jwk: &Value) -> Result<Option<Key>, String> {
    let text = |name| jwk.get(name).and_then(Value::as_str);
    let fits = |name, wanted: &str| text(name).is_none_or(|value| value == wanted);
    let key = match (text("kty"), text("crv")) {
        (Some("RSA"), _) if fits("use", "sig") && fits("alg", "RS256") => rsa(&number(jwk, "n")?, &number(jwk, "e")?),
        (Some("EC"), Some("P-256")) if fits("use", "sig") && fits("alg", "ES256") => {
            ec(&number(jwk, "x")?, &number(jwk, "y")?)
        }
        _ => return Ok(None),
    };
    let id = text("kid").map(str::to_owned);
    let named = id.clone().unwrap_or_else(|| "without kid".to_owned());
    let key = key.map_err(|error| format!("JWK {named} cannot be read: {error}"))?;
    Key::new(id, key).map(Some).map_err(|what| format!("JWK {named}: {what}"))
}

fn number(jwk: &Value, name: &str) -> Result<Vec<u8>, String> {
    let text = jwk.get(name).and_then(Value::as_str).ok_or_else(|| format!("JWK has no \"{name}\""))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("JWK's \"{name}\" is not base64url"))
}

fn rsa(n: &[u8], e: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    PKey::from_rsa(Rsa::from_public_components(BigNum::from_slice(n)?, BigNum::from_slice(e)?)?)
}

/// OpenSSL refuses a point that is not on the curve.
fn ec(x: &[u8], y: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let (x, y) = (BigNum::from_slice(x)?, BigNum::from_slice(y)?);
    PKey::from_ec_key(EcKey::from_public_key_affine_coordinates(&group, &x, &y)?)
}
