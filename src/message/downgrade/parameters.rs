//! MIME parameters (RFC 2045 section 5.1, RFC 2183), encoded where they need it (RFC 2231).

use super::lexer::{Kind, Token, tokens};
use super::steps::count;

/// Longest line with an encoded parameter, and longest parameter that stays as it is.
const LINE: usize = 76;
const LONGEST_PARAMETER: usize = 900;
/// Most parameters that are looked at.
const MOST: usize = 100;

/// One parameter.
struct Parameter {
    /// Without what RFC 2231 adds: `filename` of `filename*0*`.
    name: String,
    /// Which chunk of a value it is (RFC 2231 section 3).
    section: Option<u32>,
    /// Its value is encoded (RFC 2231 section 4).
    extended: bool,
    /// How it was written.
    written: String,
    /// It can be shown so.
    stays: bool,
    /// What is meant; nothing if that cannot be known.
    value: Option<String>,
}

/// A field's value in ASCII, folded; nothing where what it is about cannot be shown.
pub(super) fn downgrade(value: &str) -> Option<String> {
    let (kind, parameters) = read(value);
    if !kind.is_ascii() || kind.is_empty() || kind.len() > LONGEST_PARAMETER {
        return None;
    }
    let mut lines = vec![kind];
    for parameter in &parameters {
        // The same parameter, already encoded, is better; a chunk of one cannot be encoded alone.
        let others = parameters.iter().filter(|other| other.name.eq_ignore_ascii_case(&parameter.name));
        let (mut encoded, mut broken) = (false, false);
        count(parameters.len());
        for other in others {
            encoded |= other.extended && other.stays;
            broken |= other.section.is_some() && !other.stays;
        }
        if parameter.stays && !(broken && parameter.section.is_some()) {
            lines.push(parameter.written.clone());
        } else if !encoded && parameter.section.is_none() {
            lines.extend(parameter.encoded());
        }
    }
    Some(lines.join(";\r\n "))
}

/// What a Content-Type field says the body is, in small letters, and the boundary of a multipart.
pub(super) fn content(value: &str) -> (String, Option<String>) {
    let (kind, parameters) = read(value);
    let mut sections: Vec<&Parameter> =
        parameters.iter().filter(|parameter| parameter.name.eq_ignore_ascii_case("boundary")).collect();
    sections.sort_by_key(|parameter| parameter.section);
    let values = sections.iter().filter_map(|section| section.value.as_deref());
    let boundary: String = match sections.as_slice() {
        [first, ..] if first.section.is_none() => values.take(1).collect(),
        _ => values.collect(),
    };
    let kind = kind.to_ascii_lowercase();
    let boundary = Some(boundary.trim_end().to_owned());
    let boundary = boundary.filter(|boundary| !boundary.is_empty() && kind.starts_with("multipart/"));
    (kind, boundary)
}

/// What stands before the first semicolon, without comments, and the parameters.
fn read(value: &str) -> (String, Vec<Parameter>) {
    let tokens = tokens(value);
    let mut chunks = tokens.split(|token| token.is(";"));
    let kind = chunks.next().unwrap_or_default().iter().filter(|token| token.kind() != Kind::Comment);
    let kind: String = kind.map(|token| token.text()).collect();
    (kind.trim().to_owned(), chunks.filter_map(Parameter::read).take(MOST).collect())
}

impl Parameter {
    fn read(tokens: &[Token<'_>]) -> Option<Self> {
        let written: String = tokens.iter().map(|token| token.text()).collect();
        let (name, value) = written.split_once('=')?;
        let token = |octet: u8| octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?='%".contains(&octet);
        let name = name.trim();
        if name.is_empty() || name.len() > LINE / 2 || !name.bytes().all(token) {
            return None;
        }
        let (name, extended) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
        let numbered = name.split_once('*').and_then(|(name, number)| Some((name, number.parse().ok()?)));
        let (name, section) = numbered.map_or((name, None), |(name, number)| (name, Some(number)));
        let quoted = tokens.iter().find(|token| token.kind() == Kind::Quoted);
        let value = match quoted {
            Some(quoted) => quoted.content(),
            // Here a comment is none of the value; in file names parentheses are meant.
            None if name.eq_ignore_ascii_case("boundary") => {
                value.split(['(', ' ', '\t']).find(|part| !part.is_empty()).unwrap_or_default().to_owned()
            }
            None => value.trim().trim_start_matches('"').to_owned(),
        };
        let value = if extended { decoded(&value) } else { Some(value) };
        let written = written.trim().to_owned();
        let stays = tokens.iter().all(Token::is_plain) && written.len() <= LONGEST_PARAMETER;
        Some(Self { name: name.to_owned(), section, extended, written, stays, value })
    }

    /// The lines of RFC 2231 section 4.1, one if it is enough.
    fn encoded(&self) -> Vec<String> {
        let Self { name, value: Some(value), .. } = self else { return Vec::new() };
        let mut lines = vec![String::from("UTF-8''")];
        for c in value.chars() {
            let mut octets = [0; 4];
            let octets = c.encode_utf8(&mut octets).as_bytes();
            let shown: String = octets.iter().map(|octet| percent(*octet)).collect();
            match lines.last_mut() {
                // What else is in the line: ` name*NNNN*=;`
                Some(line) if name.len() + line.len() + shown.len() + 9 <= LINE => *line += &shown,
                _ => lines.push(shown),
            }
        }
        match lines.as_slice() {
            [one] => vec![format!("{name}*={one}")],
            lines => lines.iter().enumerate().map(|(at, line)| format!("{name}*{at}*={line}")).collect(),
        }
    }
}

/// What an extended value (RFC 2231 section 4) means, if it is in UTF-8.
fn decoded(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !["utf-8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known)) {
        return None;
    }
    let (mut octets, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let octet = digits.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        octets.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(octets).ok()
}

fn percent(octet: u8) -> String {
    if octet.is_ascii_alphanumeric() || b".-_".contains(&octet) {
        char::from(octet).into()
    } else {
        format!("%{octet:02X}")
    }
}
