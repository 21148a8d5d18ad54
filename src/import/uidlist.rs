//! What other servers note of their unique-ids: Dovecot's `dovecot-uidlist`, Courier's
//! `courierpop3dsizelist`, and lists that UIDL printed.
//!
//! The formats are what these servers write; the unique-ids are what they show with their defaults:
//! Dovecot's `pop3_uidl_format = %08Xu%08Xv` (`X` makes lower-case digits), Courier's `UID<n>-<uidvalidity>`.

use super::uid_format::UidFormat;
use super::{ImportError, Result, header, is_unique_id, percent};
use std::collections::HashMap;

/// What is noted of the file of a Maildir.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Note {
    /// What UIDL shows; empty where there is a fault.
    pub unique_id: String,
    /// Why a format makes no unique-id of it.
    pub fault: Option<String>,
    /// Its place in the server's order; absent: by the time in the file's name.
    pub order: Option<(u64, u64)>,
    /// The reverse path, which only our own export notes.
    pub sender: Option<String>,
}

/// Notes by the name of the file without its flags.
pub type Notes = HashMap<String, Note>;

/// The part of a file's name that does not change when flags do.
pub fn base_name(name: &str) -> &str {
    name.split_once(':').map_or(name, |(base, _)| base)
}

/// Reads a `dovecot-uidlist` of version 1 or 3. Without `format` the unique-ids are those of Dovecot's default.
///
/// # Errors
/// Its head or one of its lines cannot be understood.
pub fn dovecot(text: &str, format: Option<&UidFormat>) -> Result<Notes> {
    let wrong = |line: &str| ImportError::Data(format!("dovecot-uidlist: cannot understand {line:?}"));
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let uid_validity = dovecot_head(head).ok_or_else(|| wrong(head))?;
    let mut notes = Notes::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, note) = dovecot_line(line, uid_validity, format).ok_or_else(|| wrong(line))?;
        notes.insert(name.to_owned(), note);
    }
    Ok(notes)
}

fn dovecot_head(head: &str) -> Option<u32> {
    let mut words = head.split(' ');
    match words.next()? {
        "1" => words.next()?.parse().ok(),
        "3" => words.find_map(|word| word.strip_prefix('V'))?.parse().ok(),
        _ => None,
    }
}

/// `uid [field]... :name`, or in version 1 `uid name`. Fields: `P` is the unique-id that was taken
/// over from a server before, `O` the order that goes with it; `R`, which Dovecot passes over, the reverse path.
fn dovecot_line<'a>(line: &'a str, uid_validity: u32, format: Option<&UidFormat>) -> Option<(&'a str, Note)> {
    let (uid, rest) = line.split_once(' ')?;
    let uid: u32 = uid.parse().ok()?;
    let (fields, name) = match rest.strip_prefix(':') {
        Some(name) => ("", name),
        None => rest.split_once(" :").unwrap_or(("", rest)),
    };
    let field = |letter: char| fields.split(' ').find_map(|field| field.strip_prefix(letter));
    let (unique_id, fault) = match (field('P'), format) {
        (Some(kept), _) => (kept.to_owned(), None),
        (None, None) => (format!("{uid:08x}{uid_validity:08x}"), None),
        (None, Some(format)) => match format.unique_id(uid.into(), uid_validity.into(), Some(base_name(name))) {
            Ok(id) => (id, None),
            Err(what) => (String::new(), Some(what)),
        },
    };
    let order = field('O').and_then(|order| order.parse().ok());
    // Messages without an order of their own stand behind those with one.
    let order = (order.unwrap_or(u64::MAX), u64::from(uid));
    let sender = field('R').and_then(percent::decoded).filter(|path| header::is_sender(path));
    let sound = !name.is_empty() && (fault.is_some() || is_unique_id(&unique_id));
    sound.then(|| (base_name(name), Note { unique_id, fault, order: Some(order), sender }))
}

/// Reads a `courierpop3dsizelist` of version 2 or 3 (`/2 ...`, `/3 ...`), or one without a head.
///
/// # Errors
/// Its head cannot be understood. Lines that cannot are passed over, as Courier does.
pub fn courier(text: &str) -> Result<Notes> {
    let mut lines = text.lines().peekable();
    if let Some(head) = lines.next_if(|line| line.starts_with('/'))
        && !(head.starts_with("/2 ") || head.starts_with("/3 "))
    {
        return Err(ImportError::Data(format!("courierpop3dsizelist: cannot understand {head:?}")));
    }
    let note =
        |line| courier_line(line).map(|(name, unique_id)| (name.to_owned(), Note { unique_id, ..Note::default() }));
    Ok(lines.filter_map(note).collect())
}

/// `name octets uid:uidvalidity[:utf8]`; without a head `name uid`.
fn courier_line(line: &str) -> Option<(&str, String)> {
    let (rest, ids) = line.rsplit_once(' ')?;
    let mut ids = ids.split(':').map(|id| id.parse::<u64>().ok());
    let (uid, uid_validity) = (ids.next()??, ids.next());
    let name = match uid_validity {
        Some(_) => rest.rsplit_once(' ')?.0,
        None => rest,
    };
    let name = base_name(name);
    let unique_id = match (uid, uid_validity.flatten().unwrap_or(0)) {
        (0, _) => courier_name(name),
        (uid, 0) => format!("UID{uid}"),
        (uid, uid_validity) => format!("UID{uid}-{uid_validity}"),
    };
    (!name.is_empty() && is_unique_id(&unique_id)).then_some((name, unique_id))
}

/// The oldest unique-ids of Courier are names of files.
fn courier_name(name: &str) -> String {
    let plain = |octet: u8| (0x21..=0x7e).contains(&octet) && !matches!(octet, b'\'' | b'"' | b'+');
    name.bytes().map(|octet| if plain(octet) { char::from(octet).into() } else { format!("+{octet:02X}") }).collect()
}

/// Reads a list for `count` messages: a unique-id a line in their order, or lines `number unique-id`
/// as UIDL prints them, with or without its `+OK` and final dot. These, too, can be unique-ids: they are taken
/// for ones where as many lines as messages are there.
///
/// # Errors
/// Something else stands there, or not a unique-id for each message.
pub fn given(text: &str, count: usize) -> Result<Vec<String>> {
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().map(str::trim).enumerate();
    let mut lines: Vec<(usize, &str)> = lines.filter(|(_, line)| !line.is_empty()).collect();
    if lines.len() > count && lines.first().is_some_and(|(_, line)| line.starts_with("+OK")) {
        lines.remove(0);
    }
    if lines.len() > count && lines.last().is_some_and(|(_, line)| *line == ".") {
        lines.pop();
    }
    let mut ids: Vec<Option<String>> = vec![None; count];
    let mut next = 0;
    for (at, line) in lines {
        let wrong = |what: &str| ImportError::Data(format!("line {} of the list of unique-ids: {what}", at + 1));
        let mut words = line.split_whitespace();
        let (position, id) = match (words.next(), words.next(), words.next()) {
            (Some(id), None, _) => (next, id),
            (Some(number), Some(id), None) => {
                let number: usize = number.parse().map_err(|_| wrong("not `unique-id` or `number unique-id`"))?;
                (number.wrapping_sub(1), id)
            }
            _ => return Err(wrong("not `unique-id` or `number unique-id`")),
        };
        if !is_unique_id(id) {
            return Err(wrong("a unique-id must have 1 to 70 characters from 0x21 to 0x7E"));
        }
        let place = ids.get_mut(position).ok_or_else(|| wrong(&format!("there are only {count} messages")))?;
        if place.replace(id.to_owned()).is_some() {
            return Err(wrong("this message already has a unique-id"));
        }
        next = position + 1;
    }
    let missing = ids.iter().position(Option::is_none).map(|at| at + 1);
    let missing = |_| ImportError::Data(format!("the list has no unique-id for message {}", missing.unwrap_or(0)));
    ids.into_iter().collect::<Option<Vec<_>>>().ok_or(()).map_err(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dovecot(text: &str) -> Result<Notes> {
        super::dovecot(text, None)
    }

    #[test]
    fn another_format_may_be_given() {
        let list = "3 V1275660208 N9 Gx\n5 :1700000009.y,S=3:2,S\n6 POLD-17 :1700000002.x\n";
        let id = |format: &str, name: &str| {
            let notes = super::dovecot(list, Some(&UidFormat::parse(format).unwrap())).unwrap();
            notes[name].unique_id.clone()
        };
        assert_eq!(id("%v.%u", "1700000009.y,S=3"), "1275660208.5");
        assert_eq!(id("%f", "1700000009.y,S=3"), "1700000009.y,S=3");
        assert_eq!(id("%v.%u", "1700000002.x"), "OLD-17", "what was taken over from elsewhere stays");
        let long = UidFormat::parse(&format!("{}%u%u", "x".repeat(69))).unwrap();
        assert!(super::dovecot(list, Some(&long)).unwrap()["1700000009.y,S=3"].fault.is_some());
    }

    #[test]
    fn dovecot_shows_uid_and_uidvalidity() {
        let notes = dovecot(
            "3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1\n\
             25006 :1276528487.M364837P9451.kurkku,S=1355,W=1394:2,\n\
             25017 W2481 :1276533073.M242911P3632.kurkku:2,F\n\
             25018 POLD-17 O3 S99 :1276533074.x\n",
        )
        .unwrap();
        let note = &notes["1276528487.M364837P9451.kurkku,S=1355,W=1394"];
        assert_eq!(note.unique_id, "000061ae4c0907b0");
        assert_eq!(notes["1276533073.M242911P3632.kurkku"].unique_id, "000061b94c0907b0");
        let taken_over = &notes["1276533074.x"];
        assert_eq!((taken_over.unique_id.as_str(), taken_over.order), ("OLD-17", Some((3, 25018))));
        assert!(taken_over.order < note.order);
        assert_eq!(dovecot("1 1275660208 7\n6 123.x:2,S\n").unwrap()["123.x"].unique_id, "000000064c0907b0");
        assert!(dovecot("2 x\n").is_err() && dovecot("").is_err() && dovecot("1 5 7\nx y\n").is_err());
    }

    #[test]
    fn courier_shows_three_generations() {
        let notes =
            courier("/3 8 1275660208\n123.a:2,S 1000 7:1275660208:0\n124.b 99 5:0:0\n125.c+x 1 0:0:0\nx\n").unwrap();
        assert_eq!(notes["123.a"].unique_id, "UID7-1275660208");
        assert_eq!(notes["124.b"].unique_id, "UID5");
        assert_eq!(notes["125.c+x"].unique_id, "125.c+2Bx");
        assert_eq!(notes.len(), 3);
        assert_eq!(courier("/2 8 9\n123.a 1000 7:9\n").unwrap()["123.a"].unique_id, "UID7-9");
        assert_eq!(courier("123.a 7\n").unwrap()["123.a"].unique_id, "UID7");
        assert!(courier("/9 1 1\n").is_err());
    }

    #[test]
    fn lists_of_people() {
        let ids = |text: &str, count| given(text, count).map_err(|error| error.to_string());
        assert_eq!(ids("a\n\nb\n", 2), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(ids("+OK\r\n2 b\r\n1 a\r\n.\r\n", 2), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(ids("", 0), Ok(Vec::new()));
        assert_eq!(ids("+OK\r\n.\r\n", 0), Ok(Vec::new()));
        assert_eq!(ids("\u{feff}a\nb\n", 2), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(ids("+OKa\n.\n", 2), Ok(vec!["+OKa".into(), ".".into()]));
        assert_eq!(ids(".\nb\n", 2), Ok(vec![".".into(), "b".into()]));
        assert_eq!(ids("+OK 2 messages\n1 +OK\n2 .\n.\n", 2), Ok(vec!["+OK".into(), ".".into()]));
        assert_eq!(ids("+OK\n1 a\n2 b\n", 2), Ok(vec!["a".into(), "b".into()]));
        for (text, count, what) in [
            ("a\n", 2, "no unique-id for message 2"),
            ("a\nb\n", 1, "only 1 messages"),
            ("1 a\n1 b\n", 2, "already"),
            ("0 a\n", 1, "only 1"),
            ("x y z\n", 1, "not `unique-id`"),
            ("\u{e4}\n", 1, "0x21"),
        ] {
            let error = ids(text, count).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
