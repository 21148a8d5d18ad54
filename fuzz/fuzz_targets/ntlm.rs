//! NTLM's messages: whatever a stranger sends is parsed or refused, and what was parsed is coherent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::sasl::ntlm::message::{Authenticate, parse_negotiate};

fuzz_target!(|message: &[u8]| {
    let _ = parse_negotiate(message);
    for offered in [0, 1, 0x4000_0031, u32::MAX] {
        if let Ok(parsed) = Authenticate::parse(message, offered) {
            assert!(!parsed.user.is_empty());
            assert_eq!(parsed.without_mic.len(), message.len());
            assert!(parsed.mic.is_none() || parsed.without_mic[72..88] == [0; 16]);
            assert_ne!(parsed.bindings, Some([0; 16]));
        }
    }
});
