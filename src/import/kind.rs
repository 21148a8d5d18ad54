//! What a file is, by how it begins: mail, or something that would be stored as rubbish.

/// Octets of a file that are looked at.
pub const START: u64 = 4096;

/// Octets in which a file shows whether it is text.
const TEXT: usize = 512;

/// What some programs write at the start of every file (UTF-8's byte order mark).
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// The line before and behind each message of an MMDF file.
pub const MMDF: &[u8] = b"\x01\x01\x01\x01";

/// What a file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nothing is in it.
    Empty,
    /// Its first line is a separator of an mbox, or looks as if it should be.
    Mbox,
    /// Its first line is a separator of MMDF.
    Mmdf,
    /// Apple Mail's: a number of octets, the message, a property list.
    Emlx,
    /// Its first line is a header field.
    Message,
    /// No mail; what it is and what to do.
    Other(String),
}

const NULS: &str = "not mail: it has NULs near the start";
const BINARY: &str = "not mail: it is not text";
const UNPACK: &str = "unpack it first";
const WITHIN: &str = "import the message that contained it";
const CONVERT: &str = "convert it to a Maildir with doveadm backup";

/// How files begin that people take for mail, and what they are. Longer beginnings before shorter ones.
const BEGINNINGS: &[(&[u8], &str, &str)] = &[
    (b"BZh", "compressed with bzip2", UNPACK),
    (b"\xfd7zXZ\0", "compressed with xz", UNPACK),
    (b"\x04\x22\x4d\x18", "compressed with lz4", UNPACK),
    (b"Dovecot-LZ4\r\n", "compressed with lz4 by Dovecot", CONVERT),
    (b"CRYPTED\x03\x07", "encrypted by Dovecot's mail_crypt", CONVERT),
    (b"\x5d\0\0", "compressed with lzma", UNPACK),
    (b"\x1f\x9d", "compressed with compress", UNPACK),
    (b"\x1f\x8b", "compressed with gzip twice", UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd twice", UNPACK),
    (b"PK\x03\x04", "a zip archive", UNPACK),
    (b"PK\x05\x06", "an empty zip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!", "a rar archive", UNPACK),
    (b"!BDN", "an Outlook data file (PST or OST)", "convert it with readpst from Debian's pst-utils"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an Outlook message or another OLE2 file (MSG)",
        "convert it with msgconvert from Debian's libemail-outlook-message-perl",
    ),
    (b"\xcf\xad\x12\xfe", "a mail folder of Outlook Express (DBX)", "convert it with undbx"),
    (b"\x78\x9f\x3e\x22", "an attachment of Outlook (TNEF)", WITHIN),
    (b"SQLite format 3\0", "an SQLite database", "export the mail with the program that wrote it"),
    (b"*mbx*\r\n", "an mbx file of UW's c-client", "convert it to mbox with mailutil copy"),
    (b"*mtx*\r\n", "an mtx file of UW's c-client", "convert it to mbox with mailutil copy"),
    (b"BABYL OPTIONS:", "a Babyl file of Emacs", "convert it to mbox with M-x unrmail"),
    (b"// <!-- <mdb:mork:z", "an index of Thunderbird", "import the file of the same name without .msf"),
    (b"\xff\xfe", "text in UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "save it as UTF-8"),
    (b"\0\0\xfe\xff", "text in UTF-32", "save it as UTF-8"),
    (b"\x89PNG", "a picture (PNG)", WITHIN),
    (b"\xff\xd8\xff", "a picture (JPEG)", WITHIN),
    (b"GIF87a", "a picture (GIF)", WITHIN),
    (b"GIF89a", "a picture (GIF)", WITHIN),
    (b"II*\0", "a picture (TIFF)", WITHIN),
    (b"MM\0*", "a picture (TIFF)", WITHIN),
    (b"\x7fELF", "a program", "it has no mail"),
    (b"%PDF-", "a PDF", "import the original message"),
    (b"{\\rtf", "an RTF file", "save it as .eml"),
    (b"BEGIN:V", "a calendar or an address book", "it contains no mail"),
    (b"bplist00", "a property list", "it contains no mail"),
];

/// Looks at the first octets of a file, [`START`] of them if it has as many.
pub fn of(start: &[u8]) -> Kind {
    if let Some(other) = other(start) {
        return Kind::Other(other);
    }
    let text = start.strip_prefix(MARK).unwrap_or(start);
    let blank = text.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
    let text = &text[blank..];
    if text.is_empty() {
        return Kind::Empty;
    }
    let line = text.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default();
    if line == MMDF {
        Kind::Mmdf
    } else if line.starts_with(b"From ") || line == b"From" {
        Kind::Mbox
    } else if is_field(line) || line.starts_with(b">From ") {
        Kind::Message
    } else if is_count(line) && is_field(text[line.len()..].trim_ascii_start()) {
        Kind::Emlx
    } else if is_dbox(text) {
        Kind::Other(format!("a file of Dovecot's dbox: {CONVERT}"))
    } else if line.trim_ascii_start().starts_with(b"<") {
        Kind::Other("HTML or XML: import the original message".to_owned())
    } else {
        let line = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
        Kind::Other(format!("not mail: its first line, {line:?}, is neither a header field nor an mbox separator"))
    }
}

/// What a file is that cannot be mail, whatever its name, and what to do.
pub fn other(start: &[u8]) -> Option<String> {
    foreign(start).or_else(|| is_binary(start).then(|| NULS.to_owned()))
}

/// The same of what a server took for mail, whatever its first line is: text without a header may be that, and one with
/// NULs.
pub fn other_than_stored(start: &[u8]) -> Option<String> {
    if start.is_empty() {
        return Some("empty".to_owned());
    }
    let binary = start[0] == 0 || !begins_as_mail(start) && has_controls(start, 16);
    foreign(start).or_else(|| binary.then(|| BINARY.to_owned()))
}

/// A file that has NULs near its start. Where it begins as mail does, they must be more than one here and there.
fn is_binary(start: &[u8]) -> bool {
    let near = &start[..start.len().min(TEXT)];
    near.contains(&0) && (!begins_as_mail(start) || has_controls(near, 8))
}

/// Whether more than one octet in so many is a control character that no text has. (ISO 2022 needs ESC, SO and SI; of
/// compressed data it is one in eleven.)
fn has_controls(octets: &[u8], most: usize) -> bool {
    let controls = octets.iter().filter(|octet| matches!(octet, 0..=7 | 0x10..=0x1a | 0x1c..=0x1f)).count();
    controls * most > octets.len()
}

/// Its first line is a field or a separator.
fn begins_as_mail(start: &[u8]) -> bool {
    let text = start.strip_prefix(MARK).unwrap_or(start).trim_ascii_start();
    text.starts_with(b"From ") || text.starts_with(b">From ") || text.starts_with(MMDF) || is_field(text)
}

/// A file of another kind.
fn foreign(start: &[u8]) -> Option<String> {
    if let Some((_, what, advice)) = BEGINNINGS.iter().find(|(beginning, ..)| start.starts_with(beginning)) {
        return Some(format!("{what}: {advice}"));
    }
    match start {
        _ if start.get(257..262) == Some(b"ustar") => Some(format!("a tar archive: {UNPACK}")),
        [_, _, _, _, 0xef, 0xcd, 0xab, 0x89, ..] => {
            Some("an Exchange database (EDB): import from the server, pop3s://LOGIN@HOST".to_owned())
        }
        // ASCII text of which every second octet is a NUL.
        [(1..), 0, (1..), 0, ..] | [0, (1..), 0, (1..), ..] => Some("text in UTF-16: save it as UTF-8".to_owned()),
        _ => None,
    }
}

/// Whether a line begins with the name of a header field and its colon (RFC 5322 section 2.2; blanks before the colon
/// are of section 4.5).
pub fn is_field(line: &[u8]) -> bool {
    let Some(at) = line.iter().position(|octet| matches!(octet, b':' | b'\r' | b'\n')) else { return false };
    let name = line[..at].trim_ascii_end();
    line[at] == b':' && !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// A number and blanks.
fn is_count(line: &[u8]) -> bool {
    let count = line.trim_ascii_end();
    (1..=15).contains(&count.len()) && count.iter().all(u8::is_ascii_digit)
}

/// Version and sizes, and behind them the mark of a message.
fn is_dbox(text: &[u8]) -> bool {
    matches!(text, [b'0'..=b'9', b' ', b'M', ..])
        && text.split(|octet| *octet == b'\n').nth(1).is_some_and(|it| it.starts_with(b"\x01\x02"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_known_by_its_first_line() {
        for (start, kind) in [
            (&b""[..], Kind::Empty),
            (b"\r\n\n", Kind::Empty),
            (MARK, Kind::Empty),
            (b"From a Mon Nov 23 10:00:00 2026\n", Kind::Mbox),
            (b"\xef\xbb\xbf\r\nFrom \r\n", Kind::Mbox),
            (b"From a\rA: b\r", Kind::Mbox),
            (b"\x01\x01\x01\x01\nA: b\n", Kind::Mmdf),
            (b"38        \nFrom: a\n", Kind::Emlx),
            (b"From: a@x\r\n", Kind::Message),
            (b"\xef\xbb\xbfSubject : x\n", Kind::Message),
            (b"\nSubject: x\n", Kind::Message),
            (b"X-!#$: \xff\n", Kind::Message),
            (b">From a Mon Nov 23 10:00:00 2026\nA: b\n", Kind::Message),
        ] {
            assert_eq!(of(start), kind, "{}", start.escape_ascii());
        }
    }

    /// One NUL in a short message is no binary file; a picture is, whatever a server thought of it.
    #[test]
    fn nuls_alone_are_no_reason() {
        let texts = "Subject: a\0b\n\nhello there\n";
        for start in [texts.to_owned(), format!("From a Mon Nov 23 10:00:00 2026\n{texts}").repeat(5)] {
            assert_eq!((other(start.as_bytes()), other_than_stored(start.as_bytes())), (None, None), "{start:?}");
        }
        for stored in [
            &b"no header at all\n"[..],
            b"\xe4\xf6\xfc: 8 bit\n",
            b"\n\nA: b\n",
            b"\x1b$B8+\x1b(B\n",
            b"<html>\n",
            b"2 M1e C5a0b1c2d\n",
            b"Subject: x\n\nalmost nothing but \x01 and \x02\n",
        ] {
            assert_eq!(other_than_stored(stored), None, "{}", stored.escape_ascii());
        }
        let noise: Vec<u8> = (0..600_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &noise].concat();
        for (start, what) in [
            (&b""[..], "empty"),
            (&png, "PNG"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG"),
            (b"PK\x03\x04\x14", "zip"),
            (b"\xff\xfeS\0", "UTF-16"),
            (b"S\0u\0", "UTF-16"),
            (&noise, "not mail"),
            (b"\0\0\0\x18ftypmp42", "not mail"),
            (b"\0\0\0\0", "not mail"),
        ] {
            assert!(other_than_stored(start).is_some_and(|text| text.contains(what)), "{}", start.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_mail_is_known_by_name() {
        let tar = [&[b'x'; 257][..], b"ustar\0"].concat();
        let nuls = [b"Subject: x\n\n".as_slice(), &[0; 9]].concat();
        let edb = [0x11, 0x22, 0x33, 0x44, 0xef, 0xcd, 0xab, 0x89, 0x20, 0x06];
        for (start, what) in [
            (&b"BZh91AY&SY"[..], "bzip2"),
            (b"\xfd7zXZ\0\0\x04", "xz"),
            (b"\x04\x22\x4d\x18d", "lz4"),
            (b"Dovecot-LZ4\r\n\x9b\xc5", "lz4"),
            (b"PK\x03\x04\x14\0", "zip"),
            (b"!BDN\x01\x02\x03\x04SM", "PST"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "MSG"),
            (b"\xcf\xad\x12\xfe\xc5\xfd", "DBX"),
            (b"SQLite format 3\0\x10", "SQLite"),
            (b"\xff\xfeF\0r\0", "UTF-16"),
            (b"\xfe\xff\0F\0r", "UTF-16"),
            (b"F\0r\0o\0m\0", "UTF-16"),
            (b"\0F\0r\0o\0m", "UTF-16"),
            (b"2 M1e C5a0b1c2d\n\x01\x02N 1\n", "dbox"),
            (b"<!DOCTYPE html>\n<html>", "HTML"),
            (b"\n <html>", "HTML"),
            (b"Hello\nA: b\n", "first line, \"Hello\""),
            (b" A: b\n", "first line"),
            (b": b\n", "first line"),
            (b"38\nno message\n", "first line"),
            (b"\xe4\xf6: b\n", "first line"),
            (b"\0\0\0\0\0\0\0\0", "NULs"),
            (&nuls, "NULs"),
            (&tar, "tar"),
            (&edb, "EDB"),
        ] {
            match of(start) {
                Kind::Other(text) => assert!(text.contains(what), "{}: {text}", start.escape_ascii()),
                kind => panic!("{} is {kind:?}", start.escape_ascii()),
            }
        }
    }
}
