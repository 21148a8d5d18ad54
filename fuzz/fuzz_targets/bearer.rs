//! Bearer messages as lines of base64, the way they arrive.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use pillarbox::sasl::bearer::{parse_oauthbearer, parse_xoauth2};

fuzz_target!(|octets: &[u8]| {
    let line = STANDARD.decode(octets);
    for message in [Some(octets), line.as_deref().ok()].into_iter().flatten() {
        for parsed in [parse_oauthbearer(message), parse_xoauth2(message)].into_iter().flatten() {
            assert!(!parsed.token.is_empty());
        }
    }
});
