//! What is wrong with a certificate or key, in one line.

use openssl::error::ErrorStack;
use std::fmt;

/// One line about a certificate or key that cannot be used; it names the files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsError(String);

impl TlsError {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

/// The library's own words, on one line.
pub(super) fn brief(error: &ErrorStack) -> String {
    let reason = error.errors().first().and_then(|first| first.reason());
    reason.unwrap_or("unknown error of the TLS library").to_owned()
}
