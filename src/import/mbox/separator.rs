//! The line in front of each message of an mbox: `From sender date` (RFC 4155 appendix A), and what became of it.
//!
//! ```text
//! From SENDER DATE                       SENDER may be empty, quoted, or have blanks; DATE as in `date`
//! From SENDER DATE remote from HOST      of UUCP; `forwarded by`, too
//! From - DATE                            Thunderbird's of old
//! From                                   a blank behind it, or ` -`: Thunderbird's of today
//! From TOKEN                             Google's: no date
//! ```

use super::date;

/// Longest such line, octets; longer ones are text.
const LONGEST_SEPARATOR: usize = 1000;

/// Longest reverse path, octets.
const LONGEST_SENDER: usize = 254;

/// How sure a line is to be a separator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// It ends in a date: text seldom does.
    Dated,
    /// Nothing stands behind `From `.
    Bare,
    /// One word without a date; with an `@` in it, or not.
    Token(bool),
}

/// What a separator says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Separator {
    /// Its form.
    pub form: Form,
    /// The reverse path, empty for the null sender; absent where a program notes none.
    pub sender: Option<String>,
    /// Seconds since 1970 UTC.
    pub received_at: Option<i64>,
}

/// Reads a line that may be one by its form.
pub fn read(line: &[u8]) -> Option<Separator> {
    let rest = line.strip_prefix(b"From ").filter(|rest| rest.len() <= LONGEST_SEPARATOR)?;
    let text = String::from_utf8_lossy(rest);
    let text = text.trim_end();
    let text = [" remote from ", " forwarded by "].iter().fold(text, |text, hop| {
        let at = text.find(hop).unwrap_or(text.len());
        text[..at].trim_end()
    });
    if let Some((end, received_at)) = starts(text).find_map(|at| Some((at, date::read(&text[at..])?))) {
        let sender = sender(text[..end].trim());
        return Some(Separator { form: Form::Dated, sender, received_at: Some(received_at) });
    }
    let mut words = text.split_ascii_whitespace();
    let (form, sender) = match (words.next(), words.next()) {
        (None | Some("-"), None) => (Form::Bare, None),
        (Some(token), None) => (Form::Token(token.contains('@')), sender(token)),
        _ => return None,
    };
    Some(Separator { form, sender, received_at: None })
}

/// Where words begin.
fn starts(text: &str) -> impl Iterator<Item = usize> {
    let is_start = |at: usize| at == 0 || text.as_bytes()[at - 1].is_ascii_whitespace();
    text.char_indices().filter(move |(at, c)| !c.is_ascii_whitespace() && is_start(*at)).map(|(at, _)| at)
}

fn sender(text: &str) -> Option<String> {
    let text = text.trim_start_matches('<').trim_end_matches('>');
    match text {
        // Of Mozilla, Eudora and Google.
        "-" | "???@???" => None,
        text if text.ends_with("@xxx") => None,
        text if text.eq_ignore_ascii_case("MAILER-DAEMON") || text.len() > LONGEST_SENDER => Some(String::new()),
        text => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_end_in_a_date() {
        for (line, sender) in [
            ("From alice@x Mon Nov 23 10:00:00 2026\n", Some("alice@x")),
            ("From alice@x Mon Nov 23 10:00:00 2026\r\n", Some("alice@x")),
            ("From alice@x Mon Nov 23 10:00:00 2026\r\r\n", Some("alice@x")),
            ("From - Mon Nov 23 10:00:00 2026\n", None),
            ("From ???@??? Mon Nov 23 10:00:00 2026\n", None),
            ("From 1844347792267117879@xxx Mon Nov 23 10:00:00 +0000 2026\n", None),
            ("From MAILER-DAEMON Fri Jul  8 12:08:34 2011\n", Some("")),
            ("From Mon Nov 23 10:00:00 2026\n", Some("")),
            ("From  Mon Nov 23 10:00:00 2026\n", Some("")),
            ("From <> Mon Nov 23 10:00:00 2026\n", Some("")),
            ("From alice@x  Mon Nov 23 10:00 2026\n", Some("alice@x")),
            ("From alice@x\tMon Nov 23 10:00:00 2026\n", Some("alice@x")),
            ("From alice@x Mon Nov 23 10:00:00 CET 2026\n", Some("alice@x")),
            ("From alice@x Mon, 23 Nov 2026 10:00:00 +0100 (CET)\n", Some("alice@x")),
            ("From alice@x 23 Nov 2026 10:00 GMT\n", Some("alice@x")),
            ("From alice Mon Nov 23 10:00:00 2026 remote from host\n", Some("alice")),
            ("From alice Mon Nov 23 10:00:00 2026 remote from a remote from b\n", Some("alice")),
            ("From alice Mon Nov 23 10:00:00 2026 forwarded by host\n", Some("alice")),
            ("From alice Mon Nov 23 10:00:00 2026 forwarded by a remote from b\n", Some("alice")),
            ("From \"a b\"@x Mon Nov 23 10:00:00 2026", Some("\"a b\"@x")),
            ("From Alice Smith <alice@x> Mon Nov 23 10:00:00 2026", Some("Alice Smith <alice@x")),
            ("From <alice@x> Mon Nov 23 10:00:00 2026", Some("alice@x")),
        ] {
            let read = read(line.as_bytes()).map(|found| (found.form, found.sender));
            assert_eq!(read, Some((Form::Dated, sender.map(str::to_owned))), "{line}");
        }
    }

    #[test]
    fn some_have_no_date() {
        for (line, form, sender) in [
            ("From \r\n", Form::Bare, None),
            ("From   \n", Form::Bare, None),
            ("From -\n", Form::Bare, None),
            ("From 1844347792267117879@xxx\n", Form::Token(true), None),
            ("From alice@x.example\n", Form::Token(true), Some("alice@x.example")),
            ("From nobody", Form::Token(false), Some("nobody")),
        ] {
            let expected = Separator { form, sender: sender.map(str::to_owned), received_at: None };
            assert_eq!(read(line.as_bytes()), Some(expected), "{line}");
        }
    }

    #[test]
    fn text_is_no_separator() {
        for line in [
            "From here on, all is fine",
            "From Russia with love",
            "From here on: nothing",
            "From Bob with love 2004",
            "From alice@x Mon Nov 23",
            "From alice@x Mon Nov 23 10:00:00",
            "From alice@x on Nov 23 10:00:00 2026",
            "From Monday Nov 23 10:00:00 2026 it was better",
            "From us: 23 Nov 2026 10:00 we met",
            "From now until Mon Nov 23 10:00:00 2026 or so",
            "from alice@x Mon Nov 23 10:00:00 2026",
            "From: alice@x Mon Nov 23 10:00:00 2026",
            ">From alice@x Mon Nov 23 10:00:00 2026",
            "From alice@x Mon Nov 32 10:00:00 2026",
            "From alice@x Mon Nov 23 25:00:00 2026",
            "From",
            "",
        ] {
            assert_eq!(read(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn dates_are_read() {
        let noon = Some(1_795_435_200);
        for line in [
            "From a Mon Nov 23 12:00:00 2026",
            "From a Mon Nov 23 13:00:00 +0100 2026",
            "From a Mon Nov 23 13:00:00 2026 +0100",
            "From a Mon, 23 Nov 2026 07:00:00 EST",
        ] {
            assert_eq!(read(line.as_bytes()).unwrap().received_at, noon, "{line}");
        }
    }
}
