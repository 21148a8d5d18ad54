//! What the header of an old message tells of it.

use crate::message::date;

/// Octets of a message in which its header is looked for.
pub const LONGEST_HEADER: usize = 64 * 1024;

/// The first field of this name, unfolded (RFC 5322 section 2.2.3).
pub fn field(message: &[u8], name: &str) -> Option<String> {
    let mut lines = header(message).split(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let value = loop {
        let line = lines.next()?;
        let at = line.iter().position(|octet| *octet == b':');
        if let Some(at) = at.filter(|at| line[..*at].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())) {
            break &line[at + 1..];
        }
    };
    let mut text = String::from_utf8_lossy(value).trim().to_owned();
    for line in lines.take_while(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
        text.push(' ');
        text.push_str(String::from_utf8_lossy(line).trim());
    }
    Some(text)
}

/// The header, without the empty line behind it.
fn header(message: &[u8]) -> &[u8] {
    let head = &message[..message.len().min(LONGEST_HEADER)];
    if head.starts_with(b"\n") || head.starts_with(b"\r\n") {
        return &[];
    }
    let ends = [&b"\n\n"[..], b"\n\r\n"].into_iter().filter_map(|end| memchr::memmem::find(head, end));
    &head[..ends.min().map_or(head.len(), |at| at + 1)]
}

/// When a message was received: the date of its topmost Received field, else its own (RFC 5322
/// section 3.6.1), seconds since 1970 UTC.
pub fn received_at(message: &[u8]) -> Option<i64> {
    let received = field(message, "Received").and_then(|text| date::parse_rfc5322(text.rsplit_once(';')?.1));
    received.or_else(|| date::parse_rfc5322(&field(message, "Date")?))
}

/// The reverse path that was noted at delivery (RFC 5321 section 4.4); empty for the null sender.
pub fn sender(message: &[u8]) -> Option<String> {
    let path = field(message, "Return-Path")?;
    let path = path.strip_prefix('<')?.strip_suffix('>')?;
    is_sender(path).then(|| path.to_owned())
}

/// Whether this may be noted as a reverse path.
pub fn is_sender(path: &str) -> bool {
    path.len() <= 254 && !path.chars().any(char::is_control)
}

/// Whether a message came in as internationalized: its topmost Received field names one of the
/// protocols of RFC 6531 section 4.3 (UTF8SMTP, UTF8LMTP and their kin).
pub fn is_internationalized(message: &[u8]) -> bool {
    field(message, "Received").is_some_and(|text| text.contains(" with UTF8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_the_header_only() {
        let message = b"Subject: a\r\n b\r\n\tc\r\nX-UIDL : 17 \r\n\r\nDate: no\r\n";
        assert_eq!(field(message, "subject").as_deref(), Some("a b c"));
        assert_eq!(field(message, "X-UIDL").as_deref(), Some("17"));
        assert_eq!(field(message, "Date"), None);
        assert_eq!(field(b"\nDate: x\n", "Date"), None);
        assert_eq!(field(b"", "Date"), None);
    }

    #[test]
    fn received_goes_before_date() {
        let noon = Some(1_795_435_200);
        assert_eq!(received_at(b"Date: Mon, 23 Nov 2026 12:00:00 +0000\n\n"), noon);
        let message = b"Received: from a by b;\n\tMon, 23 Nov 2026 12:00:00 +0000\nReceived: by c; x\nDate: Sun, 22 Nov 2026 12:00:00 +0000\n\n";
        assert_eq!(received_at(message), noon);
        assert_eq!(received_at(b"A: b\n\n"), None);
    }
}
