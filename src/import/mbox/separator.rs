//! The line in front of each message of an mbox: `From sender date` (RFC 4155 appendix A).

use crate::message::date;

const FROM: &[u8] = b"From ";

/// Longest such line, octets; longer ones are text.
const LONGEST: usize = 1000;

/// What a separator says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Separator {
    /// The reverse path, empty for the null sender; absent where a program notes none.
    pub sender: Option<String>,
    /// Seconds since 1970 UTC.
    pub received_at: Option<i64>,
}

/// Reads a line that is one by its form: text, too, has lines that start with `From `, but seldom such
/// that end in a date.
pub(super) fn read(line: &[u8]) -> Option<Separator> {
    let text = String::from_utf8_lossy(line.strip_prefix(FROM).filter(|rest| rest.len() <= LONGEST)?);
    let text = text.trim_end_matches(['\r', '\n']);
    // UUCP says in addition where from.
    let text = text.rsplit_once(" remote from ").map_or(text, |(text, _)| text).trim_end();
    let starts = text.match_indices(' ').map(|(at, _)| at);
    let (end, received_at) = starts.filter_map(|at| Some((at, date(text[at..].trim_start())?))).next()?;
    Some(Separator { sender: sender(text[..end].trim()), received_at: Some(received_at) })
}

/// Reads the first line of a file, which is a separator whatever follows `From `.
pub(super) fn read_first(line: &[u8]) -> Separator {
    read(line).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(line.strip_prefix(FROM).unwrap_or_default());
        Separator { sender: sender(text.split_whitespace().next().unwrap_or_default()), received_at: None }
    })
}

fn date(text: &str) -> Option<i64> {
    date::parse_asctime(text).or_else(|| date::parse_rfc5322_alone(text))
}

fn sender(text: &str) -> Option<String> {
    match text {
        // Mozilla's mailboxes.
        "-" => None,
        text if text.eq_ignore_ascii_case("MAILER-DAEMON") || text.len() > 254 => Some(String::new()),
        text => Some(text.trim_start_matches('<').trim_end_matches('>').to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender_of(line: &str) -> Option<Option<String>> {
        read(line.as_bytes()).map(|found| found.sender)
    }

    #[test]
    fn separators_end_in_a_date() {
        for (line, sender) in [
            ("From alice@x Mon Nov 23 10:00:00 2026\n", Some("alice@x")),
            ("From alice@x Mon Nov 23 10:00:00 2026\r\n", Some("alice@x")),
            ("From - Mon Nov 23 10:00:00 2026\n", None),
            ("From MAILER-DAEMON Fri Jul  8 12:08:34 2011\n", Some("")),
            ("From alice@x  Mon Nov 23 10:00 2026\n", Some("alice@x")),
            ("From alice@x Mon Nov 23 10:00:00 CET 2026\n", Some("alice@x")),
            ("From alice@x Mon Nov 23 10:00:00 MET DST 2026\n", Some("alice@x")),
            ("From alice@x Mon Nov 23 10:00:00 2026 +0100\n", Some("alice@x")),
            ("From alice@x Mon Nov 23 10:00:00 -0800 2026\n", Some("alice@x")),
            ("From alice@x Mon, 23 Nov 2026 10:00:00 +0100\n", Some("alice@x")),
            ("From alice@x Mon, 23 Nov 2026 10:00:00 +0100 (CET)\n", Some("alice@x")),
            ("From alice@x 23 Nov 2026 10:00 GMT\n", Some("alice@x")),
            ("From alice Mon Nov 23 10:00:00 2026 remote from host\n", Some("alice")),
            ("From \"a b\"@x Mon Nov 23 10:00:00 2026", Some("\"a b\"@x")),
            ("From <alice@x> Mon Nov 23 10:00:00 2026", Some("alice@x")),
        ] {
            assert_eq!(sender_of(line), Some(sender.map(str::to_owned)), "{line}");
        }
    }

    #[test]
    fn text_is_no_separator() {
        for line in [
            "From here on, all is fine",
            "From Bob with love 2004",
            "From alice@x",
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
            "From ",
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

    #[test]
    fn the_first_line_needs_no_date() {
        let first = read_first(b"From carol@c.example no date\n");
        assert_eq!(first, Separator { sender: Some("carol@c.example".into()), received_at: None });
        assert_eq!(read_first(b"From a Mon Nov 23 12:00:00 2026\n").received_at, Some(1_795_435_200));
    }
}
