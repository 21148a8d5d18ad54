//! One header field: what RFC 6858 section 2 makes of it.

use super::addresses::{List, return_path};
use super::parameters;
use super::steps::count;
use super::words::{LINE, Place, encode, first_word};

/// Fields whose value is a list of addresses (RFC 6858 section 2.1).
const ADDRESSES: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "resent-from",
    "resent-sender",
    "resent-reply-to",
    "resent-to",
    "resent-cc",
    "resent-bcc",
];
/// Fields that ask for mail to an address: nobody is asked to write to one that was replaced.
const REQUESTS: &[&str] = &["disposition-notification-to"];
/// Fields whose value is text (RFC 5322 section 3.6.5, RFC 2045 section 8).
const TEXTS: &[&str] = &["subject", "comments", "keywords", "content-description", "organization", "thread-topic"];
/// Fields with parameters (RFC 2045 section 5.1, RFC 2183).
const PARAMETERS: &[&str] = &["content-type", "content-disposition"];

/// Longest line (RFC 5322 section 2.1.1), without its end.
const LONGEST_LINE: usize = 998;

/// What a Content-Type field tells of the body.
pub(super) struct Content {
    /// Type and subtype in small letters.
    pub kind: String,
    /// `boundary` of a multipart.
    pub boundary: Option<String>,
}

/// Appends a field, with its line end, in ASCII; a field that has no such form is left out.
pub(super) fn downgrade(field: &[u8], out: &mut Vec<u8>) {
    if field.is_ascii() {
        return out.extend_from_slice(field);
    }
    let Some((name, value)) = parts(field) else { return };
    let Some(value) = ascii(&name, &value) else { return };
    let lines = format!("{name}:{value}\r\n");
    if lines.split("\r\n").all(|line| line.len() <= LONGEST_LINE) {
        out.extend_from_slice(lines.as_bytes());
    }
}

/// The value, folded, with the blank before it.
fn ascii(name: &str, value: &str) -> Option<String> {
    let known = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
    let folded = |value: &str| Some(folded(name, value));
    if known(ADDRESSES) {
        folded(&List::read(value, first_word(name)).value())
    } else if known(REQUESTS) {
        let list = List::read(value, first_word(name));
        if list.replaced { None } else { folded(&list.value()) }
    } else if known(&["return-path"]) {
        folded(&return_path(value))
    } else if known(TEXTS) {
        folded(&encode(value, Place::Text, first_word(name)))
    } else if known(PARAMETERS) {
        parameters::downgrade(value).map(|value| format!(" {value}"))
    } else {
        None
    }
}

/// Whether a line begins with the name of a field: ASCII, also where all else may be UTF-8 (RFC 6532 section 3.2).
pub(super) fn is_one(line: &[u8]) -> bool {
    line.iter().position(|octet| *octet == b':').is_some_and(|at| is_name(line[..at].trim_ascii_end()))
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// See [`Content`]; nothing for any other field.
pub(super) fn content_type(field: &[u8]) -> Option<Content> {
    let (name, value) = parts(field)?;
    if !name.eq_ignore_ascii_case("content-type") {
        return None;
    }
    let (kind, boundary) = parameters::content(&value);
    Some(Content { kind, boundary })
}

/// Name and unfolded value (RFC 5322 section 2.2.3). A stray carriage return ends no line of ours.
fn parts(field: &[u8]) -> Option<(String, String)> {
    let at = field.iter().position(|octet| *octet == b':')?;
    let name = str::from_utf8(&field[..at]).ok()?.trim_end();
    let value = String::from_utf8_lossy(&field[at + 1..]);
    let value = value.replace("\r\n", "\n").replace('\n', "").replace('\r', " ");
    is_name(name.as_bytes()).then(|| (name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

/// A value with the blank before it, and line breaks before the blanks in it that need them.
fn folded(name: &str, value: &str) -> String {
    let mut lines = String::with_capacity(value.len() + 64);
    let mut column = name.len() + 1;
    let mut rest = value.trim_matches([' ', '\t']);
    let mut blanks = " ";
    while !rest.is_empty() {
        let (run, behind) = rest.split_at(rest.find([' ', '\t']).unwrap_or(rest.len()));
        count(run.len());
        if column + blanks.len() + run.len() > LINE {
            lines += "\r\n";
            column = 0;
        }
        lines += blanks;
        lines += run;
        column += blanks.len() + run.len();
        rest = behind.trim_start_matches([' ', '\t']);
        blanks = &behind[..behind.len() - rest.len()];
    }
    lines
}
