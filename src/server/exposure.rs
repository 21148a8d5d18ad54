//! What lies open: files that others can read, LMTP for the network, a server that runs as root.

use super::files;
use crate::files::exposed::{Private, exposed};
use crate::files::path::with_suffix;
use crate::settings::Settings;
use crate::store::Location;
use std::net::{IpAddr, SocketAddr};

/// Lines about the database, its log, key file and private key, where others can read them.
pub fn open_files(location: &Location, settings: &Settings) -> Vec<String> {
    let mut files = vec![(with_suffix(&location.beside, ".seal"), Private::FromAll)];
    if let Some(file) = location.file() {
        files.insert(0, (file.to_owned(), Private::FromOthers));
        files.extend(["-wal", "-journal"].map(|suffix| (with_suffix(file, suffix), Private::FromOthers)));
    }
    files.extend(files::pair(settings, &location.beside).ok().map(|pair| (pair.key, Private::FromOthers)));
    files.iter().filter_map(|(path, private)| exposed(path, *private)).collect()
}

/// Lines about listeners of LMTP that are not for this machine alone: whoever reaches them can deliver without a password.
pub fn open_lmtp<'a>(bindings: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let open = |binding: &&str| binding.parse::<SocketAddr>().is_ok_and(|address| !is_loopback(address.ip()));
    let line = |binding| format!("LMTP on {binding} is open to the network: whoever reaches it can deliver mail");
    bindings.into_iter().filter(open).map(line).collect()
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// A line about the user that the server runs as, if it is root.
pub(super) fn root() -> Option<String> {
    let text = "the server runs as root, which it does not need: a user of its own with CAP_NET_BIND_SERVICE is enough";
    nix::unistd::geteuid().is_root().then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lmtp_is_for_this_machine() {
        for closed in ["127.0.0.1:24", "[::1]:24", "127.9.9.9:24", "/run/lmtp", "[::ffff:127.0.0.1]:24"] {
            assert_eq!(open_lmtp([closed]), [""; 0], "{closed}");
        }
        for open in ["0.0.0.0:24", "[::]:24", "192.0.2.1:24"] {
            assert_eq!(open_lmtp(["/run/lmtp", open]).len(), 1, "{open}");
        }
    }
}
