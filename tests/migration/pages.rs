//! The pages of `docs/migration`: each command line works as it stands there, with what the origin writes.

use crate::foreign::{case, write};
use crate::server::certificate;
use crate::support::site::text;
use crate::support::{Server, Site};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Folders that stand in the pages.
const PLACES: &[&str] = &["/var/vmail", "/var/mail", "/home/alice", "/mnt/hmailserver"];

const DATED: &str = "From a@x.example Mon Nov 23 10:00:00 2026\n";

/// A site of a page: its own folder is where the lines run, and `root` what they take for the machine.
struct Page {
    site: Arc<Site>,
    root: PathBuf,
    /// The server that people leave, and its certificate.
    old: Server,
    trusted: String,
    lines: Vec<String>,
}

impl Page {
    fn new(name: &str) -> Self {
        let old = Site::with_alice(&[b"Subject: old\r\n\r\none\r\n", b"Subject: old\r\n\r\ntwo\r\n"]);
        let (trusted, key) = certificate(&old);
        let old = old.serve(&[("CertificateFile", &trusted), ("PrivateKeyFile", &key)]);
        let site = Site::with_alice(&[]);
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/migration").join(name)).unwrap();
        let lines: Vec<String> = page.lines().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("pillarbox import ")), "{lines:?}");
        let root = site.path("root");
        fs::write(site.path("password"), "se cret\n").unwrap();
        Self { site, root, old, trusted, lines }
    }

    fn write(&self, path: &str, octets: &[u8]) {
        write(&self.root.join(path), octets);
    }

    /// Runs line `number`, as a shell does.
    fn run(&self, number: usize) -> (Option<i32>, String) {
        let mut line = self.lines[number].clone();
        for place in PLACES {
            line = line.replace(place, &format!("{}{place}", self.root.display()));
        }
        for host in ["exchange", "dovecot", "courier", "hmailserver"] {
            let port = self.old.address("pop3s").port();
            line = line.replace(&format!("@{host}.example"), &format!("@localhost:{port}"));
        }
        let bin = Path::new(env!("CARGO_BIN_EXE_pillarbox")).parent().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &line]).current_dir(self.site.path("")).env("PILLARBOX_DB", self.site.database());
        command.env("SSL_CERT_FILE", &self.trusted);
        command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
        let output = command.stdin(Stdio::null()).output().unwrap();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }

    /// Runs it, and says how it counts.
    fn expect(&self, number: usize, said: &str) {
        let (code, output) = self.run(number);
        assert!(code == Some(0) && output.contains(said), "{}: {code:?} {output}", self.lines[number]);
    }

    fn ids(&self) -> Vec<String> {
        self.site.serve(&[]).alice().unique_ids()
    }
}

#[test]
fn exchange() {
    let page = Page::new("exchange.md");
    page.expect(0, "2 imported, 0 there already, 0 refused\nboth sides are the same\n");
    let port = page.old.address("pop3s").port();
    fs::write(page.site.path("mailboxes.csv"), format!("alice,pop3s://localhost:{port},alice,password\n")).unwrap();
    page.expect(1, "alice          0         2         0         0    0  pop3s");
    write(&page.site.path("out/Inbox/1.eml"), b"Subject: of a PST\n\nx\n");
    page.expect(2, "1 imported");
}

#[test]
fn dovecot() {
    let page = Page::new("dovecot.md");
    let maildir = "var/vmail/alice/Maildir";
    page.write(&format!("{maildir}/cur/1795428000.M1P1.host:2,S"), b"Subject: one\n\n");
    page.write(&format!("{maildir}/new/1795428001.M1P1.host"), b"Subject: two\n\n");
    page.write(&format!("{maildir}/cur/1795428002.M1P1.host:2,ST"), b"Subject: deleted\n\n");
    page.write(
        &format!("{maildir}/dovecot-uidlist"),
        b"3 V1795428000 N9 Gx\n3 :1795428000.M1P1.host\n5 :1795428001.M1P1.host\n",
    );
    page.expect(0, "2 imported, 0 there already, 0 refused, 1 left out as deleted");
    assert_eq!(page.ids(), ["000000036b040ea0", "000000056b040ea0"]);
    page.expect(1, "2 imported");
    assert_eq!(page.ids()[2..], ["1795428000.3", "1795428000.5"]);
    page.write("var/mail/alice", &fs::read(case("dovecot-mbox-xuid.mbox")).unwrap());
    let other = Page::new("dovecot.md");
    fs::create_dir_all(other.root.join("var/mail")).unwrap();
    fs::copy(page.root.join("var/mail/alice"), other.root.join("var/mail/alice")).unwrap();
    other.expect(2, "2 imported");
    assert_eq!(other.ids(), ["000000036b040ea0", "000000056b040ea0"]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, format!("{DATED}Subject: packed\n\nx\n").as_bytes()).unwrap();
    other.write("var/mail/archive.gz", &gzip.finish().unwrap());
    other.expect(3, "1 imported");
    other.expect(4, "both sides are the same");
}

#[test]
fn courier() {
    let page = Page::new("courier.md");
    page.write("home/alice/Maildir/cur/1795428001.M1P1.host:2,S", b"Subject: two\n\n");
    page.write("home/alice/Maildir/new/1795428000.M1P1.host", b"Subject: one\n\n");
    page.write(
        "home/alice/Maildir/courierpop3dsizelist",
        b"/3 9 77\n1795428001.M1P1.host:2,S 20 3:77:0\n1795428000.M1P1.host 19 8:77:0\n",
    );
    page.expect(0, "2 imported");
    assert_eq!(page.ids(), ["UID8-77", "UID3-77"]);
    page.expect(1, "2 imported, 0 there already, 0 refused\nboth sides are the same");
}

#[test]
fn hmailserver() {
    let page = Page::new("hmailserver.md");
    page.expect(0, "2 imported, 0 there already, 0 refused\nboth sides are the same");
    let data = "mnt/hmailserver/Data/old.example/alice";
    page.write(&format!("{data}/3F/{{3F}}.eml"), b"Date: Mon, 23 Nov 2026 11:00:00 +0000\nSubject: two\n\n");
    page.write(&format!("{data}/A0/{{A0}}.eml"), b"Date: Mon, 23 Nov 2026 10:00:00 +0000\nSubject: one\n\n");
    page.expect(1, "2 imported");
    let server = page.site.serve(&[]);
    let mut client = server.alice();
    assert!(text(&client.multi("RETR 3")).contains("one") && text(&client.multi("RETR 4")).contains("two"));
}

#[test]
fn thunderbird() {
    let page = Page::new("thunderbird.md");
    let account = "home/alice/.thunderbird/abc.default/Mail/pop.old.example";
    let inbox = fs::read(case("thunderbird-deleted.mbox")).unwrap();
    page.write(&format!("{account}/Inbox"), &inbox);
    page.write(&format!("{account}/Inbox.msf"), b"// <!-- <mdb:mork:z v=\"1.4\"/> -->\n");
    page.write(&format!("{account}/Inbox.sbd/Work"), &fs::read(case("thunderbird-bare-from.mbox")).unwrap());
    page.write(&format!("{account}/Trash"), format!("{DATED}Subject: trash\n\nx\n").as_bytes());
    page.expect(0, "1 imported, 0 there already, 0 refused, 1 left out as deleted");
    page.expect(1, "3 imported, 1 there already, 0 refused, 2 left out as deleted");
    page.expect(2, "1 imported, 1 there already");
}

#[test]
fn apple_mail() {
    let page = Page::new("apple-mail.md");
    page.write("home/alice/Desktop/INBOX.mbox/mbox", format!("{DATED}Subject: one\n\nx\n").as_bytes());
    page.write("home/alice/Desktop/INBOX.mbox/table_of_contents", b"\0\0");
    page.expect(0, "1 imported");
    page.expect(1, "0 imported, 1 there already");
    let messages = "home/alice/Library/Mail/V10/ACCOUNT/INBOX.mbox/GUID/Data/Messages";
    page.write(&format!("{messages}/7.emlx"), &fs::read(case("apple.emlx")).unwrap());
    page.expect(2, "1 imported");
}
