//! Apple Mail's `.emlx` files: the number of octets of the message, the message, and a property list.

use super::files::plain;
use super::packed::Packed;
use super::{ImportError, Result, damaged};
use std::path::Path;

/// Octets of the first line.
const FIRST_LINE: u64 = 32;

/// Octets of the property list that are looked at.
const LIST: u64 = 64 * 1024;

/// Bits of its `flags`.
const READ: u64 = 1;
const DELETED: u64 = 1 << 1;

/// What the property list says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// It was read.
    pub read: bool,
    /// It is marked as deleted.
    pub deleted: bool,
    /// Seconds since 1970 UTC.
    pub received_at: Option<i64>,
}

/// Replaces `octets` by the message.
///
/// # Errors
/// The file cannot be read, or has fewer octets than it says.
pub fn read(path: &Path, file: &Packed, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
    let place = || format!("{path:?}");
    if path.as_os_str().to_string_lossy().contains(".partial.emlx") {
        let what = "lacks its attachments, which are in separate files (.partial.emlx): export it from Mail";
        return Err(ImportError::NoMail(format!("{} {what}", place())));
    }
    let start = file.start(FIRST_LINE).map_err(|error| damaged(path, error))?;
    let (from, count) = count(&start)
        .ok_or_else(|| ImportError::NoMail(format!("{} does not start with a number of octets", place())))?;
    if count > limit {
        return Err(ImportError::TooBig(path.display().to_string()));
    }
    file.rest(from, count, octets).map_err(|error| damaged(path, error))?;
    if octets.len() as u64 != count {
        return Err(ImportError::NoMail(format!("{} has fewer octets than it says", place())));
    }
    plain(octets);
    Ok(())
}

/// What the property list says; nothing, if there is none that can be read.
pub fn marks(file: &Packed) -> Marks {
    let found = || {
        let (from, count) = count(&file.start(FIRST_LINE).ok()?)?;
        let mut list = Vec::new();
        file.rest(from.checked_add(count)?, LIST, &mut list).ok()?;
        let list = String::from_utf8_lossy(&list).into_owned();
        let flags = integer(&list, "flags").unwrap_or(0);
        let received_at = integer(&list, "date-received").and_then(|time| i64::try_from(time).ok());
        Some(Marks { read: flags & READ != 0, deleted: flags & DELETED != 0, received_at })
    };
    found().unwrap_or_default()
}

/// Where the message begins, and how many octets it has.
fn count(start: &[u8]) -> Option<(u64, u64)> {
    let end = start.iter().position(|octet| *octet == b'\n')?;
    let count = str::from_utf8(&start[..end]).ok()?.trim().parse().ok()?;
    Some((end as u64 + 1, count))
}

/// The integer of a key.
fn integer(list: &str, key: &str) -> Option<u64> {
    let behind = list.split_once(&format!("<key>{key}</key>"))?.1.trim_start();
    behind.strip_prefix("<integer>")?.split('<').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(text: &str) -> Packed {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Packed::new(file).unwrap()
    }

    #[test]
    fn the_message_is_what_the_first_line_counts() {
        let (path, mut octets) = (Path::new("1.emlx"), Vec::new());
        let file = packed(
            "10        \nA: b\n\nhi\n\n<?xml version=\"1.0\"?>\n<plist><dict><key>date-received</key>\n\t<integer>1795428000</integer><key>flags</key>\n<integer>8590195715</integer></dict></plist>\n",
        );
        read(path, &file, 10, &mut octets).unwrap();
        assert_eq!(octets, b"A: b\n\nhi\n\n");
        assert_eq!(marks(&file), Marks { read: true, deleted: true, received_at: Some(1_795_428_000) });
        assert!(matches!(read(path, &file, 9, &mut octets), Err(ImportError::TooBig(_))));
        for wrong in ["11\nA: b\n\nhi\n\n", "x\nA: b\n", "99999999999999999\nA: b\n"] {
            assert!(read(path, &packed(wrong), u64::MAX, &mut octets).is_err(), "{wrong}");
            assert_eq!(marks(&packed(wrong)), Marks::default());
        }
        assert!(read(Path::new("1.partial.emlx"), &file, 10, &mut octets).is_err());
    }
}
