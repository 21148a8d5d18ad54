//! Debian's Cyrus as a source.

use crate::dovecot::known;
use crate::fake::import;
use crate::support::debian::{Daemon, free_port, unpack};
use crate::support::messages::{DOTTED, PLAIN, message};
use crate::support::privileged::{Right, as_root};
use crate::support::{Site, eventually};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

const PACKAGES: &[&str] = &[
    "cyrus-common",
    "cyrus-imapd",
    "cyrus-pop3d",
    "libclamav12",
    "libical3",
    "libjansson4",
    "libjson-c5",
    "libltdl7",
    "libmspack0",
    "libpcre3",
    "libpq5",
    "libsasl2-2",
    "libsasl2-modules",
    "libsasl2-modules-db",
    "libtfm1",
    "libwrap0",
    "libxapian30",
    "libzephyr4",
    "sasl2-bin",
];

const START: &str = r#"
printf secret | saslpasswd2 -p -c -f "$PLACE/sasldb2" -u localhost alice || exit 1
chown -R mail:mail "$PLACE"
mount -t overlay overlay -o lowerdir="$PLACE/etc:/etc" /etc && mount -t tmpfs tmpfs /run || exit 1
export LD_LIBRARY_PATH="$ROOT/lib/$(uname -m)-linux-gnu:/usr/lib/cyrus"
exec /usr/lib/cyrus/bin/master -C /etc/imapd.conf -M /etc/cyrus.conf -p "$PLACE/pid" -D
"#;

/// Cyrus with its files in `place`, and its ports for POP3 and IMAP.
fn cyrus(place: &Path) -> (Daemon, u16, u16) {
    let packages = unpack("cyrus", PACKAGES);
    for name in ["etc", "var", "spool"] {
        std::fs::create_dir_all(place.join(name)).unwrap();
    }
    let (shown, pop3, imap) = (place.display(), free_port(), free_port());
    let settings = format!(
        "configdirectory: {shown}/var\npartition-default: {shown}/spool\nadmins: cyrus\ncyrus_user: mail\n\
         cyrus_group: mail\nsasl_pwcheck_method: auxprop\nsasl_auxprop_plugin: sasldb\nsasl_sasldb_path: {shown}/sasldb2\n\
         sasl_mech_list: PLAIN\nallowplaintext: yes\nautocreate_quota: 0\nautocreate_post: yes\nservername: localhost\n"
    );
    std::fs::write(place.join("etc/imapd.conf"), settings).unwrap();
    let service = |name: &str, port: u16| {
        format!(" {name} cmd=\"{name}d\" listen=\"127.0.0.1:{port}\" prefork=0 proto=\"tcp4\"\n")
    };
    let services = service("imap", imap) + &service("pop3", pop3);
    let start = " recover cmd=\"ctl_cyrusdb -r\"\n";
    let programs = format!("START {{\n{start}}}\nSERVICES {{\n{services}}}\nEVENTS {{\n}}\n");
    std::fs::write(place.join("etc/cyrus.conf"), programs).unwrap();
    let mut command = packages.command(&[], &["unshare", "--pid", "--fork", "--kill-child", "--", "sh", "-c", START]);
    command.env("PLACE", place).env("ROOT", packages.root());
    let log = std::fs::File::create(place.join("log")).unwrap();
    let daemon = Daemon::start(command.stdout(std::process::Stdio::null()).stderr(log), &place.join("log"));
    for port in [pop3, imap] {
        eventually("cyrus answers", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }
    (daemon, pop3, imap)
}

/// An IMAP session of alice's.
struct Session {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Session {
    fn new(port: u16) -> Session {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut session = Session { stream, lines };
        session.say(b"LOGIN alice secret");
        session
    }

    fn say(&mut self, command: &[u8]) {
        self.stream.write_all(&[b"x ", command, b"\r\n"].concat()).unwrap();
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            match line.strip_prefix("x ") {
                Some(end) => return assert!(end.starts_with("OK"), "{}: {line}", command.escape_ascii()),
                None => assert!(!line.is_empty(), "{}", command.escape_ascii()),
            }
        }
    }

    fn append(&mut self, flags: &str, message: &[u8]) {
        let head = format!("APPEND INBOX ({flags}) \"17-Jul-1996 02:44:25 -0700\" {{{}+}}\r\n", message.len());
        self.say(&[head.as_bytes(), message].concat());
    }
}

#[test]
fn over_pop3_and_imap() {
    as_root("cyrus::over_pop3_and_imap", Right::Users, || {
        let site = Site::with_alice(&[]);
        site.add_user("bob", "se cret");
        let place = site.path("cyrus");
        crate::support::dovecot::lay_out(&site, &place);
        let (_daemon, pop3, imap) = cyrus(&place);
        let mut session = Session::new(imap);
        session.append("", PLAIN);
        session.append("\\Seen", DOTTED);
        session.append("", &message("8-bit \u{e4}", &"a line\r\n".repeat(20_000)));
        session.say(b"LOGOUT");
        let saved = known(pop3);
        assert_eq!(saved.len(), 3);
        // UIDVALIDITY and UID.
        assert!(saved[0].ends_with(".1") && saved[2].ends_with(".3"), "{saved:?}");

        let url = format!("pop3://alice@127.0.0.1:{pop3}");
        for counts in ["3 imported, 0 there already", "0 imported, 3 there already"] {
            let (code, said, error) = import(&site, &url, &[]);
            assert_eq!((code, said), (0, format!("{counts}, 0 refused\nboth sides are the same\n")), "{error}");
        }
        let url = format!("imap://alice@127.0.0.1:{imap}");
        for counts in ["3 imported, 0 there already", "0 imported, 3 there already"] {
            let said = site.succeed(&["import", "-u", "bob", "--uidl-format", "%v.%u", &url], b"secret\n");
            assert_eq!(said, format!("{counts}, 0 refused\nboth sides are the same\n"));
        }
        assert_eq!(
            site.sql("SELECT received_at, read FROM messages WHERE mailbox = 'bob' ORDER BY uid"),
            "1996-07-17T09:44:25Z|0\n1996-07-17T09:44:25Z|1\n1996-07-17T09:44:25Z|0\n"
        );
        let server = site.serve(&[]);
        let (mut alice, mut bob) = (server.alice(), server.session("bob", "se cret"));
        // A client downloads what is not in the list it saved: nothing.
        assert_eq!((alice.unique_ids(), bob.unique_ids()), (saved.clone(), saved));
        for number in 1..=3 {
            let command = format!("RETR {number}");
            assert!(alice.multi(&command) == bob.multi(&command), "message {number}");
        }
        assert_eq!(bob.multi("RETR 2"), DOTTED);
        site.assert_sound();
    });
}
