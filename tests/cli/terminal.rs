//! `pillarbox passwd` and `hash` on a terminal: asked twice, not echoed, the echo back at the end.

use nix::pty::{OpenptyResult, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::{Pid, write};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

struct Terminal {
    ours: OwnedFd,
    theirs: OwnedFd,
    child: Child,
}

impl Terminal {
    /// `pillarbox hash` on a terminal of its own.
    fn new() -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
        command.arg("hash").stdin(slave.try_clone().unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
        assert!(echoes(&slave)); // before the command has begun
        Self { ours: master, theirs: slave, child: command.spawn().unwrap() }
    }

    /// Waits for this prompt, at which nothing may echo.
    fn prompt(&mut self, prompt: &str) {
        let mut shown = vec![0; prompt.len()];
        self.child.stderr.as_mut().unwrap().read_exact(&mut shown).unwrap();
        assert_eq!(String::from_utf8_lossy(&shown), prompt);
        assert!(!echoes(&self.theirs));
    }

    fn enter(&self, line: &str) {
        write(&self.ours, line.as_bytes()).unwrap();
    }

    /// Exit code, stdout and the rest of stderr; the terminal must echo again.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = self.child.wait().unwrap();
        assert!(echoes(&self.theirs));
        (status.code(), stdout, stderr)
    }
}

fn echoes(terminal: &OwnedFd) -> bool {
    tcgetattr(terminal).unwrap().local_flags.contains(LocalFlags::ECHO)
}

#[test]
fn asks_twice_without_echo() {
    let mut terminal = Terminal::new();
    terminal.prompt("Password: ");
    terminal.enter("se cret\n");
    terminal.prompt("\nRepeat password: ");
    terminal.enter("se cret\n");
    let (code, stdout, stderr) = terminal.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.starts_with("$argon2id$"));
}

#[test]
fn passwords_that_differ_are_refused() {
    let mut terminal = Terminal::new();
    terminal.prompt("Password: ");
    terminal.enter("se cret\n");
    terminal.prompt("\nRepeat password: ");
    terminal.enter("se crte\n");
    let (code, stdout, stderr) = terminal.end();
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(65), "", "\npillarbox: the passwords do not match\n"));
}

#[test]
fn a_signal_brings_the_echo_back() {
    let mut terminal = Terminal::new();
    terminal.prompt("Password: ");
    kill(Pid::from_raw(terminal.child.id() as i32), Signal::SIGINT).unwrap();
    let status = terminal.child.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGINT as i32));
    assert!(echoes(&terminal.theirs));
}
