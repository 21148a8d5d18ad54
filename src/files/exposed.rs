//! Files that others can read who should not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Who may not read a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Private {
    /// Everybody but owner and group: an MTA may share a database, as other programs share a certificate's key.
    FromOthers,
    /// Everybody but the owner.
    FromAll,
}

/// What is to be said of a file that more people can read than should; nothing of one that is not there.
pub fn exposed(path: &Path, private: Private) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o7777;
    let (forbidden, right) = match private {
        Private::FromOthers => (0o004, mode & 0o770),
        Private::FromAll => (0o044, mode & 0o700),
    };
    let text = format!("{}: mode {mode:04o} lets others read it: set it to {right:04o}", path.display());
    (mode & forbidden != 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    #[test]
    fn what_others_can_read_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, others, all) in [
            (0o600, false, false),
            (0o660, false, true),
            (0o644, true, true),
            (0o604, true, true),
            (0o622, false, false),
        ] {
            std::fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
            let found = [Private::FromOthers, Private::FromAll].map(|private| exposed(file.path(), private).is_some());
            assert_eq!(found, [others, all], "{mode:o}");
        }
        std::fs::set_permissions(file.path(), Permissions::from_mode(0o644)).unwrap();
        let text = exposed(file.path(), Private::FromOthers).unwrap();
        assert!(text.ends_with(": mode 0644 lets others read it: set it to 0640"), "{text}");
        assert_eq!(exposed(Path::new("/nonexistent"), Private::FromAll), None);
    }
}
