//! Whose mailbox a command works on.

use super::exit::{Code, Error};
use crate::store::{Mailbox, Store};
use getopts::{Matches, Options};

/// Adds `-u, --user USER`.
pub fn option(options: &mut Options) {
    options.optopt("u", "user", "whose mailbox", "USER");
}

/// The user that `-u` names.
///
/// # Errors
/// There is no `-u`.
pub fn user(matches: &Matches) -> Result<String, Error> {
    matches.opt_str("u").ok_or_else(|| Error::usage("-u USER is missing"))
}

/// The mailbox of a user, or one without a user.
///
/// # Errors
/// 67 if there is none.
pub fn find(store: &dyn Store, user: &str) -> Result<Mailbox, Error> {
    let failed = |error| Error::store(format_args!("user {user:?}"), &error);
    let found = store.recipients(&[user.to_owned()]).map_err(failed)?;
    // An alias has the same look, but is no mailbox.
    let own = found.into_iter().find(|mailbox| mailbox.name.eq_ignore_ascii_case(user));
    own.ok_or_else(|| Error::new(Code::NoUser, format!("there is no user {user:?}")))
}
