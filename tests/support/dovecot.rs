//! Debian's Dovecot with one Maildir, as a source and a goal of mail that moves.

use super::debian::{Daemon, free_port, unpack};
use super::privileged::is_root;
use super::{Site, eventually};
use std::path::Path;

/// Dovecot's ports.
#[derive(Clone, Copy)]
pub struct Ports {
    pub pop3: u16,
    pub imap: u16,
}

/// Dovecot with alice's Maildir in `folder`; her password is `secret`, unless `more` says something else.
pub fn dovecot(folder: &Path, more: &str) -> (Daemon, Ports) {
    dovecot_with(folder, &format!("maildir:{}/Maildir", folder.display()), more)
}

/// Dovecot with mail of any kind.
pub fn dovecot_with(folder: &Path, mail: &str, more: &str) -> (Daemon, Ports) {
    let packages = unpack("dovecot", &["dovecot-core", "dovecot-pop3d", "dovecot-imapd"]);
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let (internal, login) = if is_root() { ("daemon", "nobody") } else { (&*me, &*me) };
    let (uid, gid) = owner();
    let (place, ports) = (folder.display(), Ports { pop3: free_port(), imap: free_port() });
    let passwords = "passdb {\n driver = static\n args = password=secret\n}\n";
    let passwords = if more.contains("passdb") { "" } else { passwords };
    let listener = |name: &str, port: u16| {
        format!(
            "service {name}-login {{\n chroot =\n inet_listener {name} {{\n  port = {port}\n }}\n \
             inet_listener {name}s {{\n  port = 0\n }}\n}}\n"
        )
    };
    let configuration = format!(
        "protocols = pop3 imap\nlisten = 127.0.0.1\nbase_dir = {place}/run\nstate_dir = {place}/state\nlog_path = {place}/log\n\
         ssl = no\ndisable_plaintext_auth = no\ndefault_internal_user = {internal}\ndefault_internal_group = {internal}\n\
         default_login_user = {login}\nfirst_valid_uid = 0\nfirst_valid_gid = 0\nmail_location = {mail}\nmbox_write_locks = fcntl\nmbox_lazy_writes = no\n\
         {passwords}userdb {{\n driver = static\n args = uid={uid} gid={gid} home={place}\n}}\n{}{}\
         service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\nservice ipc {{\n chroot =\n}}\n{more}",
        listener("pop3", ports.pop3),
        listener("imap", ports.imap),
    );
    let conf = folder.join("conf");
    std::fs::write(&conf, configuration).unwrap();
    let daemon = Daemon::start(
        &mut packages.command(&[], &["/usr/sbin/dovecot", "-F", "-c", conf.to_str().unwrap()]),
        &folder.join("log"),
    );
    for port in [ports.pop3, ports.imap] {
        eventually("dovecot answers", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    }
    (daemon, ports)
}

/// Whose files Dovecot reads: it does not do that as root.
pub fn owner() -> (nix::unistd::Uid, nix::unistd::Gid) {
    let mail = || nix::unistd::User::from_name("mail").unwrap().unwrap();
    if is_root() { (mail().uid, mail().gid) } else { (nix::unistd::geteuid(), nix::unistd::getegid()) }
}

/// What Dovecot needs at `folder`, and may enter.
pub fn lay_out(site: &Site, folder: &Path) {
    for name in ["run", "Maildir", "Maildir/new", "Maildir/cur", "Maildir/tmp"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        let whose = if name == "run" { None } else { Some(owner()) };
        let (uid, gid) = (whose.map(|who| who.0.as_raw()), whose.map(|who| who.1.as_raw()));
        std::os::unix::fs::chown(folder.join(name), uid, gid).unwrap();
    }
    if is_root() {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(site.path(""), open).unwrap();
    }
}
