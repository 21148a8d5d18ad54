//! Kinds of values: what is in range, and how the range is put in words.

use super::network::Network;
use core::net::SocketAddr;
use std::path::Path;

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

/// A kind of value.
pub enum Kind {
    /// A decimal number.
    Number {
        /// Smallest allowed.
        least: u64,
        /// Largest allowed.
        most: u64,
        /// Put after the range, for people.
        unit: &'static str,
    },
    /// 0 or 1.
    Switch,
    /// One of these words, which compare without case.
    Choice(&'static [&'static str]),
    /// `ADDRESS:PORT`, comma separated.
    Bindings {
        /// Absolute paths of Unix sockets are allowed too.
        paths: bool,
    },
    /// `ADDRESS:PORT` of the loopback (127.*, [::1]) or absolute paths of Unix sockets, comma separated.
    LocalBindings,
    /// Text of the greeting.
    Banner,
    /// Free text.
    Text,
    /// The same, but not empty.
    Word,
    /// Permissions of a file, octal.
    Mode,
    /// Characters that cut a sub-address off.
    Delimiters,
    /// A file or directory, or none.
    File,
    /// Domains or realms, comma separated.
    Names,
    /// CIDR blocks, comma separated.
    Networks,
}

impl Kind {
    /// Whether `text` is in range. `generate.rs` has the same in SQL, and tests that compare the two walk the table.
    pub fn admits(&self, text: &str) -> bool {
        if text.chars().count() > LONGEST_VALUE {
            return false;
        }
        match self {
            Self::Number { least, most, .. } => number(text).is_some_and(|n| (least..=most).contains(&&n)),
            Self::Switch => matches!(text, "0" | "1"),
            Self::Choice(names) => names.iter().any(|name| name.eq_ignore_ascii_case(text)),
            Self::Bindings { paths } => items(text).all(|item| is_binding(item, *paths)),
            Self::LocalBindings => items(text).all(|item| is_binding(item, true) && is_local(item)),
            Self::Banner => is_banner(text),
            Self::Text => is_text(text),
            Self::Word => is_text(text) && !text.is_empty(),
            Self::Mode => is_mode(text),
            Self::Delimiters => is_delimiters(text),
            Self::File => is_path(text),
            Self::Names => items(text).all(is_name),
            Self::Networks => items(text).all(|item| item.parse::<Network>().is_ok()),
        }
    }

    /// The range, in words.
    pub fn range(&self) -> String {
        match self {
            Self::Number { least, most, unit } => format!("{least} to {most}{unit}"),
            Self::Switch => "0 or 1".into(),
            Self::Choice(names) => names.join(", "),
            Self::Bindings { paths: false } => {
                "ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, comma separated; empty: none".into()
            }
            Self::Bindings { paths: true } => "ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, or \
                 /absolute/path of at most 107 octets, comma separated; empty: none"
                .into(),
            Self::LocalBindings => {
                "127.0.0.1:PORT or [::1]:PORT with port 0 to 65535, or /absolute/path of at most 107 \
                 octets, comma separated; empty: none"
                    .into()
            }
            Self::Banner => "1 to 400 printable ASCII characters, no < or >, not starting with [".into(),
            Self::Text => "at most 255 characters without control characters".into(),
            Self::Word => "1 to 255 characters without control characters".into(),
            Self::Mode => "0000 to 0777, octal".into(),
            Self::Delimiters => "at most 16 ASCII punctuation characters, no @, / or \\".into(),
            Self::File => "a path of at most 4095 octets without control characters, or empty".into(),
            Self::Names => {
                "names of 1 to 255 characters, comma separated, no space, control or punctuation other than .-_:[], no \
                 empty label; empty: none"
                    .into()
            }
            Self::Networks => "CIDR blocks such as 10.0.0.0/8 or fd00::/8, comma separated; empty: none".into(),
        }
    }
}

/// Decimal digits only, the first of several not 0: `parse` alone would take a sign too.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// Items between commas, without the blanks around them.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    let items = (!text.is_empty()).then(|| text.split(','));
    items.into_iter().flatten().map(|item| item.trim_matches(' '))
}

fn is_binding(item: &str, paths: bool) -> bool {
    let path = || Path::new(item).is_absolute() && (2..=LONGEST_SOCKET).contains(&item.len()) && is_path(item);
    item.parse::<SocketAddr>().is_ok() || (paths && path())
}

/// Nobody outside of this machine can connect to it. Only the usual form of `::1` is taken, as the schema knows no other.
fn is_local(item: &str) -> bool {
    ["/", "127.", "[::1]:"].iter().any(|start| item.starts_with(start))
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

/// Three or four octal digits, of four the first 0.
fn is_mode(text: &str) -> bool {
    let octal = (3..=4).contains(&text.len()) && text.bytes().all(|octet| (b'0'..b'8').contains(&octet));
    octal && (text.len() == 3 || text.starts_with('0'))
}

fn is_delimiters(text: &str) -> bool {
    let good = |octet: u8| octet.is_ascii_punctuation() && !matches!(octet, b'@' | b'/' | b'\\');
    text.len() <= 16 && text.bytes().all(good)
}

fn is_path(text: &str) -> bool {
    text.len() <= 4095 && !text.chars().any(char::is_control)
}

/// What a domain or a realm could be: anything else would never match one.
fn is_name(item: &str) -> bool {
    let stray = |c: char| {
        c.is_control() || c.is_whitespace() || matches!(c, ' '..=',' | '/' | ';'..='@' | '\\' | '^' | '`' | '{'..='~')
    };
    let labels = !item.starts_with('.') && !item.contains("..");
    (1..=LONGEST_TEXT).contains(&item.chars().count()) && labels && !item.contains(stray)
}
