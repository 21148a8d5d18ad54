//! Names that are made from other names.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The path with something behind its name: `mail.db` and `-wal` is `mail.db-wal`.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// The directory that a file is in.
pub fn directory(path: &Path) -> &Path {
    path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `mysql` of `mysql://…`: what is meant as a URL and not as a file (RFC 3986 section 3.1).
pub fn url_scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let is_one = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet));
    is_one.then_some(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_in_the_working_directory() {
        assert_eq!(directory(Path::new("mail.db")), Path::new("."));
        assert_eq!(directory(Path::new("a/mail.db")), Path::new("a"));
        assert_eq!(url_scheme("svn+ssh://x"), Some("svn+ssh"));
        for file in ["mail.db", "./ftp://x", "a b://x", "://x", "1://x", "/a://b"] {
            assert_eq!(url_scheme(file), None, "{file}");
        }
        assert_eq!(with_suffix(Path::new("a/mail.db"), "-wal"), Path::new("a/mail.db-wal"));
    }
}
