#!/bin/bash
# Installs, upgrades, removes and purges the package in a throw-away copy of this system (an overlay in a mount namespace of its
# own), without an init, and looks at what each step leaves. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
if [ "${1:-}" != inside ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    VERSION=0.0.1 scripts/deb.sh >/dev/null
    cp "$target/pillarbox_0.0.1_$(dpkg --print-architecture).deb" "$work/old.deb"
    rm "$target/pillarbox_0.0.1_$(dpkg --print-architecture).deb"
    scripts/deb.sh >/dev/null
    cp "$target/pillarbox_$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)_$(dpkg --print-architecture).deb" "$work/new.deb"
    unshare --mount --fork "$0" inside "$work"
    exit
fi

work=$2
copy=$work/copy
mkdir -p "$copy" "$work/layers"
mount -t tmpfs tmpfs "$work/layers"
mkdir "$work/layers/upper" "$work/layers/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/layers/upper,workdir=$work/layers/work" "$copy"
mount --bind /dev "$copy/dev"
mount -t proc proc "$copy/proc"
mount -t tmpfs tmpfs "$copy/run"
mkdir "$copy/packages"
cp "$work/old.deb" "$work/new.deb" "$copy/packages/"

within() {
    chroot "$copy" env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
fail() {
    echo "test-deb: $1" >&2
    exit 1
}

within dpkg --install --force-depends /packages/old.deb >"$work/log" 2>&1 || fail "$(cat "$work/log")"
grep -q 'systemctl enable --now pillarbox$' "$work/log" || fail "installing does not say how to start it"
[ "$(within stat -c '%U %a' /var/lib/pillarbox /var/lib/pillarbox/mail.db | tr '\n' ' ')" = "pillarbox 700 pillarbox 600 " ] ||
    fail "directory and database are not the user's: $(within stat -c '%U %a %n' /var/lib/pillarbox /var/lib/pillarbox/mail.db)"
as() {
    within setpriv --reuid pillarbox --regid pillarbox --init-groups "$@"
}
echo secret | as pillarbox passwd --create alice
printf 'Subject: kept\n\nx\n' | as pillarbox deliver alice
for file in man/man1/pillarbox.1.gz man/man5/pillarbox-settings.5.gz bash-completion/completions/pillarbox doc/pillarbox/docs/mta.md; do
    [ -s "$copy/usr/share/$file" ] || fail "$file is missing"
done
within sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' /usr/lib/systemd/system/pillarbox.service | grep -qx /usr/bin/pillarbox || fail "the unit has another path"

# Without an init the server is started as the unit would.
chroot "$copy" /usr/bin/setpriv --reuid pillarbox --regid pillarbox --init-groups /usr/bin/pillarbox serve -l 127.0.0.1:0 \
    >"$work/served" 2>"$work/served.log" &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
for _ in $(seq 300); do grep -qx ready "$work/served" && break; sleep 0.1; done
kill $server && wait $server || fail "the server did not start and end: $(cat "$work/served.log")"
grep -qx ready "$work/served" || fail "the server was never ready: $(cat "$work/served.log")"

within dpkg --install --force-depends /packages/new.deb >"$work/log" 2>&1 || fail "$(cat "$work/log")"
! grep -q 'not started' "$work/log" || fail "an upgrade speaks as a first installation does"
for step in remove purge; do
    within dpkg "--$step" pillarbox >"$work/log" 2>&1 || fail "$(cat "$work/log")"
    [ ! -e "$copy/usr/bin/pillarbox" ] || fail "$step leaves the program"
    [ -e "$copy/var/lib/pillarbox/mail.db" ] || fail "$step deletes the mail"
done
[ ! -e "$copy/etc/fail2ban/jail.d/pillarbox.local" ] || fail "purge leaves the jail"
within dpkg --install --force-depends /packages/new.deb >"$work/log" 2>&1 || fail "$(cat "$work/log")"
[ "$(as pillarbox check >/dev/null && within sqlite3 /var/lib/pillarbox/mail.db 'SELECT count(*) FROM messages')" = 1 ] || fail "the mail is gone"
echo "test-deb: installed, served, upgraded, removed, purged; the mail is there"
