//! How a command ends when it fails: an exit code of `sysexits.h` and one line.
//!
//! Mail programs act on these codes (75 keeps a message in their queue), so they are a contract.

use crate::store::StoreError;
use nix::errno::Errno;
use std::fmt;
use std::io;
use std::iter;

/// The exit codes of `sysexits.h` that this program uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Code {
    /// Of `status`: somebody should look.
    Warnings = 1,
    /// Of `status`: no server answers, or its store does not.
    Down = 2,
    /// EX_USAGE: the command line was wrong.
    Usage = 64,
    /// EX_DATAERR: what came in was wrong.
    Data = 65,
    /// EX_NOINPUT: a file that was named does not exist.
    NoInput = 66,
    /// EX_NOUSER: no such user or recipient.
    NoUser = 67,
    /// EX_UNAVAILABLE: something that is needed does not work.
    Unavailable = 69,
    /// EX_SOFTWARE: a fault of this program.
    Software = 70,
    /// EX_CANTCREAT: a file cannot be made.
    CantCreate = 73,
    /// EX_IOERR: reading or writing failed, or the disk is full.
    Io = 74,
    /// EX_TEMPFAIL: try again later.
    TempFail = 75,
    /// EX_NOPERM: not allowed.
    NoPerm = 77,
    /// EX_CONFIG: a setting is wrong.
    Config = 78,
}

/// Why a command failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// What the process exits with.
    pub code: Code,
    /// What was wrong and with what; shown as one line.
    pub text: String,
}

impl Error {
    /// An error of this code and text.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// An answer that the command has given in full: nothing is left to say on stderr.
    pub fn answered(code: Code) -> Self {
        Self::new(code, "")
    }

    /// The command line was wrong.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Code::Usage, text)
    }

    /// `what` (say, "cannot read /x") failed with `error`; `otherwise` is the code where neither
    /// permission nor absence of a file is the reason.
    pub fn file(what: impl fmt::Display, error: &io::Error, otherwise: Code) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory if otherwise != Code::CantCreate => Code::NoInput,
            io::ErrorKind::PermissionDenied => Code::NoPerm,
            _ if is_of_disk(error) => Code::Io,
            _ => otherwise,
        };
        Self::new(code, format!("{what}: {error}"))
    }

    /// The engine refused the database as a whole. Its errors mostly name the file; if not, we do.
    pub fn database(database: impl fmt::Display, error: &StoreError) -> Self {
        let (text, name) = (error.to_string(), database.to_string());
        let text = if text.contains(&name) { text } else { format!("{name}: {text}") };
        // Another program's file or another schema is a matter of configuration, not of bad mail.
        let code = if matches!(error, StoreError::Refused(_)) { Code::Config } else { code_of(error) };
        Self::new(code, text)
    }

    /// The store refused; `what` says what it was asked for.
    pub fn store(what: impl fmt::Display, error: &StoreError) -> Self {
        Self::new(code_of(error), format!("{what}: {error}"))
    }
}

/// Whether the disk is full or has failed, whatever was done. (EIO has no kind of its own.)
pub fn is_of_disk(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let errors = iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source());
    let failed = |error: &io::Error| error.raw_os_error() == Some(Errno::EIO as i32);
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
        || errors.filter_map(|error| error.downcast_ref()).any(failed)
}

/// The exit code that says the same as a store's answer.
pub fn code_of(error: &StoreError) -> Code {
    match error {
        StoreError::NoSuchMailbox => Code::NoUser,
        StoreError::OverQuota | StoreError::OutOfUids | StoreError::Abandoned | StoreError::Busy(_) => Code::TempFail,
        StoreError::Unavailable(_) => Code::Unavailable,
        StoreError::Denied(_) => Code::NoPerm,
        StoreError::TooBig | StoreError::Refused(_) => Code::Data,
        StoreError::Io(_) | StoreError::Sync(_) | StoreError::Damaged(_) => Code::Io,
        StoreError::NoSuchMessage | StoreError::Internal(_) => Code::Software,
    }
}

impl fmt::Display for Error {
    /// One line, whatever the text holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.text.lines().map(str::trim).filter(|line| !line.is_empty());
        f.write_str(lines.next().unwrap_or("unknown error"))?;
        lines.try_for_each(|line| write!(f, " {line}"))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::atomic::Failure;

    #[test]
    fn an_error_is_one_line() {
        assert_eq!(Error::usage("a\r\n b\n\n").to_string(), "a b");
        assert_eq!(Error::usage("").to_string(), "unknown error");
    }

    #[test]
    fn files_and_stores_give_the_codes_of_sysexits() {
        let file = |kind: io::ErrorKind, otherwise| Error::file("x", &kind.into(), otherwise).code as u8;
        assert_eq!(file(io::ErrorKind::NotFound, Code::Io), 66);
        assert_eq!(file(io::ErrorKind::NotADirectory, Code::Io), 66, "a path below a file leads to nothing");
        assert_eq!(file(io::ErrorKind::NotFound, Code::CantCreate), 73);
        let failed = io::Error::from_raw_os_error(Errno::EIO as i32);
        assert_eq!(Error::file("x", &failed, Code::CantCreate).code as u8, 74);
        let named = io::Error::from(Failure::Unsynced(failed));
        assert_eq!(Error::file("x", &named, Code::CantCreate).code as u8, 74, "under another text");
        assert_eq!(file(io::ErrorKind::PermissionDenied, Code::CantCreate), 77);
        assert_eq!(file(io::ErrorKind::StorageFull, Code::CantCreate), 74);
        for (error, code) in [
            (StoreError::NoSuchMailbox, 67),
            (StoreError::OverQuota, 75),
            (StoreError::Busy("locked".into()), 75),
            (StoreError::OutOfUids, 75),
            (StoreError::Abandoned, 75),
            (StoreError::TooBig, 65),
            (StoreError::Io("full".into()), 74),
            (StoreError::Sync("failed".into()), 74),
            (StoreError::Damaged("malformed".into()), 74),
            (StoreError::Internal("bug".into()), 70),
        ] {
            assert_eq!(code_of(&error) as u8, code, "{error}");
        }
    }
}
