//! Parameters of delivery status notifications (RFC 3461), which some clients send unasked: understood and not needed.
//!
//! DSN is not announced. Who announces it must send the notifications that NOTIFY asks for (RFC 3461 section 5.2.3: a
//! message that was delivered to its mailbox), and this server sends no mail. Nothing is lost by that: over LMTP the
//! client has a reply for each recipient and keeps the message until then (RFC 2033 sections 1 and 4.2), so it can say
//! itself what became of it, as towards every server without DSN (RFC 3461 section 5.2.2).

/// Longest value of ENVID, as RFC 3461 section 4.4 has it.
const LONGEST_ENVID: usize = 100;
/// Longest value of ORCPT (section 4.2).
const LONGEST_ORCPT: usize = 500;

/// Whether this is one of MAIL, with a value that it takes.
pub fn is_of_mail(keyword: &[u8], value: &[u8]) -> bool {
    match keyword {
        b"RET" => [&b"FULL"[..], b"HDRS"].iter().any(|known| value.eq_ignore_ascii_case(known)),
        b"ENVID" => (1..=LONGEST_ENVID).contains(&value.len()) && is_xtext(value),
        _ => false,
    }
}

/// Whether this is one of RCPT, with a value that it takes.
pub fn is_of_rcpt(keyword: &[u8], value: &[u8]) -> bool {
    match keyword {
        b"NOTIFY" => is_notify(value),
        b"ORCPT" => value.len() <= LONGEST_ORCPT && is_original_recipient(value),
        _ => false,
    }
}

/// Section 4.1: NEVER alone, or what of the others.
fn is_notify(value: &[u8]) -> bool {
    let known = |event: &[u8]| [&b"SUCCESS"[..], b"FAILURE", b"DELAY"].iter().any(|it| event.eq_ignore_ascii_case(it));
    value.eq_ignore_ascii_case(b"NEVER") || value.split(|octet| *octet == b',').all(known)
}

/// Section 4.2: `type;address`; RFC 6533 section 3 for the type `utf-8`.
fn is_original_recipient(value: &[u8]) -> bool {
    let Some(at) = value.iter().position(|octet| *octet == b';') else { return false };
    let (kind, address) = (&value[..at], &value[at + 1..]);
    let atom = !kind.is_empty() && kind.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-');
    let utf8 = kind.eq_ignore_ascii_case(b"utf-8") && str::from_utf8(address).is_ok() && !address.contains(&b'=');
    atom && !address.is_empty() && (utf8 || is_xtext(address))
}

/// Section 4: printable ASCII without `=`; `+` and two digits stand for an octet.
fn is_xtext(text: &[u8]) -> bool {
    let mut octets = text.iter();
    while let Some(octet) = octets.next() {
        let mut digit = || octets.next().is_some_and(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
        if !matches!(octet, b'!'..=b'~') || *octet == b'=' || (*octet == b'+' && !(digit() && digit())) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_standard_allows() {
        let long = [vec![b'x'; 100], vec![b'x'; 101]];
        for (keyword, value, of_mail) in [
            (&b"RET"[..], &b"FULL"[..], true),
            (b"RET", b"hdrs", true),
            (b"RET", b"BODY", false),
            (b"ENVID", b"QQ314159+2B", true),
            (b"ENVID", b"a+2", false),
            (b"ENVID", b"a=b", false),
            (b"ENVID", b"", false),
            (b"ENVID", &long[0], true),
            (b"ENVID", &long[1], false),
            (b"NOTIFY", b"NEVER", false),
        ] {
            assert_eq!(is_of_mail(keyword, value), of_mail, "{keyword:?} {value:?}");
        }
        for (keyword, value, of_rcpt) in [
            (&b"NOTIFY"[..], &b"NEVER"[..], true),
            (b"NOTIFY", b"success,Failure,DELAY", true),
            (b"NOTIFY", b"NEVER,DELAY", false),
            (b"NOTIFY", b"", false),
            (b"NOTIFY", b"SUCCESS,", false),
            (b"ORCPT", b"rfc822;Bob+2Bx@a.example", true),
            (b"ORCPT", b"rfc822;b+x@a.example", false),
            (b"ORCPT", "utf-8;b\u{fc}b@a.example".as_bytes(), true),
            (b"ORCPT", "rfc822;b\u{fc}b@a.example".as_bytes(), false),
            (b"ORCPT", b"bob@a.example", false),
            (b"ORCPT", b";bob@a.example", false),
            (b"ORCPT", b"rfc822;", false),
            (b"RET", b"FULL", false),
        ] {
            assert_eq!(is_of_rcpt(keyword, value), of_rcpt, "{keyword:?} {value:?}");
        }
    }
}
