//! A very small HTTP server: one GET, one answer, closed (RFC 9112 with `Connection: close`).
//!
//! What lives here: requests and answers. What must not be known here: what is answered.
//!
//! * A request has [`LONGEST_LINE`] octets a line, [`MOST_FIELDS`] header fields and [`DEADLINE`] for all of it.
//! * Nothing but GET and HEAD is understood, and no body is read.

use crate::net::line::{Line, LineReader};
use crate::net::tls::{Socket, Stream};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Octets of a line at most.
const LONGEST_LINE: usize = 2048;
/// Header fields at most.
const MOST_FIELDS: usize = 64;
/// How long a client may take for its request, and again for taking the answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// What is sent back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// Code and reason.
    pub status: &'static str,
    /// Header fields beside those of every answer, CRLF after each.
    pub fields: String,
    /// What was asked for.
    pub body: String,
}

impl Response {
    /// An answer of this type.
    pub fn new(status: &'static str, content_type: &str, body: impl Into<String>) -> Self {
        Self { status, fields: format!("Content-Type: {content_type}\r\n"), body: body.into() }
    }

    /// A line of text.
    pub fn text(status: &'static str, line: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{line}\n"))
    }

    fn write(&self, head_only: bool) -> Vec<u8> {
        let mut octets = format!(
            "HTTP/1.1 {}\r\n{}Content-Length: {}\r\nConnection: close\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\n\r\n",
            self.status,
            self.fields,
            self.body.len()
        );
        if !head_only {
            octets += &self.body;
        }
        octets.into_bytes()
    }
}

/// Reads a request and sends what `answer` makes of its path.
///
/// # Errors
/// Those of the connection.
pub fn serve(mut socket: Socket, answer: impl FnOnce(&str) -> Response) -> io::Result<()> {
    let deadline = Instant::now() + DEADLINE;
    socket.write_by(deadline);
    let mut stream = Stream::Plain(socket);
    let (response, head_only) = match request(&mut stream, deadline)? {
        Ok(Request { path, head_only }) => (answer(&path), head_only),
        Err(response) => (response, false),
    };
    if let Stream::Plain(socket) = &mut stream {
        // However long the answer took.
        socket.write_by(Instant::now() + DEADLINE);
    }
    stream.write_all(&response.write(head_only))
}

struct Request {
    path: String,
    head_only: bool,
}

/// The request, or what to say to something else.
fn request(stream: &mut Stream, deadline: Instant) -> io::Result<Result<Request, Response>> {
    let mut lines = LineReader::new();
    let mut first = None;
    for _ in 0..=MOST_FIELDS {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.next(stream, LONGEST_LINE, left) {
            Line::Line(b"") => return Ok(parse(first.as_deref().unwrap_or_default())),
            Line::Line(line) => drop(first.get_or_insert_with(|| String::from_utf8_lossy(line).into_owned())),
            Line::TooLong => return Ok(Err(Response::text("431 Request Header Fields Too Large", "too long"))),
            Line::TimedOut => return Err(io::ErrorKind::TimedOut.into()),
            Line::Eof => return Err(io::ErrorKind::UnexpectedEof.into()),
            Line::Failed(error) => return Err(error),
        }
    }
    Ok(Err(Response::text("431 Request Header Fields Too Large", "too many fields")))
}

/// The request line (RFC 9112 section 3); what is behind a question mark does not count.
fn parse(line: &str) -> Result<Request, Response> {
    let bad = || Response::text("400 Bad Request", "this is no request of HTTP/1.1");
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, version] = words.as_slice() else { return Err(bad()) };
    if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
        return Err(bad());
    }
    let head_only = match *method {
        "GET" => false,
        "HEAD" => true,
        _ => {
            let mut response = Response::text("405 Method Not Allowed", "only GET and HEAD are understood");
            response.fields += "Allow: GET, HEAD\r\n";
            return Err(response);
        }
    };
    Ok(Request { path: target.split('?').next().unwrap_or_default().to_owned(), head_only })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    fn asked(request: &[u8]) -> String {
        let (mut client, server) = UnixStream::pair().unwrap();
        client.write_all(request).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = serve(Socket::unix(server), |path| Response::text("200 OK", path));
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_get_is_answered_with_its_path() {
        let answer = asked(b"GET /metrics?x=1 HTTP/1.0\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n/metrics\n"), "{answer}");
        assert!(answer.contains("\r\nContent-Length: 9\r\n"), "{answer}");
        let answer = asked(b"HEAD / HTTP/1.1\n\n");
        assert!(answer.contains("\r\nContent-Length: 2\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    }

    #[test]
    fn everything_else_is_refused() {
        let many = [b"GET / HTTP/1.1\r\n".to_vec(), b"A: b\r\n".repeat(100), b"\r\n".to_vec()].concat();
        let long = [b"GET /", &b"x".repeat(5000)[..], b" HTTP/1.1\r\n\r\n"].concat();
        for (request, status) in [
            (&b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"[..], "405"),
            (b"GET /\r\n\r\n", "400"),
            (b"\r\n\r\n", "400"),
            (b"GET http://x/ HTTP/1.1\r\n\r\n", "400"),
            (b"GET / HTTP/2.0\r\n\r\n", "400"),
            (b"\xff\xfe\r\n\r\n", "400"),
            (&many, "431"),
            (&long, "431"),
        ] {
            let answer = asked(request);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        }
        assert_eq!(asked(b"GET / HTTP/1.1\r\nHost"), "");
    }
}
