//! Reverse and forward paths (RFC 5321 section 4.1.2): from `<...>` to the address that is meant.

/// Longest reverse path without angle brackets, octets. RFC 5321 section 4.5.3.1.3 asks for 254; what the MTA has
/// accepted must not bounce, so it is what fits into a `Return-Path` line (RFC 5322 section 2.1.1).
pub const LONGEST_SENDER: usize = 998 - "Return-Path: <>".len();
/// Longest forward path without angle brackets: it may hold a name of 255 characters that are not ASCII, and must fit
/// into a line of the trace.
pub const LONGEST_RECIPIENT: usize = 958;

/// Why something is no path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadPath {
    /// Not `<local@domain>`, `<local>` or `<>`.
    Syntax,
    /// Longer than it may be.
    TooLong,
    /// Not ASCII, and internationalized mail was not asked for; or not UTF-8 (RFC 6531 section 3.3).
    NotAscii,
}

/// Separates `<...>` from the parameters behind it; a quoted string may hold a `>`.
///
/// # Errors
/// There is no path at the start.
pub fn split(text: &[u8]) -> Result<(&[u8], &[u8]), BadPath> {
    let inner = text.strip_prefix(b"<").ok_or(BadPath::Syntax)?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, octet) in inner.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => {
                let rest = &inner[at + 1..];
                let apart = rest.first().is_none_or(|octet| matches!(octet, b' ' | b'\t'));
                return if apart { Ok((&inner[..at], rest)) } else { Err(BadPath::Syntax) };
            }
            _ => {}
        }
    }
    Err(BadPath::Syntax)
}

/// The address in a path, without source route (RFC 5321 appendix C) and quotation marks; at most `longest` octets as
/// [`quoted`] writes it.
///
/// # Errors
/// See [`BadPath`].
pub fn address(path: &[u8], utf8: bool, longest: usize) -> Result<String, BadPath> {
    let text = str::from_utf8(path).map_err(|_| BadPath::NotAscii)?;
    if !utf8 && !text.is_ascii() {
        return Err(BadPath::NotAscii);
    }
    let mailbox = match text.strip_prefix('@') {
        Some(route) => route.split_once(':').ok_or(BadPath::Syntax)?.1,
        None => text,
    };
    let mailbox = unquoted(mailbox)?;
    if quoted(&mailbox).len() > longest {
        return Err(BadPath::TooLong);
    }
    if mailbox.chars().any(char::is_control) { Err(BadPath::Syntax) } else { Ok(mailbox) }
}

/// `"local part"@domain` as it is meant. Blanks and angle brackets stand in quotation marks only.
///
/// # Errors
/// It is no address.
pub fn unquoted(mailbox: &str) -> Result<String, BadPath> {
    let Some(inner) = mailbox.strip_prefix('"') else {
        let stray = |c: char| matches!(c, ' ' | '<' | '>' | '"');
        return if mailbox.contains(stray) { Err(BadPath::Syntax) } else { Ok(mailbox.to_owned()) };
    };
    let mut local = String::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return Ok(local + after_quote(rest.as_str())?),
            '\\' => local.push(rest.next().ok_or(BadPath::Syntax)?),
            _ => local.push(c),
        }
    }
    Err(BadPath::Syntax)
}

/// A quoted local part ends the path or is followed by its domain.
fn after_quote(rest: &str) -> Result<&str, BadPath> {
    let domain = rest.strip_prefix('@').unwrap_or_default();
    let sound = rest.is_empty() || (!domain.is_empty() && !domain.contains(['@', '"', ' ', '<', '>']));
    if sound { Ok(rest) } else { Err(BadPath::Syntax) }
}

/// An address as RFC 5321 section 4.1.2 writes it: a local part that is no dot-string in quotation marks.
pub fn quoted(address: &str) -> String {
    let (local, domain) = match address.rsplit_once('@') {
        Some((local, domain)) => (local, Some(domain)),
        None => (address, None),
    };
    let special = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !"!#$%&'*+-/=?^_`{|}~.".contains(c);
    if !local.contains(special) {
        return address.to_owned();
    }
    let quoted = local.replace('\\', "\\\\").replace('"', "\\\"");
    domain.map_or_else(|| format!("\"{quoted}\""), |domain| format!("\"{quoted}\"@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_means_something_in_quotes_only() {
        assert_eq!(split(b"<a\\> SIZE=1"), Ok((&b"a\\"[..], &b" SIZE=1"[..])));
        assert_eq!(split(b"<\"a\\\"> b\"@c> x"), Ok((&b"\"a\\\"> b\"@c"[..], &b" x"[..])));
    }

    #[test]
    fn paths_become_addresses() {
        // (what the client sent, the address that is meant)
        let table: &[(&str, Result<&str, BadPath>)] = &[
            ("<>", Ok("")),
            ("<a@b.example>", Ok("a@b.example")),
            ("<Postmaster>", Ok("Postmaster")),
            ("<@x.example,@y.example:a@b.example>", Ok("a@b.example")),
            ("<\"a b\"@c.example>", Ok("a b@c.example")),
            ("<\"a\\\">\"@c.example>", Ok("a\">@c.example")),
            ("<a+x@b.example>", Ok("a+x@b.example")),
            ("<@x.example>", Err(BadPath::Syntax)),
            ("<a b@c.example>", Err(BadPath::Syntax)),
            ("<a@b>x", Err(BadPath::Syntax)),
            ("<a@b", Err(BadPath::Syntax)),
            ("a@b", Err(BadPath::Syntax)),
            ("<\"a@b>", Err(BadPath::Syntax)),
            ("<\"a\"b@c>", Err(BadPath::Syntax)),
            ("<a\u{7}@b>", Err(BadPath::Syntax)),
            ("<\u{e4}@b>", Err(BadPath::NotAscii)),
        ];
        for (sent, meant) in table {
            let found = split(sent.as_bytes()).and_then(|(path, _)| address(path, false, LONGEST_SENDER));
            assert_eq!(found.as_deref().map_err(|bad| *bad), *meant, "{sent}");
        }
    }

    #[test]
    fn utf8_is_for_those_who_ask_for_it() {
        assert_eq!(address("\u{e4}@b".as_bytes(), true, LONGEST_SENDER).as_deref(), Ok("\u{e4}@b"));
        assert_eq!(address(b"\xe4@b", true, LONGEST_SENDER), Err(BadPath::NotAscii));
    }

    #[test]
    fn paths_have_a_length() {
        assert_eq!(LONGEST_SENDER, 983);
        for longest in [LONGEST_SENDER, LONGEST_RECIPIENT] {
            assert!(address(&vec![b'a'; longest], false, longest).is_ok());
            assert_eq!(address(&vec![b'a'; longest + 1], false, longest), Err(BadPath::TooLong));
            // What will be written in quotation marks.
            assert!(address(&vec![b'('; longest - 2], false, longest).is_ok());
            assert_eq!(address(&vec![b'('; longest - 1], false, longest), Err(BadPath::TooLong));
        }
    }
}
