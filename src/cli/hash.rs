//! `pillarbox hash`: prints what a password looks like in the database.

use super::exit::{Code, Error};
use super::password::{credential_error, credentials};
use super::{Command, arguments, password, print};
use crate::auth::credential::{Credentials, KeyFile, Secret};
use std::num::NonZero;

pub(super) const COMMAND: Command = Command {
    name: "hash",
    arguments: "",
    summary: "reads a password as passwd does and prints its PHC string ($argon2id$...) for use in SQL",
    notes: "With --batch it prints one hash per line of standard input, in the same order.",
    options: |options| {
        options.optflag("", "batch", "read a password from each line of standard input");
    },
    run: |matches| {
        let [] = arguments(matches, "")?;
        if matches.opt_present("batch") {
            return batch();
        }
        let password = password::read()?;
        let keys = KeyFile::in_memory().map_err(|error| credential_error(&error))?;
        let hash = credentials(keys)?.hash(&password).map_err(|error| credential_error(&error))?;
        print(&format!("{}\n", hash.expose_str().unwrap_or_default()))
    },
};

/// As many at once as there are processors. What was printed before a line that is refused is good.
fn batch() -> Result<(), Error> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let keys = KeyFile::in_memory().map_err(|error| credential_error(&error))?;
    let credentials = Credentials::new(processors, keys).map_err(|error| credential_error(&error))?;
    let mut lines = password::lines(std::io::stdin().lock());
    loop {
        let some = lines.by_ref().take(processors).collect::<Result<Vec<_>, _>>()?;
        if some.is_empty() {
            return Ok(());
        }
        print(&hashes(&credentials, &some)?)?;
    }
}

fn hashes(credentials: &Credentials, passwords: &[Secret]) -> Result<String, Error> {
    let hash = |password| credentials.hash(password).map_err(|error| credential_error(&error));
    let made: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = passwords.iter().map(|password| scope.spawn(move || hash(password))).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let mut text = String::new();
    for hash in made {
        let hash = hash.map_err(|_| Error::new(Code::Software, "a hash could not be computed"))??;
        text += hash.expose_str().unwrap_or_default();
        text.push('\n');
    }
    Ok(text)
}
