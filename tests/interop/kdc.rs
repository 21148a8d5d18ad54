//! A real MIT KDC on loopback, made for one test, without root and without a service of the system.

use crate::support::site::{feed, text};
use crate::tools::{directory, program, python};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const REALM: &str = "TEST.LOCAL";

/// A running KDC; it ends with the test.
pub struct Kdc {
    directory: TempDir,
    child: Option<Child>,
}

impl Drop for Kdc {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Kdc {
    /// Knows these principals with their passwords, and these services.
    pub fn start(users: &[(&str, &str)], services: &[&str]) -> Kdc {
        let mut kdc = Kdc { directory: tempfile::tempdir().unwrap(), child: None };
        kdc.configure(free_port());
        kdc.run("kdb5_util", &["-r", REALM, "create", "-s", "-P", "master"], "");
        for (user, password) in users {
            kdc.administer(&format!("addprinc -pw {password} {user}"));
        }
        for service in services {
            kdc.administer(&format!("addprinc -randkey {service}"));
        }
        // Another test may have taken the port meanwhile: then with another one.
        for _ in 0..10 {
            if kdc.serve() {
                return kdc;
            }
            kdc.configure(free_port());
        }
        let read = |name| std::fs::read_to_string(kdc.path(name)).unwrap_or_default();
        panic!("the KDC does not start: {}{}", read("kdc.stderr"), read("kdc.log"));
    }

    /// A path in the KDC's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn configure(&self, port: u16) {
        let directory = self.directory.path().display();
        let modules = crate::tools::directory();
        let plugins = format!("root/usr/lib/{}-linux-gnu/krb5/plugins/kdb", std::env::consts::ARCH);
        let client = format!(
            "[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\nrdns = false\n\
             dns_canonicalize_hostname = false\nudp_preference_limit = 0\n\
             [realms]\n{REALM} = {{\n kdc = 127.0.0.1:{port}\n}}\n[domain_realm]\nlocalhost = {REALM}\n\
             [dbmodules]\ndb_module_dir = {}\n[logging]\nkdc = FILE:{directory}/kdc.log\nadmin_server = FILE:{directory}/kadmin.log\n",
            modules.join(plugins).display(),
        );
        let server = format!(
            "[kdcdefaults]\nkdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\n\
             [realms]\n{REALM} = {{\n database_name = {directory}/principal\n key_stash_file = {directory}/stash\n\
             acl_file = {directory}/acl\n supported_enctypes = aes256-cts:normal aes128-cts:normal\n}}\n"
        );
        std::fs::write(self.path("krb5.conf"), client).unwrap();
        std::fs::write(self.path("kdc.conf"), server).unwrap();
        std::fs::write(self.path("port"), port.to_string()).unwrap();
    }

    fn serve(&mut self) -> bool {
        let port: u16 = std::fs::read_to_string(self.path("port")).unwrap().parse().unwrap();
        let mut command = self.command("krb5kdc");
        let said = std::fs::File::create(self.path("kdc.stderr")).unwrap();
        let mut child = command.args(["-n", "-r", REALM]).stderr(said).spawn().unwrap();
        drop(child.stdin.take());
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                self.child = Some(child);
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        false
    }

    /// A program that knows this KDC and no other.
    pub fn command(&self, name: &str) -> Command {
        self.prepared(program(name))
    }

    /// A Python script with somebody's tickets.
    pub fn python(&self, script: &str, tickets: &str, arguments: &[&str]) -> Command {
        let mut command = self.prepared(python(script, arguments));
        command.env("KRB5CCNAME", tickets);
        command
    }

    fn prepared(&self, mut command: Command) -> Command {
        command.env("KRB5_CONFIG", self.path("krb5.conf")).env("KRB5_KDC_PROFILE", self.path("kdc.conf"));
        command
    }

    fn run(&self, name: &str, arguments: &[&str], input: &str) {
        let output = feed(self.command(name).args(arguments), input.as_bytes());
        assert!(output.status.success(), "{name} {arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    }

    fn administer(&self, query: &str) {
        self.run("kadmin.local", &["-r", REALM, "-q", query], "");
    }

    /// A keytab with the keys of these services.
    pub fn keytab(&self, name: &str, services: &[&str]) -> String {
        for service in services {
            self.administer(&format!("ktadd -norandkey -k {} {service}", self.text(name)));
        }
        assert!(Path::new(&self.text(name)).exists());
        self.text(name)
    }

    /// Somebody's tickets, as `KRB5CCNAME` wants them.
    pub fn tickets(&self, user: &str, password: &str) -> String {
        let cache = format!("FILE:{}", self.text(&format!("tickets-{}", user.replace('/', "-"))));
        self.run("kinit", &["-c", &cache, &format!("{user}@{REALM}")], &format!("{password}\n"));
        cache
    }
}

fn free_port() -> u16 {
    assert!(directory().exists());
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
