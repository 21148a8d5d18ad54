//! Why the server or the library refused, and what that means for the store.

use crate::store::StoreError;

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The SQLSTATE ("PostgreSQL Error Codes" in the manual); empty where the library itself says it.
    pub state: String,
    /// In the server's language.
    pub message: String,
    /// The connection is gone: whether the last statements were done is not known.
    pub lost: bool,
}

/// SQLSTATE of what the schema refuses.
const CHECK_VIOLATION: &str = "23514";
const UNIQUE_VIOLATION: &str = "23505";

/// How the text of an error begins whose transaction may be tried again: serialization_failure, deadlock_detected.
pub const CONFLICT: &str = "two transactions were in each other's way: ";

/// How the text of an error begins where somebody else's lock was in the way: lock_not_available.
pub const LOCKED: &str = "somebody holds a lock: ";

impl Failure {
    /// The library cannot be used.
    pub(super) fn missing(why: String) -> Self {
        Self { state: String::new(), message: why, lost: true }
    }

    /// The connection is gone.
    pub fn lost(message: &str) -> Self {
        Self { state: String::new(), message: first_line(message), lost: true }
    }

    /// There is no connection: `FATAL:  28P01: password authentication failed …` of each host.
    pub(super) fn connecting(message: &str) -> Self {
        let is_state = |word: &&str| {
            let code = word.strip_suffix(':').unwrap_or_default();
            // FATAL has five letters too.
            code.len() == 5
                && code.contains(|c: char| c.is_ascii_digit())
                && code.bytes().all(|octet| octet.is_ascii_digit() || octet.is_ascii_uppercase())
        };
        let state = message.split_whitespace().find(is_state).unwrap_or_default().trim_end_matches(':').to_owned();
        let message = if state.is_empty() { message.into() } else { message.replace(&format!("{state}: "), "") };
        Self { message: first_line(&message), state, lost: true }
    }

    /// The whole transaction may be tried again: serialization_failure, deadlock_detected.
    pub fn is_of_the_moment(&self) -> bool {
        matches!(self.state.as_str(), "40001" | "40P01")
    }

    /// The schema refused a row.
    pub fn is_of_the_row(&self) -> bool {
        matches!(self.state.as_str(), CHECK_VIOLATION | UNIQUE_VIOLATION)
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let Failure { state, message, lost } = failure;
        let class = state.get(..2).unwrap_or_default();
        match (class, state.as_str()) {
            ("28", _) | (_, "42501") => Self::Denied(message),
            (_, CHECK_VIOLATION) => refused(message),
            (_, UNIQUE_VIOLATION) => Self::Refused(message),
            (_, "3D000" | "0A000") => Self::Refused(message),
            (_, "42P01") => Self::Refused("it has no tables of ours (pillarbox init makes them)".into()),
            ("40", _) => Self::Busy(format!("{CONFLICT}{message}")),
            (_, "55P03") => Self::Busy(format!("{LOCKED}{message}")),
            (_, "57014") => Self::Busy(message),
            (_, "53100" | "53200") | ("58", _) => Self::Io(message),
            (_, "XX001" | "XX002") => Self::Damaged(message),
            ("08" | "53" | "57", _) => Self::Unavailable(message),
            _ if lost => Self::Unavailable(message),
            _ => Self::Internal(format!("{message} (SQLSTATE {state})")),
        }
    }
}

/// The texts that the schema's functions raise where a delivery or an import is meant.
fn refused(message: String) -> StoreError {
    match message.split(':').next() {
        Some("over quota") => StoreError::OverQuota,
        Some("out of unique-ids") => StoreError::OutOfUids,
        Some("message.mailbox_id") => StoreError::NoSuchMailbox,
        _ => StoreError::Refused(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_there_is_no_connection_is_found_in_the_text() {
        let text = "connection to server at \"db\" (192.0.2.1), port 5432 failed: FATAL:  28P01: password authentication failed for user \"x\"\nLOCATION: auth_failed";
        let failure = Failure::connecting(text);
        assert_eq!(failure.state, "28P01");
        assert!(failure.message.ends_with("FATAL:  password authentication failed for user \"x\""), "{failure:?}");
        assert!(matches!(failure.into(), StoreError::Denied(_)));
        let failure = Failure::connecting("connection to server failed: Connection refused\n\tIs the server running?");
        assert_eq!(
            StoreError::from(failure),
            StoreError::Unavailable("connection to server failed: Connection refused".into())
        );
    }
}
