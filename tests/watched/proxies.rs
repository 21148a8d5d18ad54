//! Debian's haproxy and nginx in front of us.

use crate::support::debian::{Daemon, free_port, unpack};
use crate::support::messages::PLAIN;
use crate::support::texts::{GREETING, LOGON, OK};
use crate::support::{Client, Server, Site, eventually};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// The proxies are on 127.0.0.2, so that a client of theirs is told from them.
const PROXY: &str = "127.0.0.2/32";

fn server(site: &Arc<Site>) -> Server {
    let settings = [("ProxyNetworks", PROXY), ("LoginType", "SecureLogin"), ("MaxLoginDelay", "0")];
    Server::start(site, &settings)
}

fn client(port: u16) -> Client {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("the proxy listens", || TcpStream::connect(address).is_ok());
    Client::plain(address)
}

fn start(site: &Site, name: &str, packages: &[&str], program: &[&str]) -> Daemon {
    let log = site.path(&format!("{name}.log"));
    let out = std::fs::File::create(&log).unwrap();
    let unpacked = unpack(name, packages);
    let mut command: Command = unpacked.command(&[], program);
    command.stdout(Stdio::null()).stderr(out);
    Daemon::start(&mut command, &log)
}

/// Certificate and key in one file, as haproxy wants it.
fn pair(site: &Site) -> std::path::PathBuf {
    let of = |suffix: &str| std::fs::read(format!("{}{suffix}", site.database().display())).unwrap();
    let path = site.path("pair.pem");
    std::fs::write(&path, [of(".crt"), of(".key")].concat()).unwrap();
    path
}

fn log_in(mut client: Client) -> Client {
    client.expect("USER alice", OK);
    client.expect("PASS se cret", LOGON);
    client
}

/// Version 1, version 2, and TLS that ends at the proxy; the health check of each is the greeting.
#[test]
fn haproxy() {
    let site = Site::with_alice(&[PLAIN]);
    let server = server(&site);
    let [first, second, tls] = [free_port(), free_port(), free_port()];
    let pop3 = server.address("pop3").port();
    let pair = pair(&site);
    let config = site.path("haproxy.cfg");
    let part = |name: &str, bind: &str, send: &str| {
        format!(
            "listen {name}\n bind 127.0.0.1:{bind}\n option tcp-check\n tcp-check expect rstring ^\\+OK\n \
             server one 127.0.0.1:{pop3} source 127.0.0.2 check inter 200ms {send} check-send-proxy\n"
        )
    };
    let text = [
        "global\n maxconn 100\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n"
            .to_owned(),
        part("one", &first.to_string(), "send-proxy"),
        part("two", &second.to_string(), "send-proxy-v2"),
        part("tls", &format!("{tls} ssl crt {}", pair.display()), "send-proxy-v2-ssl-cn"),
    ];
    std::fs::write(&config, text.concat()).unwrap();
    let packages = ["haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"];
    let _haproxy = start(&site, "haproxy", &packages, &["/usr/sbin/haproxy", "-db", "-f", config.to_str().unwrap()]);
    for port in [first, second] {
        let mut client = client(port);
        assert_eq!(client.line(), GREETING);
        client.refuse("USER alice");
        log_in(client.start_tls()).quit();
    }
    let secure = client(tls).upgrade().greeted();
    log_in(secure).quit();
    eventually("three logins of the client itself", || {
        server.log().matches("method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, ").count() == 3
    });
    assert!(server.log().contains(" by proxy"), "{}", server.log());
    assert!(!server.log().contains("without the PROXY header"), "{}", server.log());
}

/// Version 1 from its stream module.
#[test]
fn nginx() {
    let site = Site::with_alice(&[PLAIN]);
    let server = server(&site);
    let port = free_port();
    let (config, directory) = (site.path("nginx.conf"), site.path("nginx"));
    std::fs::create_dir(&directory).unwrap();
    let module = Path::new("/usr/lib/nginx/modules/ngx_stream_module.so");
    let text = format!(
        "load_module {};\ndaemon off;\nmaster_process off;\npid {directory}/pid;\nerror_log stderr info;\nevents {{ }}\n\
         stream {{\n server {{\n listen 127.0.0.1:{port};\n proxy_pass 127.0.0.1:{};\n proxy_bind 127.0.0.2;\n \
         proxy_protocol on;\n }}\n}}\n",
        module.display(),
        server.address("pop3").port(),
        directory = directory.display(),
    );
    std::fs::write(&config, text).unwrap();
    let packages = ["nginx", "nginx-common", "libnginx-mod-stream"];
    let program = ["/usr/sbin/nginx", "-e", "stderr", "-c", config.to_str().unwrap()];
    let _nginx = start(&site, "nginx", &packages, &program);
    log_in(client(port).greeted().start_tls()).quit();
    eventually("the client is in the log", || server.log().contains("method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, "));
}
