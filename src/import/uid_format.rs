//! Unique-ids as another server made them from what it knows of a message: `--uidl-format FORMAT`.
//!
//! The language is that of Dovecot's `pop3_uidl_format`: literal text and variables, `%u` (IMAP uid), `%v`
//! (UIDVALIDITY), `%f` (name of the file without its flags), `%%` (a percent sign). Between the percent sign and
//! the letter: a width, and `X` or `x` for hexadecimal, which Dovecot prints with lower-case digits either way. A
//! width with a leading zero fills up with zeros and never cuts; one without cuts and never fills up.
//! What must not be known here: where the numbers come from.

use super::is_unique_id;

/// Longest width that may be asked for: longer than any unique-id.
const MOST: usize = 70;

/// A format that has been understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UidFormat {
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(String),
    Variable { what: What, width: usize, zeros: bool, hexadecimal: bool },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Uid,
    Validity,
    FileName,
}

impl UidFormat {
    /// Understands a format.
    ///
    /// # Errors
    /// What is wrong with it, for a message that names the format.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((literal, behind)) = rest.split_once('%') {
            push_text(&mut parts, literal);
            if let Some(behind) = behind.strip_prefix('%') {
                push_text(&mut parts, "%");
                rest = behind;
            } else {
                let (part, behind) = variable(behind)?;
                parts.push(part);
                rest = behind;
            }
        }
        push_text(&mut parts, rest);
        if !text.bytes().all(|octet| (0x21..=0x7e).contains(&octet)) {
            return Err("a unique-id may only have characters from 0x21 to 0x7E".to_owned());
        }
        let format = Self { parts };
        if format.has(What::Uid) || format.has(What::FileName) {
            Ok(format)
        } else {
            Err("without %u or %f all messages would have the same unique-id".to_owned())
        }
    }

    /// The unique-id of a message.
    ///
    /// # Errors
    /// What is missing or wrong: the file has no name, or the result is no unique-id (1 to 70 characters of 0x21 to 0x7E).
    pub fn unique_id(&self, uid: u64, validity: u64, file_name: Option<&str>) -> Result<String, String> {
        let mut id = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => id += text,
                Part::Variable { what, width, zeros, hexadecimal } => {
                    let number = |number: u64| if *hexadecimal { format!("{number:x}") } else { number.to_string() };
                    let value = match what {
                        What::Uid => number(uid),
                        What::Validity => number(validity),
                        What::FileName => file_name.ok_or("%f: the message has no file of its own")?.to_owned(),
                    };
                    push_value(&mut id, &value, *width, *zeros);
                }
            }
        }
        if is_unique_id(&id) {
            Ok(id)
        } else {
            Err(format!("{id:?} is not a valid unique-id: 1 to 70 characters from 0x21 to 0x7E"))
        }
    }

    /// Whether `%f` stands in it, so that each message needs a file of its own.
    pub fn needs_file_name(&self) -> bool {
        self.has(What::FileName)
    }

    /// Whether `%u` or `%v` stands in it.
    pub fn needs_uid(&self) -> bool {
        self.has(What::Uid) || self.has(What::Validity)
    }

    fn has(&self, wanted: What) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Variable { what, .. } if *what == wanted))
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(last)) => *last += text,
        _ if text.is_empty() => {}
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

fn push_value(id: &mut String, value: &str, width: usize, zeros: bool) {
    if zeros {
        id.extend(std::iter::repeat_n('0', width.saturating_sub(value.len())));
    }
    id.extend(value.chars().take(if zeros || width == 0 { usize::MAX } else { width }));
}

/// What stands behind a percent sign: `[0][width][X]letter`; and what stands behind that.
fn variable(text: &str) -> Result<(Part, &str), String> {
    let zeros = text.starts_with('0');
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let width = match &text[..digits] {
        "" => 0,
        width => width.parse().ok().filter(|width| *width <= MOST).ok_or(format!("%{width} is too wide"))?,
    };
    let rest = &text[digits..];
    let bare = rest.trim_start_matches(['X', 'x']);
    let hexadecimal = bare.len() < rest.len();
    let mut letters = bare.chars();
    let what = match letters.next() {
        Some('u') => What::Uid,
        Some('v') => What::Validity,
        Some('f') if !hexadecimal => What::FileName,
        Some('f') => return Err("%f is not a number".to_owned()),
        Some(other) => return Err(format!("%{other} is not known; use %u, %v, %f or %%")),
        None => return Err("nothing follows its last %".to_owned()),
    };
    Ok((Part::Variable { what, width, zeros, hexadecimal }, letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_old_servers() {
        let (uid, validity) = (25_006, 1_275_660_208);
        for (format, id) in [
            ("%08Xu%08Xv", "000061ae4c0907b0"),
            ("%08xu%08xv", "000061ae4c0907b0"),
            ("%08Xv%08Xu", "4c0907b0000061ae"),
            ("%v.%u", "1275660208.25006"),
            ("UID%u-%v", "UID25006-1275660208"),
            ("%Xu", "61ae"),
            ("%020u", "00000000000000025006"),
            ("%03u", "25006"),
            // As Dovecot does it: without a zero the width cuts.
            ("%3u", "250"),
            ("%8u", "25006"),
            ("%f", "1276528487.M1P2.host,S=1355"),
            ("%10f", "1276528487"),
            ("100%%%u", "100%25006"),
            ("%u%%", "25006%"),
        ] {
            let read = UidFormat::parse(format).unwrap();
            assert_eq!(
                read.unique_id(uid, validity, Some("1276528487.M1P2.host,S=1355")).as_deref(),
                Ok(id),
                "{format}"
            );
        }
    }

    #[test]
    fn what_is_no_format_is_refused() {
        for (format, what) in [
            ("", "same unique-id"),
            ("%v", "same unique-id"),
            ("%%u", "same unique-id"),
            ("%u%", "nothing follows"),
            ("%08", "nothing follows"),
            ("%g", "%g is not known"),
            ("%{uid}", "%{ is not known"),
            ("%99u", "too wide"),
            ("%99999999999999999999999u", "too wide"),
            ("%Xf", "not a number"),
            ("%u %v", "0x21"),
            ("%u\u{e4}", "0x21"),
        ] {
            let error = UidFormat::parse(format).unwrap_err();
            assert!(error.contains(what), "{format}: {error}");
        }
    }

    #[test]
    fn what_makes_no_unique_id_is_said() {
        let format = UidFormat::parse("%f").unwrap();
        assert!(format.needs_file_name() && !format.needs_uid());
        assert!(format.unique_id(1, 2, None).unwrap_err().contains("no file"));
        for name in ["a b", "", &"x".repeat(71)] {
            assert!(format.unique_id(1, 2, Some(name)).unwrap_err().contains("not a valid unique-id"), "{name}");
        }
        assert!(UidFormat::parse("%u.%u").unwrap().needs_uid());
    }
}
