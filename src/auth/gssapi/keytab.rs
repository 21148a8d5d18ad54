//! Reads which keys a keytab holds, never the keys: the library opens the file itself, but cannot
//! say which services and realms it can serve with it.
//!
//! The format is MIT's, version 0x502 (its documentation, "Keytab file format").

/// Whom a key is for: `pop/mail.example.org@EXAMPLE.ORG`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// `pop`, `mail.example.org`.
    pub components: Vec<String>,
    /// `EXAMPLE.ORG`.
    pub realm: String,
}

/// The principals of a keytab's entries, in order.
///
/// # Errors
/// What is wrong with it.
pub fn parse(octets: &[u8]) -> Result<Vec<Principal>, &'static str> {
    let mut rest = octets.strip_prefix(&[5, 2]).ok_or("not a keytab of version 0x502")?;
    let mut principals = Vec::new();
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        let size = i32::from_be_bytes(*size);
        // A negative size is a hole that a removed entry left; 0 is the end.
        let length = usize::try_from(size.unsigned_abs()).map_err(|_| "keytab entry is too long")?;
        if size == 0 {
            break;
        }
        let (entry, after) = after.split_at_checked(length).ok_or("keytab entry is cut off")?;
        if size > 0 {
            principals.push(Principal::parse(entry).ok_or("keytab entry is broken")?);
        }
        rest = after;
    }
    Ok(principals)
}

impl Principal {
    fn parse(entry: &[u8]) -> Option<Self> {
        let (count, mut rest) = entry.split_first_chunk::<2>()?;
        let realm = counted(&mut rest)?;
        let components = (0..u16::from_be_bytes(*count)).map(|_| counted(&mut rest)).collect::<Option<_>>()?;
        Some(Self { components, realm })
    }

    /// Whether a client may ask for it to read mail: Exchange's servers have keys for both.
    pub fn is_pop(&self) -> bool {
        self.components
            .first()
            .is_some_and(|service| service.eq_ignore_ascii_case("pop") || service.eq_ignore_ascii_case("pop3"))
    }
}

/// Text after its length in two octets.
fn counted(rest: &mut &[u8]) -> Option<String> {
    let (length, after) = rest.split_first_chunk::<2>()?;
    let (text, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
    *rest = after;
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A keytab with one AES-256 key for each of these.
    pub fn keytab(principals: &[(&[&str], &str)]) -> Vec<u8> {
        let text = |text: &str| [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
        let mut octets = vec![5, 2];
        for (components, realm) in principals {
            let mut entry = (components.len() as u16).to_be_bytes().to_vec();
            entry.extend(text(realm));
            components.iter().for_each(|component| entry.extend(text(component)));
            entry.extend([0, 0, 0, 1, 0, 0, 0, 0, 1]); // name type, time, version
            entry.extend([0, 18, 0, 32]); // aes256-cts-hmac-sha1-96
            entry.extend([7; 32]);
            octets.extend((entry.len() as i32).to_be_bytes());
            octets.extend(entry);
        }
        octets
    }

    #[test]
    fn reads_entries_and_skips_holes() {
        let mut octets = keytab(&[(&["POP3", "mail"], "A.EXAMPLE")]);
        octets.extend((-6_i32).to_be_bytes());
        octets.extend([0xff; 6]);
        octets.extend(&keytab(&[(&["host", "mail"], "B.EXAMPLE")])[2..]);
        octets.extend([0; 4]);
        let principals = parse(&octets).unwrap();
        assert_eq!(principals.iter().map(Principal::is_pop).collect::<Vec<_>>(), [true, false]);
        assert_eq!(principals[1].realm, "B.EXAMPLE");
        assert_eq!(principals[0].components, ["POP3", "mail"]);
    }

    #[test]
    fn refuses_what_is_no_keytab() {
        let good = keytab(&[(&["pop", "mail"], "A.EXAMPLE")]);
        assert!(parse(b"").is_err());
        assert!(parse(b"\x05\x01").is_err());
        assert!(parse(&good[..good.len() - 1]).is_err());
        assert!(parse(b"\x05\x02\0\0\0\x03\0\x01\0").is_err());
        assert!(parse(b"\x05\x02\x80\0\0\0").is_err());
    }
}
