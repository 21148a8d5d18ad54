//! `%XX` for octets that have no place in a word (RFC 3986 section 2.1).

use std::fmt::Write;

/// All but visible ASCII, and `%` itself, as `%XX`.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for octet in text.bytes() {
        match octet {
            b'%' | ..=0x20 | 0x7f.. => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{octet:02X}");
            }
            plain => out.push(char::from(plain)),
        }
    }
    out
}

/// The text before; `None`: a `%` without two digits, or no UTF-8.
pub fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first == b'%' {
            let (digits, behind) = behind.split_at_checked(2)?;
            let digits = str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
            octets.push(u8::from_str_radix(digits, 16).ok()?);
            rest = behind;
        } else {
            octets.push(*first);
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_comes_back_from_one_word() {
        for text in ["", "a@b.example", "\"a b\"@x :y", "100%41", "j\u{f6}rg@\u{e4}.example", "\u{1}\u{7f}"] {
            let word = encoded(text);
            assert!(word.bytes().all(|octet| (0x21..=0x7e).contains(&octet)), "{word}");
            assert_eq!(decoded(&word).as_deref(), Some(text));
        }
        assert_eq!(encoded("a b%"), "a%20b%25");
        assert!(["%", "%4", "%zz", "%ff"].iter().all(|text| decoded(text).is_none()));
    }
}
