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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_in_the_working_directory() {
        assert_eq!(directory(Path::new("mail.db")), Path::new("."));
        assert_eq!(directory(Path::new("a/mail.db")), Path::new("a"));
        assert_eq!(with_suffix(Path::new("a/mail.db"), "-wal"), Path::new("a/mail.db-wal"));
    }
}
