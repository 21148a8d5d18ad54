//! `pillarbox export-recipients`: the addresses that mail is taken for, for MTAs that want to refuse all others themselves.

use super::exit::{Code, Error};
use super::{Command, arguments, database, print};
use crate::message::address::addresses_of;
use std::collections::BTreeSet;

pub(super) const COMMAND: Command = Command {
    name: "export-recipients",
    arguments: "",
    summary: "prints the addresses that mail is accepted for, one per line",
    notes:
        "Names without a domain are listed for each of Domains; @DOMAIN is a catch-all. Sub-addresses are not listed.
Exit 78: a name has no domain and Domains is empty, so it accepts mail for any domain.",
    options: |_| {},
    run: |matches| {
        let [] = arguments(matches, "")?;
        let store = database::open(&database::location(matches)?)?;
        let domains = database::settings(&*store)?.domains;
        let names = store.recipient_names().map_err(|error| Error::store("cannot read the names", &error))?;
        let endless = names.iter().find(|name| domains.is_empty() && !name.contains('@'));
        if let Some(name) = endless {
            let text = format!(
                "Domains is empty: {name} gets mail for any domain, so its addresses cannot be listed; set Domains"
            );
            return Err(Error::new(Code::Config, text));
        }
        let addresses: BTreeSet<String> = names.iter().flat_map(|name| addresses_of(name, &domains)).collect();
        print(&addresses.iter().map(|address| format!("{address}\n")).collect::<String>())
    },
};
