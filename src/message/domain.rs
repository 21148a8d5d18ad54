//! Domain names: two spellings of one domain are the same, whatever their case, whether a label that is not ASCII is
//! written as such or as its A-label `xn--…` (RFC 5890 section 2.3.2.1), and with or without the dot of the root.

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use std::borrow::Cow;

/// Whether both are the same domain.
pub fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (without_dot(one), without_dot(other));
    one.eq_ignore_ascii_case(other) || (is_international(one) || is_international(other)) && ascii(one) == ascii(other)
}

/// The spellings by which somebody may know it, as it is written first: with A-labels, and with U-labels.
pub fn spellings(domain: &str) -> Vec<String> {
    let domain = without_dot(domain);
    let mut spellings = vec![domain.to_owned()];
    if is_international(domain) {
        let ascii = ascii(domain);
        let (unicode, sound) = Uts46::new().to_unicode(ascii.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
        let others = [Some(ascii.to_string()), sound.is_ok().then(|| unicode.into_owned())];
        spellings.extend(others.into_iter().flatten());
        spellings.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    }
    spellings
}

/// A domain name may end in the dot of the root (RFC 1034 section 3.1).
pub fn without_dot(domain: &str) -> &str {
    domain.strip_suffix('.').filter(|rest| !rest.is_empty()).unwrap_or(domain)
}

/// Any other name has one spelling.
fn is_international(domain: &str) -> bool {
    let is_a_label = |label: &str| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    !domain.is_ascii() || domain.split('.').any(is_a_label)
}

/// With A-labels, in small letters. What cannot be written so is compared as it is.
fn ascii(domain: &str) -> Cow<'_, str> {
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore);
    ascii.unwrap_or_else(|_| domain.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_one_domain_whatever_the_case() {
        for one in ["b\u{fc}cher.example", "B\u{dc}CHER.Example", "xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE."] {
            for other in ["bu\u{308}cher.example", "xn--Bcher-Kva.example", "b\u{fc}cher\u{3002}example"] {
                assert!(is_same(one, other) && is_same(other, one), "{one} {other}");
            }
            assert!(!is_same(one, "bucher.example") && !is_same(one, "b\u{fc}cher.test"));
        }
        // Not as in the standard before (RFC 5894 section 7.2).
        assert!(
            is_same("stra\u{df}e.example", "xn--strae-oqa.example")
                && !is_same("stra\u{df}e.example", "strasse.example")
        );
        for (one, other, same) in [
            ("A.example", "a.EXAMPLE.", true),
            ("a.example", "b.example", false),
            ("[192.0.2.1]", "[192.0.2.1]", true),
            ("a_b.example", "A_B.example", true),
            // No A-label, and what is none in Unicode either.
            ("xn--\u{fc}.example", "xn--\u{fc}.example", true),
            ("xn--a-.example", "XN--A-.example", true),
            (".", ".", true),
            // Wide letters are a way to write ASCII ones.
            ("\u{ff41}.example", "a.example", true),
            ("a.example", "\u{ff41}.example", true),
        ] {
            assert_eq!(is_same(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn a_domain_is_looked_for_as_it_is_written_and_in_both_forms() {
        let table: [(&str, &[&str]); 6] = [
            ("A.example.", &["A.example"]),
            ("b\u{fc}cher.example", &["b\u{fc}cher.example", "xn--bcher-kva.example", "b\u{fc}cher.example"]),
            ("B\u{dc}CHER.example", &["B\u{dc}CHER.example", "xn--bcher-kva.example", "b\u{fc}cher.example"]),
            ("XN--bcher-kva.example", &["XN--bcher-kva.example", "b\u{fc}cher.example"]),
            ("xn--a-.example", &["xn--a-.example"]),
            ("[IPv6:::1]", &["[IPv6:::1]"]),
        ];
        for (domain, expected) in table {
            assert_eq!(spellings(domain), expected, "{domain}");
        }
    }
}
