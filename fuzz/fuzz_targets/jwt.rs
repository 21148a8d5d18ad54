//! Tokens and key files: nothing is accepted that the key did not sign.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::auth::jwt::{Policy, keys, verify};

/// A P-256 key whose private half was thrown away (RFC 7517 appendix A.1).
const KEY: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

fuzz_target!(|text: &str| {
    let _ = keys::parse(text);
    let keys = keys::parse(KEY).expect("the key is good");
    let policy = Policy { issuer: "i".into(), audience: "a".into(), user_claim: "sub".into() };
    assert!(verify(text, &keys, &policy, 0).is_err());
});
