//! The reader and the buffer against a scripted transport.

mod output;

use super::*;
use std::collections::VecDeque;
use std::io::IoSlice;

/// As long as a line of a SASL exchange may be.
const SASL_LINE: usize = 65_536;

const LONG: Duration = Duration::from_secs(60);

/// What one read gives.
enum Step {
    Data(Vec<u8>),
    Fails(io::ErrorKind),
}

/// Plays its steps, then EOF; takes at most `accepts` octets per write.
#[derive(Default)]
struct Script {
    steps: VecDeque<Step>,
    reads: usize,
    deadlines: usize,
    sent: Vec<u8>,
    writes: Vec<usize>,
    accepts: usize,
    /// Most octets that a write takes as a unit; 0: no bound.
    unit: usize,
}

impl Script {
    fn of(chunks: &[&[u8]]) -> Self {
        Self { steps: chunks.iter().map(|chunk| Step::Data(chunk.to_vec())).collect(), ..Self::writable(usize::MAX) }
    }

    fn writable(accepts: usize) -> Self {
        Self { accepts, ..Self::default() }
    }

    fn then(mut self, kind: io::ErrorKind) -> Self {
        self.steps.push_back(Step::Fails(kind));
        self
    }
}

impl Read for Script {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        assert!(!buf.is_empty(), "a read into nothing looks like EOF");
        self.reads += 1;
        match self.steps.pop_front() {
            None => Ok(0),
            Some(Step::Fails(kind)) => Err(kind.into()),
            Some(Step::Data(mut data)) => {
                let n = data.len().min(buf.len());
                buf[..n].copy_from_slice(&data[..n]);
                if n < data.len() {
                    self.steps.push_front(Step::Data(data.split_off(n)));
                }
                Ok(n)
            }
        }
    }
}

impl Write for Script {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut n = 0;
        for buf in bufs {
            let take = buf.len().min(self.accepts - n);
            self.sent.extend_from_slice(&buf[..take]);
            n += take;
        }
        self.writes.push(n);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Script {
    fn read_by(&mut self, _: Instant) {
        self.deadlines += 1;
    }

    fn unit(&self) -> usize {
        if self.unit == 0 { usize::MAX } else { self.unit }
    }
}

/// One outcome as text, so that a whole session can be compared at once.
fn show(line: Line<'_>) -> String {
    match line {
        Line::Line(octets) => format!("[{}]", octets.escape_ascii()),
        Line::TooLong => "too long".into(),
        Line::Eof => "eof".into(),
        Line::TimedOut => "timed out".into(),
        Line::Failed(error) => format!("failed: {:?}", error.kind()),
    }
}

/// All outcomes up to the one that ends the session.
fn session(script: &mut Script, limit: usize) -> Vec<String> {
    let mut reader = LineReader::new();
    let mut seen = Vec::new();
    loop {
        let shown = show(reader.next(script, limit, LONG));
        let last = !shown.starts_with('[') && shown != "too long";
        seen.push(shown);
        if last {
            return seen;
        }
    }
}

#[test]
fn line_ends() {
    let cases: &[(&[u8], &[&str])] = &[
        (b"NOOP\r\n", &["[NOOP]", "eof"]),
        (b"NOOP\n", &["[NOOP]", "eof"]),
        // One CR belongs to the line end, not two; a CR in the middle is content.
        (b"NOOP\r\r\n", &["[NOOP\\r]", "eof"]),
        (b"NO\rOP\r\n", &["[NO\\rOP]", "eof"]),
        (b"\r\n", &["[]", "eof"]),
        (b"\n\n", &["[]", "[]", "eof"]),
        // A line that never ends is no line.
        (b"QUIT", &["eof"]),
        (b"QUIT\r", &["eof"]),
        (b"\x00\xff\r\n", &["[\\x00\\xff]", "eof"]),
        (b"", &["eof"]),
    ];
    for (input, expected) in cases {
        assert_eq!(session(&mut Script::of(&[input]), 512), *expected, "{}", input.escape_ascii());
    }
}

/// [MS-STANXPOP3] E0006: the limit counts the line end, and a longer line is discarded as a whole.
#[test]
fn limit_counts_the_line_end() {
    for (line, fits) in [("a", true), ("ab", true), ("abc", false), ("abcdefghijklmnop", false)] {
        let input = format!("{line}\r\nn\r\n");
        let first = if fits { format!("[{line}]") } else { "too long".into() };
        assert_eq!(session(&mut Script::of(&[input.as_bytes()]), 4), [first.as_str(), "[n]", "eof"]);
    }
    assert_eq!(session(&mut Script::of(&[b"abc\nn\n"]), 4), ["[abc]", "[n]", "eof"]);
    assert_eq!(session(&mut Script::of(&[b"abcd\nn\n"]), 4), ["too long", "[n]", "eof"]);
}

/// The same outcomes however the network cuts the octets.
#[test]
fn every_chunking_gives_the_same_lines() {
    let input = b"USER alice\r\nPASS x\n\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nbbbbbbbbbbbb\r\nSTAT\r\nrest";
    let whole = session(&mut Script::of(&[input]), 14);
    assert_eq!(whole, ["[USER alice]", "[PASS x]", "[]", "too long", "[bbbbbbbbbbbb]", "[STAT]", "eof"]);
    for size in 1..input.len() {
        let chunks: Vec<&[u8]> = input.chunks(size).collect();
        assert_eq!(session(&mut Script::of(&chunks), 14), whole, "chunks of {size}");
    }
    for cut in 0..input.len() {
        let chunks: Vec<&[u8]> = [&input[..cut], &input[cut..]].into_iter().filter(|chunk| !chunk.is_empty()).collect();
        assert_eq!(session(&mut Script::of(&chunks), 14), whole, "cut at {cut}");
    }
}

#[test]
fn over_long_line_is_not_kept() {
    let mut script = Script::of(&[&vec![b'x'; 10_000_000], b"\r\nNOOP\r\n"]);
    let mut reader = LineReader::new();
    assert_eq!(show(reader.next(&mut script, 512, LONG)), "too long");
    assert!(reader.buf.len() <= IDLE, "held {}", reader.buf.len());
    assert_eq!(show(reader.next(&mut script, 512, LONG)), "[NOOP]");
}

#[test]
fn over_long_line_may_time_out_or_end() {
    assert_eq!(session(&mut Script::of(&[&[b'x'; 600]]).then(io::ErrorKind::TimedOut), 512), ["timed out"]);
    assert_eq!(session(&mut Script::of(&[&[b'x'; 600]]), 512), ["eof"]);
}

#[test]
fn sasl_lines_are_longer_and_the_memory_comes_back() {
    let long = [vec![b'A'; SASL_LINE - 2], b"\r\n".to_vec()].concat();
    let mut script = Script::of(&[&long, b"NOOP\r\n", b"NOOP\r\n"]);
    let mut reader = LineReader::new();
    assert_eq!(show(reader.next(&mut script, SASL_LINE, LONG)).len(), SASL_LINE);
    assert!(reader.buf.len() <= 2 * SASL_LINE);
    assert_eq!(show(reader.next(&mut script, 512, LONG)), "[NOOP]");
    assert_eq!(reader.buf.len(), IDLE);

    let longer = [vec![b'A'; SASL_LINE - 1], b"\r\nNOOP\r\n".to_vec()].concat();
    assert_eq!(session(&mut Script::of(&[&longer]), SASL_LINE), ["too long", "[NOOP]", "eof"]);
}

#[test]
fn failures_stay_apart() {
    for (kind, shown) in [
        (io::ErrorKind::TimedOut, "timed out"),
        (io::ErrorKind::WouldBlock, "timed out"),
        (io::ErrorKind::ConnectionReset, "failed: ConnectionReset"),
    ] {
        assert_eq!(session(&mut Script::of(&[b"NOOP\r\nNO"]).then(kind), 512), ["[NOOP]", shown]);
    }
    let mut interrupted = Script::of(&[b"NO"]).then(io::ErrorKind::Interrupted);
    interrupted.steps.push_back(Step::Data(b"OP\r\n".to_vec()));
    assert_eq!(session(&mut interrupted, 512), ["[NOOP]", "eof"]);
}

/// The deadline is set once per line, however many reads the line takes, and a line that waits
/// already costs no read.
#[test]
fn one_deadline_and_one_read_per_line() {
    let mut script = Script::of(&[b"ST", b"AT\r\nNOOP\r\nLI", b"ST\r\n"]);
    let mut reader = LineReader::new();
    let mut counts = Vec::new();
    for _ in 0..3 {
        assert!(matches!(reader.next(&mut script, 512, LONG), Line::Line(_)));
        counts.push((script.deadlines, script.reads));
    }
    assert_eq!(counts, [(1, 2), (1, 2), (2, 3)]);
}

#[test]
fn has_line_tells_of_pipelining_and_clear_forgets() {
    let mut script = Script::of(&[b"STLS\r\nUSER mallory\r\nPAS", b"CAPA\r\n"]);
    let mut reader = LineReader::new();
    assert!(!reader.has_line());
    assert_eq!(show(reader.next(&mut script, 512, LONG)), "[STLS]");
    assert!(reader.has_line());
    reader.clear();
    assert!(!reader.has_line());
    assert_eq!(reader.buffered(), b"");
    assert_eq!(show(reader.next(&mut script, 512, LONG)), "[CAPA]");
}

#[test]
fn half_a_line_is_no_line() {
    let mut script = Script::of(&[b"NOOP\r\nNOO"]);
    let mut reader = LineReader::new();
    assert_eq!(show(reader.next(&mut script, 512, LONG)), "[NOOP]");
    assert!(!reader.has_line());
    assert_eq!(reader.buffered(), b"NOO");
}

/// LMTP: DATA's octets are taken raw, and the command behind them is read as a line again.
#[test]
fn raw_octets_between_lines() {
    let content = vec![b'c'; 3 * BULK];
    let mut script = Script::of(&[b"DATA\r\nab", &content, b".\r\nQUIT\r\n"]);
    let mut reader = LineReader::new();
    assert_eq!(show(reader.next(&mut script, 512, LONG)), "[DATA]");
    let mut taken = Vec::new();
    while !taken.ends_with(b".\r\n") {
        if reader.buffered().is_empty() {
            reader.fill(&mut script, LONG).unwrap();
        }
        assert!(reader.buffered().len() <= BULK);
        let n = reader.buffered().iter().position(|&b| b == b'\n').map_or(reader.buffered().len(), |at| at + 1);
        taken.extend_from_slice(&reader.buffered()[..n]);
        reader.consume(n);
    }
    assert_eq!(taken.len(), 2 + content.len() + 3);
    assert_eq!(show(reader.next(&mut script, 512, LONG)), "[QUIT]");
    assert_eq!(show(reader.next(&mut script, 512, LONG)), "eof");
    assert_eq!(reader.buf.len(), IDLE);
}

#[test]
fn fill_holds_no_more_than_bulk() {
    let mut script = Script::of(&[&vec![b'x'; 4 * BULK]]);
    let mut reader = LineReader::new();
    for _ in 0..8 {
        reader.fill(&mut script, LONG).unwrap();
    }
    assert_eq!(reader.buffered().len(), BULK);
    reader.consume(usize::MAX);
    assert_eq!(reader.buffered(), b"");
    let mut ended = Script::default();
    assert!(matches!(reader.fill(&mut ended, LONG), Err(Stop::Eof)));
    let mut late = Script::default().then(io::ErrorKind::TimedOut);
    assert!(matches!(reader.fill(&mut late, LONG), Err(Stop::TimedOut)));
    let mut broken = Script::default().then(io::ErrorKind::BrokenPipe);
    assert!(matches!(reader.fill(&mut broken, LONG), Err(Stop::Failed(_))));
}
