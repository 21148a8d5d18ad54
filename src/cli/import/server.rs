//! `pillarbox import` from another server.

use super::{Import, failed};
use crate::exit::{Code, Error};
use crate::import::remote::{self, Address, Credential, Options, Protocol, Server};
use crate::import::uid_format::UidFormat;
use crate::secret::Secret;
use getopts::Matches;
use std::fs::File;
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// Longest token, octets: as long as AUTH takes one.
const LONGEST_TOKEN: u64 = 48 * 1024;

pub(super) fn options(options: &mut getopts::Options) {
    options.optopt(
        "",
        "token",
        "log in with the OAuth token in FILE (-: standard input) instead of a password",
        "FILE",
    );
    options.optflag("", "insecure", "send the password unencrypted if the server has no TLS");
    options.optflag("", "no-uidl", "for POP3 servers without UIDL: give messages new unique-ids");
}

/// What the command line says of a server.
fn given(address: &Address, matches: &Matches) -> Result<Options, Error> {
    let wrong = |option: &str, why: &str| Err(Error::usage(format!("--{option} is {why}")));
    let of_imap = ["uidl-format", "with-deleted"].into_iter().find(|option| matches.opt_present(option));
    match (address.protocol, of_imap) {
        _ if matches.opt_present("uidl") => return wrong("uidl", "for files: a server supplies its own unique-ids"),
        (Protocol::Pop3, Some(option)) => return wrong(option, "not for POP3, which has no such information"),
        (Protocol::Imap, _) if matches.opt_present("no-uidl") => {
            return wrong("no-uidl", "for POP3: IMAP always has unique-ids");
        }
        _ => {}
    }
    let format = matches.opt_str("uidl-format").map(|text| {
        let format = UidFormat::parse(&text).map_err(|what| Error::usage(format!("--uidl-format {text:?}: {what}")))?;
        if format.needs_file_name() {
            return Err(Error::usage(format!("--uidl-format {text:?}: IMAP has no file names (%f)")));
        }
        Ok(format)
    });
    Ok(Options {
        insecure: matches.opt_present("insecure"),
        no_uidl: matches.opt_present("no-uidl"),
        format: format.transpose()?,
    })
}

impl Import {
    pub(super) fn server(&self, from: &str, matches: &Matches) -> Result<(), Error> {
        let address = Address::parse(from).map_err(|what| Error::usage(format!("{from:?}: {what}")))?;
        let options = given(&address, matches)?;
        let credential = match matches.opt_str("token") {
            Some(file) => Credential::Token(token(&file)?),
            None => Credential::Password(self.password(&address.login)?),
        };
        let mut source = remote::connect(&address, &options).map_err(failed)?;
        if source.wire().is_clear() {
            let what = if matches!(credential, Credential::Token(_)) { "token" } else { "password" };
            let _ = writeln!(io::stderr(), "{address} has no TLS: the {what} is sent unencrypted");
        }
        source.log_in(&address.login, &credential).map_err(failed)?;
        drop(credential);
        self.take_over(&mut *source)
    }

    fn take_over(&self, source: &mut dyn Server) -> Result<(), Error> {
        let listed = source.list().map_err(failed)?;
        let report = self.transfer(source, &listed)?;
        let differences = if self.dry_run {
            None
        } else {
            let differences = self.differences(source, &listed, &report)?;
            if let Err(error) = source.confirm() {
                self.say(&report, "")?;
                return Err(failed(error));
            }
            Some(differences)
        };
        source.close();
        self.tell(&report, differences)
    }
}

/// The token of a file, without the line end behind it.
fn token(file: &str) -> Result<Secret, Error> {
    let mut octets = Zeroizing::new(Vec::with_capacity(LONGEST_TOKEN as usize + 1));
    let read = match file {
        "-" => io::stdin().take(LONGEST_TOKEN + 1).read_to_end(&mut octets),
        // A pipe will do: what makes tokens is often a program.
        file => File::open(file).and_then(|file| file.take(LONGEST_TOKEN + 1).read_to_end(&mut octets)),
    };
    read.map_err(|error| Error::file(format_args!("cannot read the token {file:?}"), &error, Code::Io))?;
    let token = octets.trim_ascii();
    // RFC 6750 section 2.1 and more, but nothing that ends a field or a line.
    if token.is_empty() || !token.iter().all(u8::is_ascii_graphic) || octets.len() as u64 > LONGEST_TOKEN {
        return Err(Error::new(
            Code::Data,
            format!("{file:?} does not contain a token: it must be one word of at most {LONGEST_TOKEN} octets"),
        ));
    }
    Ok(Secret::from(token))
}
