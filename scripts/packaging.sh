#!/bin/bash
# Whether systemd understands the unit. Neither need the program be installed nor systemd run.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v systemd-analyze >/dev/null || {
    echo "packaging: there is no systemd-analyze to check the unit with (Debian: apt-get install systemd)" >&2
    exit 1
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sed 's|/usr/local/bin/pillarbox|/bin/true|' packaging/pillarbox.service >"$folder/pillarbox.service"
complaints=$(systemd-analyze verify --man=no "$folder/pillarbox.service" 2>&1 | grep -F pillarbox.service || true)
if [ -n "$complaints" ]; then
    echo "$complaints" >&2
    exit 1
fi
