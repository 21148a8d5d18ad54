//! `psql` with its defaults, kept open: a line goes in, what it prints comes out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Printed behind each line.
const MARK: &str = "-- that was it --";

/// One session of one role.
pub struct Psql {
    child: Child,
    lines: Option<ChildStdin>,
    printed: BufReader<ChildStdout>,
}

impl Psql {
    /// Connects.
    pub fn open(url: &str) -> Psql {
        // Errors come between the answers, where they belong.
        let script = "exec psql -X -q -A -t -v VERBOSITY=terse \"$1\" 2>&1";
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh", url]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let (lines, printed) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Psql { child, lines, printed }
    }

    /// Types a line; answers what it printed, and separately the first error, if there was one.
    pub fn run(&mut self, line: &str) -> (String, Option<String>) {
        let stdin = self.lines.as_mut().unwrap();
        writeln!(stdin, "{line}\n;\n\\warn {MARK}").unwrap();
        let (mut answer, mut error) = (String::new(), None);
        loop {
            let mut line = Vec::new();
            let read = self.printed.read_until(b'\n', &mut line).unwrap();
            let line = String::from_utf8_lossy(&line).into_owned();
            assert!(read > 0, "psql has ended");
            if line.trim_end() == MARK {
                return (answer.trim_end().to_owned(), error);
            } else if let Some(message) = line.strip_prefix("ERROR:  ") {
                error.get_or_insert_with(|| message.trim_end().to_owned());
            } else {
                answer += &line;
            }
        }
    }

    /// The answer to a line that must work.
    #[track_caller]
    pub fn sql(&mut self, line: &str) -> String {
        let (answer, error) = self.run(line);
        assert_eq!(error, None, "{line}");
        answer
    }
}

impl Drop for Psql {
    fn drop(&mut self) {
        drop(self.lines.take());
        let _ = self.child.wait();
    }
}
