//! One header field: what RFC 6858 section 2 makes of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Fields whose value is a list of addresses (RFC 5322 sections 3.6.2, 3.6.3, 3.6.6).
const ADDRESSES: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "resent-bcc",
    "disposition-notification-to",
];
/// Fields whose value is text (RFC 5322 section 3.6.5, RFC 2045 section 8).
const TEXTS: &[&str] = &["subject", "comments", "keywords", "content-description", "organization", "thread-topic"];
/// Fields with parameters (RFC 2045 section 5.1, RFC 2183).
const PARAMETERS: &[&str] = &["content-type", "content-disposition"];

/// Octets of text in an encoded word, which has 75 at most with its base64 (RFC 2047 section 2), and in the
/// first one, which stands behind the field's name in a line of 76.
const WORD: usize = 45;
const FIRST_WORD: usize = 30;

/// What a Content-Type field tells of the body.
pub(super) struct Content {
    /// `boundary` of a multipart.
    pub boundary: Option<String>,
    /// It is a whole message.
    pub is_message: bool,
}

/// Appends a field, with its line end, in ASCII; a field that has no such form is left out.
pub(super) fn downgrade(field: &[u8], out: &mut Vec<u8>) {
    if field.is_ascii() {
        return out.extend_from_slice(field);
    }
    let Some((name, value)) = parts(field) else { return };
    let known = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(&name));
    let value = if known(ADDRESSES) {
        Some(addresses(&value))
    } else if known(TEXTS) {
        Some(words(&value))
    } else if known(PARAMETERS) {
        parameters(&value)
    } else {
        None
    };
    if let Some(value) = value {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
}

/// See [`Content`]; nothing for any other field.
pub(super) fn content_type(field: &[u8]) -> Option<Content> {
    let (name, value) = parts(field)?;
    if !name.eq_ignore_ascii_case("content-type") {
        return None;
    }
    let mut pieces = split(&value, ';');
    let kind = pieces.next()?.trim().to_ascii_lowercase();
    let boundary = pieces.find_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| unquoted(value.trim()))
    });
    let is_message = matches!(kind.as_str(), "message/rfc822" | "message/global");
    Some(Content { boundary: boundary.filter(|_| kind.starts_with("multipart/")), is_message })
}

/// Name and unfolded value.
fn parts(field: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(field);
    let (name, value) = text.split_once(':')?;
    let name = name.trim_end();
    let sound = !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_graphic());
    let value: Vec<&str> = value.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    sound.then(|| (name.to_owned(), value.join(" ")))
}

/// Pieces between separators that stand outside of quotation marks, comments and angle brackets.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_u32);
    text.split(move |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '(' | '<' if !quoted => depth += 1,
            ')' | '>' if !quoted => depth = depth.saturating_sub(1),
            _ => return c == separator && !quoted && depth == 0,
        }
        false
    })
}

/// Encoded words (RFC 2047), folded.
pub(super) fn words(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let room = if words.is_empty() { FIRST_WORD } else { WORD };
        let end = (1..=rest.len().min(room)).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = behind;
    }
    words.join("\r\n ")
}

fn addresses(list: &str) -> String {
    let pieces = split(list, ',').map(str::trim).filter(|piece| !piece.is_empty());
    pieces.map(address).collect::<Vec<_>>().join(",\r\n ")
}

/// An address that is not ASCII cannot be answered: it is shown as the name of an empty group (RFC 6858
/// section 2.1); where only its display name is not, that is encoded.
fn address(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let whole = || format!("{}:;", words(&format!("Internationalized address {text} removed")));
    match text.rsplit_once('<').and_then(|(name, rest)| Some((name, rest.strip_suffix('>')?))) {
        Some((name, address)) if address.is_ascii() && !name.contains(':') => {
            format!("{}\r\n <{address}>", words(&unquoted(name.trim())))
        }
        _ => whole(),
    }
}

/// A value with parameters, those that need it in the form of RFC 2231 section 4.
fn parameters(value: &str) -> Option<String> {
    let mut pieces = split(value, ';');
    let kind = pieces.next().map(str::trim).filter(|kind| kind.is_ascii() && !kind.is_empty())?;
    let mut text = kind.to_owned();
    for piece in pieces.map(str::trim).filter(|piece| !piece.is_empty()) {
        if piece.is_ascii() {
            text += &format!(";\r\n {piece}");
        } else if let Some((name, value)) = piece.split_once('=').filter(|(name, _)| name.is_ascii()) {
            let name = name.trim().trim_end_matches('*');
            text += &format!(";\r\n {name}*=UTF-8''{}", percent(&unquoted(value.trim())));
        }
    }
    Some(text)
}

fn percent(text: &str) -> String {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
    text.bytes().map(|octet| if plain(octet) { char::from(octet).into() } else { format!("%{octet:02X}") }).collect()
}

/// The content of a quoted string (RFC 5322 section 3.2.4), or the text itself.
fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return text.to_owned() };
    let mut escaped = false;
    let keep = |c: &char| {
        escaped = *c == '\\' && !escaped;
        !escaped
    };
    inner.chars().filter(keep).collect()
}
