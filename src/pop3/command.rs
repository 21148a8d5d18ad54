//! Commands: the table of those we know, and the parser from a line to a command of the state.
//!
//! What must live here: which keyword exists, in which state, with which arguments, and what CAPA says of it. What
//! must not be known here: what a command does.

use super::policy::Policy;
use std::borrow::Cow;

/// What the client says for a message: counted from 1, never an index. Not checked against a maildrop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageNumber(pub u64);

/// A command of the AUTHORIZATION state (RFC 1939 section 4). Borrowed from the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthorizationCommand<'a> {
    /// RFC 5034: mechanism and initial response; a bare AUTH asks for the mechanisms ([MS-POP3] 2.2.1).
    Auth(Option<(&'a [u8], Option<&'a [u8]>)>),
    /// RFC 2449 section 5.
    Capa,
    /// RFC 1939 section 7: the rest of the line, from behind the first separator.
    Pass(&'a [u8]),
    /// RFC 1939 section 4.
    Quit,
    /// RFC 2595 section 4.
    Stls,
    /// RFC 1939 section 7: the name.
    User(&'a [u8]),
    /// RFC 6856 section 2.
    Utf8,
}

/// A command of the TRANSACTION state (RFC 1939 section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransactionCommand {
    /// RFC 2449 section 5.
    Capa,
    /// RFC 1939 section 5.
    Dele(MessageNumber),
    /// RFC 1939 section 5.
    List(Option<MessageNumber>),
    /// RFC 1939 section 5.
    Noop,
    /// RFC 1939 section 6.
    Quit,
    /// RFC 1939 section 5.
    Retr(MessageNumber),
    /// RFC 1939 section 5.
    Rset,
    /// RFC 1939 section 5.
    Stat,
    /// RFC 1939 section 7: message and number of body lines.
    Top(MessageNumber, u64),
    /// RFC 1939 section 7.
    Uidl(Option<MessageNumber>),
}

/// Why a line is no command that can be obeyed now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal<'a> {
    /// No such keyword.
    Unknown(&'a [u8]),
    /// Not in this state (RFC 1939 section 3).
    WrongState,
    /// The arguments do not fit; the text says what would.
    Arguments(&'static str),
}

type ParseAuthorization = for<'a> fn(&'a [u8]) -> Option<AuthorizationCommand<'a>>;
type ParseTransaction = fn(&[u8]) -> Option<TransactionCommand>;

/// One command: what a line of it looks like, what it is in each state, and what CAPA says of it.
struct CommandRow {
    keyword: &'static str,
    usage: &'static str,
    /// The arguments of the AUTHORIZATION state; `None`: not a command of it.
    authorization: Option<ParseAuthorization>,
    /// The same of the TRANSACTION state.
    transaction: Option<ParseTransaction>,
    /// The line of CAPA (RFC 2449 section 6), if it has one now.
    capability: fn(&Policy<'_>) -> Option<Cow<'static, str>>,
}

/// How many commands there are.
pub const COUNT: usize = COMMANDS.len();

/// Which command the line has as its first word, from 0 on; [`COUNT`] for none that we know.
pub fn place(line: &[u8]) -> usize {
    let end = line.iter().position(separates).unwrap_or(line.len());
    let keyword = &line[..end];
    COMMANDS.iter().position(|row| row.keyword.as_bytes().eq_ignore_ascii_case(keyword)).unwrap_or(COUNT)
}

/// The keyword at a place; `other` at [`COUNT`].
pub fn name(place: usize) -> &'static str {
    COMMANDS.get(place).map_or("other", |row| row.keyword)
}

/// Every command there is. APOP is not one of them ([MS-STANXPOP3] V0012).
const COMMANDS: &[CommandRow] = {
    use AuthorizationCommand as A;
    use TransactionCommand as T;
    &[
        CommandRow {
            authorization: Some(auth),
            capability: |policy| policy.sasl(),
            ..row("AUTH", "AUTH [mechanism [initial-response]]")
        },
        CommandRow {
            authorization: Some(|rest| none(rest, A::Capa)),
            transaction: Some(|rest| none(rest, T::Capa)),
            ..row("CAPA", "CAPA takes no argument")
        },
        CommandRow { transaction: Some(|rest| one(rest).map(T::Dele)), ..row("DELE", "DELE message-number") },
        CommandRow { transaction: Some(|rest| maybe(rest).map(T::List)), ..row("LIST", "LIST [message-number]") },
        CommandRow { transaction: Some(|rest| none(rest, T::Noop)), ..row("NOOP", "NOOP takes no argument") },
        CommandRow { authorization: Some(pass), ..row("PASS", "PASS password") },
        CommandRow {
            authorization: Some(|rest| none(rest, A::Quit)),
            transaction: Some(|rest| none(rest, T::Quit)),
            ..row("QUIT", "QUIT takes no argument")
        },
        CommandRow { transaction: Some(|rest| one(rest).map(T::Retr)), ..row("RETR", "RETR message-number") },
        CommandRow { transaction: Some(|rest| none(rest, T::Rset)), ..row("RSET", "RSET takes no argument") },
        CommandRow { transaction: Some(|rest| none(rest, T::Stat)), ..row("STAT", "STAT takes no argument") },
        CommandRow {
            authorization: Some(|rest| none(rest, A::Stls)),
            capability: |policy| policy.stls(),
            ..row("STLS", "STLS takes no argument")
        },
        CommandRow {
            transaction: Some(top),
            capability: |_| Some("TOP".into()),
            ..row("TOP", "TOP message-number lines")
        },
        CommandRow {
            transaction: Some(|rest| maybe(rest).map(T::Uidl)),
            capability: |_| Some("UIDL".into()),
            ..row("UIDL", "UIDL [message-number]")
        },
        CommandRow { authorization: Some(user), capability: |policy| policy.user(), ..row("USER", "USER name") },
        CommandRow {
            authorization: Some(|rest| none(rest, A::Utf8)),
            capability: |_| Some("UTF8".into()),
            ..row("UTF8", "UTF8 takes no argument")
        },
    ]
};

const fn row(keyword: &'static str, usage: &'static str) -> CommandRow {
    CommandRow { keyword, usage, authorization: None, transaction: None, capability: |_| None }
}

/// The capabilities that commands have now, in the order of the table.
pub fn capabilities<'a>(policy: &'a Policy<'a>) -> impl Iterator<Item = Cow<'static, str>> + 'a {
    COMMANDS.iter().filter_map(|row| (row.capability)(policy))
}

/// Some state has a command of this name, in capitals.
pub fn is_keyword(word: &str) -> bool {
    COMMANDS.iter().any(|row| row.keyword == word)
}

/// Reads one line (without its line end) as a command of the AUTHORIZATION state. An unknown keyword is refused
/// first, then the state, then the arguments.
///
/// # Errors
/// See [`Refusal`].
pub fn authorization(line: &[u8]) -> Result<AuthorizationCommand<'_>, Refusal<'_>> {
    let (row, rest) = find(line)?;
    row.authorization.ok_or(Refusal::WrongState)?(rest).ok_or(Refusal::Arguments(row.usage))
}

/// The same in the TRANSACTION state.
///
/// # Errors
/// See [`Refusal`].
pub fn transaction(line: &[u8]) -> Result<TransactionCommand, Refusal<'_>> {
    let (row, rest) = find(line)?;
    row.transaction.ok_or(Refusal::WrongState)?(rest).ok_or(Refusal::Arguments(row.usage))
}

fn find(line: &[u8]) -> Result<(&'static CommandRow, &[u8]), Refusal<'_>> {
    let end = line.iter().position(separates).unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let row = COMMANDS.iter().find(|row| row.keyword.as_bytes().eq_ignore_ascii_case(keyword));
    row.map(|row| (row, rest)).ok_or(Refusal::Unknown(keyword))
}

/// Methods of HTTP (RFC 9110 section 9.3, RFC 5789).
const HTTP_METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT", "PATCH", "TRACE", "DELETE"];

/// Whether the first word of a line is a method of HTTP.
pub fn is_http(line: &[u8]) -> bool {
    let word = line.split(separates).next().unwrap_or_default();
    HTTP_METHODS.iter().any(|method| method.as_bytes().eq_ignore_ascii_case(word))
}

/// One or more SPACEs or TABs separate keyword and arguments ([MS-STANXPOP3] 2.1.1).
fn separates(octet: &u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

pub(super) fn arguments(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest.split(separates).filter(|argument| !argument.is_empty())
}

fn trim(rest: &[u8]) -> &[u8] {
    let from = rest.iter().position(|octet| !separates(octet)).unwrap_or(rest.len());
    let to = rest.iter().rposition(|octet| !separates(octet)).map_or(from, |last| last + 1);
    &rest[from..to]
}

fn none<T>(rest: &[u8], command: T) -> Option<T> {
    trim(rest).is_empty().then_some(command)
}

/// `1*DIGIT`; what does not fit is as good as the largest number (RFC 1939 section 7: TOP allows any).
fn digits(argument: &[u8]) -> Option<u64> {
    if argument.is_empty() || !argument.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let push = |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(argument.iter().fold(0, push))
}

fn one(rest: &[u8]) -> Option<MessageNumber> {
    maybe(rest)?
}

fn maybe(rest: &[u8]) -> Option<Option<MessageNumber>> {
    let mut arguments = arguments(rest);
    let Some(first) = arguments.next() else { return Some(None) };
    let number = MessageNumber(digits(first)?);
    arguments.next().is_none().then_some(Some(number))
}

fn top(rest: &[u8]) -> Option<TransactionCommand> {
    let mut arguments = arguments(rest);
    let number = MessageNumber(digits(arguments.next()?)?);
    let lines = digits(arguments.next()?)?;
    arguments.next().is_none().then_some(TransactionCommand::Top(number, lines))
}

/// Whether the line begins as an AUTH whose initial response is a token or ticket, which does not fit into a command;
/// several clients know no other form.
pub fn has_long_response(start: &[u8]) -> bool {
    const LONG: &[&str] = &["GSSAPI", "OAUTHBEARER", "XOAUTH2"];
    let end = start.iter().position(separates).unwrap_or(start.len());
    let (keyword, rest) = start.split_at(end);
    let is_long = |name: &[u8]| LONG.iter().any(|long| long.as_bytes().eq_ignore_ascii_case(name));
    keyword.eq_ignore_ascii_case(b"AUTH") && arguments(rest).next().is_some_and(is_long)
}

fn auth(rest: &[u8]) -> Option<AuthorizationCommand<'_>> {
    let mut arguments = arguments(rest);
    let mechanism = arguments.next();
    let initial = arguments.next();
    arguments.next().is_none().then_some(AuthorizationCommand::Auth(mechanism.map(|name| (name, initial))))
}

/// The whole rest is the name, so that USER is never refused for what it names ([MS-STANXPOP3] V0009).
fn user(rest: &[u8]) -> Option<AuthorizationCommand<'_>> {
    Some(trim(rest)).filter(|name| !name.is_empty()).map(AuthorizationCommand::User)
}

/// The whole rest is the password, spaces included ([MS-STANXPOP3] V0011).
fn pass(rest: &[u8]) -> Option<AuthorizationCommand<'_>> {
    rest.get(1..).filter(|password| !password.is_empty()).map(AuthorizationCommand::Pass)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(line: &str) -> Result<TransactionCommand, Refusal<'_>> {
        transaction(line.as_bytes())
    }

    #[test]
    fn the_table_is_sorted_and_unique() {
        assert!(COMMANDS.windows(2).all(|pair| pair[0].keyword < pair[1].keyword));
    }

    #[test]
    fn separators_are_runs_of_spaces_or_tabs() {
        for line in ["LIST 1", "list \t  1", "LIST\t\t1", "LIST 1 "] {
            assert_eq!(after(line), Ok(TransactionCommand::List(Some(MessageNumber(1)))), "{line:?}");
            assert_eq!(name(place(line.as_bytes())), "LIST", "{line:?}");
        }
        assert_eq!(after(" LIST"), Err(Refusal::Unknown(b"")));
    }

    #[test]
    fn numbers_are_digits_only_and_saturate() {
        for bad in ["RETR", "RETR +1", "RETR -1", "RETR 1x", "RETR 1 2", "RETR 0x1", "RETR \u{661}"] {
            assert_eq!(after(bad), Err(Refusal::Arguments("RETR message-number")), "{bad}");
        }
        assert_eq!(after("TOP 1 99999999999999999999"), Ok(TransactionCommand::Top(MessageNumber(1), u64::MAX)));
        assert_eq!(after("TOP 1"), Err(Refusal::Arguments("TOP message-number lines")));
    }

    #[test]
    fn pass_takes_the_rest_as_it_is() {
        assert_eq!(authorization(b"PASS  a b "), Ok(AuthorizationCommand::Pass(b" a b ")));
        assert!(authorization(b"PASS").is_err());
        assert!(authorization(b"PASS ").is_err());
    }

    #[test]
    fn http_is_known_by_its_first_word() {
        for line in ["GET / HTTP/1.1", "POST /x", "get", "OPTIONS\t*", "DELETE /"] {
            assert!(is_http(line.as_bytes()), "{line}");
        }
        for line in ["", " GET /", "GETS /", "DELE 1", "USER GET"] {
            assert!(!is_http(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn the_state_is_checked_before_the_arguments() {
        assert_eq!(authorization(b"RETR"), Err(Refusal::WrongState));
        assert_eq!(authorization(b"APOP a b"), Err(Refusal::Unknown(b"APOP")));
    }
}
