//! SCRAM's messages: what was parsed puts together again what was sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::sasl::scram::message::{ClientFinal, ClientFirst};

fuzz_target!(|message: &[u8]| {
    if let Ok(first) = ClientFirst::parse(message) {
        assert_eq!([first.gs2_header.as_bytes(), first.bare.as_bytes()].concat(), message);
        assert!(!first.username.is_empty() && !first.nonce.is_empty());
    }
    if let Ok(last) = ClientFinal::parse(message) {
        assert!(message.starts_with(last.without_proof.as_bytes()));
    }
});
