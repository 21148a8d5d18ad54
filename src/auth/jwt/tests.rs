use super::*;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::sign::Signer;
use serde_json::json;

const NOW: i64 = 1_700_000_000;

fn policy() -> Policy {
    Policy { issuer: "https://issuer".into(), audience: "pillarbox".into(), user_claim: "sub".into() }
}

fn claims() -> Value {
    json!({"iss": "https://issuer", "aud": "pillarbox", "sub": "alice", "exp": NOW + 300})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn rs256(key: &PKey<Private>, header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = Signer::new(MessageDigest::sha256(), key).unwrap().sign_oneshot_to_vec(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn es256(key: &EcKey<Private>, header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = EcdsaSig::sign(&sha256(signed.as_bytes()), key).unwrap();
    let number = |n: &openssl::bn::BigNumRef| n.to_vec_padded(32).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode([number(signature.r()), number(signature.s())].concat()))
}

fn hs256(secret: &[u8], claims: &Value) -> String {
    let signed = format!("{}.{}", part(&json!({"alg": "HS256"})), part(claims));
    let key = PKey::hmac(secret).unwrap();
    let mac = Signer::new(MessageDigest::sha256(), &key).unwrap().sign_oneshot_to_vec(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

fn rsa_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn ec_key(curve: Nid) -> EcKey<Private> {
    EcKey::generate(&EcGroup::from_curve_name(curve).unwrap()).unwrap()
}

fn pem(key: &PKey<Private>) -> String {
    String::from_utf8(key.public_key_to_pem().unwrap()).unwrap()
}

#[test]
fn claims_decide_on_a_signed_token() {
    let key = rsa_key();
    let keys = keys::parse(&pem(&key)).unwrap();
    for (claims, right) in [
        (claims(), true),
        (with("aud", json!(["other", "pillarbox"])), true),
        (with("nbf", json!(NOW + 30)), true),
        (with("exp", json!(NOW - 30)), true),
        (with("exp", json!(f64::from(1_700_000_001_u32) + 0.5)), true),
        (with("exp", json!(NOW - 61)), false),
        (with("exp", json!("never")), false),
        (without("exp"), false),
        (with("nbf", json!(NOW + 61)), false),
        (with("nbf", json!("now")), false),
        (with("aud", json!("other")), false),
        (with("aud", json!(["other"])), false),
        (with("aud", json!({"pillarbox": 1})), false),
        (without("aud"), false),
        (with("iss", json!("https://issuer/")), false),
        (without("iss"), false),
        (with("sub", json!("")), false),
        (with("sub", json!("a\nb")), false),
        (with("sub", json!(7)), false),
        (without("sub"), false),
        (json!("text"), false),
    ] {
        let token = rs256(&key, &json!({"alg": "RS256", "typ": "JWT"}), &claims);
        assert_eq!(verify(&token, &keys, &policy(), NOW) == Ok("alice".into()), right, "{claims}");
    }
}

#[test]
fn an_address_that_is_not_verified_names_nobody() {
    let key = rsa_key();
    let keys = keys::parse(&pem(&key)).unwrap();
    let policy = Policy { user_claim: "email".into(), ..policy() };
    for (verified, right) in [(json!(true), true), (json!(false), false), (json!("true"), false), (Value::Null, false)]
    {
        let mut claims = with("email", json!("alice@example.org"));
        claims["email_verified"] = verified;
        let token = rs256(&key, &json!({"alg": "RS256"}), &claims);
        assert_eq!(verify(&token, &keys, &policy, NOW).is_ok(), right, "{claims}");
    }
}

#[test]
fn es256_is_good_and_stays_with_its_key() {
    let key = ec_key(Nid::X9_62_PRIME256V1);
    let private = PKey::from_ec_key(key.clone()).unwrap();
    let keys = keys::parse(&pem(&private)).unwrap();
    let token = es256(&key, &json!({"alg": "ES256"}), &claims());
    assert_eq!(verify(&token, &keys, &policy(), NOW), Ok("alice".into()));
    let other = keys::parse(&pem(&PKey::from_ec_key(ec_key(Nid::X9_62_PRIME256V1)).unwrap())).unwrap();
    assert!(verify(&token, &other, &policy(), NOW).is_err(), "another key");
    assert!(verify(&token, &keys::parse(&pem(&rsa_key())).unwrap(), &policy(), NOW).is_err(), "another type");
    assert!(verify(&token, &[], &policy(), NOW).is_err(), "no key");
}

#[test]
fn the_token_does_not_choose_the_algorithm() {
    let key = rsa_key();
    let text = pem(&key);
    let keys = keys::parse(&text).unwrap();
    let none = format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims()));
    let unsigned = format!("{}.{}.", part(&json!({"alg": "RS256"})), part(&claims()));
    let der = key.public_key_to_der().unwrap();
    for token in [
        none,
        unsigned,
        hs256(text.as_bytes(), &claims()),
        hs256(&der, &claims()),
        rs256(&key, &json!({"alg": "rs256"}), &claims()),
        rs256(&key, &json!({"alg": "RS512"}), &claims()),
        rs256(&key, &json!({"alg": "ES256"}), &claims()),
        rs256(&key, &json!({"alg": "RS256", "crit": ["b64"], "b64": true}), &claims()),
        rs256(&key, &json!({"typ": "JWT"}), &claims()),
    ] {
        assert!(verify(&token, &keys, &policy(), NOW).is_err(), "{token}");
    }
}

/// RFC 8725 section 3.11, RFC 7515 section 4.1.9.
#[test]
fn a_token_of_another_kind_lets_nobody_in() {
    let key = rsa_key();
    let keys = keys::parse(&pem(&key)).unwrap();
    let good = [
        json!("JWT"),
        json!("jwt"),
        json!("at+jwt"),
        json!("AT+JWT"),
        json!("application/at+jwt"),
        json!("Application/JWT"),
    ];
    let bad =
        ["", "JWS", "JOSE", "logout+jwt", "secevent+jwt", "dpop+jwt", "at+jwt;x=y", " JWT", "application/", "text/jwt"];
    let odd = [Value::Null, json!(1), json!(["JWT"]), json!({"typ": "JWT"}), json!("application/application/jwt")];
    for (kind, right) in good
        .into_iter()
        .map(|kind| (kind, true))
        .chain(bad.into_iter().map(|kind| (json!(kind), false)))
        .chain(odd.into_iter().map(|kind| (kind, false)))
    {
        let token = rs256(&key, &json!({"alg": "RS256", "typ": kind}), &claims());
        assert_eq!(verify(&token, &keys, &policy(), NOW).is_ok(), right, "{kind}");
    }
}

/// Neither the stack nor the time grows with what a stranger nests.
#[test]
fn what_is_nested_deeply_is_no_token() {
    for nested in ["[".repeat(16_000), "{\"a\":".repeat(4_000), format!("{}{}", "[".repeat(8_000), "]".repeat(8_000))] {
        let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"RS256\",\"x\":{nested}}}"));
        assert_eq!(verify(&format!("{header}.e30.AAAA"), &[], &policy(), NOW), Err("token is not a JSON object"));
    }
}

#[test]
fn every_part_is_signed_and_strictly_encoded() {
    let key = rsa_key();
    let keys = keys::parse(&pem(&key)).unwrap();
    let token = rs256(&key, &json!({"alg": "RS256"}), &claims());
    let (header, rest) = token.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let forged = part(&with("sub", json!("bob")));
    for bad in [
        format!("{header}.{forged}.{signature}"),
        format!("{}.{rest}", part(&json!({"alg": "RS256", "kid": "x"}))),
        format!("{token}="),
        format!("{token}.x"),
        format!(" {token}"),
        token.replacen('.', "..", 1),
        header.to_owned(),
        format!("{header}.{}", signature),
        String::new(),
        "..".to_owned(),
        "é.é.é".to_owned(),
    ] {
        assert!(verify(&bad, &keys, &policy(), NOW).is_err(), "{bad}");
    }
}

#[test]
fn a_jwk_set_names_its_keys() {
    let (rsa, ec) = (rsa_key(), ec_key(Nid::X9_62_PRIME256V1));
    let set = json!({"keys": [jwk_rsa(&rsa, "one"), jwk_ec(&ec, "two"), {"kty": "oct", "k": "AAAA"}, {"kty": "OKP"}]});
    let keys = keys::parse(&set.to_string()).unwrap();
    assert_eq!(keys.len(), 2);
    for (token, right) in [
        (rs256(&rsa, &json!({"alg": "RS256", "kid": "one"}), &claims()), true),
        (rs256(&rsa, &json!({"alg": "RS256"}), &claims()), true),
        (es256(&ec, &json!({"alg": "ES256", "kid": "two"}), &claims()), true),
        (rs256(&rsa, &json!({"alg": "RS256", "kid": "two"}), &claims()), false),
        (es256(&ec, &json!({"alg": "ES256", "kid": "three"}), &claims()), false),
    ] {
        assert_eq!(verify(&token, &keys, &policy(), NOW).is_ok(), right, "{token}");
    }
    let mut encryption = jwk_rsa(&rsa, "one");
    encryption["use"] = json!("enc");
    assert!(keys::parse(&json!({"keys": [encryption]}).to_string()).unwrap().is_empty());
}

fn jwk_rsa(key: &PKey<Private>, kid: &str) -> Value {
    let rsa = key.rsa().unwrap();
    let number = |n: &openssl::bn::BigNumRef| URL_SAFE_NO_PAD.encode(n.to_vec());
    json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": number(rsa.n()), "e": number(rsa.e())})
}

fn jwk_ec(key: &EcKey<Private>, kid: &str) -> Value {
    let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
    let mut context = BigNumContext::new().unwrap();
    key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context).unwrap();
    let number = |n: &BigNum| URL_SAFE_NO_PAD.encode(n.to_vec_padded(32).unwrap());
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": number(&x), "y": number(&y)})
}

#[test]
fn refuses_key_files_that_are_none() {
    let private = String::from_utf8(rsa_key().private_key_to_pem_pkcs8().unwrap()).unwrap();
    let weak = pem(&PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap());
    let curve = pem(&PKey::from_ec_key(ec_key(Nid::SECP384R1)).unwrap());
    let many = pem(&rsa_key()).repeat(33);
    for (text, what) in [
        ("", "neither"),
        ("nothing", "neither"),
        ("{", "cannot be read"),
        ("{}", "no \"keys\""),
        (&private, "PRIVATE KEY"),
        (&weak, "1024 bits"),
        (&curve, "neither RSA nor EC"),
        (&many, "more than 32"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "cannot be read"),
        (r#"{"keys":[{"kty":"RSA","n":"AAAA"}]}"#, "no \"e\""),
        (r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}"#, "cannot be read"),
    ] {
        let error = keys::parse(text).map(|keys| keys.len()).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
}
