//! Keytabs come from administrators, but a broken one must not stop the server either.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let _ = pillarbox::auth::gssapi::keytab::parse(octets);
});
