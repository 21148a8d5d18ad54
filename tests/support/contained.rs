//! A program and all that it starts, in a namespace of processes of their own, however they detach themselves.
//!
//! The namespace ends with the test process, however that ends: its first process waits for the end of its stdin.

use super::debian::Unpacked;
use super::site::text;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// Killed, with all processes of its, when dropped.
pub struct Contained {
    first: Child,
    log: PathBuf,
}

impl Contained {
    /// Starts it; `log` gets what it says, after what is there.
    pub fn start(unpacked: &Unpacked, program: &[&str], log: &Path) -> Contained {
        // The shell reaps whatever loses its parent: who waits for the end of such a process would wait for ever.
        // It kills all that there is, so it looks first whether it is in a namespace of its own.
        let script = "[ $$ = 1 ] || exit 1; exec 3<&0; \"$@\" </dev/null 3<&- & (read -r _ <&3; kill -KILL -1) & exec 3<&-; wait";
        let namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--", "sh", "-c", script, "sh"];
        let mut command = unpacked.command(&[], &[&namespace, program].concat());
        let said = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        command.env("HOME", "/nonexistent").current_dir("/");
        command.stdin(Stdio::piped()).stdout(said.try_clone().unwrap()).stderr(said);
        // Ctrl-C on a terminal is for the test, which then ends this.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Contained { first: command.spawn().unwrap(), log: log.to_owned() }
    }

    /// SIGKILL to all its processes at once, as a power cut does it; none is left when this returns.
    pub fn kill(mut self) {
        self.end();
    }

    /// A signal for those of its processes that have `words` in their command line.
    pub fn signal(&self, words: &str, signal: Signal) {
        let read = |pid: &str, file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let space = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let first = self.first.id().to_string();
        let shell = text(&read(&first, &format!("task/{first}/children")));
        let ours = space(shell.trim()).expect("it runs");
        let mut signalled = 0;
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().into_string() else { continue };
            // The shell has the program's command line in its own.
            let is_ours = pid != shell.trim() && space(&pid).as_ref() == Some(&ours);
            if is_ours && text(&read(&pid, "cmdline")).contains(words) && !text(&read(&pid, "comm")).starts_with("sh") {
                // It may have ended just now.
                signalled += usize::from(kill(Pid::from_raw(pid.parse().unwrap()), signal).is_ok());
            }
        }
        assert!(signalled > 0, "nothing has {words} in its command line");
    }

    fn end(&mut self) {
        drop(self.first.stdin.take());
        let _ = self.first.wait();
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}---", self.log.display(), text(&std::fs::read(&self.log).unwrap_or_default()));
        }
    }
}
