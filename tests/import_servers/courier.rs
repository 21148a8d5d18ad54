//! Debian's Courier as a source. Its POP3 and IMAP services number messages each on its own, so that only POP3 knows the
//! unique-ids that POP3 clients know.

use crate::dovecot::known;
use crate::fake::import;
use crate::support::debian::{Daemon, free_port, unpack};
use crate::support::messages::{DOTTED, PLAIN, message};
use crate::support::privileged::{Right, as_root};
use crate::support::{Site, eventually};
use std::path::Path;

const PACKAGES: &[&str] = &[
    "courier-base",
    "courier-pop",
    "courier-imap",
    "courier-authlib",
    "courier-authlib-userdb",
    "libcourier-unicode4",
    "libgamin0",
    "libpcre3",
    "libltdl7",
];

/// Its own start scripts want a system service; these are the programs that they start. They leave the process group, but
/// not the namespace of their processes.
const START: &str = r#"
makeuserdb -f "$PLACE/etc/courier/userdb" || exit 1
mount -t overlay overlay -o lowerdir="$PLACE/etc:/etc" /etc && mount -t tmpfs tmpfs /run || exit 1
mkdir -p /run/courier/authdaemon
export LD_LIBRARY_PATH="$ROOT/lib/$(uname -m)-linux-gnu"
/usr/lib/courier/courier-authlib/authdaemond &
set -a
. /etc/courier/pop3d
couriertcpd -address=127.0.0.1 -nodnslookup -noidentlookup -maxprocs=10 -maxperip=10 $POP3_PORT \
    /usr/lib/courier/courier/courierpop3login /usr/lib/courier/courier/courierpop3d Maildir &
. /etc/courier/imapd
couriertcpd -address=127.0.0.1 -nodnslookup -noidentlookup -maxprocs=10 -maxperip=10 $IMAP_PORT \
    /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir &
wait
"#;

/// Courier with alice's Maildir in `place`, and its ports for POP3 and IMAP.
fn courier(place: &Path) -> (Daemon, u16, u16) {
    let packages = unpack("courier", PACKAGES);
    let (etc, root, shown) = (place.join("etc/courier"), packages.root(), place.display());
    std::fs::create_dir_all(&etc).unwrap();
    for name in ["pop3d", "imapd"] {
        std::fs::copy(root.join("etc/courier").join(name), etc.join(name)).unwrap();
    }
    let settings = "authmodulelist=\"authuserdb\"\nauthmodulelistorig=\"authuserdb\"\ndaemons=1\n\
                    authdaemonvar=/run/courier/authdaemon\nDEBUG_LOGIN=0\nDEFAULTOPTIONS=\"\"\n";
    std::fs::write(etc.join("authdaemonrc"), settings).unwrap();
    let secret = std::process::Command::new("openssl").args(["passwd", "-1", "secret"]).output().unwrap();
    let secret = crate::support::site::text(&secret.stdout);
    let user = format!("alice\tuid=8|gid=8|home={shown}|shell=/bin/false|mail={shown}/Maildir|systempw={secret}");
    std::fs::write(etc.join("userdb"), user).unwrap();
    private(&etc.join("userdb"));
    let (pop3, imap) = (free_port(), free_port());
    let mut command = packages.command(&[], &["unshare", "--pid", "--fork", "--kill-child", "--", "sh", "-c", START]);
    command.env("PLACE", place).env("ROOT", root).env("POP3_PORT", pop3.to_string()).env("IMAP_PORT", imap.to_string());
    let log = std::fs::File::create(place.join("log")).unwrap();
    let daemon = Daemon::start(command.stdout(std::process::Stdio::null()).stderr(log), &place.join("log"));
    for port in [pop3, imap] {
        eventually("courier answers", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    }
    (daemon, pop3, imap)
}

fn private(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn over_pop3_and_imap() {
    as_root("courier::over_pop3_and_imap", Right::Users, || {
        let site = Site::with_alice(&[]);
        site.add_user("bob", "se cret");
        let place = site.path("courier");
        crate::support::dovecot::lay_out(&site, &place);
        let put = |name: &str, text: &[u8]| {
            let text: Vec<u8> = text.iter().copied().filter(|octet| *octet != b'\r').collect();
            std::fs::write(place.join("Maildir").join(name), text).unwrap();
        };
        put("new/1700000001.M1.host", PLAIN);
        put("cur/1700000002.M2.host:2,S", DOTTED);
        put("cur/1700000003.M3.host:2,", &message("8-bit \u{e4}", &"a line\r\n".repeat(20_000)));
        put("cur/1700000004.M4.host:2,", b"Subject: no line end\r\n\r\nthe last line");
        let owned = std::process::Command::new("chown").args(["-R", "8:8"]).arg(place.join("Maildir")).status();
        assert!(owned.unwrap().success());
        let (_daemon, pop3, imap) = courier(&place);
        let saved = known(pop3);
        assert!(saved.len() == 4 && saved[0].starts_with("UID1-"), "{saved:?}");

        // First over IMAP, with what POP3 does not know: RETR marks messages as read there.
        let url = format!("imap://alice@127.0.0.1:{imap}");
        let said = site.succeed(&["import", "-u", "bob", &url], b"secret\n");
        assert_eq!(said, "4 imported, 0 there already, 0 refused\nboth sides are the same\n");
        assert_eq!(site.sql("SELECT read FROM messages WHERE mailbox = 'bob' ORDER BY uid"), "0\n1\n0\n0\n");
        let url = format!("pop3://alice@127.0.0.1:{pop3}");
        for counts in ["4 imported, 0 there already", "0 imported, 4 there already"] {
            let (code, said, error) = import(&site, &url, &[]);
            assert_eq!((code, said), (0, format!("{counts}, 0 refused\nboth sides are the same\n")), "{error}");
        }
        let server = site.serve(&[]);
        let (mut alice, mut bob) = (server.alice(), server.session("bob", "se cret"));
        // A client downloads what is not in the list it saved: nothing.
        assert_eq!(alice.unique_ids(), saved);
        for number in 1..=4 {
            let command = format!("RETR {number}");
            assert!(alice.multi(&command) == bob.multi(&command), "message {number}");
        }
        site.assert_sound();
    });
}
