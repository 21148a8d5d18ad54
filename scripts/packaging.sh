#!/bin/bash
# Whether systemd understands the units, and how much the service may do. Neither need the program be installed nor systemd run.
set -euo pipefail
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/.."

command -v systemd-analyze >/dev/null || {
    echo "packaging: there is no systemd-analyze to check the unit with (Debian: apt-get install systemd)" >&2
    exit 1
}
bash -n packaging/completions/pillarbox.bash
for script in packaging/debian/*; do
    sh -n "$script"
done
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
for unit in packaging/*.service packaging/*.socket; do
    sed 's|/usr/local/bin/pillarbox|/bin/true|' "$unit" >"$directory/${unit##*/}"
done
complaints=$(systemd-analyze verify --man=no "$directory"/*.service "$directory"/*.socket 2>&1 | grep -F pillarbox || true)
if [ -n "$complaints" ]; then
    echo "$complaints" >&2
    exit 1
fi
exposure=$(systemd-analyze security --offline=true --no-pager "$directory/pillarbox.service" | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
# What is left is explained to the administrator.
while read -r left; do
    grep -qF "${left//|/\\|}" docs/security.md || {
        echo "packaging: docs/security.md does not say why the unit leaves $left" >&2
        exit 1
    }
done < <(systemd-analyze security --offline=true --no-pager "$directory/pillarbox.service" | awk '$1 == "✗" { print $2 }')
awk -v exposure="$exposure" 'BEGIN { exit !(exposure != "" && exposure < 1.5) }' || {
    echo "packaging: systemd-analyze security says ${exposure:-nothing}; it should be under 1.5" >&2
    exit 1
}
