//! What is wrong with a certificate or key, in one line.

use openssl::error::ErrorStack;
use std::fmt;
use std::io;
use std::path::Path;

/// One line about a certificate or key that cannot be used; it names the files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsError {
    text: String,
    errno: Option<i32>,
}

impl TlsError {
    pub(super) fn new(text: String) -> Self {
        Self { text, errno: None }
    }

    /// `what`, which is in this file, cannot be read.
    pub(super) fn unread(what: &str, file: &Path, error: &io::Error) -> Self {
        let text = format!("{what} file {} cannot be read: {error}", file.display());
        Self { text, errno: error.raw_os_error() }
    }

    /// What the system said when a file was to be read.
    pub fn of_system(&self) -> Option<io::Error> {
        self.errno.map(io::Error::from_raw_os_error)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TlsError {}

/// The library's own words, on one line.
pub(super) fn brief(error: &ErrorStack) -> String {
    let reason = error.errors().first().and_then(|first| first.reason());
    reason.unwrap_or("unknown error of the TLS library").to_owned()
}
