//! Test messages and what becomes of them on the wire.

/// A message of two header lines and a short body, 2 lines.
pub const PLAIN: &[u8] = b"From: a@example.org\r\nSubject: plain\r\n\r\nfirst line\r\nsecond line\r\n";

/// Lines that begin with dots, one of them nothing but a dot.
pub const DOTTED: &[u8] = b"Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\nmiddle.\r\n...\r\n";

/// A message with `subject` whose body is `body`.
pub fn message(subject: &str, body: &str) -> Vec<u8> {
    format!("From: a@example.org\r\nSubject: {subject}\r\n\r\n{body}\r\n").into_bytes()
}

/// A message of exactly `octets` octets (64 at least) in lines of 76 characters at most.
pub fn of_size(octets: usize) -> Vec<u8> {
    let mut message = b"Subject: filler\r\n\r\n".to_vec();
    while octets - message.len() > 160 {
        message.extend_from_slice(&[b'x'; 76]);
        message.extend_from_slice(b"\r\n");
    }
    message.resize(octets - 2, b'y');
    message.extend_from_slice(b"\r\n");
    message
}

/// Byte-stuffs as RFC 1939 section 3 says, by the plainest way there is.
pub fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire
}

/// Undoes [`stuffed`].
pub fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(wire.len());
    for line in wire.split_inclusive(|octet| *octet == b'\n') {
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    message
}

/// Header block, blank line and the first `lines` lines of the body: what TOP answers.
pub fn top(message: &[u8], lines: usize) -> Vec<u8> {
    let blank = message.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let body = message[blank..].split_inclusive(|octet| *octet == b'\n').take(lines);
    [&message[..blank], &body.collect::<Vec<_>>().concat()].concat()
}
