//! The command line: `pillarbox COMMAND [options]`.
//!
//! What lives here: the table of commands, what they share (`-h`, `-d`) and how they end. Each command
//! has a file of its own. What must not be known here: SQL, sockets, passwords' formats.

mod backup;
mod check;
mod copy;
pub mod database;
mod deliver;
mod export;
mod export_recipients;
mod hash;
mod help;
mod import;
mod init;
mod mailbox;
#[cfg(test)]
mod manual;
mod passwd;
mod password;
mod report;
mod restore;
pub mod serve;
mod status;
mod trial;

use crate::exit::{self, Error};
use getopts::{Matches, Options};
use std::ffi::OsString;
use std::fmt::Debug;
use std::io::{self, Write};
use std::process::ExitCode;

/// One command.
struct Command {
    /// What is typed.
    name: &'static str,
    /// Its arguments, for the usage.
    arguments: &'static str,
    /// What it does, one line for the list of commands.
    summary: &'static str,
    /// More for its own usage; may be empty.
    notes: &'static str,
    /// Adds its options to the common ones.
    options: fn(&mut Options),
    /// Does it.
    run: fn(&Matches) -> Result<(), Error>,
}

/// What `pillarbox --version` prints.
const VERSION: &str = concat!("pillarbox ", env!("CARGO_PKG_VERSION"), "\n");

/// Commands that work on no database, and know no `-d`.
const WITHOUT_DATABASE: &[&str] = &["try", "copy", "help", "version"];

/// Every command, in the order the usage lists them.
const COMMANDS: &[&Command] = &[
    &init::COMMAND,
    &serve::COMMAND,
    &passwd::COMMAND,
    &hash::COMMAND,
    &deliver::COMMAND,
    &check::COMMAND,
    &status::COMMAND,
    &report::COMMAND,
    &backup::COMMAND,
    &restore::COMMAND,
    &copy::COMMAND,
    &import::COMMAND,
    &export::COMMAND,
    &export_recipients::COMMAND,
    &trial::COMMAND,
    &help::HELP,
    &help::VERSION,
];

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let error = match dispatch(&arguments) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(error) if error.text.is_empty() => return ExitCode::from(error.code as u8),
        Err(error) => error,
    };
    // Without arguments people want to know what there is; everything else is one line.
    let text = if arguments.is_empty() { usage() } else { format!("pillarbox: {error}\n") };
    // Nobody is left to tell if stderr is closed; the code still says it.
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::from(error.code as u8)
}

fn dispatch(arguments: &[OsString]) -> Result<(), Error> {
    let (first, rest) = arguments.split_first().ok_or_else(|| Error::usage("no command"))?;
    match first.to_str() {
        Some("-h" | "--help") => print(&usage()),
        Some("-V" | "--version") => print(VERSION),
        name => find(name, first)?.start(rest),
    }
}

/// The command of this name, typed as `given`.
fn find(name: Option<&str>, given: impl Debug) -> Result<&'static Command, Error> {
    let found = COMMANDS.iter().find(|command| Some(command.name) == name);
    found.copied().ok_or_else(|| Error::usage(format!("unknown command {given:?} (pillarbox -h lists them)")))
}

impl Command {
    fn start(&self, arguments: &[OsString]) -> Result<(), Error> {
        // Asked for help, we help, whatever else is wrong; after `--` it is a name like any other.
        if arguments.iter().take_while(|it| *it != "--").any(|it| it == "-h" || it == "--help") {
            return print(&self.usage());
        }
        let matches = self.parse(arguments)?;
        (self.run)(&matches)
    }

    fn parse(&self, arguments: &[OsString]) -> Result<Matches, Error> {
        // getopts would call it an unrecognized option.
        if let Some(wrong) = arguments.iter().find(|argument| argument.to_str().is_none()) {
            return Err(Error::usage(format!("argument {wrong:?} is not in UTF-8")));
        }
        let mut options = self.shown_options();
        // It needs none, but took one from the beginning.
        if self.name == hash::COMMAND.name {
            database::option(&mut options);
        }
        let parsed = options.parse(arguments);
        parsed.map_err(|error| Error::usage(format!("{error} (pillarbox {} -h shows the usage)", self.name)))
    }

    fn shown_options(&self) -> Options {
        let mut options = Options::new();
        options.optflag("h", "help", "print this");
        if self.shows_database() {
            database::option(&mut options);
        }
        (self.options)(&mut options);
        options
    }

    fn shows_database(&self) -> bool {
        self.name != hash::COMMAND.name && !WITHOUT_DATABASE.contains(&self.name)
    }

    fn usage(&self) -> String {
        let head = format!("usage: pillarbox {} [options] {}", self.name, self.arguments);
        let notes = if self.notes.is_empty() { String::new() } else { format!("\n{}\n", self.notes) };
        format!("{}{notes}", self.shown_options().usage(&format!("{}\n\n{}.", head.trim_end(), self.summary)))
    }
}

fn usage() -> String {
    let mut text = String::from("usage: pillarbox COMMAND [options]\n\nCommands:\n");
    for command in COMMANDS {
        text += &format!("    {:17} {}\n", command.name, command.summary);
    }
    text + "\npillarbox COMMAND -h shows the options of a command, pillarbox --version the version.\n"
}

/// Writes to stdout; a reader that went away is an error, not a panic.
fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Error::file("cannot write to standard output", &error, exit::Code::Io))
}

/// Exactly `N` arguments, or an error that names what is wanted.
fn arguments<const N: usize>(matches: &Matches, wanted: &str) -> Result<[String; N], Error> {
    let given = matches.free.clone();
    <[String; N]>::try_from(given).map_err(|given| match given.get(N) {
        Some(extra) => Error::usage(format!("one argument too many: {extra:?}")),
        None => Error::usage(format!("{wanted} is missing")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn parsed(command: &Command, arguments: &[&str]) -> Result<Matches, Error> {
        command.parse(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn every_command_is_listed_and_explains_itself() {
        for command in COMMANDS {
            assert!(usage().contains(&format!("    {} ", command.name)), "{}", command.name);
            let text = command.usage();
            assert!(text.starts_with(&format!("usage: pillarbox {} [options]", command.name)), "{text}");
            assert!(text.contains(command.summary), "{text}");
            assert_eq!(text.contains("--db DATABASE"), command.shows_database(), "{text}");
            assert!(!command.summary.ends_with('.'));
        }
    }

    #[test]
    fn what_cannot_be_parsed_is_a_usage_error() {
        for wrong in [&[][..], &["frobnicate"], &["check", "--frobnicate"], &["check", "-d"], &["init", "x"]] {
            let wrong: Vec<OsString> = wrong.iter().map(OsString::from).collect();
            let error = dispatch(&wrong).unwrap_err();
            assert_eq!(error.code, exit::Code::Usage, "{wrong:?}: {error}");
        }
    }

    #[test]
    fn arguments_are_counted() {
        let matches = parsed(&check::COMMAND, &["a", "b"]).unwrap();
        assert_eq!(arguments::<2>(&matches, "X").unwrap(), ["a", "b"]);
        assert_eq!(arguments::<1>(&matches, "X").unwrap_err().text, "one argument too many: \"b\"");
        assert_eq!(arguments::<3>(&matches, "USER").unwrap_err().text, "USER is missing");
    }
}
