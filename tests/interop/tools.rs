//! The programs these tests drive, and what they are told.

use crate::support::site::{feed, text};
use crate::support::{Server, eventually};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What `scripts/interop.sh` has unpacked.
pub fn directory() -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop");
    assert!(directory.join("complete").exists(), "scripts/interop.sh has not run");
    directory
}

/// A program of Debian's that was unpacked, or else an installed one, with its libraries.
pub fn program(name: &str) -> Command {
    let root = directory().join("root");
    let unpacked = ["usr/bin", "usr/sbin"].map(|part| root.join(part).join(name));
    let path = unpacked.iter().find(|path| path.exists()).map_or(PathBuf::from(name), PathBuf::clone);
    let mut command = Command::new(path);
    let libraries = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    command.env("LD_LIBRARY_PATH", root.join(libraries)).env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Debian's Python with the packages of ours and a script of this directory.
pub fn python(script: &str, arguments: &[&str]) -> Command {
    let mut command = program("/usr/bin/python3");
    let packages = [directory().join("python"), directory().join("root/usr/lib/python3/dist-packages")];
    command.env("PYTHONPATH", std::env::join_paths(packages).unwrap());
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(tests.join(script)).args(arguments);
    command
}

/// Runs a script that must succeed, and answers its last line.
pub fn said(command: &mut Command) -> String {
    let output = feed(command, b"");
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout).lines().last().unwrap_or_default().to_owned()
}

/// What a refused login looks like to a script.
pub const REFUSED: &str = "-ERR [AUTH] Logon failure: unknown user name or bad password.";
/// What a good one looks like.
pub const WELCOME: &str = "+OK User successfully logged on.";

/// What came of a login with curl.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Login {
    In,
    Denied,
}

/// Lists the mailbox with curl and this mechanism.
pub fn curl(server: &Server, kind: &str, mechanism: &str, user: &str, options: &[&str]) -> Login {
    let url = format!("{kind}://localhost:{}/", server.address(kind).port());
    let mut command = program("curl");
    // Its own libraries are the installed ones.
    command.env_remove("LD_LIBRARY_PATH").args(["-sSvk", "-4", "--max-time", "60", "-u", user]);
    command.arg("--login-options").arg(format!("AUTH={mechanism}")).args(options).arg(url);
    run_curl(&mut command, mechanism)
}

/// Runs a prepared curl, which must have used this mechanism and no other.
pub fn run_curl(command: &mut Command, mechanism: &str) -> Login {
    let output = feed(command, b"");
    let trace = text(&output.stderr);
    assert!(trace.contains(&format!("> AUTH {mechanism}")), "curl did not try {mechanism}: {trace}");
    match output.status.code() {
        Some(0) => Login::In,
        Some(67) => Login::Denied,
        other => panic!("curl ended with {other:?}: {trace}"),
    }
}

/// Fetches with mpop; whether it got in.
pub fn mpop(server: &Server, kind: &str, lines: &str) -> Login {
    let mailbox = server.path("mpop-mailbox");
    let mut command = program("mpop");
    command.env_remove("LD_LIBRARY_PATH");
    mpop_with(command, server, kind, &mailbox, lines)
}

/// The same with a prepared command.
pub fn mpop_with(mut command: Command, server: &Server, kind: &str, mailbox: &Path, lines: &str) -> Login {
    let (config, uidls) = (server.path("mpoprc"), server.path("uidls"));
    let tls = match kind {
        "pop3s" => "tls on\ntls_starttls off\ntls_certcheck off",
        _ => "tls off",
    };
    let port = server.address(kind).port();
    let (uidls, mailbox) = (uidls.display(), mailbox.display());
    let text_of = format!(
        "account a\nhost localhost\nport {port}\n{tls}\nkeep on\nuidls_file {uidls}\ndelivery mbox {mailbox}\n{lines}\n\
         account default : a\n"
    );
    std::fs::write(&config, text_of).unwrap();
    std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    command.arg("--debug").arg("-C").arg(config);
    let output = feed(&mut command, b"");
    let trace = text(&output.stdout) + &text(&output.stderr);
    match output.status.code() {
        Some(0) => Login::In,
        Some(77) => Login::Denied,
        other => panic!("mpop ended with {other:?}: {trace}"),
    }
}

/// Waits until this stands in the log, which is read as it comes.
pub fn logged(server: &Server, text: &str) {
    eventually(&format!("{text:?} in the log"), || server.log().contains(text));
}

/// The mechanisms that CAPA lists on a connection of this kind.
pub fn offered(server: &Server, kind: &str) -> Vec<String> {
    let mut client = if kind == "pop3s" { server.connect_tls() } else { server.connect() };
    mechanisms(&client.capabilities())
}

/// The mechanisms among capabilities.
pub fn mechanisms(listed: &[String]) -> Vec<String> {
    let line = listed.iter().find_map(|line| line.strip_prefix("SASL "));
    line.map_or(Vec::new(), |names| names.split(' ').map(str::to_owned).collect())
}

/// Waits until a mechanism is offered, or no longer.
pub fn wait_for(server: &Server, mechanism: &str, wanted: bool) {
    eventually(&format!("{mechanism} is offered: {wanted}"), || {
        offered(server, "pop3s").iter().any(|name| name == mechanism) == wanted
    });
}

/// A hash that the C library makes, of any kind it knows.
pub fn crypt(password: &str, setting: &str) -> String {
    let script = "import crypt, sys, warnings; print(crypt.crypt(sys.argv[1], sys.argv[2]))";
    let hash = said(program("/usr/bin/python3").args(["-W", "ignore", "-c", script, password, setting]));
    assert!(hash.starts_with(&setting[..4]), "{hash}");
    hash
}
