//! Reading a password: one line of stdin, or twice from a terminal without echo.

use super::exit::{Code, Error};
use crate::auth::credential::{CredentialError, Credentials, KeyFile, Secret};
use crate::lock::IgnorePoison;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;

/// Longest password, octets: the longest that AUTH PLAIN carries (RFC 4616 section 2).
const LONGEST_PASSWORD: usize = 255;

/// What some editors write at the start of a file; no part of a password in it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads a password.
///
/// # Errors
/// 65 if it is empty, too long, no UTF-8, or was not typed the same twice; 74 if it cannot be read.
pub fn read() -> Result<Secret, Error> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line(&mut stdin.lock());
    }
    let silence = EchoOff::begin()?;
    let first = ask("Password: ", &mut stdin.lock())?;
    let again = ask("Repeat password: ", &mut stdin.lock())?;
    drop(silence);
    if first == again { Ok(first) } else { Err(Error::new(Code::Data, "the passwords do not match")) }
}

/// Reads a password that exists already: a typing error shows when it is used.
///
/// # Errors
/// As [`read`].
pub fn read_once(prompt: &str) -> Result<Secret, Error> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line(&mut stdin.lock());
    }
    let silence = EchoOff::begin()?;
    let typed = ask(prompt, &mut stdin.lock());
    drop(silence);
    typed
}

/// Reads a password from each line until the end; errors name the line.
pub fn lines(mut from: impl BufRead) -> impl Iterator<Item = Result<Secret, Error>> {
    (1usize..).map_while(move |number| match from.fill_buf() {
        Ok([]) => None,
        _ => Some(line(&mut from).map_err(|error| Error::new(error.code, format!("line {number}: {}", error.text)))),
    })
}

/// Reads a password from a file, whose first line it is.
///
/// # Errors
/// As [`read`], and if there is no such regular file.
pub fn of_file(path: &Path) -> Result<Secret, Error> {
    let failed = |error: &io::Error| Error::file(format_args!("cannot read the password {path:?}"), error, Code::Io);
    let file = crate::files::regular::open(path).map_err(|error| failed(&error))?;
    line(&mut io::BufReader::with_capacity(LONGEST_PASSWORD + 3, file))
}

fn ask(prompt: &str, from: &mut impl BufRead) -> Result<Secret, Error> {
    // The prompt is a courtesy: that it cannot be shown is no reason to fail.
    let _ = io::stderr().write_all(prompt.as_bytes());
    let typed = line(from);
    let _ = io::stderr().write_all(b"\n");
    typed
}

/// One line, without its end.
fn line(from: &mut impl BufRead) -> Result<Secret, Error> {
    // Two octets more than allowed, for CRLF. Room from the start: a growing buffer would leave copies behind.
    const MOST: usize = BYTE_ORDER_MARK.len() + LONGEST_PASSWORD + 3;
    let mut octets = Zeroizing::new(Vec::with_capacity(MOST));
    let read = from.take(MOST as u64).read_until(b'\n', &mut octets);
    read.map_err(|error| Error::file("cannot read the password", &error, Code::Io))?;
    let line = octets.strip_suffix(b"\n").map_or(&octets[..], |line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    check(line)?;
    Ok(Secret::from(line))
}

fn check(password: &[u8]) -> Result<(), Error> {
    let fault = if password.is_empty() {
        "the password is empty"
    } else if password.len() > LONGEST_PASSWORD {
        "the password is longer than 255 octets"
    } else if std::str::from_utf8(password).is_err() {
        "the password is not UTF-8"
    } else if password.iter().any(|octet| matches!(octet, 0 | b'\r')) {
        "the password contains NUL or CR, which no client can send"
    } else {
        return Ok(());
    };
    Err(Error::new(Code::Data, fault))
}

/// What makes hashes and verifiers, for one password.
pub fn credentials(keys: KeyFile) -> Result<Credentials, Error> {
    Credentials::new(1, keys).map_err(|error| credential_error(&error))
}

/// The exit code that says the same.
pub fn credential_error(error: &CredentialError) -> Error {
    let code = match error {
        CredentialError::KeyFile(_) => Code::Io,
        CredentialError::Busy => Code::TempFail,
        CredentialError::Random(_) => Code::Unavailable,
        CredentialError::Internal(_) => Code::Software,
    };
    Error::new(code, error.to_string())
}

/// A terminal without echo; dropped, or ended by a signal, it echoes again.
struct EchoOff(Arc<Mutex<Option<Termios>>>);

impl EchoOff {
    fn begin() -> Result<Self, Error> {
        let failed = |error: nix::Error| Error::new(Code::Io, format!("cannot turn off the terminal's echo: {error}"));
        let saved = tcgetattr(io::stdin()).map_err(failed)?;
        let mut silent = saved.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        let silence = Self(Arc::new(Mutex::new(Some(saved))));
        silence.watch_signals().map_err(|error| Error::file("cannot watch for signals", &error, Code::Io))?;
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent).map_err(failed)?;
        Ok(silence)
    }

    /// From now on a signal that ends the process makes the terminal echo first.
    fn watch_signals(&self) -> io::Result<()> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
        let saved = Arc::clone(&self.0);
        let watch = move || {
            for signal in signals.forever() {
                restore(&saved);
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        };
        std::thread::Builder::new().name("signals".into()).spawn(watch).map(drop)
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        restore(&self.0);
    }
}

fn restore(saved: &Mutex<Option<Termios>>) {
    if let Some(saved) = saved.lock().ignore_poison().take() {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &saved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_one_line_without_its_end() {
        for (input, password) in [
            ("a b \n", "a b "),
            ("x\r\ny\n", "x"),
            ("no end", "no end"),
            ("pässwörd\n", "pässwörd"),
            ("\t\n", "\t"),
            ("\u{feff}x\r\n", "x"),
        ] {
            assert_eq!(line(&mut input.as_bytes()).unwrap().expose(), password.as_bytes(), "{input:?}");
        }
        let longest = "x".repeat(255);
        assert_eq!(line(&mut format!("\u{feff}{longest}\r\n").as_bytes()).unwrap().expose(), longest.as_bytes());
    }

    #[test]
    fn refuses_what_nobody_could_log_in_with() {
        let long = "x".repeat(256);
        for input in [
            &b""[..],
            "\u{feff}\n".as_bytes(),
            b"\n",
            b"\r\n",
            b"a\0b\n",
            b"a\rb\n",
            b"\xff\n",
            long.as_bytes(),
            &[b'x'; 9000],
        ] {
            assert_eq!(line(&mut &input[..]).unwrap_err().code, Code::Data);
        }
    }
}
