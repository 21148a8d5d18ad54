//! `pillarbox import --list FILE`: many mailboxes in one run, with a table at the end.

use super::summary::ImportCounts;
use super::{Address, Import};
use crate::cli::exit::{Code, Error};
use crate::cli::{database, password, print};
use crate::store::Store;
use getopts::Matches;
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

/// A line of the list: who, from where, and how to log in there.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    number: usize,
    user: String,
    source: String,
    login: Option<String>,
    password_file: Option<String>,
}

/// Imports what the lines of a file say, also after failures.
///
/// # Errors
/// 75 if all failures are temporary, else the code of the first other one.
pub fn run(file: &str, matches: &Matches) -> Result<(), Error> {
    if matches.opt_present("u") || matches.opt_present("uidl") || !matches.free.is_empty() {
        return Err(Error::usage("--list cannot be combined with a user or a source: its lines name them"));
    }
    let text =
        std::fs::read(file).map_err(|error| Error::file(format_args!("cannot read {file:?}"), &error, Code::Io))?;
    let text = String::from_utf8(text).map_err(|_| Error::new(Code::Data, format!("{file:?} is not UTF-8")))?;
    if lines(&text).is_empty() {
        return Err(Error::new(Code::Data, format!("{file:?} has no line that names a user and a source")));
    }
    let location = database::location(matches)?;
    let store: Arc<dyn Store> = database::open(&location)?;
    let (mut table, mut failures) = (Vec::new(), Vec::new());
    for (number, line) in lines(&text) {
        let row = Cell::default();
        let (user, source) = match &line {
            Ok(line) => (line.user.clone(), line.source.clone()),
            Err(_) => (String::new(), format!("line {number}")),
        };
        let (row, done) = match line {
            Ok(line) => one(&store, &line, matches, row),
            Err(what) => (ImportCounts::default(), Err(Error::new(Code::Data, what))),
        };
        let code = done.as_ref().err().map_or(0, |error| error.code as u8);
        let mut source = done.as_ref().err().map_or_else(|| source.clone(), |error| format!("{source}: {error}"));
        if row.unread > 0 {
            source += &format!(" ({} folders or files not read)", row.unread);
        }
        table.push((user, row, code, source));
        failures.extend(done.err().map(|error| error.code));
    }
    let finished = database::finish(&*store, &location);
    print(&shown(&table))?;
    let Some(first) = failures.iter().find(|code| **code != Code::TempFail).or(failures.first()) else {
        return finished;
    };
    Err(Error::new(*first, format!("{} of {} lines of {file:?} failed", failures.len(), table.len())))
}

/// Imports one mailbox.
fn one(
    store: &Arc<dyn Store>,
    line: &Line,
    matches: &Matches,
    row: Cell<ImportCounts>,
) -> (ImportCounts, Result<(), Error>) {
    let prepared = Import::new(store, &line.user, matches).and_then(|import| {
        let password = line.password_file.as_ref().map(|file| password::of_file(Path::new(file))).transpose()?;
        Ok((Import { password, row: Some(row), ..import }, source(line)?))
    });
    match prepared {
        Ok((import, source)) => {
            let done = import.take(&source, matches);
            (import.row.map(Cell::into_inner).unwrap_or_default(), done)
        }
        Err(error) => (ImportCounts::default(), Err(error)),
    }
}

/// Where the mail is, with the login in it.
fn source(line: &Line) -> Result<String, Error> {
    let usage = |what: &str| Error::usage(format!("{:?}: {what}", line.source));
    match (&line.login, line.source.split_once("://")) {
        (None, _) if line.password_file.is_some() && !Address::is_one(&line.source) => {
            Err(usage("only a server takes a password-file"))
        }
        (None, _) => Ok(line.source.clone()),
        (Some(login), Some((scheme, server))) if Address::is_one(&line.source) => {
            if server.contains('@') {
                return Err(usage("the source already contains a login"));
            }
            Ok(format!("{scheme}://{}@{server}", crate::import::percent::encoded(login).replace('/', "%2F")))
        }
        (Some(_), _) => Err(usage("only a server takes a login")),
    }
}

/// The lines of a list, with their numbers; empty ones, those that begin with `#` and the names of the columns are none.
fn lines(text: &str) -> Vec<(usize, Result<Line, String>)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let lines =
        lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#') && !line.starts_with("user,source"));
    lines.map(|(number, line)| (number, read(number, line))).collect()
}

fn read(number: usize, line: &str) -> Result<Line, String> {
    let mut fields = fields(line)?.into_iter();
    let (Some(user), Some(source)) = (fields.next(), fields.next()) else {
        return Err("it must be `user,source[,login[,password-file]]`".to_owned());
    };
    let mut optional = || fields.next().filter(|field| !field.is_empty());
    let (login, password_file) = (optional(), optional());
    if user.is_empty() || source.is_empty() {
        return Err("user or source is empty".to_owned());
    }
    match fields.next() {
        Some(_) => Err("it has more than four fields; a field with a comma must be quoted".to_owned()),
        None => Ok(Line { number, user, source, login, password_file }),
    }
}

/// The fields of a line (RFC 4180 section 2): quotes hold commas, and two of them are one.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let (mut fields, mut rest) = (Vec::new(), line);
    loop {
        let (field, behind) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => {
                let (mut field, mut rest) = (String::new(), quoted);
                loop {
                    let (part, behind) = rest.split_once('"').ok_or("a quote is not closed")?;
                    field += part;
                    match behind.strip_prefix('"') {
                        Some(more) => (field, rest) = (field + "\"", more),
                        None => break (field, behind.trim_start()),
                    }
                }
            }
            None => {
                let (field, behind) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
                (field.trim().to_owned(), behind)
            }
        };
        fields.push(field);
        match behind.strip_prefix(',') {
            Some(more) => rest = more,
            None if behind.is_empty() => return Ok(fields),
            None => return Err("unexpected text after a closing quote".to_owned()),
        }
    }
}

/// One row a line of the list.
fn shown(table: &[(String, ImportCounts, u8, String)]) -> String {
    let width = table.iter().map(|(user, ..)| user.chars().count()).max().unwrap_or(0).max(4);
    let mut text = format!(
        "{:width$}  {:>9} {:>9} {:>9} {:>9} {:>4}  source\n",
        "user", "taken", "there", "left-out", "refused", "exit"
    );
    for (user, row, code, source) in table {
        let ImportCounts { taken, there, left_out, refused, .. } = row;
        text += &format!("{user:width$}  {taken:>9} {there:>9} {left_out:>9} {refused:>9} {code:>4}  {source}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_csv() {
        let list = "\u{feff}user,source,login,password-file\r\n# all\r\n\r\nalice,/mail/alice\r\n\
                    \"bob, jr\" , \"/mail/\"\"b\"\"\",,\ncarol,pop3s://old.example,carol@old.example,/etc/pw\n\
                    x\n,y\n\"z\na,b,c,d,e\n\"a\"b,c\n";
        let found = lines(list);
        let line = |number, user: &str, source: &str| Line {
            number,
            user: user.into(),
            source: source.into(),
            login: None,
            password_file: None,
        };
        assert_eq!(found[0], (4, Ok(line(4, "alice", "/mail/alice"))));
        assert_eq!(found[1], (5, Ok(line(5, "bob, jr", "/mail/\"b\""))));
        let carol = found[2].1.clone().unwrap();
        assert_eq!(source(&carol).unwrap(), "pop3s://carol@old.example@old.example");
        assert_eq!(carol.password_file.as_deref(), Some("/etc/pw"));
        assert_eq!(found.len(), 8);
        assert!(found[3..].iter().all(|(_, line)| line.is_err()), "{found:?}");
    }

    #[test]
    fn logins_are_for_servers() {
        let login = |source: &str| Line {
            number: 1,
            user: "a".into(),
            source: source.into(),
            login: Some("a b".into()),
            password_file: None,
        };
        assert_eq!(source(&login("pop3://host")).unwrap(), "pop3://a%20b@host");
        for wrong in ["pop3://x@host", "/mail/alice"] {
            assert_eq!(source(&login(wrong)).unwrap_err().code, Code::Usage);
        }
    }
}
