//! Commands: the table of those we know, and the parser from a line to a [`Command`].
//!
//! What must live here: which keyword exists, in which state, with which arguments. What must not
//! be known here: what a command does.

/// The states of RFC 1939 section 3 in which a client can send a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Before login (section 4).
    Authorization,
    /// After it (section 5).
    Transaction,
}

/// What the client says for a message: counted from 1, never an index. Not checked against a maildrop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageNumber(pub u64);

/// One parsed command. Borrowed from the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command<'a> {
    /// RFC 5034: mechanism and initial response; a bare AUTH asks for the mechanisms ([MS-POP3] 2.2.1).
    Auth(Option<(&'a [u8], Option<&'a [u8]>)>),
    /// RFC 2449 section 5.
    Capa,
    /// RFC 1939 section 5.
    Dele(MessageNumber),
    /// RFC 1939 section 5.
    List(Option<MessageNumber>),
    /// RFC 1939 section 5.
    Noop,
    /// RFC 1939 section 7: the rest of the line, from behind the first separator.
    Pass(&'a [u8]),
    /// RFC 1939 sections 4 and 6.
    Quit,
    /// RFC 1939 section 5.
    Retr(MessageNumber),
    /// RFC 1939 section 5.
    Rset,
    /// RFC 1939 section 5.
    Stat,
    /// RFC 2595 section 4.
    Stls,
    /// RFC 1939 section 7: message and number of body lines.
    Top(MessageNumber, u64),
    /// RFC 1939 section 7.
    Uidl(Option<MessageNumber>),
    /// RFC 1939 section 7: the name.
    User(&'a [u8]),
    /// RFC 6856 section 2.
    Utf8,
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

type Parse = for<'a> fn(&'a [u8]) -> Option<Command<'a>>;

struct Row {
    keyword: &'static str,
    states: &'static [State],
    usage: &'static str,
    parse: Parse,
}

const BEFORE: &[State] = &[State::Authorization];
const AFTER: &[State] = &[State::Transaction];
const BOTH: &[State] = &[State::Authorization, State::Transaction];

/// Every command there is. APOP is not one of them ([MS-STANXPOP3] V0012).
const COMMANDS: &[Row] = &[
    Row { keyword: "AUTH", states: BEFORE, usage: "AUTH [mechanism [initial-response]]", parse: auth },
    Row { keyword: "CAPA", states: BOTH, usage: "CAPA takes no argument", parse: |rest| none(rest, Command::Capa) },
    Row { keyword: "DELE", states: AFTER, usage: "DELE message-number", parse: |rest| one(rest).map(Command::Dele) },
    Row {
        keyword: "LIST",
        states: AFTER,
        usage: "LIST [message-number]",
        parse: |rest| maybe(rest).map(Command::List),
    },
    Row { keyword: "NOOP", states: AFTER, usage: "NOOP takes no argument", parse: |rest| none(rest, Command::Noop) },
    Row { keyword: "PASS", states: BEFORE, usage: "PASS password", parse: pass },
    Row { keyword: "QUIT", states: BOTH, usage: "QUIT takes no argument", parse: |rest| none(rest, Command::Quit) },
    Row { keyword: "RETR", states: AFTER, usage: "RETR message-number", parse: |rest| one(rest).map(Command::Retr) },
    Row { keyword: "RSET", states: AFTER, usage: "RSET takes no argument", parse: |rest| none(rest, Command::Rset) },
    Row { keyword: "STAT", states: AFTER, usage: "STAT takes no argument", parse: |rest| none(rest, Command::Stat) },
    Row { keyword: "STLS", states: BEFORE, usage: "STLS takes no argument", parse: |rest| none(rest, Command::Stls) },
    Row { keyword: "TOP", states: AFTER, usage: "TOP message-number lines", parse: top },
    Row {
        keyword: "UIDL",
        states: AFTER,
        usage: "UIDL [message-number]",
        parse: |rest| maybe(rest).map(Command::Uidl),
    },
    Row { keyword: "USER", states: BEFORE, usage: "USER name", parse: user },
    Row { keyword: "UTF8", states: BEFORE, usage: "UTF8 takes no argument", parse: |rest| none(rest, Command::Utf8) },
];

/// Reads one line (without its line end) as a command of this state. An unknown keyword is
/// refused first, then the state, then the arguments.
///
/// # Errors
/// See [`Refusal`].
pub fn parse(line: &[u8], state: State) -> Result<Command<'_>, Refusal<'_>> {
    let end = line.iter().position(separates).unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let row = COMMANDS
        .iter()
        .find(|row| row.keyword.as_bytes().eq_ignore_ascii_case(keyword))
        .ok_or(Refusal::Unknown(keyword))?;
    if !row.states.contains(&state) {
        return Err(Refusal::WrongState);
    }
    (row.parse)(rest).ok_or(Refusal::Arguments(row.usage))
}

/// Methods of HTTP (RFC 9110 section 9.3, RFC 5789).
const HTTP_METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT", "PATCH", "TRACE", "DELETE"];

/// Whether the first word of a line is a method of HTTP.
pub fn is_http(line: &[u8]) -> bool {
    let word = line.split(separates).next().unwrap_or_default();
    HTTP_METHODS.iter().any(|method| method.as_bytes().eq_ignore_ascii_case(word))
}

/// Words that we do not have, but clients try: a log may show them, for they are no secret out of turn.
const FOREIGN: &[&str] = &["APOP", "LANG", "LAST", "XTND", "HELP", "EHLO", "HELO", "GET"];
const FOREIGN_MECHANISMS: &[&str] =
    &["LOGIN", "CRAM-MD5", "DIGEST-MD5", "EXTERNAL", "ANONYMOUS", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-512"];

/// What a log may show of a line: no secret, and nothing of a line that is no command, which may
/// be half of an exchange that had failed.
pub fn loggable(line: &[u8]) -> String {
    let mut words = arguments(line).map(|word| String::from_utf8_lossy(word).to_ascii_uppercase());
    let keyword = words.next().unwrap_or_default();
    match keyword.as_str() {
        "" => "(empty line)".into(),
        "AUTH" => {
            let mechanism = words.next().map_or(String::new(), |name| format!(" {}", loggable_mechanism(&name)));
            format!("AUTH{mechanism}{}", masked(words))
        }
        "PASS" => format!("PASS{}", masked(words)),
        known if COMMANDS.iter().any(|row| row.keyword == known) => String::from_utf8_lossy(line).into_owned(),
        foreign if FOREIGN.contains(&foreign) => format!("{foreign}{}", masked(words)),
        _ => format!("(unknown command, a line of {} octets)", line.len()),
    }
}

fn loggable_mechanism(name: &str) -> &str {
    let known = crate::sasl::find(name.as_bytes()).is_some() || FOREIGN_MECHANISMS.contains(&name);
    if known { name } else { "(unknown mechanism)" }
}

/// That there is more, not what.
fn masked(mut words: impl Iterator<Item = String>) -> &'static str {
    if words.next().is_some() { " *****" } else { "" }
}

/// One or more SPACEs or TABs separate keyword and arguments ([MS-STANXPOP3] 2.1.1).
fn separates(octet: &u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

fn arguments(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest.split(separates).filter(|argument| !argument.is_empty())
}

fn trim(rest: &[u8]) -> &[u8] {
    let from = rest.iter().position(|octet| !separates(octet)).unwrap_or(rest.len());
    let to = rest.iter().rposition(|octet| !separates(octet)).map_or(from, |last| last + 1);
    &rest[from..to]
}

fn none<'a>(rest: &[u8], command: Command<'a>) -> Option<Command<'a>> {
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

fn top(rest: &[u8]) -> Option<Command<'_>> {
    let mut arguments = arguments(rest);
    let number = MessageNumber(digits(arguments.next()?)?);
    let lines = digits(arguments.next()?)?;
    arguments.next().is_none().then_some(Command::Top(number, lines))
}

fn auth(rest: &[u8]) -> Option<Command<'_>> {
    let mut arguments = arguments(rest);
    let mechanism = arguments.next();
    let initial = arguments.next();
    arguments.next().is_none().then_some(Command::Auth(mechanism.map(|name| (name, initial))))
}

/// The whole rest is the name, so that USER is never refused for what it names ([MS-STANXPOP3] V0009).
fn user(rest: &[u8]) -> Option<Command<'_>> {
    Some(trim(rest)).filter(|name| !name.is_empty()).map(Command::User)
}

/// The whole rest is the password, spaces included ([MS-STANXPOP3] V0011).
fn pass(rest: &[u8]) -> Option<Command<'_>> {
    rest.get(1..).filter(|password| !password.is_empty()).map(Command::Pass)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(line: &str) -> Result<Command<'_>, Refusal<'_>> {
        parse(line.as_bytes(), State::Transaction)
    }

    #[test]
    fn the_table_is_sorted_and_unique() {
        assert!(COMMANDS.windows(2).all(|pair| pair[0].keyword < pair[1].keyword));
    }

    #[test]
    fn separators_are_runs_of_spaces_or_tabs() {
        for line in ["LIST 1", "list \t  1", "LIST\t\t1", "LIST 1 "] {
            assert_eq!(after(line), Ok(Command::List(Some(MessageNumber(1)))), "{line:?}");
        }
        assert_eq!(after(" LIST"), Err(Refusal::Unknown(b"")));
    }

    #[test]
    fn numbers_are_digits_only_and_saturate() {
        for bad in ["RETR", "RETR +1", "RETR -1", "RETR 1x", "RETR 1 2", "RETR 0x1", "RETR \u{661}"] {
            assert_eq!(after(bad), Err(Refusal::Arguments("RETR message-number")), "{bad}");
        }
        assert_eq!(after("TOP 1 99999999999999999999"), Ok(Command::Top(MessageNumber(1), u64::MAX)));
        assert_eq!(after("TOP 1"), Err(Refusal::Arguments("TOP message-number lines")));
    }

    #[test]
    fn pass_takes_the_rest_as_it_is() {
        assert_eq!(parse(b"PASS  a b ", State::Authorization), Ok(Command::Pass(b" a b ")));
        assert!(parse(b"PASS", State::Authorization).is_err());
        assert!(parse(b"PASS ", State::Authorization).is_err());
    }

    #[test]
    fn a_log_shows_no_secret() {
        assert_eq!(loggable(b"pass se cret"), "PASS *****");
        assert_eq!(loggable(b"AUTH plain AGFsaWNlAHNlIGNyZXQ="), "AUTH PLAIN *****");
        assert_eq!(loggable(b"AUTH AGFsaWNlAHNlIGNyZXQ="), "AUTH (unknown mechanism)");
        assert_eq!(loggable(b"AGFsaWNlAHNlIGNyZXQ="), "(unknown command, a line of 20 octets)");
        assert_eq!(loggable(b"apop alice c4c9334bac560ecc979e58001b3e22fb"), "APOP *****");
    }

    #[test]
    fn a_log_shows_what_is_no_secret() {
        for shown in ["USER alice", "AUTH", "AUTH LOGIN", "AUTH PLAIN", "PASS", "LAST", "RETR 1"] {
            assert_eq!(loggable(shown.as_bytes()), shown);
        }
        assert_eq!(loggable(b"auth cram-md5 x"), "AUTH CRAM-MD5 *****");
        assert_eq!(loggable(b" \t"), "(empty line)");
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
        assert_eq!(parse(b"RETR", State::Authorization), Err(Refusal::WrongState));
        assert_eq!(parse(b"APOP a b", State::Authorization), Err(Refusal::Unknown(b"APOP")));
    }
}
