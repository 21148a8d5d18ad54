//! What SQLite's errors mean in the store's words.

use crate::store::StoreError;
use rusqlite::{Error, ErrorCode, ffi};

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let Error::SqliteFailure(code, text) = &error else { return Self::Internal(error.to_string()) };
        let text = text.clone().unwrap_or_else(|| error.to_string());
        if matches!(code.extended_code, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) {
            return Self::sync(&text);
        }
        match code.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy(text),
            ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::ReadOnly | ErrorCode::CannotOpen => {
                Self::Io(text)
            }
            // Where reading fails with EIO, too: a statement makes SQLITE_CORRUPT of SQLITE_IOERR_CORRUPTFS.
            ErrorCode::DatabaseCorrupt => {
                Self::Damaged(format!("{text}; check the disk, and restore a backup if it is damaged"))
            }
            // ATTACH, and so VACUUM INTO, has no code of its own for it.
            _ if text.starts_with("unable to open database") => Self::Io(text),
            ErrorCode::NotADatabase => Self::Refused(text),
            ErrorCode::ConstraintViolation => refused(&text),
            _ => Self::Internal(text),
        }
    }
}

/// The texts of the schema's triggers and of its named CHECKs.
fn refused(text: &str) -> StoreError {
    if text.starts_with("over quota") {
        return StoreError::OverQuota;
    }
    if text.starts_with("out of unique-ids") {
        return StoreError::OutOfUids;
    }
    if text.starts_with("message.mailbox_id: no such mailbox") {
        return StoreError::NoSuchMailbox;
    }
    if text.starts_with("UNIQUE constraint failed: users.name") {
        return StoreError::Refused("users.name: a user of this name exists".into());
    }
    StoreError::Refused(text.strip_prefix("CHECK constraint failed: ").unwrap_or(text).to_owned())
}

/// Whether the row itself was refused, so that other rows of the transaction are not concerned.
pub fn is_of_the_row(error: &StoreError) -> bool {
    matches!(error, StoreError::NoSuchMailbox | StoreError::OverQuota | StoreError::OutOfUids | StoreError::Refused(_))
}
