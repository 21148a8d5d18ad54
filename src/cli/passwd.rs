//! `pillarbox passwd`: sets a user's password.

use super::exit::{Code, Error};
use super::password::{credential_error, credentials};
use super::{Command, arguments, database, password};
use crate::auth::credential::KeyFile;
use crate::message::address::common_name;
use crate::server::renew_seal;
use crate::store::{Location, Store, StoreError, UserId};

pub(super) const COMMAND: Command = Command {
    name: "passwd",
    arguments: "USER",
    summary: "sets a user's password: one line of standard input, or typed twice on a terminal",
    notes: "It also stores the verifiers that the enabled mechanisms need. Exit 67: there is no such user.",
    options: |options| {
        options.optflag("", "create", "create the user and a mailbox of the same name if missing");
    },
    run: |matches| {
        let [user] = arguments(matches, "USER")?;
        set(&database::location(matches)?, &user, matches.opt_present("create"))
    },
};

fn set(location: &Location, user: &str, create: bool) -> Result<(), Error> {
    let store = database::open(location)?;
    // Nobody should type a password for a user who does not exist.
    let known = find(&*store, user)?;
    if known.is_none() && !create {
        return Err(Error::new(Code::NoUser, format!("there is no user {user:?} (--create creates it)")));
    }
    let password = password::read()?;
    let user = match known {
        Some(known) => known,
        None => {
            User { id: store.create_user(user).map_err(|error| failed(user, &error))?, name: user.into(), ntlm: false }
        }
    };
    let credentials = credentials(KeyFile::beside(&location.beside))?;
    if location.file().is_none() {
        // Other nodes must be able to read what we seal.
        renew_seal(&*store, &credentials)?;
    }
    let settings = database::settings(&*store)?;
    credentials.set_scram_iterations(settings.scram_iterations);
    let made = credentials.verifiers_for(&common_name(&user.name, &settings.domains), user.id, &password, user.ntlm);
    let (hash, others) = made.map_err(|error| credential_error(&error))?;
    store.set_password(user.id, None, &hash, &others).map_err(|error| failed(&user.name, &error))?;
    database::finish(&*store, location)
}

/// What is known of a user before the password is.
struct User {
    id: UserId,
    /// As stored.
    name: String,
    ntlm: bool,
}

fn find(store: &dyn Store, user: &str) -> Result<Option<User>, Error> {
    let account = store.account(&[user.to_owned()]).map_err(|error| failed(user, &error))?;
    Ok(account.map(|account| User { id: account.user, name: account.name, ntlm: account.ntlm }))
}

fn failed(user: &str, error: &StoreError) -> Error {
    Error::store(format_args!("user {user:?}"), error)
}
