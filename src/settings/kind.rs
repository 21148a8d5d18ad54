//! Kinds of values: how a setting's text is read, and how its range is put in words.

use super::Settings;
use super::network::Network;
use core::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Largest number of octets: the largest integer that everybody's tools write exactly (2^53 − 1).
pub const LONGEST_SIZE: u64 = 9_007_199_254_740_991;

/// Largest number of days, Exchange's own: the longest time span that it can express in seconds.
pub const LONGEST_DAYS: u64 = 24_855;

/// Longest greeting text; leaves room for `+OK ` and CRLF in a line of 512 octets (RFC 2449 section 4).
const LONGEST_BANNER: usize = 400;

/// Longest free text or name, characters.
const LONGEST_TEXT: usize = 255;

/// Longest value of all, characters.
const LONGEST_VALUE: usize = 4096;

/// Longest path of a Unix socket, octets (unix(7)).
const LONGEST_SOCKET: usize = 107;

/// A kind of value, with the field of [`Settings`] that it goes to.
pub enum Kind {
    /// A decimal number.
    Number {
        /// Smallest allowed.
        least: u64,
        /// Largest allowed.
        most: u64,
        /// Put after the range, for people.
        unit: &'static str,
        /// Stores it.
        set: fn(&mut Settings, u64),
    },
    /// 0 or 1.
    Switch(fn(&mut Settings) -> &mut bool),
    /// One of a few words, which compare without case.
    Choice {
        /// The words.
        names: &'static [&'static str],
        /// Stores the word of this index; only ever called with an index into `names`.
        set: fn(&mut Settings, usize),
    },
    /// `ADDRESS:PORT`, comma separated.
    Bindings {
        /// Absolute paths of Unix sockets are allowed too.
        paths: bool,
        /// Where they go.
        field: fn(&mut Settings) -> &mut Vec<String>,
    },
    /// Text of the greeting.
    Banner(fn(&mut Settings) -> &mut String),
    /// Free text.
    Text(fn(&mut Settings) -> &mut String),
    /// The same, but not empty.
    Word(fn(&mut Settings) -> &mut String),
    /// Permissions of a file, octal.
    Mode(fn(&mut Settings) -> &mut u32),
    /// Characters that cut a sub-address off.
    Delimiters(fn(&mut Settings) -> &mut String),
    /// A file or folder, or none.
    File(fn(&mut Settings) -> &mut Option<PathBuf>),
    /// Domains or realms, comma separated.
    Names(fn(&mut Settings) -> &mut Vec<String>),
    /// CIDR blocks, comma separated.
    Networks(fn(&mut Settings) -> &mut Vec<Network>),
}

impl Kind {
    /// Reads `text` into the field; `false`, and nothing changed, if it is out of range. The schema takes
    /// the same values (but words with their case).
    #[must_use]
    pub fn read(&self, text: &str, into: &mut Settings) -> bool {
        if text.chars().count() > LONGEST_VALUE {
            return false;
        }
        match self {
            Self::Number { least, most, set, .. } => {
                put(number(text).filter(|n| (least..=most).contains(&n)), |n| set(into, n))
            }
            Self::Switch(field) => put(switch(text), |on| *field(into) = on),
            Self::Choice { names, set } => {
                put(names.iter().position(|name| name.eq_ignore_ascii_case(text)), |index| set(into, index))
            }
            Self::Bindings { paths, field } => {
                put(list(text, |item| is_binding(item, *paths)), |items| *field(into) = items)
            }
            Self::Banner(field) => put(is_banner(text).then(|| text.into()), |text| *field(into) = text),
            Self::Text(field) => put(is_text(text).then(|| text.into()), |text| *field(into) = text),
            Self::Word(field) => {
                put((is_text(text) && !text.is_empty()).then(|| text.into()), |text| *field(into) = text)
            }
            Self::Mode(field) => put(mode(text), |mode| *field(into) = mode),
            Self::Delimiters(field) => put(is_delimiters(text).then(|| text.into()), |text| *field(into) = text),
            Self::File(field) => put(is_path(text).then(|| path(text)), |path| *field(into) = path),
            Self::Names(field) => put(list(text, is_name), |items| *field(into) = items),
            Self::Networks(field) => put(networks(text), |networks| *field(into) = networks),
        }
    }

    /// The range, in words.
    pub fn range(&self) -> String {
        match self {
            Self::Number { least, most, unit, .. } => format!("{least} to {most}{unit}"),
            Self::Switch(_) => "0 or 1".into(),
            Self::Choice { names, .. } => names.join(", "),
            Self::Bindings { paths: false, .. } => "ADDRESS:PORT, comma separated; empty: none".into(),
            Self::Bindings { paths: true, .. } => {
                "ADDRESS:PORT or absolute socket paths, comma separated; empty: none".into()
            }
            Self::Banner(_) => "1 to 400 printable ASCII characters, no < or >, not starting with [".into(),
            Self::Text(_) => "at most 255 characters, no control characters".into(),
            Self::Word(_) => "1 to 255 characters, no control characters".into(),
            Self::Mode(_) => "0000 to 0777, octal".into(),
            Self::Delimiters(_) => "at most 16 ASCII punctuation characters, none of @ / \\".into(),
            Self::File(_) => "a path, or empty".into(),
            Self::Names(_) => "names, comma separated, or empty".into(),
            Self::Networks(_) => "CIDR blocks, comma separated, or empty".into(),
        }
    }
}

fn put<T>(value: Option<T>, store: impl FnOnce(T)) -> bool {
    value.map(store).is_some()
}

/// Decimal digits only, the first of several not 0: `parse` alone would take a sign too.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// Items between commas, without the blanks around them.
fn items(text: &str) -> impl Iterator<Item = &str> {
    let items = (!text.is_empty()).then(|| text.split(','));
    items.into_iter().flatten().map(|item| item.trim_matches(' '))
}

/// All items, if all of them are good.
fn list(text: &str, good: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    items(text).map(|item| good(item).then(|| item.to_owned())).collect()
}

fn networks(text: &str) -> Option<Vec<Network>> {
    items(text).map(|item| item.parse().ok()).collect()
}

fn is_binding(item: &str, paths: bool) -> bool {
    let path = || Path::new(item).is_absolute() && (2..=LONGEST_SOCKET).contains(&item.len()) && is_path(item);
    item.parse::<SocketAddr>().is_ok() || (paths && path())
}

/// No `<`: a client would take it for the timestamp of APOP (RFC 1939 section 7). No `[` in front: it
/// would be read as a response code (RFC 2449 section 8).
fn is_banner(text: &str) -> bool {
    let printable = |octet: u8| (0x20..0x7f).contains(&octet) && !matches!(octet, b'<' | b'>');
    (1..=LONGEST_BANNER).contains(&text.len()) && text.bytes().all(printable) && !text.starts_with('[')
}

fn is_text(text: &str) -> bool {
    text.chars().count() <= LONGEST_TEXT && !text.chars().any(char::is_control)
}

fn mode(text: &str) -> Option<u32> {
    let octal = (3..=4).contains(&text.len()) && text.bytes().all(|octet| (b'0'..b'8').contains(&octet));
    u32::from_str_radix(text, 8).ok().filter(|mode| octal && *mode <= 0o777)
}

fn is_delimiters(text: &str) -> bool {
    let good = |octet: u8| octet.is_ascii_punctuation() && !matches!(octet, b'@' | b'/' | b'\\');
    text.len() <= 16 && text.bytes().all(good)
}

fn is_path(text: &str) -> bool {
    text.len() <= 4095 && !text.chars().any(char::is_control)
}

fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| text.into())
}

fn is_name(item: &str) -> bool {
    let stray = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '@' | '/' | '\\');
    (1..=LONGEST_TEXT).contains(&item.chars().count()) && !item.contains(stray)
}
