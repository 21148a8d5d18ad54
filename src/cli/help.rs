//! `pillarbox help` and `pillarbox version`: the options `-h` and `--version` as commands.

use super::exit::Error;
use super::{Command, arguments, find, print, usage};

pub(super) const HELP: Command = Command {
    name: "help",
    arguments: "[COMMAND]",
    summary: "lists the commands, or shows the options of one (like -h)",
    notes: "",
    options: |_| {},
    run: |matches| match matches.free.as_slice() {
        [] => print(&usage()),
        [name] => print(&find(Some(name), name)?.usage()),
        [_, extra, ..] => Err(Error::usage(format!("unexpected argument {extra:?}"))),
    },
};

pub(super) const VERSION: Command = Command {
    name: "version",
    arguments: "",
    summary: "prints the version (like --version)",
    notes: "",
    options: |_| {},
    run: |matches| {
        let [] = arguments(matches, "")?;
        print(super::VERSION)
    },
};
