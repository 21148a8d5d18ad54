#!/bin/bash
# unpack.sh DIRECTORY PACKAGE...: unpacks Debian packages into DIRECTORY, with everything that they depend on and this
# machine lacks. Nothing is installed.
set -euo pipefail

directory=$1
shift
archives=$(mktemp -d "$directory/debs.XXXXXX")
trap 'rm -rf "$archives"' EXIT
mkdir "$archives/partial"

# apt resolves the dependencies as if it were to install them. It writes to our directory only, so it needs no lock.
download() {
    apt-get -qq -y -o Debug::NoLocking=1 -o APT::Sandbox::User= -o Dir::Cache::archives="$archives" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        --no-install-recommends --reinstall --download-only install "$@" >"$archives/log" 2>&1
}
# The lists of packages may be old or absent; only root may fetch new ones.
download "$@" || {
    root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq
    download "$@" || { cat "$archives/log" >&2; exit 1; }
}
for package in "$archives"/*.deb; do
    dpkg -x "$package" "$directory"
done
# On Debian 12 /lib is /usr/lib, but not every package knows.
if [ -d "$directory/lib" ]; then
    mkdir -p "$directory/usr/lib"
    cp -a "$directory/lib/." "$directory/usr/lib/"
fi
