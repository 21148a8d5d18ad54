//! What another server says, made fit for a terminal and a log. Nothing of it reaches them another way.

/// Most characters of it that are shown.
const LONGEST_QUOTE: usize = 300;

/// The text, with everything that could move a cursor, turn the direction of writing or end a line as `\u{…}`.
pub fn said(octets: &[u8]) -> String {
    let octets = &octets[..octets.len().min(4 * LONGEST_QUOTE)];
    let (mut shown, mut characters) = (String::new(), 0);
    for c in String::from_utf8_lossy(octets).trim().chars() {
        if characters == LONGEST_QUOTE {
            return shown + "…";
        }
        characters += 1;
        match c {
            '"' | '\'' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_a_terminal() {
        for (octets, shown) in [
            (&b"-ERR no such \"user\" (it's gone)\r\n"[..], "-ERR no such \"user\" (it's gone)"),
            (b"\x1b[2J\x1b]0;x\x07", "\\u{1b}[2J\\u{1b}]0;x\\u{7}"),
            ("\u{202e}gpj.exe\u{2066}\u{200f}\u{feff}".as_bytes(), "\\u{202e}gpj.exe\\u{2066}\\u{200f}\\u{feff}"),
            ("\u{85}\u{9b}31m\u{2028}x".as_bytes(), "\\u{9b}31m\\u{2028}x"),
            ("gr\u{fc}\u{df}e \u{4f60}\u{597d}".as_bytes(), "gr\u{fc}\u{df}e \u{4f60}\u{597d}"),
            (b"a\rb\nc\0\x7f\\u", "a\\rb\\nc\\0\\u{7f}\\\\u"),
            (b"\xff\x9b", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(said(octets), shown);
        }
        let long = said(&[b'x'; 100_000]);
        assert!(long.len() < 310 && long.ends_with('…'), "{long}");
    }
}
