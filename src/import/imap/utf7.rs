//! Modified UTF-7: names of folders on the wire (RFC 3501 section 5.1.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The name as a server knows it: visible ASCII stays, `&` becomes `&-`, the rest is UTF-16 in base64 with `,` for `/`.
pub(super) fn encoded(name: &str) -> String {
    let (mut out, mut shifted) = (String::new(), Vec::new());
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            unshift(&mut shifted, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0; 2];
            shifted.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    unshift(&mut shifted, &mut out);
    out
}

fn unshift(shifted: &mut Vec<u8>, out: &mut String) {
    if !shifted.is_empty() {
        out.push('&');
        out.push_str(&STANDARD_NO_PAD.encode(&*shifted).replace('/', ","));
        out.push('-');
        shifted.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_standard() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("Archive/2024 Q1", "Archive/2024 Q1"),
            ("~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entw\u{fc}rfe", "Entw&APw-rfe"),
            ("R&D", "R&-D"),
            ("\u{fc}&\u{fc}", "&APw-&-&APw-"),
            ("\u{1f4e7}", "&2D3c5w-"),
        ] {
            assert_eq!(encoded(name), wire);
        }
    }
}
