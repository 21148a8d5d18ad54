#!/bin/bash
# A Debian package of the release build, with dpkg-deb alone: target/pillarbox_VERSION_ARCHITECTURE.deb. VERSION overrides that of
# Cargo.toml, PILLARBOX names another program.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)}
architecture=$(dpkg --print-architecture)
target=${CARGO_TARGET_DIR:-target}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
umask 022

DESTDIR=$root scripts/install.sh /usr
strip --strip-unneeded "$root/usr/bin/pillarbox"
install -D -m 644 -T packaging/fail2ban.local "$root/etc/fail2ban/jail.d/pillarbox.local"

mkdir "$root/DEBIAN"
cp packaging/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
chmod 755 "$root"/DEBIAN/p*
echo /etc/fail2ban/jail.d/pillarbox.local >"$root/DEBIAN/conffiles"
# The libraries that the program names, and the C library at least as new as the one it was linked with.
libc=$(objdump -T "$root/usr/bin/pillarbox" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
cat >"$root/DEBIAN/control" <<CONTROL
Package: pillarbox
Version: $version
Architecture: $architecture
Maintainer: Pillarbox <postmaster@localhost>
Section: mail
Priority: optional
Depends: libc6 (>= ${libc#GLIBC_}), libgcc-s1, libssl3 | libssl3t64, passwd
Recommends: sqlite3
Suggests: fail2ban, libgssapi-krb5-2
Installed-Size: $(du -sk "$root/usr" | cut -f 1)
Description: POP3 server in one binary and one SQLite file
 Pillarbox behaves as Microsoft documents Exchange's POP3 service. Users,
 settings and messages are rows of one SQLite database; mail comes in over
 LMTP.
CONTROL
mkdir -p "$target"
dpkg-deb --root-owner-group --build "$root" "$target/pillarbox_${version}_$architecture.deb"
