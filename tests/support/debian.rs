//! Debian's own servers, unpacked into a directory of ours: nothing is installed, no system service runs.
//!
//! The programs have their paths built in, so each runs in a mount namespace of its own in which the
//! unpacked files lie over the system's.

use super::privileged::{STAY, is_root, require_mounts};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Packages, unpacked.
pub struct Unpacked {
    root: PathBuf,
}

/// Fetches and unpacks these packages and what they depend on; kept in the build directory for the next time.
pub fn unpack(name: &str, packages: &[&str]) -> Unpacked {
    // Tests of one binary come at the same time.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian");
    // Others may want other packages of the same program.
    let mut which = DefaultHasher::new();
    packages.hash(&mut which);
    let name = &format!("{name}-{:x}", which.finish());
    let root = directory.join(name);
    if !root.join("complete").exists() {
        std::fs::create_dir_all(&directory).unwrap();
        // A test that needs root may come first (`sudo`): the directory is for those that do not, too.
        if is_root() {
            let owner = std::fs::metadata(env!("CARGO_TARGET_TMPDIR")).unwrap();
            chown(&directory, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        let fresh = directory.join(format!("{name}.{}", std::process::id()));
        std::fs::create_dir_all(&fresh).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/unpack.sh");
        run(Command::new(script).arg(&fresh).args(packages));
        std::fs::write(fresh.join("complete"), "").unwrap();
        // Another test binary may have been faster.
        if std::fs::rename(&fresh, &root).is_err() {
            std::fs::remove_dir_all(&fresh).unwrap();
        }
    }
    Unpacked { root }
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Unpacked {
    /// A command in a namespace where the packages' `/usr` lies over the system's. What stands in
    /// `over` (pairs of a directory of ours and a system directory) hides the system's own.
    pub fn command(&self, over: &[(&Path, &str)], program: &[&str]) -> Command {
        let mut script = format!("mount -t overlay overlay -o lowerdir={}/usr:/usr /usr", self.root.display());
        for (directory, system) in over {
            script += &format!(" && mount --bind {} {system}", directory.display());
        }
        script += " && exec \"$@\"";
        let mut command = Command::new("unshare");
        if is_root() {
            command.arg("--mount");
        } else {
            require_mounts(program[0]);
            command.args(STAY);
        }
        command.args(["--", "sh", "-c", &script, "sh"]).args(program);
        command
    }

    /// Where the packages are.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// A server in the foreground; killed, with its children, when dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it in a process group of its own. `log`, and what it says on stderr, are shown when the test fails.
    pub fn start(command: &mut Command, log: &Path) -> Daemon {
        use std::os::unix::process::CommandExt;
        let said = std::fs::File::create(log.with_extension("stderr")).unwrap();
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        Daemon { child: command.spawn().unwrap(), log: log.to_owned() }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        use nix::sys::signal::{Signal, killpg};
        let group = nix::unistd::Pid::from_raw(self.child.id() as i32);
        let _ = killpg(group, Signal::SIGTERM);
        std::thread::sleep(std::time::Duration::from_millis(300));
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
        if std::thread::panicking() {
            for path in [&self.log, &self.log.with_extension("stderr")] {
                let log = std::fs::read(path).unwrap_or_default();
                eprintln!("--- {}\n{}---", path.display(), String::from_utf8_lossy(&log));
            }
        }
    }
}

/// A port of 127.0.0.1 that is free now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
