//! Commands: the table of those we know, and the parser from a line to a [`Command`].
//!
//! What must live here: keywords and the shape of their arguments. What must not be known here: the
//! state of a session and what a command does.

use super::dsn;
use super::path::{self, BadPath};

/// One parsed command. Borrowed from the line where it can be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command<'a> {
    /// RFC 2033 section 4.1: who greets.
    Lhlo(&'a [u8]),
    /// RFC 5321 section 4.1.1.2.
    Mail(Mail),
    /// RFC 5321 section 4.1.1.3: the forward path.
    Rcpt(String),
    /// RFC 5321 section 4.1.1.4.
    Data,
    /// RFC 3030 section 2: octets that follow, and whether they are the last.
    Bdat(u64, bool),
    /// RFC 5321 section 4.1.1.5.
    Rset,
    /// RFC 5321 section 4.1.1.9.
    Noop,
    /// RFC 5321 section 4.1.1.6.
    Vrfy,
    /// RFC 5321 section 4.1.1.10.
    Quit,
}

/// What MAIL says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mail {
    /// The reverse path; empty for the null sender.
    pub sender: String,
    /// Octets the message will have, as announced (RFC 1870 section 6).
    pub size: Option<u64>,
    /// It needs internationalized handling (RFC 6531 section 3.4).
    pub smtputf8: bool,
}

/// Why a line is no command that can be obeyed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal<'a> {
    /// No such keyword.
    Unknown(&'a [u8]),
    /// HELO or EHLO (RFC 2033 section 4.1).
    NotSmtp,
    /// The arguments do not fit; the text says what would.
    Arguments(&'static str),
    /// The reverse path of MAIL is none.
    Sender(BadPath),
    /// The forward path of RCPT is none.
    Recipient(BadPath),
    /// A parameter that was not offered, or with a value that it does not take.
    Parameter(&'a [u8]),
    /// BDAT without a length: what follows cannot be told from commands any more.
    ChunkSize,
}

type Parse = for<'a> fn(&'a [u8]) -> Result<Command<'a>, Refusal<'a>>;

struct CommandRow {
    keyword: &'static str,
    parse: Parse,
}

const COMMANDS: &[CommandRow] = &[
    CommandRow { keyword: "BDAT", parse: bdat },
    CommandRow { keyword: "DATA", parse: |rest| none(rest, Command::Data, "DATA takes no argument") },
    CommandRow { keyword: "EHLO", parse: |_| Err(Refusal::NotSmtp) },
    CommandRow { keyword: "HELO", parse: |_| Err(Refusal::NotSmtp) },
    CommandRow { keyword: "LHLO", parse: lhlo },
    CommandRow { keyword: "MAIL", parse: mail },
    CommandRow { keyword: "NOOP", parse: |_| Ok(Command::Noop) },
    CommandRow { keyword: "QUIT", parse: |rest| none(rest, Command::Quit, "QUIT takes no argument") },
    CommandRow { keyword: "RCPT", parse: rcpt },
    CommandRow { keyword: "RSET", parse: |rest| none(rest, Command::Rset, "RSET takes no argument") },
    CommandRow { keyword: "VRFY", parse: |rest| some(rest, "VRFY name").map(|_| Command::Vrfy) },
];

/// Reads one line (without its line end) as a command.
///
/// # Errors
/// See [`Refusal`].
pub fn parse(line: &[u8]) -> Result<Command<'_>, Refusal<'_>> {
    let end = line.iter().position(separates).unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let row = COMMANDS.iter().find(|row| row.keyword.as_bytes().eq_ignore_ascii_case(keyword));
    row.ok_or(Refusal::Unknown(keyword)).and_then(|row| (row.parse)(rest.trim_ascii()))
}

fn separates(octet: &u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(separates).filter(|word| !word.is_empty())
}

fn none<'a>(rest: &[u8], command: Command<'a>, usage: &'static str) -> Result<Command<'a>, Refusal<'a>> {
    if rest.is_empty() { Ok(command) } else { Err(Refusal::Arguments(usage)) }
}

fn some<'a>(rest: &'a [u8], usage: &'static str) -> Result<&'a [u8], Refusal<'a>> {
    if rest.is_empty() { Err(Refusal::Arguments(usage)) } else { Ok(rest) }
}

fn lhlo(rest: &[u8]) -> Result<Command<'_>, Refusal<'_>> {
    some(rest, "LHLO name").map(Command::Lhlo)
}

/// What stands behind `FROM:` or `TO:`; blanks behind the colon are forgiven.
fn behind<'a>(rest: &'a [u8], preposition: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(preposition.len())?;
    head.eq_ignore_ascii_case(preposition).then(|| tail.trim_ascii_start())
}

fn mail(rest: &[u8]) -> Result<Command<'_>, Refusal<'_>> {
    let rest = behind(rest, b"FROM:").ok_or(Refusal::Arguments("MAIL FROM:<address> [parameters]"))?;
    let (sender, parameters) = path::split(rest).map_err(Refusal::Sender)?;
    let mut mail = Mail::default();
    for parameter in words(parameters) {
        mail_parameter(parameter, &mut mail).ok_or(Refusal::Parameter(parameter))?;
    }
    mail.sender = path::address(sender, mail.smtputf8, path::LONGEST_SENDER).map_err(Refusal::Sender)?;
    Ok(Command::Mail(mail))
}

/// A keyword in capitals, and its value if it has one (RFC 5321 section 4.1.2).
fn key_and_value(parameter: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    let at = parameter.iter().position(|octet| *octet == b'=');
    let (keyword, value) = at.map_or((parameter, None), |at| (&parameter[..at], Some(&parameter[at + 1..])));
    (keyword.to_ascii_uppercase(), value)
}

fn mail_parameter(parameter: &[u8], mail: &mut Mail) -> Option<()> {
    let (keyword, value) = key_and_value(parameter);
    match (keyword.as_slice(), value) {
        // RFC 1870 section 6.1: at most 20 digits, which may be more than a number can hold.
        (b"SIZE", Some(value)) if matches!(value.len(), 1..=20) && value.iter().all(u8::is_ascii_digit) => {
            mail.size = Some(digits(value).unwrap_or(u64::MAX));
        }
        // BINARYMIME is not offered (RFC 3030 section 3).
        (b"BODY", Some(value)) if [&b"7BIT"[..], b"8BITMIME"].iter().any(|body| value.eq_ignore_ascii_case(body)) => {}
        (b"SMTPUTF8", None) => mail.smtputf8 = true,
        (keyword, Some(value)) if dsn::is_of_mail(keyword, value) => {}
        _ => return None,
    }
    Some(())
}

/// No parameter of RCPT is offered; those of [`dsn`] are taken. What is internationalized was said with MAIL, so UTF-8 is let
/// through here: an address that nobody has is unknown anyway.
fn rcpt(rest: &[u8]) -> Result<Command<'_>, Refusal<'_>> {
    let rest = behind(rest, b"TO:").ok_or(Refusal::Arguments("RCPT TO:<address>"))?;
    let (recipient, parameters) = path::split(rest).map_err(Refusal::Recipient)?;
    let unknown = |parameter: &&[u8]| {
        let (keyword, value) = key_and_value(parameter);
        !value.is_some_and(|value| dsn::is_of_rcpt(&keyword, value))
    };
    if let Some(parameter) = words(parameters).find(unknown) {
        return Err(Refusal::Parameter(parameter));
    }
    let address = path::address(recipient, true, path::LONGEST_RECIPIENT).map_err(Refusal::Recipient)?;
    if address.is_empty() { Err(Refusal::Recipient(BadPath::Syntax)) } else { Ok(Command::Rcpt(address)) }
}

fn bdat(rest: &[u8]) -> Result<Command<'_>, Refusal<'_>> {
    let mut words = words(rest);
    let size = words.next().and_then(digits).ok_or(Refusal::ChunkSize)?;
    match (words.next(), words.next()) {
        (None, _) => Ok(Command::Bdat(size, false)),
        (Some(last), None) if last.eq_ignore_ascii_case(b"LAST") => Ok(Command::Bdat(size, true)),
        _ => Err(Refusal::ChunkSize),
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    let decimal = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    decimal.then(|| str::from_utf8(text).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(line: &str) -> Mail {
        match parse(line.as_bytes()) {
            Ok(Command::Mail(mail)) => mail,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_table_is_sorted_and_unique() {
        assert!(COMMANDS.windows(2).all(|pair| pair[0].keyword < pair[1].keyword));
    }

    #[test]
    fn keywords_have_no_case_and_blanks_are_forgiven() {
        assert_eq!(parse(b"lhlo  mx.example "), Ok(Command::Lhlo(b"mx.example")));
        assert_eq!(parse(b"rcpt to: <a@b>"), Ok(Command::Rcpt("a@b".into())));
        assert_eq!(parse(b"DATA "), Ok(Command::Data));
        assert_eq!(parse(b"NOOP what ever"), Ok(Command::Noop));
    }

    #[test]
    fn mail_takes_the_parameters_that_are_offered() {
        let mail = sender("MAIL FROM:<a@b.example> size=1000 body=8bitmime SMTPUTF8");
        assert_eq!(mail, Mail { sender: "a@b.example".into(), size: Some(1000), smtputf8: true });
        assert_eq!(sender("MAIL FROM:<>"), Mail::default());
        assert_eq!(sender("MAIL FROM:<> ret=HDRS ENVID=a+2Bb"), Mail::default());
        for wrong in ["BODY=BINARYMIME", "AUTH=<>", "SIZE", "SIZE=", "SIZE=x", "SIZE=-1", "SMTPUTF8=1", "RET=NO", "RET"]
        {
            let line = format!("MAIL FROM:<a@b> {wrong}");
            assert_eq!(parse(line.as_bytes()), Err(Refusal::Parameter(wrong.as_bytes())));
        }
        assert!(matches!(parse(b"MAIL FROM:a@b"), Err(Refusal::Sender(_))));
        assert!(matches!(parse(b"MAIL <a@b>"), Err(Refusal::Arguments(_))));
    }

    #[test]
    fn recipients_are_somebody() {
        assert_eq!(parse(b"RCPT TO:<Postmaster>"), Ok(Command::Rcpt("Postmaster".into())));
        assert_eq!(parse(b"RCPT TO:<>"), Err(Refusal::Recipient(BadPath::Syntax)));
        let notified = b"RCPT TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x@y";
        assert_eq!(parse(notified), Ok(Command::Rcpt("a@b".into())));
        for wrong in ["NOTIFY", "NOTIFY=", "SIZE=1", "RET=FULL"] {
            let line = format!("RCPT TO:<a@b> ORCPT=rfc822;x@y {wrong}");
            assert_eq!(parse(line.as_bytes()), Err(Refusal::Parameter(wrong.as_bytes())));
        }
    }

    #[test]
    fn chunks_have_a_size() {
        assert_eq!(parse(b"BDAT 0 LAST"), Ok(Command::Bdat(0, true)));
        assert_eq!(parse(b"bdat 77"), Ok(Command::Bdat(77, false)));
        for wrong in
            ["BDAT", "BDAT x", "BDAT 1 FIRST", "BDAT 1 LAST x", "BDAT -1", "BDAT +1", "BDAT 99999999999999999999"]
        {
            assert_eq!(parse(wrong.as_bytes()), Err(Refusal::ChunkSize), "{wrong}");
        }
    }

    #[test]
    fn smtp_is_another_protocol() {
        assert_eq!(parse(b"EHLO mx"), Err(Refusal::NotSmtp));
        assert_eq!(parse(b"HELO mx"), Err(Refusal::NotSmtp));
        assert_eq!(parse(b"STARTTLS"), Err(Refusal::Unknown(b"STARTTLS")));
    }
}
