//! Tests that need rights of root: to mount, and to be other users.
//!
//! Without them such a test runs itself again where it has them: in a user namespace, else through `sudo -n`.
//! Where there is neither it fails and says what is missing; it never passes without having run.

use super::site::text;
use std::process::Command;

/// What a test needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// To mount in a namespace of its own.
    Mounts,
    /// The same, and to give files and processes to any user below 65,536.
    Users,
    /// To use a file as a disk (a loop device): no user namespace gives that.
    Disks,
}

/// Whether this process is root, be it in a user namespace.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Runs `body` as root. `test` is the name of the test that calls this, `module::function`; `body` is its whole content.
pub fn as_root(test: &str, right: Right, body: impl FnOnce()) {
    if is_root() {
        if let Err(error) = try_out(&["env"], right) {
            panic!(
                "{test} was not run: it must {}, and this root may not ({error}). {}",
                right.shown(),
                right.advice()
            );
        }
        return body();
    }
    let mut reasons = Vec::new();
    for way in right.ways() {
        match try_out(way, right) {
            Ok(()) => return again(test, way),
            Err(error) => reasons.push(format!("{}: {error}", way.join(" "))),
        }
    }
    panic!("{test} was not run: it must {}. Tried:\n  {}\n{}", right.shown(), reasons.join("\n  "), right.advice());
}

/// Without root, `unshare` with these options lets a process mount and stay who it is.
pub const STAY: &[&str] = &["--map-current-user", "--keep-caps", "--mount"];

/// Fails unless [`STAY`] works here.
pub fn require_mounts(what: &str) {
    let way = [&["unshare"], STAY, &["--"]].concat();
    if let Err(error) = try_out(&way, Right::Mounts) {
        panic!("{what} was not run: it must mount. Tried:\n  {}: {error}\n{}", way.join(" "), Right::Mounts.advice());
    }
}

impl Right {
    fn shown(self) -> &'static str {
        match self {
            Right::Mounts => "mount",
            Right::Users => "mount and change to other users",
            Right::Disks => "mount a file as a disk of its own",
        }
    }

    /// Commands that run another one with this right, the safest first.
    fn ways(self) -> [&'static [&'static str]; 2] {
        let sudo: &[&str] = &["sudo", "-n", "--"];
        match self {
            Right::Mounts => [&["unshare", "--map-root-user", "--mount", "--"], sudo],
            Right::Users => [&["unshare", "--map-root-user", "--map-auto", "--mount", "--"], sudo],
            Right::Disks => [sudo, sudo],
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Right::Mounts => {
                "Run the tests as root, or let user namespaces or `sudo -n` work. In a container it needs CAP_SYS_ADMIN \
                 (docker run --privileged)."
            }
            Right::Users => {
                "Run the tests as root, or let `sudo -n` work, or user namespaces: install uidmap and give this user \
                 65,536 ids in /etc/subuid and /etc/subgid (usermod --add-subuids 100000-165535 --add-subgids \
                 100000-165535 USER). In a container it needs CAP_SYS_ADMIN (docker run --privileged)."
            }
            Right::Disks => {
                "Run the tests as root, or let `sudo -n` work; the kernel must have loop devices and ext4. In a container it \
                 needs CAP_SYS_ADMIN and /dev/loop* (docker run --privileged)."
            }
        }
    }
}

/// Whether a command that is run so has the right; `Err` says why not.
fn try_out(way: &[&str], right: Right) -> Result<(), String> {
    let script = match right {
        Right::Mounts => "mount -t tmpfs tmpfs /mnt",
        Right::Users => "mount -t tmpfs tmpfs /mnt && chown 65000:65000 /mnt",
        Right::Disks => {
            "PATH=$PATH:/usr/sbin:/sbin; mount -t tmpfs tmpfs /mnt && mkdir /mnt/disk && truncate -s 4M /mnt/image && \
             mkfs.ext4 -q /mnt/image && mount -o loop /mnt/image /mnt/disk && umount /mnt/disk"
        }
    };
    let mut command = Command::new(way[0]);
    command.args(&way[1..]).args(["unshare", "--mount", "--", "sh", "-c", script]).stdin(std::process::Stdio::null());
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(text(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Runs this test again, with a right.
fn again(test: &str, way: &[&str]) {
    let mut command = Command::new(way[0]);
    command.args(&way[1..]).arg("env");
    for name in ["PATH", "RUST_BACKTRACE", "RUST_LOG", "PILLARBOX_TEST_SEED"] {
        command.args(std::env::var(name).ok().map(|value| format!("{name}={value}")));
    }
    command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    let output = command.output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    // A name that no test has would be no failure.
    assert!(output.status.success() && said.contains("test result: ok. 1 passed"), "{command:?}:\n{said}");
}
