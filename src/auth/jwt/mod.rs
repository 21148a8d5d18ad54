//! JSON web tokens (RFC 7519), checked offline: a signature made with one of the keys we were
//! given, and claims that say it was issued by whom, for us, and is valid now.
//!
//! [`keys`] reads the keys, [`file`](mod@file) keeps them as their file changes; here a token is
//! decided on. Must not be known here: POP3, SASL, who exists.
//!
//! The rules are those of RFC 8725 ("best current practices"): the algorithm is ours to allow, not
//! the token's; a key serves one algorithm; issuer and audience are always compared.

pub mod file;
pub mod keys;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keys::{Algorithm, Key};
use serde_json::{Map, Value};

/// How far clocks may differ, seconds.
const LEEWAY: f64 = 60.0;
/// Longest user name that a claim may hold, octets.
const LONGEST_USER: usize = 512;

/// What a token must say to be accepted here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// `iss`, compared octet by octet (RFC 7519 section 4.1.1).
    pub issuer: String,
    /// What `aud` must be or contain (RFC 7519 section 4.1.3).
    pub audience: String,
    /// The claim that names the user, for example `preferred_username` or `sub`.
    pub user_claim: String,
}

/// The user for whom the token was issued.
///
/// `now` is in seconds since 1970 UTC.
///
/// # Errors
/// Why the token counts for nothing here.
pub fn verify(token: &str, keys: &[Key], policy: &Policy, now: i64) -> Result<String, &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("token is not a JWS")?;
    let (header, payload) = signed.split_once('.').ok_or("token is not a JWS")?;
    let header = object(header)?;
    let signature = decode(signature)?;
    let algorithm = algorithm(&header)?;
    let kid = header.get("kid").and_then(Value::as_str);
    let mut fitting = keys.iter().filter(|key| key.fits(algorithm, kid));
    if !fitting.any(|key| key.verifies(signed.as_bytes(), &signature)) {
        return Err("token has no signature of a known key");
    }
    // Nothing of the payload is looked at before its signature holds.
    let claims = object(payload)?;
    check_claims(&claims, policy, now as f64)?;
    user(&claims, &policy.user_claim)
}

/// Only signatures with a public key count: `none` proves nothing, and HS256 would make a secret
/// of the public key, which everybody knows (RFC 8725 sections 2.1 and 3.1).
fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, &'static str> {
    // An extension that must be understood is one that we do not know (RFC 7515 section 4.1.11).
    if header.contains_key("crit") {
        return Err("token has a critical extension");
    }
    if !header.get("typ").is_none_or(is_access_token) {
        return Err("token type is neither JWT nor at+jwt");
    }
    match header.get("alg").and_then(Value::as_str) {
        Some("RS256") => Ok(Algorithm::Rs256),
        Some("ES256") => Ok(Algorithm::Es256),
        _ => Err("token is not signed with RS256 or ES256"),
    }
}

/// A token of another kind by the same issuer, an ID token's `logout+jwt` say, lets nobody in (RFC 8725 section
/// 3.11). The name is that of a media type: without case, and `application/` may stand before it (RFC 7515 section
/// 4.1.9, RFC 9068 section 4).
fn is_access_token(kind: &Value) -> bool {
    let kind = kind.as_str().unwrap_or_default().to_ascii_lowercase();
    matches!(kind.strip_prefix("application/").unwrap_or(&kind), "jwt" | "at+jwt")
}

fn check_claims(claims: &Map<String, Value>, policy: &Policy, now: f64) -> Result<(), &'static str> {
    if claims.get("iss").and_then(Value::as_str) != Some(&policy.issuer) {
        return Err("token has another issuer");
    }
    let ours = |value: &Value| value.as_str() == Some(&policy.audience);
    let meant_for_us = match claims.get("aud") {
        Some(Value::Array(many)) => many.iter().any(ours),
        Some(one) => ours(one),
        None => false,
    };
    if !meant_for_us {
        return Err("token is for another audience");
    }
    let expiry = claims.get("exp").and_then(Value::as_f64).ok_or("token has no expiry")?;
    if now >= expiry + LEEWAY {
        return Err("token has expired");
    }
    match claims.get("nbf").map(Value::as_f64) {
        None => Ok(()),
        Some(Some(start)) if now + LEEWAY >= start => Ok(()),
        Some(_) => Err("token is not valid yet"),
    }
}

fn user(claims: &Map<String, Value>, claim: &str) -> Result<String, &'static str> {
    // An address that its owner did not prove may be anybody's (OpenID Connect Core section 5.7).
    if claim == "email" && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Err("token's email address is not verified");
    }
    let name = claims.get(claim).and_then(Value::as_str).ok_or("token does not name its user")?;
    if name.is_empty() || name.len() > LONGEST_USER || name.chars().any(char::is_control) {
        return Err("token names an invalid user");
    }
    Ok(name.to_owned())
}

fn object(part: &str) -> Result<Map<String, Value>, &'static str> {
    match serde_json::from_slice(&decode(part)?) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err("token is not a JSON object"),
    }
}

fn decode(part: &str) -> Result<Vec<u8>, &'static str> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| "token is not base64url")
}

#[cfg(test)]
mod tests;
