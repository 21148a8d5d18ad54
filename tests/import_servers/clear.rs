//! What crosses a network in clear is a decision; on this machine nobody can listen. No certificate is taken on trust.

use crate::fake::{Drop, Fake, Reply, import, stored};
use crate::imap::Folder;
use crate::support::Site;
use crate::support::privileged::{Right, as_root};
use crate::support::site::{feed, text};
use std::process::Command;

/// A server of POP3 and IMAP without TLS at `192.0.2.1`, in a network of its own, that writes down what it hears.
const SERVER: &str = r#"
import socket, sys
listener = socket.create_server(('192.0.2.1', int(sys.argv[1])))
print('ready', flush=True)
while True:
    connection, _ = listener.accept()
    imap = sys.argv[1] == '143'
    connection.sendall(b'* OK\r\n' if imap else b'+OK\r\n')
    for line in connection.makefile('rb'):
        print(line.decode().strip(), flush=True)
        tag = line.split()[0] if imap else b''
        if b'CAPABILITY' in line: connection.sendall(b'* CAPABILITY IMAP4rev1\r\n' + tag + b' OK\r\n')
        elif b'{' in line: connection.sendall(b'+\r\n')
        elif imap: connection.sendall(b'A2 NO wrong\r\n')
        elif b'PASS' in line: connection.sendall(b'-ERR wrong\r\n')
        elif b'CAPA' in line: connection.sendall(b'-ERR\r\n')
        else: connection.sendall(b'+OK\r\n')
"#;

/// Runs this import against the server; what the server heard, what the import said, and its code.
fn outside(site: &Site, scheme: &str, option: &str) -> (String, String, i32) {
    let port = if scheme == "pop3" { "110" } else { "143" };
    let script = "ip link set lo up && ip addr add 192.0.2.1/32 dev lo || exit 99\n\
         heard=$(mktemp)\npython3 -c \"$1\" $2 >$heard & server=$!\n\
         until grep -q ready $heard; do sleep 0.05; done\nshift 2\n\"$@\"\ncode=$?\nkill $server\ncat $heard\nrm $heard\nexit $code";
    let import = site.command(&["import", "-u", "alice"]);
    let mut command = Command::new("unshare");
    command
        .args(["--net", "--", "sh", "-c", script, "sh", SERVER, port])
        .arg(import.get_program())
        .args(import.get_args());
    command.args((!option.is_empty()).then_some(option)).arg(format!("{scheme}://alice@192.0.2.1"));
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let output = feed(&mut command, b"secret\n");
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

#[test]
fn no_password_leaves_this_machine_in_clear() {
    as_root("clear::no_password_leaves_this_machine_in_clear", Right::Mounts, || {
        let site = Site::with_alice(&[]);
        for (scheme, secret) in [("pop3", "PASS secret"), ("imap", "secret")] {
            let (heard, said, code) = outside(&site, scheme, "");
            assert_eq!(code, 78, "{said}");
            assert!(
                said.contains("--insecure") && !heard.contains("secret") && !heard.contains("alice"),
                "{heard}{said}"
            );
            let (heard, said, code) = outside(&site, scheme, "--insecure");
            assert_eq!(code, 77, "{said}");
            assert!(said.contains("has no TLS") && heard.contains(secret), "{heard}{said}");
        }
    });
}

/// What cuts STLS out of what a server offers gets nothing; what sends answers before TLS begins is not heard.
#[test]
fn a_server_that_cannot_do_what_it_offers() {
    let offers = |said: &str| match said {
        "CAPA" => Some(Reply::Say(b"+OK\r\nSTLS\r\n.\r\n".to_vec())),
        "STLS" => Some(Reply::Last(b"+OK\r\nno TLS at all\r\n".to_vec())),
        _ => None,
    };
    let site = Site::with_alice(&[]);
    let refuses = move |said: &str| match said {
        "STLS" => Some(Reply::Say(b"-ERR not now\r\n".to_vec())),
        said => offers(said),
    };
    let fake = Fake::new(vec![
        Drop::sound(1).session_with(offers),
        Drop::sound(1).session_with(refuses),
        Folder { capabilities: "IMAP4rev1 STARTTLS".into(), ..Folder::sound(1) }.session(),
    ]);
    for scheme in ["pop3", "pop3", "imap"] {
        let (code, _, error) = import(&site, &fake.url(scheme), &["--insecure"]);
        assert_eq!((code, &*stored(&site)), (69, ""), "{error}");
    }
    fake.done();
}
