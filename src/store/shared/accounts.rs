//! What both engines know of users.

use crate::secret::Secret;
use crate::store::{Result, StoreError};
use std::time::Duration;

/// How long a login waits for what it brings to be written.
pub const LOGIN_TIMEOUT: Duration = Duration::from_millis(500);

/// The first of these names that has an answer.
pub fn first<'a, T>(
    names: impl IntoIterator<Item = &'a String>,
    mut ask: impl FnMut(&str) -> Result<Option<T>>,
) -> Result<Option<T>> {
    for name in names {
        if let Some(found) = ask(name)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// `users.password` is text.
pub fn must_be_utf8(secret: &Secret) -> Result<Secret> {
    match secret.expose_str() {
        Some(_) => Ok(secret.clone()),
        None => Err(StoreError::Refused("users.password: must be UTF-8".into())),
    }
}
