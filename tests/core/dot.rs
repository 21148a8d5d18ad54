//! Properties of `dot` over all short messages and many long ones, in every way they can be cut.

use pillarbox::message::dot::{Normaliser, Stuffer, Top, Unstuffer, is_dotted};

/// The octets that matter to this room, and one that does not.
const ALPHABET: &[u8] = b".\r\n\0a:";

/// All strings of up to `longest` octets of [`ALPHABET`].
fn all_short(longest: usize) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..longest {
        let until = all.len();
        for i in from..until {
            for octet in ALPHABET {
                let longer = [&all[i], std::slice::from_ref(octet)].concat();
                all.push(longer);
            }
        }
        from = until;
    }
    all
}

/// xorshift64: the same numbers every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// Runs of text with the octets that matter strewn in, alone and in clusters.
    fn message(&mut self) -> Vec<u8> {
        let mut message = Vec::new();
        for _ in 0..self.below(60) {
            match self.below(3) {
                0 => message.extend(std::iter::repeat_n(b'x', self.below(90))),
                1 => message.extend_from_slice(b"\r\n"),
                _ => (0..=self.below(4)).for_each(|_| message.push(ALPHABET[self.below(ALPHABET.len())])),
            }
        }
        message
    }

    /// `message` in chunks of any size, empty ones too.
    fn chunks<'a>(&mut self, mut message: &'a [u8]) -> Vec<&'a [u8]> {
        let largest = 1 + self.below(message.len().max(1));
        let mut chunks = Vec::new();
        while !message.is_empty() {
            let (chunk, rest) = message.split_at(self.below(largest + 1).min(message.len()));
            chunks.push(chunk);
            message = rest;
        }
        chunks
    }
}

/// Every way to cut a short message in two, and single octets.
fn cuts(message: &[u8]) -> Cuts<'_> {
    let mut cuts: Cuts = (0..=message.len()).map(|at| vec![&message[..at], &message[at..]]).collect();
    cuts.push(message.chunks(1).collect());
    cuts
}

fn normalise(chunks: &[&[u8]]) -> (Vec<u8>, bool) {
    let (mut normaliser, mut out) = (Normaliser::new(), Vec::new());
    chunks.iter().for_each(|chunk| normaliser.push(chunk, &mut out));
    normaliser.finish(&mut out);
    (out, normaliser.dotted())
}

fn stuff(chunks: &[&[u8]]) -> Vec<u8> {
    let (mut stuffer, mut out) = (Stuffer::new(), Vec::new());
    chunks.iter().for_each(|chunk| stuffer.push(chunk, &mut out));
    stuffer.finish(&mut out);
    out
}

/// What was in it, and how many octets it took; `None` if it did not end.
fn unstuff(chunks: &[&[u8]]) -> (Vec<u8>, Option<usize>) {
    let (mut unstuffer, mut out, mut taken) = (Unstuffer::new(), Vec::new(), 0);
    for chunk in chunks {
        if let Some(n) = unstuffer.push(chunk, &mut out) {
            return (out, Some(taken + n));
        }
        taken += chunk.len();
    }
    (out, None)
}

/// The stored form, told line by line.
fn plain_normalise(message: &[u8]) -> Vec<u8> {
    let octets: Vec<u8> = message.iter().copied().filter(|octet| *octet != 0).collect();
    let (mut out, mut in_header, mut only_fields, mut lines) = (Vec::new(), true, true, 0);
    for whole in octets.split_inclusive(|octet| *octet == b'\n') {
        let ended = whole.strip_suffix(b"\n");
        let line = ended.unwrap_or(whole);
        let crs = line.iter().rev().take_while(|octet| **octet == b'\r').count();
        if in_header {
            let text: Vec<u8> = line[..line.len() - crs].iter().map(|o| if *o == b'\r' { b' ' } else { *o }).collect();
            if text.is_empty() {
                in_header = false;
            } else {
                let name = text.iter().position(|octet| *octet == b':').map(|at| text[..at].trim_ascii_end());
                let field = name.is_some_and(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic));
                only_fields &= field || lines > 0 && matches!(text[0], b' ' | b'\t');
                lines += 1;
            }
            out.extend_from_slice(&text);
            out.extend_from_slice(b"\r\n");
        } else {
            let line = if ended.is_some() { &line[..line.len() - crs] } else { line };
            line.iter()
                .for_each(|o| out.extend_from_slice(if *o == b'\r' { b"\r\n" } else { std::slice::from_ref(o) }));
            if ended.is_some() || !out.ends_with(b"\n") {
                out.extend_from_slice(b"\r\n");
            }
        }
    }
    if in_header && only_fields && lines > 0 {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// The wire form of a stored message, told line by line.
fn plain_stuff(stored: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in stored.split_inclusive(|octet| *octet == b'\n') {
        if line[0] == b'.' {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    [&out, &b".\r\n"[..]].concat()
}

fn plain_top(stored: &[u8], lines: usize) -> Vec<u8> {
    let all: Vec<&[u8]> = stored.split_inclusive(|octet| *octet == b'\n').collect();
    let header = all.iter().position(|line| line == b"\r\n").map_or(all.len(), |at| at + 1);
    all[..all.len().min(header + lines)].concat()
}

/// One message, cut into chunks in several ways.
type Cuts<'a> = Vec<Vec<&'a [u8]>>;

fn check(message: &[u8], cuts_of: &mut dyn for<'a> FnMut(&'a [u8]) -> Cuts<'a>) {
    let stored = plain_normalise(message);
    for chunks in cuts_of(message) {
        assert_eq!(normalise(&chunks), (stored.clone(), is_dotted(&stored)), "{}", message.escape_ascii());
    }
    let wire = plain_stuff(&stored);
    for chunks in cuts_of(&stored) {
        assert_eq!(stuff(&chunks), wire, "{}", stored.escape_ascii());
        for lines in [0, 1, 2, 7] {
            let mut top = Top::new(lines);
            let taken: usize = chunks.iter().map(|chunk| top.push(chunk)).sum();
            assert_eq!(&stored[..taken], plain_top(&stored, lines as usize), "{lines} of {}", stored.escape_ascii());
        }
    }
    let sent = [&wire[..], b".\r\nQUIT\r\n"].concat();
    for chunks in cuts_of(&sent) {
        assert_eq!(unstuff(&chunks), (stored.clone(), Some(wire.len())), "{}", sent.escape_ascii());
    }
    // Stored forms are fixed points, and nothing that smells of an end is left in them.
    assert_eq!(normalise(&[&stored]).0, stored);
    assert!(stored.is_empty() || stored.ends_with(b"\r\n"));
}

#[test]
fn all_short_messages() {
    let messages = all_short(6);
    assert_eq!(messages.len(), 55_987);
    for message in &messages {
        check(message, &mut cuts);
    }
}

#[test]
fn many_long_messages() {
    let mut numbers = Numbers(0x5eed);
    let mut cutting = Numbers(0xc07);
    for _ in 0..2_000 {
        let message = numbers.message();
        check(&message, &mut |octets| (0..4).map(|_| cutting.chunks(octets)).collect());
    }
}

/// What a hostile client sends ends only where CRLF.CRLF (or .CRLF at the very start) is.
#[test]
fn ends_are_found_where_they_are() {
    for wire in all_short(6) {
        let end = if wire.starts_with(b".\r\n") {
            Some(3)
        } else {
            wire.windows(5).position(|window| window == b"\r\n.\r\n").map(|at| at + 5)
        };
        for chunks in cuts(&wire) {
            assert_eq!(unstuff(&chunks).1, end, "{}", wire.escape_ascii());
        }
    }
}
